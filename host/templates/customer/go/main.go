// The rules as a component: what the host calls.
package main

import (
	"fmt"

	"wares"
	"wares/customer"
	_ "wares/exports/wit_exports"
	types "wares/imports/wares_customer_types"

	"example.com/wares-template/rules"
)

func init() {
	wares.Describe(wares.Component{
		Name:    "wares-template",
		Version: "0.1.0",
		Summary: "Tidies the names of customers, and refuses email addresses of one domain",
		CheckSettings: func(settings []wares.Setting) []string {
			var keys []string
			for _, setting := range settings {
				keys = append(keys, setting.Key)
			}
			return rules.Faults(keys)
		},
	})
	customer.Extend(hooks{})
}

// Hooks that are not here return their values as they are.
type hooks struct{ customer.Unchanged }

func (hooks) BeforeCreateCustomer(_ customer.Context, value customer.NewCustomer) (customer.NewCustomer, error) {
	value.FirstName = wares.Map(value.FirstName, rules.Tidy)
	value.LastName = wares.Map(value.LastName, rules.Tidy)
	value.CompanyName = wares.Map(value.CompanyName, rules.Tidy)
	return value, check(value.Email.SomeOr(""))
}

func (hooks) BeforeUpdateCustomer(_ customer.Context, value customer.CustomerUpdate) (customer.CustomerUpdate, error) {
	for index, change := range value.Changes {
		switch change.Tag() {
		case types.CustomerChange_Email:
			if err := check(change.Email().SomeOr("")); err != nil {
				return value, err
			}
		case types.CustomerChange_FirstName:
			change = types.MakeCustomerChangeFirstName(wares.Map(change.FirstName(), rules.Tidy))
		case types.CustomerChange_LastName:
			change = types.MakeCustomerChangeLastName(wares.Map(change.LastName(), rules.Tidy))
		case types.CustomerChange_CompanyName:
			change = types.MakeCustomerChangeCompanyName(wares.Map(change.CompanyName(), rules.Tidy))
		}
		value.Changes[index] = change
	}
	return value, nil
}

// check refuses an email address of the domain in the settings. An error that is no
// customer.Rejection would be a failure of this extension: the operator chooses whether
// requests are refused or go on without it.
func check(email string) error {
	domain, isSet := wares.Lookup(rules.RefusedDomain)
	if !isSet || !rules.IsOf(email, domain) {
		return nil
	}
	wares.Info("check", "refuses an address of %s", domain)
	return customer.Rejection{
		Message: fmt.Sprintf("Email addresses of %s are not accepted", domain),
		Field:   "email",
		Code:    "refused_domain",
	}
}

// The host calls the exports, and never main.
func main() {}
