//! The routes of accounts and their entries.

use std::rc::Rc;

use wares_module_kit::prelude::*;

use crate::model::{CUSTOMER_ID, ENTRY, FILTERS, LOYALTY};
use crate::rules;
use crate::tiers::Tiers;
use crate::{accounts, customers};

const ACCOUNT: (&str, &Entity) = ("loyalty", &LOYALTY);
const ONE: (&str, &Entity) = ("loyalty_entry", &ENTRY);
const LIST: (&str, &Filters) = ("loyalty_entries", &FILTERS);
const TAG: &str = "Loyalty";

/// The module.
pub struct Loyalty {
    pub store: SqlStore<Database>,
    pub tiers: Tiers,
}

fn retrieve(loyalty: &Loyalty, request: Request<'_>) -> Answer {
    let id = request.segment(0);
    let shown = parameters::fields(&LOYALTY, request.query, &Selection::shown(&LOYALTY))?;
    customers::check(id)?;
    let points = accounts::points(&loyalty.store.0, &[id])?;
    let points = points.get(id).copied().unwrap_or_default();
    let account = [
        Cell::Text(id),
        Cell::Text(loyalty.tiers.of(points)),
        Cell::Integer(points),
    ];
    exchange::one(
        &loyalty.store,
        request,
        ACCOUNT,
        &shown,
        Records::row(&account),
    )
}

fn list(loyalty: &Loyalty, request: Request<'_>) -> Answer {
    let (id, shown) = (request.segment(0), Selection::shown(&ENTRY));
    let query = request.query;
    let mut asked = parameters::list(&FILTERS, query, request.extended, Paging::MEDUSA, &shown)?;
    customers::check(id)?;
    let of_customer = Filter::Compare(CUSTOMER_ID, Comparison::Equal, id.to_owned());
    asked.search.filter = Filter::All(vec![of_customer, asked.search.filter]);
    exchange::list(
        &loyalty.store,
        request,
        (LIST.0, &ENTRY),
        &asked,
        |search, columns| Ok(loyalty.store.search(&ENTRY, search, columns)?),
    )
}

fn add(loyalty: &Loyalty, request: Request<'_>) -> Answer {
    let new = request.read(rules::read)?;
    let customer = request.segment(0);
    let shown = parameters::fields(&ENTRY, request.query, &Selection::shown(&ENTRY))?;
    // Before the transaction: another component answers it, and writers wait for one another.
    customers::check(customer)?;
    let transaction = loyalty.store.begin()?;
    let id = accounts::add(&transaction, customer, &new, request.actor)?;
    transaction.emit("loyalty-entry.created", &id)?;
    let kept = transaction.find(&ENTRY, &id)?;
    let answer = exchange::prepare(&transaction, request, ONE, &shown, kept)?;
    transaction.commit()?;
    Ok(answer.written())
}

impl Module for Loyalty {
    type Domain = Self;
    type Settings = Tiers;

    const NAME: &'static str = "loyalty";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");
    const ENTITIES: &'static [&'static Entity] = &[&LOYALTY, &ENTRY];
    const MIGRATIONS: &'static [Migration] = &[Migration {
        name: "0001_account",
        statements: include_str!("0001_account.sql"),
    }];

    fn routes() -> &'static [Route<Self, Tiers>] {
        const {
            &[
                Route {
                    method: Method::Get,
                    path: "/admin/loyalty/{customer_id}",
                    id: "RetrieveLoyalty",
                    handler: retrieve,
                    declaration: Declaration::one(TAG, "Retrieve a customer's points", ACCOUNT),
                },
                Route {
                    method: Method::Get,
                    path: "/admin/loyalty/{customer_id}/entries",
                    id: "ListLoyaltyEntries",
                    handler: list,
                    declaration: Declaration::list(TAG, "List a customer's entries", LIST),
                },
                Route {
                    method: Method::Post,
                    path: "/admin/loyalty/{customer_id}/entries",
                    id: "CreateLoyaltyEntry",
                    handler: add,
                    declaration: Declaration::one(TAG, "Give a customer points, or take some", ONE)
                        .with_body(|body, _| drop(rules::read(body))),
                },
            ]
        }
    }

    fn faults(settings: &[(String, String)]) -> Vec<String> {
        let fault = |(key, value): &(String, String)| match &**key {
            "tiers" => Tiers::parse(value)
                .err()
                .map(|fault| format!("tiers: {fault}")),
            _ => Some(format!("{key}: there is no such setting; there is tiers")),
        };
        settings.iter().filter_map(fault).collect()
    }

    fn settings(values: &[(String, String)]) -> Tiers {
        let tiers = values.iter().find(|(key, _)| key == "tiers");
        tiers
            .and_then(|(_, value)| Tiers::parse(value).ok())
            .unwrap_or_default()
    }

    fn domain(tiers: Tiers, _: Rc<Caller>) -> Self {
        Self {
            store: SqlStore(Database),
            tiers,
        }
    }
}
