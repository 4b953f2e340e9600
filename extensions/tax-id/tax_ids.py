"""The tax ids of customers in this component's own database.

A hook is asked before a customer is made, who has no id then and may never get one. So the
number is a claim at first, by the email and the kind of customer, of which there is one at a
time. It is settled when the customers module is asked who has that email: the customer who was
made after the claim gets the number, and a claim that nobody was made for is dropped."""

import json
import logging
from datetime import datetime, timedelta, timezone
from typing import Any

from wit_world.imports import customers
from wit_world.imports.customers import Query

from wares import sql

from claims import Claim, settled

log = logging.getLogger(__name__)

# How many claims one call settles. Each costs a question to the customers module.
_CLAIMS_MAX = 50

KEEP = """insert into tax_id (customer_id, number, updated_at) values ($1, $2, $3)
    on conflict (customer_id) do update set number = excluded.number, updated_at = excluded.updated_at"""

# What an update has set meanwhile is newer.
ADOPT = """insert into tax_id (customer_id, number, updated_at) values ($1, $2, $3)
    on conflict (customer_id) do nothing"""


def now() -> datetime:
    return datetime.now(timezone.utc)


def shown(time: datetime) -> str:
    """Returns a time as the customers module shows it, so that texts compare."""
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def claim(email: str, has_account: bool, number: str) -> None:
    """Keeps the number of a customer who is about to be made."""
    settle()
    insert = "insert into claim (email, has_account, number, made_at) values ($1, $2, $3, $4)"
    sql.execute(insert, [email, has_account, number, shown(now())])


def keep(customer: str, number: str | None) -> None:
    """Keeps the number of a customer, or removes it."""
    settle()
    if number is None:
        sql.execute("delete from tax_id where customer_id = $1", [customer])
    else:
        sql.execute(KEEP, [customer, number, shown(now())])


def of(ids: list[str]) -> dict[str, str]:
    """Returns the numbers of those of these customers who have one. Writes nothing."""
    select = "select customer_id, number from tax_id where customer_id in (select value from json_each($1))"
    numbers: dict[str, str] = {claim.customer: claim.number for claim in _claims() if claim.customer in ids}
    numbers.update(sql.query(select, [json.dumps(ids)]))
    return numbers


def settle() -> None:
    """Gives the customers who were made meanwhile their numbers."""
    claims = _claims()
    adopted, dropped = settled(claims, shown(now() - timedelta(minutes=1)))
    if not adopted and not dropped:
        return
    with sql.transaction() as tx:
        for claim in adopted:
            tx.execute(ADOPT, [claim.customer, claim.number, shown(now())])
        for claim in [*adopted, *dropped]:
            tx.execute("delete from claim where id = $1", [claim.id])
    if dropped:
        log.warning("%s tax ids were dropped: nobody was made with the emails that they came with", len(dropped))


def _claims() -> list[Claim]:
    """Returns claims, the oldest first, each with the customer who was made for it, if anyone was."""
    columns = ["id", "email", "has_account", "number", "made_at"]
    rows = sql.query(f"select {', '.join(columns)} from claim order by id limit $1", [_CLAIMS_MAX], columns)
    return [Claim(row["id"], row["number"], row["made_at"], _made(row)) for row in rows]


def _made(claim: dict[str, Any]) -> str | None:
    """Returns the customer who was made after a claim."""
    found = customers.search(
        Query(
            q=None,
            ids=None,
            email=claim["email"],
            has_account=bool(claim["has_account"]),
            groups=None,
            created_from=claim["made_at"],
            created_before=None,
            offset=None,
            limit=1,
        )
    )
    return found.customers[0].id if found.customers else None
