"""The interface `lifecycle`, which every component exports, and the settings."""

from collections.abc import Callable

from componentize_py_types import Err
from wit_world.exports.lifecycle import Description
from wit_world.imports import store

from . import log
from .guard import guarded

# Every component has a lifecycle.
log.install()


def setting(key: str) -> str | None:
    """Returns a setting, or None where the operator has not set it. All are texts."""
    return store.get(key)


def settings() -> dict[str, str]:
    """Returns all settings. While a call is served the host adds its limits, as `wares.…`."""
    return dict(store.get_all())


def lifecycle(
    name: str, version: str, summary: str, check: Callable[[dict[str, str]], list[str]] | None = None
) -> type:
    """Returns the class `Lifecycle` of a component. `check` returns what is wrong with the
    settings: lines that begin with their keys. Without it every setting is accepted."""

    @guarded
    class Lifecycle:
        def describe(self) -> Description:
            return Description(name, version, summary)

        def check_settings(self) -> None:
            faults = check(settings()) if check else []
            if faults:
                raise Err(faults)

    return Lifecycle
