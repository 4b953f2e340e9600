"""The rules. They know nothing of the host, so that `python3 -m unittest` runs them natively."""

# The one setting: the word before the name.
WORD = "word"


def greeting(word: str | None, name: str) -> str:
    """Returns the greeting of a person, by the setting if there is one."""
    return f"{'Hello' if word is None else word}, {name.strip()}!"


def faults(settings: dict[str, str]) -> list[str]:
    """Returns what is wrong with the settings: lines that begin with their keys."""
    return [f"{key}: there is no such setting; there is {WORD}" for key in settings if key != WORD]
