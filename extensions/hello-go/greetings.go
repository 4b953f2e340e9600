package main

import (
	"encoding/json"
	"errors"

	"wares"
	platform "wares/imports/wares_platform_sql"
	"wares/routes"
	"wares/sql"

	"example.com/hello-go/rules"
)

const schema = "create table greeted (name text primary key, count integer not null) strict;"

const count = "insert into greeted (name, count) values ($1, 1) on conflict (name) do update set count = count + 1"

const counted = "select count from greeted where name = $1"

func greet(request routes.Request) routes.Response {
	var body struct{ Name string }
	if err := json.Unmarshal(request.Body, &body); err != nil {
		return routes.Refuse(400, "invalid_data", "The body is no object with a name")
	}
	name, err := rules.Name(body.Name)
	if err != nil {
		return routes.Refuse(400, "invalid_data", err.Error())
	}
	times, err := record(name)
	if err != nil {
		return unavailable(err)
	}
	word, isSet := wares.Lookup(rules.Word)
	if !isSet {
		word = "Hello"
	}
	greeting := rules.Greeting(word, name, times-1)
	wares.Info("greet", "%s", greeting)
	return routes.JSON(200, object{"greeting": greeting, "times": times})
}

// record counts a greeting, and returns how many this person has had.
func record(name string) (int64, error) {
	if _, err := sql.Execute(count, name); err != nil {
		return 0, err
	}
	rows, err := sql.Query(counted, name)
	if err != nil {
		return 0, err
	}
	return rows[0][0].(int64), nil
}

// unavailable asks to try again where that helps. Any other failure is one of this program.
func unavailable(err error) routes.Response {
	var failure sql.Failure
	if errors.As(err, &failure) {
		switch failure.Cause.Tag() {
		case platform.Error_Busy, platform.Error_Timeout, platform.Error_Unavailable:
			return routes.Refuse(503, "unavailable", err.Error())
		}
	}
	panic(err)
}

type object = map[string]any

func content(properties object, required ...string) object {
	schema := object{"type": "object", "required": required, "properties": properties}
	return object{"application/json": object{"schema": schema}}
}

// The route in the host's OpenAPI document.
var operation = object{
	"operationId": "hello-go-greet",
	"summary":     "Greet a person",
	"tags":        []string{"hello-go"},
	"requestBody": object{"required": true, "content": content(object{"name": object{"type": "string"}}, "name")},
	"responses": object{
		"200": object{
			"description": "The greeting, and how many this person has had",
			"content": content(
				object{"greeting": object{"type": "string"}, "times": object{"type": "integer", "minimum": 1}},
				"greeting", "times",
			),
		},
		"400": object{"description": "The name is missing or too long"},
	},
}
