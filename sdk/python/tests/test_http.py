import json
from typing import Any
from unittest import TestCase

from . import host
from wares import Problem, Rejected
from wares.guard import Failed
from wares.http import Answer, Request, Routes, parse, parse_query
from wit_world.exports import http as exported


def call(handler: Any, **request: Any) -> tuple[int, list[Any], str]:
    """Calls the one route of a component with a request; returns status, headers and body."""
    routes = Routes()
    routes.post("/store/things/{kind}/{id}", access="anyone")(handler)
    sent = {"query": "", "headers": [], "body": b"", "actor": None, **request}
    answer = routes.interface()().handle(
        exported.Request(route=0, path_parameters=["mugs", "ä b"], request_id="01", **sent)
    )
    return answer.status, [(header.name, header.value) for header in answer.headers], answer.body.decode()


def raising(raised: Exception) -> Any:
    def handler(_: Request) -> None:
        raise raised

    return handler


class Http(TestCase):
    def setUp(self):
        host.lines.clear()

    def test_routes_are_declared_as_the_host_reads_them(self):
        routes = Routes({"Thing": {"type": "object"}})

        @routes.get("/store/a", access="anyone")
        def a(_: Request) -> None: ...

        @routes.delete("/store/b", headers=["x-h"], operation={"summary": "B"})
        def b(_: Request) -> None: ...

        interface = routes.interface()()
        self.assertEqual(
            interface.routes(),
            [
                exported.Route("GET", "/store/a", "anyone", [], ""),
                exported.Route("DELETE", "/store/b", "admin", ["x-h"], '{"summary": "B"}'),
            ],
        )
        self.assertEqual(json.loads(interface.schemas()), {"Thing": {"type": "object"}})
        self.assertEqual(Routes().interface()().schemas(), "")

    def test_a_handler_sees_the_request_and_what_it_returns_is_the_answer(self):
        def seen(request: Request) -> dict[str, Any]:
            return {
                "parameters": request.parameters,
                "query": request.query,
                "headers": request.headers,
                "body": request.json(),
                "actor": request.actor.id,
                "request": request.request_id,
            }

        answer = call(
            seen,
            query="a=1&a=2&b",
            headers=[exported.Header("x-h", "first"), exported.Header("x-h", "second")],
            body='{"name":"Zoë 😀"}'.encode(),
            actor=exported.Actor("user", "user_1"),
        )
        body = (
            '{"parameters":{"kind":"mugs","id":"ä b"},"query":{"a":["1","2"],"b":[""]},"headers":{"x-h":"first"},'
            '"body":{"name":"Zoë 😀"},"actor":"user_1","request":"01"}'
        )
        self.assertEqual(answer, (200, [], body))
        self.assertEqual(call(lambda _: None), (204, [], ""))
        created = Answer(201, [1], {"location": "/store/x"})
        self.assertEqual(call(lambda _: created), (201, [("location", "/store/x")], "[1]"))

    def test_exceptions_that_are_answers_are_answered(self):
        self.assertEqual(
            call(raising(Problem(404, "not_found", "None"))),
            (404, [], '{"type":"not_found","message":"None"}'),
        )
        self.assertEqual(
            call(raising(Rejected("No", code="c"))),
            (400, [], '{"type":"invalid_data","message":"No","code":"c"}'),
        )
        self.assertEqual(host.lines, [])
        with self.assertRaisesRegex(Failed, "^ValueError: x$"):
            call(raising(ValueError("x")))
        with self.assertRaisesRegex(Failed, "of another function"):
            call(raising(host.Err("of another function")))
        self.assertEqual(len(host.lines), 2)

    def test_a_body_that_is_of_no_use_is_refused_with_its_reason(self):
        def answer(body: str) -> tuple[int, Any]:
            status, _, text = call(lambda request: request.json(), body=body.encode())
            return status, json.loads(text).get("message") if status == 400 else text

        self.assertEqual(answer(""), (400, "Invalid request: a body is missing"))
        self.assertEqual(answer('{"a":"\\uD83D"}'), (400, "Invalid request: the body has half a surrogate pair"))
        self.assertEqual(answer('{"a":"\\ud83d\\ude00 \\\\ud83d"}'), (200, '{"a":"😀 \\\\ud83d"}'))
        self.assertRegex(answer("{")[1], "^Invalid request: the body is no JSON: ")
        deep = "Invalid request: the body is nested deeper than 128"
        self.assertEqual(answer("[" * 128 + "]" * 128)[0], 200)
        self.assertEqual(answer("[" * 129 + "]" * 129), (400, deep))
        self.assertEqual(answer('["%s","\\"[",%s0]' % ("[{" * 500, "[]," * 500))[0], 200)
        with self.assertRaises(Problem):
            parse(b"[" * 1_000_000)

    def test_a_query_is_percent_decoded(self):
        self.assertEqual(
            parse_query("q=a+b%20c&name=%C3%A9&&x=1=2&empty=&flag"),
            {"q": ["a b c"], "name": ["é"], "x": ["1=2"], "empty": [""], "flag": [""]},
        )
        with self.assertRaisesRegex(Problem, "'%ff', which is no percent-encoded UTF-8$"):
            parse_query("a=%ff")
