// The rules as a component: what the host calls.
package main

import (
	"wares"
	_ "wares/exports/wit_exports"
	"wares/routes"

	"example.com/wares-template/rules"
)

const name = "wares-template"

func init() {
	wares.Describe(wares.Component{
		Name:    name,
		Version: "0.1.0",
		Summary: "Greets people",
		CheckSettings: func(settings []wares.Setting) []string {
			var keys []string
			for _, setting := range settings {
				keys = append(keys, setting.Key)
			}
			return rules.Faults(keys)
		},
	})
	routes.Serve(routes.Route{
		Method:    "GET",
		Path:      "/admin/" + name + "/{name}",
		Access:    "admin",
		Operation: operation,
		Handle:    greet,
	})
}

func greet(request routes.Request) routes.Response {
	word, _ := wares.Lookup(rules.Word)
	greeting := rules.Greeting(word, request.PathParameters[0])
	wares.Info("greet", "%s", greeting)
	return routes.JSON(200, map[string]string{"greeting": greeting})
}

type object = map[string]any

// The route in the host's OpenAPI document.
var operation = object{
	"operationId": name + "-greet",
	"summary":     "Greet a person",
	"tags":        []string{name},
	"responses": object{
		"200": object{
			"description": "The greeting",
			"content": object{
				"application/json": object{
					"schema": object{
						"type":       "object",
						"required":   []string{"greeting"},
						"properties": object{"greeting": object{"type": "string"}},
					},
				},
			},
		},
	},
}

// The host calls the exports, and never main.
func main() {}
