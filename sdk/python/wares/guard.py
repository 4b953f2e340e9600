"""What a component exports, guarded: an exception that nothing caught is in the log with its
text and its place before the call fails."""

import functools
import inspect
import logging
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

from componentize_py_types import Err

from .log import well_formed

# How much of an exception is logged, from its end.
_LETTERS_MAX = 800

# How much the runtime repeats when it ends the call.
_REPEATED_LETTERS_MAX = 200

T = TypeVar("T")


class Failed(Exception):
    """An exception that is in the log already."""


def guarded(exported: type[T]) -> type[T]:
    """Decorates a class that the host calls: each of its functions logs what it raises and
    nobody expects. An `Err` is a function's own error."""
    for name, function in inspect.getmembers(exported, inspect.isfunction):
        if not name.startswith("_"):
            setattr(exported, name, guard(function))
    return exported


def guard(function: Callable[..., Any], own: type = object) -> Callable[..., Any]:
    """Returns a function that logs what it raises and nobody expects. An `Err` of another type
    than its `own` is one of the host's that nobody caught."""

    @functools.wraps(function)
    def guarded(*values: Any) -> Any:
        try:
            return function(*values)
        except Exception as raised:
            if isinstance(raised, Failed) or (isinstance(raised, Err) and isinstance(raised.value, own)):
                raise
            logging.getLogger(function.__module__).error(described(raised))
            # Without the traceback that the runtime would print again.
            raise Failed(_cut(f"{type(raised).__name__}: {raised}", _REPEATED_LETTERS_MAX)) from None

    return guarded


def described(raised: BaseException) -> str:
    """Returns an exception as a person reads it in a log: its text, and the lines that led there."""
    text = _cut(f"{type(raised).__name__}: {raised}", _LETTERS_MAX)
    lines = traceback.format_tb(raised.__traceback__)
    # Of a recursion, the last ones.
    return well_formed("".join([f"{text}\n", *lines[-12:]]).rstrip())


def _cut(text: str, letters_max: int) -> str:
    if len(text) <= letters_max:
        return text
    return f"{text[:letters_max]} … and {len(text) - letters_max} letters more"
