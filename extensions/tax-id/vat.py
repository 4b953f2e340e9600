"""VAT numbers of the countries of the European Union: their form, and their check digits where
the rule for them is public. Knows nothing of the host."""

import re
from collections.abc import Callable


class InvalidNumber(Exception):
    """Why a text is no VAT number, as a sentence for the person who gave it."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code
        self.message = message


def parse(text: str) -> str:
    """Returns a VAT number without spaces and signs, in capitals; raises InvalidNumber."""
    number = re.sub(r"[\s.\-/]", "", text).upper()
    # Greece has two codes, and its numbers one of them.
    country = {"GR": "EL"}.get(number[:2], number[:2])
    if country not in FORMS:
        known = ", ".join(sorted(FORMS))
        raise InvalidNumber("unknown_country", f"A tax id begins with the code of a country, one of {known}")
    form, checked = FORMS[country]
    own = number[2:]
    if not re.fullmatch(form, own, re.ASCII):
        raise InvalidNumber("invalid_format", f"'{country}{own}' is not of the form of a tax id of {country}")
    if checked is not None and not checked(own):
        raise InvalidNumber("invalid_check_digit", f"'{country}{own}' has a wrong check digit")
    return country + own


def _weighted(digits: str, weights: list[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))


def _luhn(digits: str) -> bool:
    """Every second digit from the right is doubled."""
    total = 0
    for index, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (1 + index % 2)
        total += doubled // 10 + doubled % 10
    return total % 10 == 0


def _austria(own: str) -> bool:
    total = 0
    for digit, factor in zip(own[1:8], [1, 2, 1, 2, 1, 2, 1], strict=True):
        product = int(digit) * factor
        total += product // 10 + product % 10
    return int(own[8]) == (10 - (total + 4) % 10) % 10


def _belgium(own: str) -> bool:
    return int(own[8:]) == 97 - int(own[:8]) % 97


def _germany(own: str) -> bool:
    product = 10
    for digit in own[:8]:
        product = 2 * ((int(digit) + product) % 10 or 10) % 11
    return int(own[8]) == (11 - product) % 10


def _denmark(own: str) -> bool:
    return _weighted(own, [2, 7, 6, 5, 4, 3, 2, 1]) % 11 == 0


def _estonia(own: str) -> bool:
    return _weighted(own, [3, 7, 1, 3, 7, 1, 3, 7, 1]) % 10 == 0


def _greece(own: str) -> bool:
    return int(own[8]) == _weighted(own[:8], [256, 128, 64, 32, 16, 8, 4, 2]) % 11 % 10


LETTERS_OF_PERSONS = "TRWAGMYFPDXBNJZSQVHLCKE"


def _spain(own: str) -> bool:
    first, middle, last = own[0], own[1:8], own[8]
    if first.isdigit() or first in "XYZ":
        # A person: of a foreigner, X, Y and Z stand for 0, 1 and 2.
        number = first if first.isdigit() else str("XYZ".index(first))
        return last == LETTERS_OF_PERSONS[int(number + middle) % 23]
    if first in "KLM":
        return last == LETTERS_OF_PERSONS[int(middle) % 23]
    total = 0
    for index, digit in enumerate(middle):
        doubled = int(digit) * (2 - index % 2)
        total += doubled // 10 + doubled % 10
    check = -total % 10
    # Some kinds of company have a digit, some a letter, and some either.
    digits = "" if first in "NPQRSW" else str(check)
    letters = "" if first in "ABEH" else "JABCDEFGHI"[check]
    return last in digits + letters


def _finland(own: str) -> bool:
    return _weighted(own, [7, 9, 10, 5, 8, 4, 2, 1]) % 11 == 0


def _france(own: str) -> bool:
    key, siren = own[:2], own[2:]
    # Monaco's numbers are no French companies'.
    if not key.isdigit():
        return True
    return int(key) == (12 + 3 * (int(siren) % 97)) % 97 and (siren.startswith("000") or _luhn(siren))


def _hungary(own: str) -> bool:
    return _weighted(own, [9, 7, 3, 1, 9, 7, 3, 1]) % 10 == 0


def _ireland(own: str) -> bool:
    if not own[1].isdigit():
        # The form until 2013: the second place becomes the first digit.
        own = "0" + own[2:7] + own[0] + own[7]
    second = "WABCDEFGHI".index(own[8]) if len(own) > 8 else 0
    return own[7] == "WABCDEFGHIJKLMNOPQRSTUV"[(_weighted(own[:7], [8, 7, 6, 5, 4, 3, 2]) + 9 * second) % 23]


def _italy(own: str) -> bool:
    return own[:7] != "0000000" and _luhn(own)


def _luxembourg(own: str) -> bool:
    return int(own[6:]) == int(own[:6]) % 89


def _netherlands(own: str) -> bool:
    # Companies have a check digit of their own, persons one over the whole number.
    check = _weighted(own[:8], [9, 8, 7, 6, 5, 4, 3, 2]) % 11
    whole = "".join(str(int(letter, 36)) for letter in "NL" + own)
    return check == int(own[8]) or int(whole) % 97 == 1


def _poland(own: str) -> bool:
    return _weighted(own[:9], [6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 == int(own[9])


def _portugal(own: str) -> bool:
    return int(own[8]) == (11 - _weighted(own[:8], [9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 11 % 10


def _sweden(own: str) -> bool:
    return _luhn(own[:10])


def _slovenia(own: str) -> bool:
    check = 11 - _weighted(own[:7], [8, 7, 6, 5, 4, 3, 2]) % 11
    return check != 11 and int(own[7]) == check % 10


def _slovakia(own: str) -> bool:
    return int(own) % 11 == 0


# What stands after the code of each country, and whether its check digits are right: None where
# only the form is known.
FORMS: dict[str, tuple[str, Callable[[str], bool] | None]] = {
    "AT": (r"U\d{8}", _austria),
    "BE": (r"[01]\d{9}", _belgium),
    "BG": (r"\d{9,10}", None),
    "CY": (r"\d{8}[A-Z]", None),
    "CZ": (r"\d{8,10}", None),
    "DE": (r"[1-9]\d{8}", _germany),
    "DK": (r"[1-9]\d{7}", _denmark),
    "EE": (r"\d{9}", _estonia),
    "EL": (r"\d{9}", _greece),
    "ES": (r"[A-Z]\d{7}[A-Z\d]|\d{8}[A-Z]", _spain),
    "FI": (r"\d{8}", _finland),
    "FR": (r"[A-HJ-NP-Z\d]{2}\d{9}", _france),
    "HR": (r"\d{11}", None),
    "HU": (r"\d{8}", _hungary),
    "IE": (r"\d[A-Z+*\d]\d{5}[A-W]|\d{7}[A-W][A-I]", _ireland),
    "IT": (r"\d{11}", _italy),
    "LT": (r"\d{9}|\d{12}", None),
    "LU": (r"\d{8}", _luxembourg),
    "LV": (r"\d{11}", None),
    "MT": (r"\d{8}", None),
    "NL": (r"\d{9}B\d{2}", _netherlands),
    "PL": (r"\d{10}", _poland),
    "PT": (r"\d{9}", _portugal),
    "RO": (r"[1-9]\d{1,9}", None),
    "SE": (r"\d{10}01", _sweden),
    "SI": (r"[1-9]\d{7}", _slovenia),
    "SK": (r"[1-9]\d[2-47-9]\d{7}", _slovakia),
}
