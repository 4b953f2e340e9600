"""Which claims are settled. Knows nothing of the host."""

from dataclasses import dataclass


@dataclass
class Claim:
    """The number of a customer who was about to be made, with the customer who was."""

    id: int
    number: str
    made_at: str
    customer: str | None


def settled(claims: list[Claim], late: str) -> tuple[list[Claim], list[Claim]]:
    """Returns the claims whose number a customer gets, and those that are dropped. `claims` are
    the oldest first; a request that is `late` has ended, with or without a customer."""
    newest = {claim.customer: claim for claim in claims if claim.customer is not None}
    adopted = list(newest.values())
    dropped = [
        claim
        for claim in claims
        # Of several tries the last one is right.
        if claim not in adopted and (claim.customer is not None or claim.made_at < late)
    ]
    return adopted, dropped
