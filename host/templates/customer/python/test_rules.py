from unittest import TestCase

from rules import faults, is_of, tidy


class Rules(TestCase):
    def test_names_are_tidied(self):
        self.assertEqual(tidy("  Ann \t Maria "), "Ann Maria")
        self.assertEqual(tidy("Ann"), "Ann")
        self.assertEqual(tidy(" "), "")

    def test_an_address_is_of_its_own_domain_alone(self):
        self.assertTrue(is_of("ann@Spam.example", "spam.EXAMPLE"))
        self.assertFalse(is_of("ann@not-spam.example", "spam.example"))
        self.assertFalse(is_of("spam.example", "spam.example"))

    def test_unknown_settings_are_named(self):
        self.assertEqual(faults({"refused_domain": "spam.example"}), [])
        self.assertEqual(
            faults({"refuse": "spam.example"}),
            ["refuse: there is no such setting; there is refused_domain"],
        )
