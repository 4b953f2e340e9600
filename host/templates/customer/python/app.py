"""The rules as a component: what the host calls. `option` of WIT is a value or None here."""

import logging

from wares import Rejected
from wares.customer import CustomerHooks, edit
from wares.lifecycle import lifecycle, setting

import rules

log = logging.getLogger(__name__)

Lifecycle = lifecycle(
    "wares-template",
    "0.1.0",
    "Tidies the names of customers, and refuses email addresses of one domain",
    rules.faults,
)


def check(email: str) -> None:
    """Refuses an email address of the domain in the settings. Any other exception would be a
    failure of this extension: the operator chooses whether requests are refused or go on
    without it."""
    domain = setting(rules.REFUSED_DOMAIN)
    if domain is None or not rules.is_of(email, domain):
        return
    log.info("refuses an address of %s", domain)
    raise Rejected(f"Email addresses of {domain} are not accepted", field="email", code="refused_domain")


# What becomes of fields that are set.
EDITS = {"email": check, "first_name": rules.tidy, "last_name": rules.tidy, "company_name": rules.tidy}


class Hooks(CustomerHooks):
    """The hooks at which something is done; CustomerHooks has all."""

    def before_create_customer(self, context, value):
        return edit(value, EDITS)

    def before_update_customer(self, context, value):
        return edit(value, EDITS)
