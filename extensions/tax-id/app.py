"""The rules as a component: what the host calls."""

import json
from pathlib import Path
from typing import Any

from componentize_py_types import Err
from wit_world.exports.migrations import Migration
from wit_world.exports.provider import Field

from wares import Problem, Rejected
from wares.customer import CustomerHooks
from wares.guard import guarded
from wares.http import Request, Routes
from wares.lifecycle import lifecycle

import tax_ids
import vat

NAME = "tax-id"

# The key in `additional_data`, and the field of a customer.
FIELD = "tax_id"

TABLES = (Path(__file__).parent / "0001_tax_id.sql").read_text()

Lifecycle = lifecycle(
    NAME,
    "0.1.0",
    "Checks and keeps the VAT numbers of customers",
    lambda settings: [f"{key}: there is no such setting" for key in settings],
)


@guarded
class Migrations:
    def every(self, dialect: str) -> list[Migration]:
        return [Migration("0001_tax_id", TABLES)]

    def count_required(self) -> int:
        return 1


def rejected(message: str, code: str) -> Rejected:
    return Rejected(message, field=f"additional_data.{FIELD}", code=code)


def given(additional_data: str | None) -> tuple[bool, str | None]:
    """Returns whether a request says anything of a tax id, and the number; None removes it."""
    data = json.loads(additional_data or "{}")
    if FIELD not in data:
        return False, None
    text = data[FIELD]
    if text is None or text == "":
        return True, None
    if not isinstance(text, str):
        raise rejected("A tax id is a text", "invalid_type")
    try:
        return True, vat.parse(text)
    except vat.InvalidNumber as invalid:
        raise rejected(invalid.message, invalid.code) from None


class Hooks(CustomerHooks):
    def before_create_customer(self, context, value):
        _, number = given(context.additional_data)
        if number is not None:
            if value.email is None:
                raise rejected("A tax id is kept of customers with an email", "email_required")
            tax_ids.claim(value.email, value.has_account, number)
        return value

    def before_update_customer(self, context, value):
        said, number = given(context.additional_data)
        if said:
            tax_ids.keep(value.id, number)
        elif any(type(change).__name__.endswith("_Email") for change in value.changes):
            # A claim is found by the email that the customer has still.
            tax_ids.settle()
        return value

    def before_delete_customer(self, context, value):
        # The email is free for another customer then.
        tax_ids.settle()
        return value


@guarded
class Provider:
    """The field `tax_id` of customers."""

    def fields(self) -> list[Field]:
        schema = {"type": "string", "description": "The VAT number, with the code of its country"}
        return [Field("customer", FIELD, json.dumps(schema), False)]

    def values(self, context: Any, entity: str, asked: list[Any], ids: list[str]) -> list[list[str]]:
        numbers = tax_ids.of(ids)
        return [[json.dumps(numbers.get(id)) for id in ids] for _ in asked]

    def select(self, context: Any, entity: str, name: str, conditions: list[Any], limit: int) -> Any:
        raise Err(f"Lists are not filtered by {name}")


SCHEMAS = {
    "TaxId": {
        "type": "object",
        "required": ["customer_id", "number", "country"],
        "properties": {
            "customer_id": {"type": "string"},
            "number": {"type": "string", "description": "In capitals, without spaces and signs"},
            "country": {"type": "string", "description": "Its first two letters"},
        },
    }
}

OPERATION = {
    "operationId": "retrieve-tax-id",
    "summary": "Retrieve the tax id of a customer",
    "tags": ["Tax ids"],
    "responses": {
        "200": {
            "description": "The tax id",
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": [FIELD],
                        "properties": {FIELD: {"$ref": "#/components/schemas/TaxId"}},
                    }
                }
            },
        },
        "404": {"description": "The customer has none"},
    },
}

routes = Routes(SCHEMAS)


@routes.get("/admin/tax-ids/{customer_id}", operation=OPERATION)
def retrieve(request: Request) -> dict[str, Any]:
    customer = request.parameters["customer_id"]
    number = tax_ids.of([customer]).get(customer)
    if number is None:
        raise Problem(404, "not_found", f"Customer with id: {customer} has no tax id")
    return {FIELD: {"customer_id": customer, "number": number, "country": number[:2]}}


Http = routes.interface()
