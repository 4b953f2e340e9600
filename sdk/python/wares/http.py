"""The interface `http`: routes with their handlers, JSON bodies and answers, queries."""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes

from wit_world.exports import http as exported

from .errors import Problem, Rejected
from .guard import guard

# How deep a body is nested at most, as in the customers module.
_NESTING_MAX = 128

# The parts of a JSON text that nesting depends on.
_NESTING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)


@dataclass
class Answer:
    """An answer with another status than 200, or with headers. Where the value is None it has
    no body."""

    status: int
    value: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class Request:
    """A request, as its handler sees it."""

    def __init__(self, sent: exported.Request, names: list[str]):
        self._sent = sent
        # What the path's `{name}` segments matched, percent-decoded, by name.
        self.parameters: dict[str, str] = dict(zip(names, sent.path_parameters))
        # Those of the route's `headers` that the request has; of several one, the first.
        self.headers: dict[str, str] = {header.name: header.value for header in reversed(sent.headers)}
        # The body's bytes; none where no body was sent.
        self.body: bytes = bytes(sent.body)
        # Who makes the request; always there on a route for `admin`.
        self.actor: exported.Actor | None = sent.actor
        # Stands in every line of the log that belongs to this request.
        self.request_id: str = sent.request_id

    @property
    def query(self) -> dict[str, list[str]]:
        """The parameters after the `?`, percent-decoded, each as often as it was sent."""
        return parse_query(self._sent.query)

    def json(self) -> Any:
        """Returns the body's value, a dict or a list; raises a Problem where none was sent."""
        if not self.body:
            raise invalid("a body is missing")
        return parse(self.body)


def invalid(message: str) -> Problem:
    """Returns the answer to a request that breaks a rule."""
    return Problem(400, "invalid_data", f"Invalid request: {message}")


def parse_query(text: str) -> dict[str, list[str]]:
    """Returns the parameters of a query; raises a Problem if they are no UTF-8."""
    values: dict[str, list[str]] = {}
    for pair in filter(None, text.split("&")):
        name, _, value = pair.partition("=")
        values.setdefault(_percent_decoded(name), []).append(_percent_decoded(value))
    return values


def _percent_decoded(text: str) -> str:
    try:
        return unquote_to_bytes(text.replace("+", " ")).decode()
    except UnicodeDecodeError:
        raise invalid(f"the query has '{text}', which is no percent-encoded UTF-8") from None


def parse(body: bytes) -> Any:
    """Returns the value of a JSON text; raises a Problem if it is none, or of no use."""
    if body.count(b"[") + body.count(b"{") > _NESTING_MAX:
        _check_nesting(body)
    try:
        value = json.loads(body)
    except ValueError as error:
        raise invalid(f"the body is no JSON: {error}") from None
    # Half a surrogate pair cannot be answered, stored or logged.
    if re.search(rb"\\u[dD][89a-fA-F]", body):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise invalid("the body has half a surrogate pair") from None
    return value


def _check_nesting(body: bytes) -> None:
    depth = 0
    for token in _NESTING.finditer(body):
        if token[0] in b"[{":
            depth += 1
        elif token[0] in b"]}":
            depth -= 1
        if depth > _NESTING_MAX:
            raise invalid(f"the body is nested deeper than {_NESTING_MAX}")


Handler = Callable[[Request], Any]


class Routes:
    """The routes of a component. Each method decorates a handler, which returns what JSON can
    show, an Answer, or None for an answer of 204, and raises a Problem or a Rejected."""

    def __init__(self, schemas: dict[str, Any] | None = None):
        """`schemas` are the JSON Schemas that operations refer to, by name."""
        self._schemas = schemas or {}
        self._routes: list[tuple[exported.Route, list[str], Handler]] = []

    def route(
        self,
        method: str,
        path: str,
        *,
        access: str = "admin",
        operation: dict[str, Any] | None = None,
        headers: Iterable[str] = (),
    ) -> Callable[[Handler], Handler]:
        """Adds a route. `access` is `admin` or `anyone`, `operation` the OpenAPI operation, and
        `headers` the request headers that it wants to see, in lower case."""
        shown = "" if operation is None else json.dumps(operation)
        route = exported.Route(method, path, access, list(headers), shown)

        def add(handler: Handler) -> Handler:
            self._routes.append((route, re.findall(r"\{([^}]+)\}", path), handler))
            return handler

        return add

    def get(self, path: str, **about: Any) -> Callable[[Handler], Handler]:
        return self.route("GET", path, **about)

    def post(self, path: str, **about: Any) -> Callable[[Handler], Handler]:
        return self.route("POST", path, **about)

    def delete(self, path: str, **about: Any) -> Callable[[Handler], Handler]:
        return self.route("DELETE", path, **about)

    def interface(self) -> type:
        """Returns the class `Http` of the component."""
        table, schemas = self._routes, self._schemas

        class Http:
            def routes(self) -> list[exported.Route]:
                return [route for route, _, _ in table]

            def schemas(self) -> str:
                return json.dumps(schemas) if schemas else ""

            def handle(self, sent: exported.Request) -> exported.Response:
                _, names, handler = table[sent.route]
                return _response(_answer(handler, sent, names))

        # None of its functions has an error.
        for name in ("routes", "schemas", "handle"):
            setattr(Http, name, guard(getattr(Http, name), type(None)))
        return Http


def _answer(handler: Handler, sent: exported.Request, names: list[str]) -> Answer:
    """Calls a handler; returns its answer, or that of what it raised on purpose."""
    try:
        value = handler(Request(sent, names))
    except Rejected as raised:
        about = {"type": "invalid_data", "message": raised.message, "field": raised.field, "code": raised.code}
        return Answer(400, {key: value for key, value in about.items() if value is not None})
    except Problem as raised:
        return Answer(raised.status, {"type": raised.type, "message": raised.message})
    if isinstance(value, Answer):
        return value
    return Answer(204 if value is None else 200, value)


def _response(answer: Answer) -> exported.Response:
    headers = [exported.Header(name, value) for name, value in answer.headers.items()]
    body = b""
    if answer.value is not None:
        body = json.dumps(answer.value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return exported.Response(answer.status, headers, body)
