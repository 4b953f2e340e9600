//! Query parameters of each route, read into what a store is asked. One parser
//! for all lists, driven by a table of what may be filtered.

mod by_name;
mod elsewhere;
pub mod reader;

use crate::entity::{Entity, Relation};
use crate::extended::Extended;
use crate::fault::Fault;
use crate::filter::{BY_ID, Filter, Search};
use crate::issue::Issue;

use super::fields::Selection;
use super::query;
use reader::Reader;

pub use by_name::Parameters;

/// Words of `q`.
const WORDS_MAX: usize = 32;
/// The text that stands for SQL's NULL.
const NULL: &str = "null";

/// What may be filtered by, and how.
#[derive(Clone, Copy)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub accepts: Accepts,
}

/// The type of a parameter.
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
    Related(&'static Relation, &'static [Parameter]),
}

impl Parameter {
    /// A text, or several.
    pub const fn exact(name: &'static str) -> Self {
        Self::of(name, Accepts::Exact)
    }

    /// The same, or operators.
    pub const fn operators(name: &'static str) -> Self {
        Self::of(name, Accepts::Operators)
    }

    /// `true` or `false`.
    pub const fn flag(name: &'static str) -> Self {
        Self::of(name, Accepts::Flag)
    }

    /// A time, several, or operators.
    pub const fn times(name: &'static str) -> Self {
        Self::of(name, Accepts::Times)
    }

    /// Ids of what is tied by this relation, or these filters of that.
    pub const fn related(relation: &'static Relation, filters: &'static [Self]) -> Self {
        Self::of(relation.name, Accepts::Related(relation, filters))
    }

    const fn of(name: &'static str, accepts: Accepts) -> Self {
        Self { name, accepts }
    }
}

/// The filters of a list of an entity.
pub struct Filters {
    /// The entity.
    pub entity: &'static Entity,
    /// By what.
    pub parameters: &'static [Parameter],
    /// Whether `$and` and `$or` are taken.
    pub logic: bool,
}

/// How many things a list returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging {
    /// At most, where it is not said.
    pub limit_default: u64,
    /// The most that it may be asked for.
    pub limit_max: u64,
}

impl Paging {
    /// As most of Medusa's lists have it.
    pub const MEDUSA: Self = Self {
        limit_default: 50,
        limit_max: 10_000,
    };
}

/// The query of a list.
pub struct List {
    /// The filter, the order and the page.
    pub search: Search,
    /// The shown fields.
    pub selection: Selection,
}

/// Reads the parameters of a list. `defaults` is what is shown without `fields`; a
/// filter that is not the module's may be one that another component provides.
///
/// # Errors
/// When a parameter is wrong or not known.
pub fn list(
    filters: &Filters,
    query: &str,
    extended: &dyn Extended,
    paging: Paging,
    defaults: &Selection,
) -> Result<List, Fault> {
    let tree = query::parse(query).map_err(Fault::Invalid)?;
    let mut reader = Reader::default();
    let (mut conditions, mut order) = (Vec::new(), BY_ID);
    let (mut offset, mut limit) = (0, paging.limit_default);
    let mut fields = None;
    for (name, value) in &tree {
        match name.as_str() {
            "offset" => offset = reader.number("offset", value, u64::MAX >> 1).unwrap_or(0),
            "limit" => limit = reader.number("limit", value, paging.limit_max).unwrap_or(0),
            "fields" => fields = reader.text("fields", value),
            "q" => {
                let text = reader.text("q", value).unwrap_or_default();
                if text.split_whitespace().count() > WORDS_MAX {
                    reader.issues.wrong(
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
                None => {
                    let found = elsewhere::filter(filters.entity, name, value, extended);
                    match found {
                        Ok(Some(filter)) => conditions.push(filter),
                        Ok(None) => reader.issues.unknown(name),
                        Err(text) => reader.issues.add(Issue::wrong("", text)),
                    }
                }
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
pub fn fields(
    entity: &'static Entity,
    query: &str,
    defaults: &Selection,
) -> Result<Selection, Fault> {
    let fields = Parameters::read(query, |parameters| parameters.text("fields"))?;
    select(entity, fields.as_deref(), defaults)
}

/// Reads the value of `fields`. `defaults` is what is shown without it.
///
/// # Errors
/// When it names what no column can be called.
pub fn select(
    entity: &'static Entity,
    fields: Option<&str>,
    defaults: &Selection,
) -> Result<Selection, Fault> {
    Selection::parse(entity, fields, &Selection::shown(entity), defaults).map_err(Fault::Invalid)
}
