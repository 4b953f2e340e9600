//! Query parameters of each route, read into what a store is asked. One parser
//! for all lists, driven by a table of what may be filtered.

pub mod reader;
#[cfg(test)]
mod tests;

use crate::filter::{BY_ID, Filter, Search};
use crate::model::{Entity, Link};
use crate::settings::Compat;
use crate::types::Fault;

use super::fields::Selection;
use super::query;
use reader::Reader;

/// Words of `q`.
const WORDS_MAX: usize = 32;
/// The text that stands for SQL's NULL.
const NULL: &str = "null";

/// What may be filtered by, and how.
#[derive(Clone, Copy)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub accepts: Accepts,
}

/// What a parameter takes.
#[derive(Clone, Copy)]
pub enum Accepts {
    /// A text, or several.
    Exact,
    /// The same, or operators.
    Operators,
    /// `true` or `false`.
    Flag,
    /// A time, several, or operators.
    Times,
    /// Ids of what is tied to it, or filters of that.
    Related(Link, Entity, &'static [Parameter]),
}

const fn exact(name: &'static str) -> Parameter {
    Parameter {
        name,
        accepts: Accepts::Exact,
    }
}

const fn times(name: &'static str) -> Parameter {
    Parameter {
        name,
        accepts: Accepts::Times,
    }
}

const fn operators(name: &'static str) -> Parameter {
    Parameter {
        name,
        accepts: Accepts::Operators,
    }
}

/// What a list of an entity may be filtered by.
pub struct Filters {
    /// What is filtered.
    pub entity: Entity,
    /// By what.
    pub parameters: &'static [Parameter],
    /// Whether `$and` and `$or` are taken.
    pub logic: bool,
}

const GROUPS_OF_CUSTOMER: [Parameter; 5] = [
    exact("id"),
    exact("name"),
    times("created_at"),
    times("updated_at"),
    times("deleted_at"),
];

const CUSTOMERS_OF_GROUP: [Parameter; 9] = [
    exact("id"),
    exact("company_name"),
    exact("first_name"),
    exact("last_name"),
    exact("created_by"),
    operators("email"),
    times("created_at"),
    times("updated_at"),
    times("deleted_at"),
];

/// Filters of the list of customers.
pub const CUSTOMERS: Filters = Filters {
    entity: Entity::Customer,
    parameters: &[
        operators("id"),
        exact("email"),
        exact("company_name"),
        exact("first_name"),
        exact("last_name"),
        exact("created_by"),
        Parameter {
            name: "has_account",
            accepts: Accepts::Flag,
        },
        Parameter {
            name: "groups",
            accepts: Accepts::Related(Link::GroupsOfCustomers, Entity::Group, &GROUPS_OF_CUSTOMER),
        },
        times("created_at"),
        times("updated_at"),
        times("deleted_at"),
    ],
    logic: true,
};

/// Filters of the list of groups.
pub const GROUPS: Filters = Filters {
    entity: Entity::Group,
    parameters: &[
        exact("id"),
        exact("name"),
        exact("created_by"),
        Parameter {
            name: "customers",
            accepts: Accepts::Related(
                Link::CustomersOfGroups,
                Entity::Customer,
                &CUSTOMERS_OF_GROUP,
            ),
        },
        times("created_at"),
        times("updated_at"),
        times("deleted_at"),
    ],
    logic: true,
};

/// Filters of the list of a customer's addresses.
pub const ADDRESSES: Filters = Filters {
    entity: Entity::Address,
    parameters: &[
        exact("company"),
        exact("city"),
        exact("country_code"),
        exact("province"),
        exact("postal_code"),
    ],
    logic: false,
};

/// What a list is asked for.
pub struct List {
    /// What is looked for.
    pub search: Search,
    /// What is shown of it.
    pub selection: Selection,
}

/// Reads the parameters of a list. `defaults` is what is shown without `fields`.
///
/// # Errors
/// When a parameter is wrong or not known.
pub fn list(
    filters: &Filters,
    query: &str,
    compat: Compat,
    defaults: &Selection,
) -> Result<List, Fault> {
    let tree = query::parse(query).map_err(Fault::Invalid)?;
    let mut reader = Reader::default();
    let (mut conditions, mut order) = (Vec::new(), BY_ID);
    let (mut offset, mut limit) = (0, compat.limit_default());
    let mut fields = None;
    for (name, value) in &tree {
        match name.as_str() {
            "offset" => offset = reader.number("offset", value, u64::MAX >> 1).unwrap_or(0),
            "limit" => {
                limit = reader
                    .number("limit", value, compat.limit_max())
                    .unwrap_or(0)
            }
            "fields" => fields = reader.text("fields", value),
            "q" => {
                let text = reader.text("q", value).unwrap_or_default();
                if text.split_whitespace().count() > WORDS_MAX {
                    reader.issues.add(
                        "q",
                        format!("Field 'q' must have at most {WORDS_MAX} words"),
                    );
                } else if text != NULL {
                    conditions.push(Filter::words(text));
                }
            }
            "order" => {
                if let Some(text) = reader.text("order", value) {
                    order = reader.order(filters.entity, text);
                }
            }
            "with_deleted" => drop(reader.flag("with_deleted", value)),
            "$and" | "$or" if filters.logic => {
                conditions.push(reader.logic(name == "$or", value, filters, 0))
            }
            name => match filters
                .parameters
                .iter()
                .find(|parameter| parameter.name == name)
            {
                Some(parameter) => conditions.push(reader.filter(filters.entity, parameter, value)),
                None => reader.issues.unknown(name),
            },
        }
    }
    reader.issues.check(&[])?;
    let selection = select(filters.entity, fields, defaults)?;
    Ok(List {
        search: Search {
            filter: Filter::All(conditions),
            order,
            offset,
            limit,
        },
        selection,
    })
}

/// Reads the parameters of a route that takes `fields` alone.
///
/// # Errors
/// When a parameter is wrong or not known.
pub fn fields(entity: Entity, query: &str, defaults: &Selection) -> Result<Selection, Fault> {
    let tree = query::parse(query).map_err(Fault::Invalid)?;
    let mut reader = Reader::default();
    let mut fields = None;
    for (name, value) in &tree {
        match name.as_str() {
            "fields" => fields = reader.text("fields", value),
            name => reader.issues.unknown(name),
        }
    }
    reader.issues.check(&[])?;
    select(entity, fields, defaults)
}

fn select(entity: Entity, fields: Option<&str>, defaults: &Selection) -> Result<Selection, Fault> {
    Selection::parse(entity, fields, &Selection::shown(entity), defaults).map_err(Fault::Invalid)
}
