// Greets people, counts how often each was greeted, and lowers the domains of the email
// addresses of customers.
package main

import (
	"wares"
	"wares/customer"
	_ "wares/exports/wit_exports"
	types "wares/imports/wares_customer_types"
	"wares/migrations"
	"wares/routes"

	"example.com/hello-go/rules"
)

func init() {
	wares.Describe(wares.Component{
		Name:          "hello-go",
		Version:       "0.1.0",
		Summary:       "Greets people, and lowers the domains of email addresses",
		CheckSettings: checkSettings,
	})
	migrations.Schema(1, migrations.Migration{Name: "0001_greeted", Statements: schema})
	routes.Serve(routes.Route{
		Method:    "POST",
		Path:      "/admin/hello-go/greetings",
		Access:    "admin",
		Operation: operation,
		Handle:    greet,
	})
	customer.Extend(hooks{})
}

func checkSettings(settings []wares.Setting) []string {
	var faults []string
	for _, setting := range settings {
		faults = append(faults, rules.Faults(setting.Key, setting.Value)...)
	}
	return faults
}

// Hooks that are not here return their values as they are.
type hooks struct{ customer.Unchanged }

func (hooks) BeforeCreateCustomer(_ customer.Context, value customer.NewCustomer) (customer.NewCustomer, error) {
	value.Email = wares.Map(value.Email, rules.Email)
	return value, nil
}

func (hooks) BeforeUpdateCustomer(_ customer.Context, value customer.CustomerUpdate) (customer.CustomerUpdate, error) {
	for index, change := range value.Changes {
		if change.Tag() == types.CustomerChange_Email {
			value.Changes[index] = types.MakeCustomerChangeEmail(wares.Map(change.Email(), rules.Email))
		}
	}
	return value, nil
}

// The host calls the exports, and never main.
func main() {}
