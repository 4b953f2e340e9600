"""The rules as a component: what the host calls."""

import logging

from wares.http import Request, Routes
from wares.lifecycle import lifecycle, setting

import rules

NAME = "wares-template"

log = logging.getLogger(__name__)

Lifecycle = lifecycle(NAME, "0.1.0", "Greets people", rules.faults)

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

routes = Routes()


@routes.get(f"/admin/{NAME}/{{name}}", operation=OPERATION)
def greet(request: Request) -> dict[str, str]:
    greeting = rules.greeting(setting(rules.WORD), request.parameters["name"])
    log.info(greeting)
    return {"greeting": greeting}


Http = routes.interface()
