"""The rules. They know nothing of the host, so that `python3 -m unittest` runs them natively."""

# The one setting: the domain whose email addresses are refused.
REFUSED_DOMAIN = "refused_domain"


def tidy(name: str) -> str:
    """Returns a name without white space around it, and with one space between its words."""
    return " ".join(name.split())


def is_of(email: str, domain: str) -> bool:
    """Whether an email address is of this domain, in any case."""
    _, at, of = email.rpartition("@")
    return bool(at) and of.strip().lower() == domain.strip().lower()


def faults(settings: dict[str, str]) -> list[str]:
    """Returns what is wrong with the settings: lines that begin with their keys."""
    return [f"{key}: there is no such setting; there is {REFUSED_DOMAIN}" for key in settings if key != REFUSED_DOMAIN]
