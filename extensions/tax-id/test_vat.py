from unittest import TestCase

from vat import FORMS, InvalidNumber, parse

# Numbers that are in public use, and the ones of the examples of the countries' authorities.
VALID = [
    "ATU13585627",
    "BE0428759497",
    "DE136695976",
    "DK13585628",
    "EE100931558",
    "EL094259216",
    "ESA13585625",
    "ESJ99216582",
    "ES54362315K",
    "ESX2482300W",
    "FI20774740",
    "FR40303265045",
    "FR23334175221",
    "HU12892312",
    "IE6433435F",
    "IE6433435OA",
    "IE8D79739I",
    "IT00743110157",
    "LU15027442",
    "NL004495445B01",
    "NL000099998B57",
    "PL8567346215",
    "PT501964843",
    "SE123456789701",
    "SI50223054",
    "SK2022749619",
]


def code(text: str) -> str:
    try:
        parse(text)
    except InvalidNumber as raised:
        return raised.code
    return "valid"


class VatNumbers(TestCase):
    def test_numbers_of_each_country_are_taken(self):
        for number in VALID:
            self.assertEqual(code(number), "valid", number)

    def test_a_number_with_another_digit_is_refused(self):
        for number in VALID:
            # The last digit, which is not part of what follows a check digit.
            at = {"NL": 8, "SE": 11}.get(number[:2], max(i for i, letter in enumerate(number) if letter.isdigit()))
            for digit in "0123456789":
                other = number[:at] + digit + number[at + 1 :]
                if other != number:
                    self.assertNotEqual(code(other), "valid", other)

    def test_spaces_and_signs_and_small_letters_are_left_out(self):
        self.assertEqual(parse(" de 136.695-976 "), "DE136695976")
        self.assertEqual(parse("GR 094259216"), "EL094259216")

    def test_the_reason_is_told(self):
        for text, wanted in [
            ("", "unknown_country"),
            ("136695976", "unknown_country"),
            ("GB123456789", "unknown_country"),
            ("DE13669597", "invalid_format"),
            ("DE036695976", "invalid_format"),
            ("DE13669597A", "invalid_format"),
            ("DE１３６６９５９７６", "invalid_format"),
            ("DE136695977", "invalid_check_digit"),
        ]:
            self.assertEqual(code(text), wanted, text)

    def test_of_some_countries_only_the_form_is_known(self):
        unchecked = [country for country, (_, checked) in FORMS.items() if checked is None]
        self.assertEqual(unchecked, ["BG", "CY", "CZ", "HR", "LT", "LV", "MT", "RO"])
        self.assertEqual((len(FORMS), code("HR12345678901"), code("HR1")), (27, "valid", "invalid_format"))
