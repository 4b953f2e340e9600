"""Facts that a component tells others. Whoever imports it needs the grant `events`, and the
line `import wares:platform/events@1.2.0;` in wit/world.wit."""

import json
from typing import Any

from componentize_py_types import Err
from wit_world.imports import events as host

from .sql import Transaction, translated


def emit(transaction: Transaction, name: str, data: Any) -> None:
    """Adds an event to a transaction: it is kept if and only if that is committed. `name` is
    dotted and lower-case, as `order.created`, and `data` what JSON can show, of at most 64 KiB."""
    try:
        host.emit(transaction.open, name, json.dumps(data))
    except Err as error:
        raise translated(error.value, f"the event {name}") from None
