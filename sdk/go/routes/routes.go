// Package routes serves the routes of a component. It is there if the world exports
// wares:module/http.
package routes

import (
	"encoding/json"
	"net/url"

	"wares/imports/wares_module_http"
)

// A request to a route, and its answer, as the contracts have them.
type (
	Request  = wares_module_http.Request
	Response = wares_module_http.Response
	Header   = wares_module_http.Header
)

// Route is a route, and the function that answers its requests.
type Route struct {
	// Method is GET, POST, PUT, PATCH or DELETE.
	Method string
	// Path is absolute, of literals and `{name}`.
	Path string
	// Access is anyone or admin.
	Access string
	// Headers are those of a request that Handle sees, in lower case.
	Headers []string
	// Operation is an OpenAPI 3.1 operation object, or nil.
	Operation any
	Handle    func(Request) Response
}

var routes []Route

// Serve sets the routes. Call it in an init function of the main package.
func Serve(served ...Route) { routes = served }

// Served returns what Serve was called with.
func Served() []Route { return routes }

// JSON returns an answer.
func JSON(status uint16, value any) Response {
	body, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return Response{Status: status, Body: body}
}

// Refuse returns an answer that says why a request is not carried out. The type is a name for
// programs, as invalid_data or not_found.
func Refuse(status uint16, name, message string) Response {
	return JSON(status, struct {
		Type    string `json:"type"`
		Message string `json:"message"`
	}{name, message})
}

// Query returns the parameters of the request's query string.
func Query(request Request) (url.Values, error) { return url.ParseQuery(request.Query) }
