import logging
from unittest import TestCase

from . import host
from wares import Rejected
from wares.guard import Failed, guarded
from wares.lifecycle import lifecycle, setting


@guarded
class Exported:
    def fails(self, message: str) -> None:
        raise ValueError(message)

    def recurses(self) -> None:
        self.recurses_too()

    def recurses_too(self) -> None:
        Exported.recurses_too.__wrapped__(self)

    def refuses(self) -> None:
        raise host.Err(["a fault"])

    def works(self) -> int:
        return 1


class Guard(TestCase):
    def setUp(self):
        host.lines.clear()
        host.settings.clear()

    def test_an_exception_is_logged_with_its_text_and_its_place_and_the_call_fails(self):
        with self.assertRaisesRegex(Failed, "^ValueError: too far$"):
            Exported().fails("too far")
        [(level, context, text)] = host.lines
        self.assertEqual((level, context), ("ERROR", __name__))
        self.assertRegex(text, r'^ValueError: too far\n  File ".*guard\.py"[\s\S]*File ".*test_guard\.py", line \d+, in fails')

    def test_an_exception_of_any_length_is_logged_bounded(self):
        with self.assertRaises(Failed) as raised:
            Exported().fails("é" * 10_000_000)
        self.assertLess(len(str(raised.exception)), 300)
        [(_, _, text)] = host.lines
        self.assertLess(len(text.encode()), 2_500)
        self.assertIn(" … and 9999212 letters more\n", text)

    def test_a_recursion_is_logged_bounded(self):
        with self.assertRaises(Failed):
            Exported().recurses()
        [(_, _, text)] = host.lines
        self.assertTrue(text.startswith("RecursionError: "), text)
        self.assertLess(len(text), 4_000)

    def test_an_error_of_the_contract_goes_on_and_nothing_is_logged(self):
        with self.assertRaises(host.Err) as raised:
            Exported().refuses()
        self.assertEqual(raised.exception.value, ["a fault"])
        self.assertEqual(Exported().works(), 1)
        self.assertEqual(host.lines, [])

    def test_settings_are_checked_and_faults_are_the_error(self):
        own = lifecycle("a", "0.1.0", "A", list)()
        self.assertEqual(own.describe().name, "a")
        self.assertIsNone(own.check_settings())
        host.settings["word"] = "Ciao"
        self.assertEqual((setting("word"), setting("other")), ("Ciao", None))
        with self.assertRaises(host.Err) as raised:
            own.check_settings()
        self.assertEqual(raised.exception.value, ["word"])
        self.assertIsNone(lifecycle("a", "0.1.0", "A")().check_settings())

    def test_logging_writes_to_the_host_at_its_level(self):
        logging.getLogger("rules").info("a %s %s", 1, "\ud800")
        logging.getLogger("rules").debug("b")
        logging.warning("c")
        logging.log(1, "d")
        self.assertEqual(
            host.lines,
            [("INFO", "rules", "a 1 ?"), ("DEBUG", "rules", "b"), ("WARN", "root", "c"), ("TRACE", "root", "d")],
        )

    def test_a_rejection_has_what_a_form_needs(self):
        rejected = Rejected("No", field="email", code="c")
        self.assertEqual((str(rejected), rejected.field, rejected.code), ("No", "email", "c"))
