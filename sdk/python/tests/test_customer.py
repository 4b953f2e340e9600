from dataclasses import make_dataclass
from unittest import TestCase

from . import host
from wares import Rejected
from wares.customer import CustomerHooks, edit
from wares.guard import Failed

Customer = make_dataclass("NewCustomer", ["email", "first_name", "last_name", "phone"])
Update = make_dataclass("CustomerUpdate", ["id", "changes"])
FirstName = make_dataclass("CustomerChange_FirstName", ["value"])
LastName = make_dataclass("CustomerChange_LastName", ["value"])
Email = make_dataclass("CustomerChange_Email", ["value"])
Address1 = make_dataclass("AddressChange_Address1", ["value"])


class Hooks(CustomerHooks):
    def before_create_customer(self, context, value):
        raise Rejected("No", field="email")

    def before_delete_customer(self, context, value):
        raise ValueError("x")

    def before_delete_group(self, context, value):
        raise host.Err("of another function")


class CustomerHooksAndFields(TestCase):
    def test_hooks_that_are_left_out_change_nothing(self):
        hooks = [name for name in dir(Hooks) if name.startswith("before_")]
        self.assertEqual(len(hooks), 11)
        self.assertEqual(Hooks().before_update_customer(None, "value"), "value")

    def test_a_rejection_is_the_error_of_the_hook_and_all_else_is_a_failure(self):
        with self.assertRaises(host.Err) as raised:
            Hooks().before_create_customer(None, None)
        rejection = raised.exception.value
        self.assertEqual((rejection.message, rejection.field, rejection.code), ("No", "email", None))
        with self.assertRaises(Failed):
            Hooks().before_delete_customer(None, "cus_1")
        with self.assertRaisesRegex(Failed, "of another function"):
            Hooks().before_delete_group(None, "cusgroup_1")

    def test_a_hook_that_does_not_exist_is_named(self):
        with self.assertRaisesRegex(TypeError, "^there is no hook before_create_customr$"):
            type("Typo", (CustomerHooks,), {"before_create_customr": lambda self, context, value: value})

    def test_fields_of_what_is_made_and_of_what_is_changed_are_edited_alike(self):
        seen = []
        edits = {"first_name": str.strip, "email": seen.append, "address1": str.upper, "missing": str.upper}
        made = Customer("a@b.example", " Ann ", " Doe ", None)
        self.assertIs(edit(made, edits), made)
        self.assertEqual(made, Customer("a@b.example", "Ann", " Doe ", None))
        changes = [FirstName(" Ann "), LastName(" Doe "), Email(None), Email("c@d.example"), Address1("a")]
        edit(Update("cus_1", changes), edits)
        self.assertEqual([change.value for change in changes], ["Ann", " Doe ", None, "c@d.example", "A"])
        self.assertEqual(seen, ["a@b.example", "c@d.example"])
