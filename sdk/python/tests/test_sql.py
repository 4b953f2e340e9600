from unittest import TestCase

from . import host
from wares import sql
from wares.events import emit


class Sql(TestCase):
    def setUp(self):
        host.events.clear()
        host.database.execute("drop table if exists t")
        host.database.execute("create table t (id integer primary key, name text unique)")

    def test_rows_are_unpacked_as_tuples_or_by_the_names_of_their_columns(self):
        cells = (None, -1, 2**62, 1.5, "Zoë 😀", b"\1\2", True)
        select = "select $1, $2, $3, $4, $5, $6, $7"
        self.assertEqual(sql.query(select, cells), [(*cells[:6], 1)])
        self.assertEqual(sql.query("select 1, 2", (), ["a", "b"]), [{"a": 1, "b": 2}])
        self.assertEqual(sql.query("select 1 where 0"), [])
        with self.assertRaisesRegex(TypeError, "^there are 1 names for 2 columns: a$"):
            sql.query("select 1, 2", (), ["a"])

    def test_parameters_that_the_host_does_not_take_are_refused_before_it_is_asked(self):
        for parameter, message in [
            (2**63, r"^parameter \$2 has more than 64 bits: 9223372036854775808$"),
            (-(2**63) - 1, "64 bits"),
            ("\ud800", r"^parameter \$2 is a text with half a surrogate pair$"),
            ([1], r"^parameter \$2 is of no type that a database has: list$"),
        ]:
            with self.assertRaisesRegex(TypeError, message):
                sql.execute("insert into t values ($1, $2)", [1, parameter])
        self.assertEqual(sql.query("select -9223372036854775808"), [(-(2**63),)])
        self.assertEqual(sql.query("select $1", [-(2**63)]), [(-(2**63),)])

    def test_an_error_has_its_kind_its_statement_and_the_rule_that_was_broken(self):
        insert = "insert into t (name) values ($1)"
        self.assertEqual(sql.execute(insert, ["a"]), 1)
        with self.assertRaises(sql.SqlError) as raised:
            sql.execute(insert, ["a"])
        error = raised.exception
        self.assertEqual(str(error), f"constraint: unique of t.name, in {insert}")
        self.assertEqual((error.kind, error.constraint.columns), ("constraint", ["t.name"]))
        with self.assertRaisesRegex(sql.SqlError, "^invalid: no such column: nope, in select nope from t$"):
            sql.query("select nope from t")
        host.failing.append(host.ERRORS["Error_Timeout"]())
        with self.assertRaisesRegex(sql.SqlError, "^timeout, in select 1$"):
            sql.query("select 1")

    def test_what_is_worth_trying_again_is_a_503(self):
        for error, message in [
            (host.ERRORS["Error_Busy"](), "Others write at the moment: try again"),
            (host.ERRORS["Error_Unavailable"]("The disk is full"), "The disk is full"),
        ]:
            host.failing.append(error)
            with self.assertRaises(sql.Unavailable) as raised:
                sql.query("select 1")
            problem = raised.exception
            self.assertEqual((problem.status, problem.type, problem.message), (503, "unavailable", message))

    def test_a_transaction_is_committed_at_its_end_with_its_events(self):
        with sql.transaction() as tx:
            [made] = tx.query("insert into t (name) values ('a') returning id", (), ["id"])
            emit(tx, "thing.created", made)
        self.assertEqual(sql.query("select id, name from t"), [(1, "a")])
        self.assertEqual(host.events, [("thing.created", '{"id": 1}')])

    def test_a_transaction_is_rolled_back_by_an_exception_which_goes_on(self):
        with self.assertRaisesRegex(KeyError, "stop"):
            with sql.transaction() as tx:
                tx.execute("insert into t (name) values ('a')")
                raise KeyError("stop")
        self.assertEqual(sql.query("select * from t"), [])

    def test_an_error_of_the_commit_is_an_error_of_the_transaction(self):
        with self.assertRaisesRegex(sql.SqlError, "^limit-exceeded: held, in commit$"):
            with sql.transaction() as tx:
                tx.execute("insert into t (name) values ('a')")
                host.failing.append(host.ERRORS["Error_LimitExceeded"]("held"))
        self.assertEqual(sql.query("select * from t"), [])
