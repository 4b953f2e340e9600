"""The rules as a component: what the host calls. `option` of WIT is a value or None here, and
an error of a `result` is an `Err` that is raised."""

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.lifecycle import Description
from wit_world.imports import store
from wit_world.imports.hooks import Rejection
from wit_world.imports.logging import Level, log
from wit_world.imports.types import (
    CustomerChange_CompanyName,
    CustomerChange_Email,
    CustomerChange_FirstName,
    CustomerChange_LastName,
)

import rules


class Lifecycle(exports.Lifecycle):
    def describe(self):
        summary = "Tidies the names of customers, and refuses email addresses of one domain"
        return Description("wares-template", "0.1.0", summary)

    def check_settings(self):
        faults = rules.faults(store.get_all())
        if faults:
            raise Err(faults)


def check(email):
    """Refuses an email address of the domain in the settings. Any exception but `Err` is a
    failure of this extension: the operator chooses whether requests are refused or go on
    without it."""
    domain = store.get(rules.REFUSED_DOMAIN)
    if domain is None or email is None or not rules.is_of(email, domain):
        return
    log(Level.INFO, "check", f"refuses an address of {domain}")
    message = f"Email addresses of {domain} are not accepted"
    raise Err(Rejection(message, field="email", code="refused_domain"))


def tidy(name):
    return None if name is None else rules.tidy(name)


class Hooks(exports.Hooks):
    def before_create_customer(self, context, value):
        check(value.email)
        value.first_name = tidy(value.first_name)
        value.last_name = tidy(value.last_name)
        value.company_name = tidy(value.company_name)
        return value

    def before_update_customer(self, context, value):
        for change in value.changes:
            match change:
                case CustomerChange_Email(email):
                    check(email)
                case CustomerChange_FirstName() | CustomerChange_LastName() | CustomerChange_CompanyName():
                    change.value = tidy(change.value)
        return value

    def unchanged(self, context, value):
        """A hook at which nothing is done."""
        return value

    before_delete_customer = unchanged
    before_create_address = unchanged
    before_update_address = unchanged
    before_delete_address = unchanged
    before_create_group = unchanged
    before_update_group = unchanged
    before_delete_group = unchanged
    before_add_members = unchanged
    before_remove_members = unchanged
