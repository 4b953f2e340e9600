// Package export_wares_module_http answers the host's calls of wares:module/http.
package export_wares_module_http

import (
	"encoding/json"

	"wares/imports/wares_module_http"
	"wares/routes"
)

func Routes() []wares_module_http.Route {
	var described []wares_module_http.Route
	for _, route := range routes.Served() {
		described = append(described, wares_module_http.Route{
			Method:    route.Method,
			Path:      route.Path,
			Access:    route.Access,
			Headers:   route.Headers,
			Operation: operation(route.Operation),
		})
	}
	return described
}

func operation(value any) string {
	if value == nil {
		return ""
	}
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func Schemas() string { return "" }

func Handle(request wares_module_http.Request) wares_module_http.Response {
	return routes.Served()[request.Route].Handle(request)
}
