"""The hooks of the customers module, and the fields of what they are called with."""

import functools
import re
from collections.abc import Callable
from typing import Any, TypeVar

from componentize_py_types import Err
from wit_world.imports.hooks import Context, Rejection
from wit_world.imports.types import (
    AddressReference,
    AddressUpdate,
    CustomerUpdate,
    GroupUpdate,
    MembershipChange,
    NewAddress,
    NewCustomer,
    NewGroup,
)

from .errors import Rejected
from .guard import guard

T = TypeVar("T")


class CustomerHooks:
    """All hooks of `wares:customer/hooks`. The class `Hooks` of a component derives from it and
    has those that do something: each returns its value, or raises a Rejected."""

    def __init_subclass__(cls) -> None:
        for name, function in vars(cls).items():
            if not name.startswith("before_"):
                continue
            if not hasattr(CustomerHooks, name):
                raise TypeError(f"there is no hook {name}")
            setattr(cls, name, guard(_rejecting(function), Rejection))

    def before_create_customer(self, context: Context, value: NewCustomer) -> NewCustomer:
        return value

    def before_update_customer(self, context: Context, value: CustomerUpdate) -> CustomerUpdate:
        return value

    def before_delete_customer(self, context: Context, value: str) -> str:
        return value

    def before_create_address(self, context: Context, value: NewAddress) -> NewAddress:
        return value

    def before_update_address(self, context: Context, value: AddressUpdate) -> AddressUpdate:
        return value

    def before_delete_address(self, context: Context, value: AddressReference) -> AddressReference:
        return value

    def before_create_group(self, context: Context, value: NewGroup) -> NewGroup:
        return value

    def before_update_group(self, context: Context, value: GroupUpdate) -> GroupUpdate:
        return value

    def before_delete_group(self, context: Context, value: str) -> str:
        return value

    def before_add_members(self, context: Context, value: MembershipChange) -> MembershipChange:
        return value

    def before_remove_members(self, context: Context, value: MembershipChange) -> MembershipChange:
        return value


def _rejecting(hook: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(hook)
    def rejecting(*values: Any) -> Any:
        try:
            return hook(*values)
        except Rejected as raised:
            raise Err(Rejection(raised.message, raised.field, raised.code)) from None

    return rejecting


def edit(value: T, edits: dict[str, Callable[[Any], Any]]) -> T:
    """Changes fields of what a hook is called with: of a customer, address or group that is made,
    or of the changes to one. `edits` has a function for each field, by its name in snake_case,
    which returns the new value, or None where it only checks. A field that is missing or None
    is passed over. Returns the same value."""
    changes = getattr(value, "changes", None)
    if changes is not None:
        for change in changes:
            _, _, case = type(change).__name__.partition("_")
            name = re.sub(r"(?<!^)(?=[A-Z])", "_", case).lower()
            change.value = _edited(change.value, edits.get(name))
    else:
        for name, change in edits.items():
            if hasattr(value, name):
                setattr(value, name, _edited(getattr(value, name), change))
    return value


def _edited(value: Any, change: Callable[[Any], Any] | None) -> Any:
    if value is None or change is None:
        return value
    edited = change(value)
    return value if edited is None else edited
