"""The component's own database. Whoever imports it needs the grant `sql`, and the line
`import wares:platform/sql@1.2.0;` in wit/world.wit."""

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from componentize_py_types import Err
from wit_world.imports import sql as host

from .errors import Problem

_KINDS = {
    host.Error_Constraint: "constraint",
    host.Error_Busy: "busy",
    host.Error_Timeout: "timeout",
    host.Error_LimitExceeded: "limit-exceeded",
    host.Error_Invalid: "invalid",
    host.Error_Unavailable: "unavailable",
}

_INTEGER_MAX = 2**63 - 1


class SqlError(Exception):
    """Why a statement was not carried out. It changed nothing, and the call may go on."""

    def __init__(self, kind: str, message: str, constraint: host.Constraint | None = None):
        super().__init__(message)
        # `constraint`, `timeout`, `limit-exceeded` or `invalid`.
        self.kind = kind
        # The rule that a write would have broken, with its kind and its columns.
        self.constraint = constraint


class Unavailable(Problem):
    """The database cannot serve now, or others write for too long. It is worth trying again:
    a handler that does not catch it answers 503."""

    def __init__(self, message: str):
        super().__init__(503, "unavailable", message)


def query(statement: str, parameters: Sequence[Any] = (), columns: Sequence[str] | None = None) -> list[Any]:
    """Runs a statement that reads, with parameters `$1`, `$2`, …: None, bool, int, float, str
    and bytes. Returns rows: dicts by the names of the columns, or tuples where none are given."""
    return _unpacked(_call(host.query, statement, parameters), columns)


def execute(statement: str, parameters: Sequence[Any] = ()) -> int:
    """Runs a statement that writes, in a transaction of its own. Returns how many rows it changed."""
    return _call(host.execute, statement, parameters)


class Transaction:
    """Writes that become durable together, or not at all."""

    def __init__(self, open: host.Transaction):
        # The host's own transaction, for wares.events.
        self.open = open

    def query(self, statement: str, parameters: Sequence[Any] = (), columns: Sequence[str] | None = None) -> list[Any]:
        """As `query` of the module; also takes a statement that writes with `returning`."""
        return _unpacked(_call(self.open.query, statement, parameters), columns)

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        """As `execute` of the module, but durable only after the transaction's end."""
        return _call(self.open.execute, statement, parameters)


@contextmanager
def transaction() -> Iterator[Transaction]:
    """Begins a transaction, and commits it at the end of the block; an exception rolls it back.
    Other writers wait meanwhile."""
    try:
        open = host.Transaction.begin()
    except Err as error:
        raise translated(error.value, "begin") from None
    try:
        yield Transaction(open)
    except BaseException:
        # Dropped, it is rolled back.
        open.__exit__(None, None, None)
        raise
    try:
        host.Transaction.commit(open)
    except Err as error:
        raise translated(error.value, "commit") from None


def translated(error: Any, statement: str) -> Exception:
    """Returns what is raised for an error of the host."""
    kind = _KINDS[type(error)]
    if kind == "busy":
        return Unavailable("Others write at the moment: try again")
    if kind == "unavailable":
        return Unavailable(error.value)
    if kind == "constraint":
        broken = error.value
        rule = broken.kind.name.lower().replace("_", "-")
        about = f"{rule} of {', '.join(broken.columns) or 'the schema'}"
        return SqlError(kind, f"{kind}: {about}, in {statement}", broken)
    about = f": {error.value}" if hasattr(error, "value") else ""
    return SqlError(kind, f"{kind}{about}, in {statement}")


def _call(function: Any, statement: str, parameters: Sequence[Any]) -> Any:
    values = [_value(index, given) for index, given in enumerate(parameters, 1)]
    try:
        return function(statement, values)
    except Err as error:
        raise translated(error.value, statement) from None


def _value(index: int, given: Any) -> host.Value:
    """Returns a parameter as the host takes it. What it does not take would end the call
    without a reason."""
    match given:
        case None:
            return host.Value_Null()
        case bool() | int():
            if not -_INTEGER_MAX - 1 <= given <= _INTEGER_MAX:
                raise TypeError(f"parameter ${index} has more than 64 bits: {given}")
            return host.Value_Integer(int(given))
        case float():
            return host.Value_Real(given)
        case str():
            try:
                given.encode()
            except UnicodeEncodeError:
                raise TypeError(f"parameter ${index} is a text with half a surrogate pair") from None
            return host.Value_Text(given)
        case bytes():
            return host.Value_Blob(given)
    raise TypeError(f"parameter ${index} is of no type that a database has: {type(given).__name__}")


def _unpacked(rows: host.Rows, columns: Sequence[str] | None) -> list[Any]:
    """Reads packed rows, whose layout is in sql.wit."""
    if columns is not None and len(columns) != rows.columns:
        raise TypeError(f"there are {len(columns)} names for {rows.columns} columns: {', '.join(columns)}")
    cells = _cells(rows.data)
    unpacked = [tuple(next(cells) for _ in range(rows.columns)) for _ in range(rows.count)]
    return unpacked if columns is None else [dict(zip(columns, row)) for row in unpacked]


def _cells(data: bytes) -> Iterator[Any]:
    at = 0
    while at < len(data):
        tag, at = data[at], at + 1
        match tag:
            case 0:
                yield None
            case 1 | 2:
                [number] = struct.unpack_from("<q" if tag == 1 else "<d", data, at)
                at += 8
                yield number
            case 3 | 4:
                [length] = struct.unpack_from("<I", data, at)
                content = data[at + 4 : at + 4 + length]
                at += 4 + length
                yield content.decode() if tag == 3 else content
            case _:
                raise ValueError("the rows of the host have an unknown layout")
