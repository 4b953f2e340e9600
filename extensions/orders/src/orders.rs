//! The routes of orders, and the statements that write them.

use std::rc::Rc;

use wares_module_kit::prelude::*;

use crate::customers;
use crate::model::{FILTERS, LINE, ORDER, shown};
use crate::rules::{self, NewLine, NewOrder};

const INSERT_ORDER: &str = "
    insert into \"order\" (id, display_id, status, customer_id, email, currency_code, total, metadata, created_at,
        updated_at, search_text)
    values ($1, (select coalesce(max(display_id), 0) + 1 from \"order\"), 'pending', $2, $3, $4, $5, $6, $7, $7,
        casefold($8))";
const INSERT_LINE: &str = "
    insert into order_line_item (id, order_id, title, subtitle, variant_sku, unit_price, quantity, total, metadata,
        created_at, updated_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)";
const CANCEL: &str = "
    update \"order\" set status = 'canceled', canceled_at = $2, updated_at = $2
    where id = $1 and status = 'pending' and deleted_at is null";

const LIST: (&str, &Filters) = ("orders", &FILTERS);
const ONE: (&str, &Entity) = ("order", &ORDER);
const TAG: &str = "Orders";
/// As Medusa has it for orders.
const PAGING: Paging = Paging {
    limit_default: 15,
    ..Paging::MEDUSA
};

type Writes = SqlTransaction<wares_module_kit::component::Open>;

/// The module.
pub struct Orders(pub SqlStore<Database>);

fn list(orders: &Orders, request: Request<'_>) -> Answer {
    let asked = parameters::list(&FILTERS, request.query, request.extended, PAGING, &shown())?;
    exchange::list(
        &orders.0,
        request,
        (LIST.0, &ORDER),
        &asked,
        |search, columns| Ok(orders.0.search(&ORDER, search, columns)?),
    )
}

fn retrieve(orders: &Orders, request: Request<'_>) -> Answer {
    let selection = parameters::fields(&ORDER, request.query, &shown())?;
    let found = find(&orders.0, request.segment(0))?;
    exchange::one(&orders.0, request, ONE, &selection, found)
}

fn create(orders: &Orders, request: Request<'_>) -> Answer {
    let new = request.read(rules::read)?;
    let selection = parameters::fields(&ORDER, request.query, &shown())?;
    // Before the transaction: another component answers it, and writers wait for one another.
    let customer = customers::retrieve(&new.customer_id)?;
    let Some(email) = new.email.clone().or(customer.email) else {
        let text = "Field 'email' is required: the customer has none";
        return Err(Fault::Invalid(text.to_owned()));
    };
    let transaction = orders.0.begin()?;
    let id = insert(&transaction, &new, &email)?;
    transaction.emit("order.placed", &id)?;
    let kept = find(&transaction, &id)?;
    let answer = exchange::prepare(&transaction, request, ONE, &selection, kept)?;
    transaction.commit()?;
    Ok(answer.written())
}

fn cancel(orders: &Orders, request: Request<'_>) -> Answer {
    request.read(|_| ())?;
    let selection = parameters::fields(&ORDER, request.query, &shown())?;
    let (id, now) = (request.segment(0), clock::now());
    let transaction = orders.0.begin()?;
    let canceled = transaction.execute(CANCEL, &[Cell::Text(id), Cell::Text(&now)])?;
    let kept = find(&transaction, id)?;
    if canceled == 0 {
        return Err(Fault::Invalid(format!("Order {id} is canceled already")));
    }
    transaction.emit("order.canceled", id)?;
    let answer = exchange::prepare(&transaction, request, ONE, &selection, kept)?;
    transaction.commit()?;
    Ok(answer.written())
}

fn find(reads: &impl Read, id: &str) -> Result<Records, Fault> {
    must_find(reads, &ORDER, id, || {
        Fault::NotFound(format!("Order id not found: {id}"))
    })
}

/// Writes an order with its lines; returns its id.
fn insert(transaction: &Writes, new: &NewOrder, email: &str) -> Result<String, Fault> {
    let (id, now) = (ids::new("order_"), clock::now());
    let order = [
        Cell::Text(&id),
        Cell::Text(&new.customer_id),
        Cell::Text(email),
        Cell::Text(&new.currency_code),
        total(new.total())?,
        metadata(&new.metadata),
        Cell::Text(&now),
        Cell::Text(&new.searched(email)),
    ];
    transaction.execute(INSERT_ORDER, &order)?;
    for line in &new.lines {
        insert_line(transaction, line, (&id, &now))?;
    }
    Ok(id)
}

fn insert_line(transaction: &Writes, line: &NewLine, of: (&str, &str)) -> Result<(), Fault> {
    let (order, now) = of;
    let cells = [
        Cell::Text(&ids::new("ordli_")),
        Cell::Text(order),
        Cell::Text(&line.title),
        Cell::optional(line.subtitle.as_deref()),
        Cell::optional(line.variant_sku.as_deref()),
        Cell::Integer(line.unit_price),
        Cell::Integer(line.quantity),
        total(line.total())?,
        metadata(&line.metadata),
        Cell::Text(now),
    ];
    transaction.execute(INSERT_LINE, &cells)?;
    Ok(())
}

/// A total, which the rules have checked.
fn total(total: Option<i64>) -> Result<Cell<'static>, Fault> {
    let total = total.ok_or_else(|| Fault::Internal("a total is too large".to_owned()))?;
    Ok(Cell::Integer(total))
}

fn metadata(metadata: &Option<Metadata>) -> Cell<'_> {
    Cell::optional(metadata.as_ref().map(Metadata::text))
}

impl Module for Orders {
    type Domain = Self;
    type Settings = ();

    const NAME: &'static str = "orders";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");
    const ENTITIES: &'static [&'static Entity] = &[&ORDER, &LINE];
    const MIGRATIONS: &'static [Migration] = &[Migration {
        name: "0001_order",
        statements: include_str!("0001_order.sql"),
    }];

    fn routes() -> &'static [Route<Self, ()>] {
        const {
            &[
                Route {
                    method: Method::Get,
                    path: "/admin/orders",
                    id: "ListOrders",
                    handler: list,
                    declaration: Declaration::list(TAG, "List orders", LIST),
                },
                Route {
                    method: Method::Post,
                    path: "/admin/orders",
                    id: "CreateOrder",
                    handler: create,
                    declaration: Declaration::one(TAG, "Place an order of a customer", ONE)
                        .with_body(|body, ()| drop(rules::read(body))),
                },
                Route {
                    method: Method::Get,
                    path: "/admin/orders/{id}",
                    id: "RetrieveOrder",
                    handler: retrieve,
                    declaration: Declaration::one(TAG, "Retrieve an order", ONE),
                },
                Route {
                    method: Method::Post,
                    path: "/admin/orders/{id}/cancel",
                    id: "CancelOrder",
                    handler: cancel,
                    declaration: Declaration::one(TAG, "Cancel an order", ONE),
                },
            ]
        }
    }

    fn paging((): ()) -> Paging {
        PAGING
    }

    fn domain((): (), _: Rc<Caller>) -> Self {
        Self(SqlStore(Database))
    }
}
