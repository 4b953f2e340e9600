"""The rules as a component: what the host calls. `option` of WIT is a value or None here, and
an error of a `result` is an `Err` that is raised."""

import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.http import Response, Route
from wit_world.exports.lifecycle import Description
from wit_world.imports import store
from wit_world.imports.logging import Level, log

import rules

NAME = "wares-template"

# The route in the host's OpenAPI document.
OPERATION = {
    "operationId": f"{NAME}-greet",
    "summary": "Greet a person",
    "tags": [NAME],
    "responses": {
        "200": {
            "description": "The greeting",
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["greeting"],
                        "properties": {"greeting": {"type": "string"}},
                    }
                }
            },
        }
    },
}


class Lifecycle(exports.Lifecycle):
    def describe(self):
        return Description(NAME, "0.1.0", "Greets people")

    def check_settings(self):
        faults = rules.faults(store.get_all())
        if faults:
            raise Err(faults)


def greet(request):
    [name] = request.path_parameters
    greeting = rules.greeting(store.get(rules.WORD), name)
    log(Level.INFO, "greet", greeting)
    return Response(200, [], json.dumps({"greeting": greeting}).encode())


# Each route with its function. A request names its route by the place in this list.
ROUTES = [(Route("GET", f"/admin/{NAME}/{{name}}", "admin", [], json.dumps(OPERATION)), greet)]


class Http(exports.Http):
    def routes(self):
        return [route for route, _ in ROUTES]

    def schemas(self):
        return ""

    def handle(self, request):
        _, answer = ROUTES[request.route]
        return answer(request)
