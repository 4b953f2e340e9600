"""The log of the host: `logging` of Python writes to it, and so does `print`, by way of the
runtime. A line at `error` or `warning` is also in the host's own report of a failed call."""

import logging

from wit_world.imports.logging import Level, log

_LEVELS = (
    (logging.CRITICAL, Level.CRITICAL),
    (logging.ERROR, Level.ERROR),
    (logging.WARNING, Level.WARN),
    (logging.INFO, Level.INFO),
    (logging.DEBUG, Level.DEBUG),
)


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        level = next((level for least, level in _LEVELS if record.levelno >= least), Level.TRACE)
        log(level, record.name, well_formed(self.format(record)))


def install() -> None:
    """Sends what is logged to the host, which decides by its settings what it keeps."""
    root = logging.getLogger()
    root.handlers = [_Handler()]
    root.setLevel(logging.NOTSET + 1)


def well_formed(text: str) -> str:
    """Returns a text with `?` for each half of a surrogate pair: the host takes no others."""
    return text.encode("utf-8", "replace").decode()
