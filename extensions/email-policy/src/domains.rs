//! The domains that are refused: their table, and the routes that edit it.

use std::rc::Rc;

use wares_module_kit::prelude::*;
use wares_module_kit::sql::Queries;

use crate::rules;

static DOMAIN: Entity = Entity {
    name: "EmailDomain",
    columns: &[
        Column::key("id"),
        Column::key("domain"),
        Column::text("created_by"),
        Column::time("created_at"),
        Column::time("updated_at"),
        Column::DELETED_AT,
    ],
    shown: 6,
    nested: &[0, 1, 2, 3, 4, 5],
    relations: &[],
    table: Table::plain(
        "email_domain",
        "d",
        "d.id, d.domain, d.created_by, d.created_at, d.updated_at, d.deleted_at",
    ),
};

static FILTERS: Filters = Filters {
    entity: &DOMAIN,
    parameters: &[
        Parameter::operators("id"),
        Parameter::exact("domain"),
        Parameter::times("created_at"),
    ],
    logic: true,
};

const INSERT: &str = "
    insert into email_domain (id, domain, created_by, created_at, updated_at, search_text)
    values ($1, $2, $3, $4, $5, casefold($2))";
const DELETE: &str = "delete from email_domain where id = $1";

const LIST: (&str, &Filters) = ("email_domains", &FILTERS);
const ONE: (&str, &Entity) = ("email_domain", &DOMAIN);
const TAG: &str = "Email policy";

/// The extension.
pub struct EmailPolicy(SqlStore<Database>);

fn read(body: &mut Body) -> String {
    let domain = body.name("domain").unwrap_or_default();
    let domain = rules::normal(&domain);
    if domain.is_empty() {
        body.issues.rules(vec![Issue::required("domain")]);
    } else if !rules::is_domain(&domain) {
        let text = "Field 'domain' must be a domain, like mailinator.com".to_owned();
        body.issues.rules(vec![Issue::wrong("domain", text)]);
    }
    domain
}

fn list(policy: &EmailPolicy, request: Request<'_>) -> Answer {
    exchange::search(&policy.0, request, LIST, Paging::MEDUSA)
}

fn create(policy: &EmailPolicy, request: Request<'_>) -> Answer {
    let domain = request.read(read)?;
    let shown = parameters::fields(&DOMAIN, request.query, &Selection::shown(&DOMAIN))?;
    let (id, now) = (ids::new("edom_"), clock::now());
    let row = [
        Cell::Text(&id),
        Cell::Text(&domain),
        Cell::optional(request.actor),
        Cell::Text(&now),
        Cell::Text(&now),
        Cell::Null,
    ];
    let transaction = policy.0.begin()?;
    let taken = || format!("Email domain with domain: {domain}, already exists.");
    transaction
        .execute(INSERT, &row[..5])
        .map_err(|error| error.or_taken(taken))?;
    let answer = exchange::prepare(&transaction, request, ONE, &shown, Records::row(&row))?;
    transaction.commit()?;
    Ok(answer.written())
}

fn delete(policy: &EmailPolicy, request: Request<'_>) -> Answer {
    let id = request.segment(0);
    let transaction = policy.0.begin()?;
    transaction.execute(DELETE, &[Cell::Text(id)])?;
    transaction.commit()?;
    Ok(exchange::deleted(id, "email_domain"))
}

/// The nearest of these domains that is refused.
pub fn refused(domains: &[String]) -> Result<Option<String>, String> {
    if domains.is_empty() {
        return Ok(None);
    }
    let names: Vec<String> = (1..=domains.len())
        .map(|number| format!("${number}"))
        .collect();
    let statement = format!(
        "select domain from email_domain where domain in ({}) and deleted_at is null \
         order by length(domain) desc limit 1",
        names.join(", ")
    );
    let cells: Vec<Cell<'_>> = domains.iter().map(|domain| Cell::Text(domain)).collect();
    let found = Database
        .query(&statement, &cells)
        .map_err(|error| format!("the domains cannot be read: {error:?}"))?;
    Ok(if found.is_empty() {
        None
    } else {
        found.string(0, 0)
    })
}

impl Module for EmailPolicy {
    type Domain = Self;
    type Settings = ();

    const NAME: &'static str = "email-policy";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");
    const ENTITIES: &'static [&'static Entity] = &[&DOMAIN];
    const MIGRATIONS: &'static [Migration] = &[Migration {
        name: "0001_domain",
        statements: include_str!("0001_domain.sql"),
    }];

    fn routes() -> &'static [Route<Self, ()>] {
        const {
            &[
                Route {
                    method: Method::Get,
                    path: "/admin/email-domains",
                    id: "ListEmailDomains",
                    handler: list,
                    declaration: Declaration::list(TAG, "List refused email domains", LIST),
                },
                Route {
                    method: Method::Post,
                    path: "/admin/email-domains",
                    id: "CreateEmailDomain",
                    handler: create,
                    declaration: Declaration::one(TAG, "Refuse an email domain", ONE)
                        .with_body(|body, ()| drop(read(body))),
                },
                Route {
                    method: Method::Delete,
                    path: "/admin/email-domains/{id}",
                    id: "DeleteEmailDomain",
                    handler: delete,
                    declaration: Declaration::deleted(
                        TAG,
                        "Accept an email domain again",
                        "email_domain",
                        None,
                    ),
                },
            ]
        }
    }

    fn faults(settings: &[(String, String)]) -> Vec<String> {
        let settings = settings.iter();
        settings
            .filter_map(|(key, value)| match &**key {
                "allow" => rules::list(value)
                    .err()
                    .map(|domain| format!("allow: '{domain}' is no domain")),
                _ => Some(format!("{key}: there is no such setting; there is allow")),
            })
            .collect()
    }

    fn domain((): (), _: Rc<Caller>) -> Self {
        Self(SqlStore(Database))
    }
}
