"""A host for the tests: the modules that componentize-py generates, as far as the SDK imports
them. The database is one of `sqlite3`."""

import sqlite3
import struct
import sys
from dataclasses import dataclass
from enum import Enum
from types import ModuleType
from typing import Any

# The lines that were logged.
lines: list[tuple[str, str, str]] = []

# The settings.
settings: dict[str, str] = {}

# The events that were committed or not.
events: list[tuple[str, str]] = []

# An error that the next statement or commit ends with.
failing: list[Any] = []


@dataclass(frozen=True)
class Err(Exception):
    value: Any


def record(name: str, *fields: str) -> type:
    """A class of values, as of `record` and of the cases of `variant`."""
    return dataclass(type(name, (), {"__annotations__": {field: Any for field in fields}}))


class Level(Enum):
    TRACE = 0
    DEBUG = 1
    INFO = 2
    WARN = 3
    ERROR = 4
    CRITICAL = 5


class ConstraintKind(Enum):
    UNIQUE = 0
    FOREIGN_KEY = 1


VALUES = {f"Value_{case}": record(f"Value_{case}", "value") for case in ("Integer", "Real", "Text", "Blob")}
VALUES["Value_Null"] = record("Value_Null")
ERRORS = {f"Error_{case}": record(f"Error_{case}", "value") for case in ("Constraint", "LimitExceeded", "Invalid", "Unavailable")}
ERRORS.update({f"Error_{case}": record(f"Error_{case}") for case in ("Busy", "Timeout")})
Rows = record("Rows", "columns", "count", "data")
Constraint = record("Constraint", "kind", "columns")

database = sqlite3.connect(":memory:", isolation_level=None)


def _ask(statement: str, parameters: list[Any]) -> sqlite3.Cursor:
    if failing:
        raise Err(failing.pop())
    values = [getattr(parameter, "value", None) for parameter in parameters]
    try:
        return database.execute(statement, values)
    except sqlite3.IntegrityError as error:
        columns = str(error).rpartition(": ")[2].split(", ")
        raise Err(ERRORS["Error_Constraint"](Constraint(ConstraintKind.UNIQUE, columns))) from None
    except sqlite3.Error as error:
        raise Err(ERRORS["Error_Invalid"](str(error))) from None


def _packed(cell: Any) -> bytes:
    match cell:
        case None:
            return b"\0"
        case int():
            return struct.pack("<bq", 1, cell)
        case float():
            return struct.pack("<bd", 2, cell)
        case str():
            return struct.pack("<bI", 3, len(cell.encode())) + cell.encode()
    return struct.pack("<bI", 4, len(cell)) + cell


def query(statement: str, parameters: list[Any]) -> Any:
    asked = _ask(statement, parameters)
    rows = asked.fetchall()
    data = b"".join(_packed(cell) for row in rows for cell in row)
    return Rows(len(asked.description), len(rows), data)


def execute(statement: str, parameters: list[Any]) -> int:
    return _ask(statement, parameters).rowcount


class Transaction:
    @classmethod
    def begin(cls) -> "Transaction":
        _ask("begin", [])
        return cls()

    def query(self, statement: str, parameters: list[Any]) -> Any:
        return query(statement, parameters)

    def execute(self, statement: str, parameters: list[Any]) -> int:
        return execute(statement, parameters)

    @staticmethod
    def commit(transaction: "Transaction") -> None:
        try:
            _ask("commit", [])
        except Err:
            database.execute("rollback")
            raise

    def __exit__(self, *_: Any) -> None:
        database.execute("rollback")


def _module(name: str, **members: Any) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(members)
    sys.modules[name] = module
    return module


def install() -> None:
    """Puts the modules where the SDK imports them."""
    imports = {
        "logging": {"Level": Level, "log": lambda level, context, text: lines.append((level.name, context, text))},
        "store": {"get": settings.get, "get_all": lambda: list(settings.items())},
        "sql": {
            **VALUES,
            **ERRORS,
            "Value": Any,
            "Rows": Rows,
            "Constraint": Constraint,
            "Transaction": Transaction,
            "query": query,
            "execute": execute,
        },
        "events": {"emit": lambda transaction, name, data: events.append((name, data))},
        "hooks": {"Context": record("Context"), "Rejection": record("Rejection", "message", "field", "code")},
        "types": {
            name: record(name)
            for name in (
                "AddressReference",
                "AddressUpdate",
                "CustomerUpdate",
                "GroupUpdate",
                "MembershipChange",
                "NewAddress",
                "NewCustomer",
                "NewGroup",
            )
        },
    }
    exports = {
        "http": {
            "Actor": record("Actor", "kind", "id"),
            "Header": record("Header", "name", "value"),
            "Request": record("Request", "route", "path_parameters", "query", "headers", "body", "actor", "request_id"),
            "Response": record("Response", "status", "headers", "body"),
            "Route": record("Route", "method", "path", "access", "headers", "operation"),
        },
        "lifecycle": {"Description": record("Description", "name", "version", "summary")},
    }
    _module("componentize_py_types", Err=Err)
    _module("wit_world")
    for folder, modules in (("imports", imports), ("exports", exports)):
        parent = _module(f"wit_world.{folder}")
        for name, members in modules.items():
            setattr(parent, name, _module(f"wit_world.{folder}.{name}", **members))
