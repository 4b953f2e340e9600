from unittest import TestCase

from rules import faults, greeting


class Rules(TestCase):
    def test_a_person_is_greeted_in_the_words_of_the_settings(self):
        self.assertEqual(greeting(None, " Ann "), "Hello, Ann!")
        self.assertEqual(greeting("Ciao", "Ann"), "Ciao, Ann!")

    def test_unknown_settings_are_named(self):
        self.assertEqual(faults({"word": "Ciao"}), [])
        self.assertEqual(
            faults({"wrod": "Ciao"}),
            ["wrod: there is no such setting; there is word"],
        )
