from unittest import TestCase

from claims import Claim, settled


class Claims(TestCase):
    def test_a_customer_who_was_made_gets_the_number_of_the_last_try(self):
        first, other, last = Claim(1, "A", "10:00", "cus_1"), Claim(2, "B", "10:01", "cus_2"), Claim(3, "C", "10:02", "cus_1")
        self.assertEqual(settled([first, other, last], "09:59"), ([last, other], [first]))

    def test_a_claim_that_nobody_was_made_for_is_dropped_once_its_request_has_ended(self):
        claim = Claim(1, "A", "10:00", None)
        self.assertEqual(settled([claim], "10:00"), ([], []))
        self.assertEqual(settled([claim], "10:01"), ([], [claim]))
        self.assertEqual(settled([], "10:01"), ([], []))
