//! A list reads the columns that it shows, and no other: what is stored beside them,
//! a MiB of metadata say, costs it nothing.

use std::cell::RefCell;

use wares_module_kit::http::budget::Budget;
use wares_module_kit::http::exchange::Request;
use wares_module_kit::http::route::Method;
use wares_module_kit::records::Records;
use wares_module_kit::sql::SqlError;

use super::native::{Native, NativeTransaction};
use super::*;

/// A database that keeps the statements that read.
struct Heard {
    native: Native,
    statements: RefCell<Vec<String>>,
}

impl Queries for Heard {
    fn query(&self, statement: &str, parameters: &[Cell<'_>]) -> Result<Records, SqlError> {
        self.statements.borrow_mut().push(statement.to_owned());
        self.native.query(statement, parameters)
    }
}

impl Connection for Heard {
    type Open<'a> = NativeTransaction<'a>;

    fn begin(&self) -> Result<NativeTransaction<'_>, SqlError> {
        self.native.begin()
    }
}

#[test]
fn a_list_reads_the_columns_that_it_shows() {
    let (domain, customers, _) = fill(SqlStore(Heard {
        native: Native::new(),
        statements: RefCell::default(),
    }));
    let selected = |path: &str, query: &str| {
        domain.store.0.statements.borrow_mut().clear();
        let route = Domain::<SqlStore<Heard>, NoHooks>::ROUTES
            .iter()
            .position(|route| route.method == Method::Get && route.path == path);
        let request = Request {
            path: &customers[..1],
            query,
            body: b"",
            actor: None,
            budget: Budget::default(),
            extended: &(),
        };
        let (response, _) = domain.handle(route.unwrap(), request);
        assert_eq!(response.status, 200, "{path}?{query}");
        // The columns that each statement reads, up to its table.
        let statements = domain.store.0.statements.borrow();
        let parts = statements.iter().map(|statement| {
            let columns = statement.trim_start().strip_prefix("select ").unwrap();
            columns.split(" from ").next().unwrap().to_owned()
        });
        parts.collect::<Vec<_>>()
    };
    let nulls = |columns: &[&str], count: usize| {
        let mut columns = columns.to_vec();
        columns.resize(count, "null");
        columns.join(", ")
    };
    let list = "/admin/customers";
    assert_eq!(
        selected(list, "fields=id&limit=1000"),
        [nulls(&["c.id"], 12)]
    );
    assert_eq!(
        selected(
            list,
            "fields=company_name,groups.name,addresses.city&limit=1000"
        ),
        [
            nulls(&["c.id", "c.company_name"], 12),
            nulls(&["link.customer_id", "g.id", "g.name"], 8),
            nulls(
                &[
                    "a.customer_id",
                    "a.id",
                    "null",
                    "null",
                    "null",
                    "null",
                    "null",
                    "null",
                    "null",
                    "a.city"
                ],
                20
            ),
        ]
    );
    // Columns of filters and order are not read either.
    assert_eq!(
        selected(
            list,
            "fields=id&order=-email&q=ann&groups[name]=VIP&limit=1000"
        ),
        [nulls(&["c.id"], 12)]
    );
    assert_eq!(
        selected(
            "/admin/customer-groups",
            "fields=name,customers.id&limit=1000"
        ),
        [
            nulls(&["g.id", "g.name"], 7),
            nulls(&["link.customer_group_id", "c.id"], 13),
        ]
    );
    let addresses = selected("/admin/customers/{id}/addresses", "fields=id&limit=1000");
    assert_eq!(addresses.last(), Some(&nulls(&["a.id"], 19)));
    // Nothing is counted by reading it.
    assert_eq!(
        selected(list, "fields=id&limit=1&first_name=Ann&offset=0"),
        [nulls(&["c.id"], 12), "count(*)".to_owned()]
    );
    assert_eq!(
        selected(list, "limit=1000"),
        [customers::COLUMNS.to_owned()]
    );
}
