//! Query parameters of each route, read into what a store is asked. One parser
//! for all lists, driven by a table of what may be filtered.

use crate::clock;
use crate::filter::{BY_ID, Comparison, Filter, Order, Search};
use crate::model::{Entity, Kind, Link};
use crate::types::Fault;

use super::fields::Selection;
use super::issues::Issues;
use super::query::{self, Value};

/// Values of one `in` list.
const VALUES_MAX: usize = 1_000;
/// Words of `q`.
const WORDS_MAX: usize = 32;
/// Branches of one `$and` or `$or`.
const BRANCHES_MAX: usize = 32;
/// Letters of a pattern.
const PATTERN_MAX: usize = 300;
/// The text that stands for SQL's NULL.
const NULL: &str = "null";

/// What may be filtered by, and how.
#[derive(Clone, Copy)]
pub struct Parameter {
    name: &'static str,
    accepts: Accepts,
}

#[derive(Clone, Copy)]
enum Accepts {
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
    entity: Entity,
    parameters: &'static [Parameter],
    /// Whether `$and` and `$or` are taken.
    logic: bool,
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

/// How a list is bounded.
#[derive(Clone, Copy)]
pub struct Limits {
    /// Where it is not said.
    pub default: u64,
    /// The greatest that may be asked for.
    pub max: u64,
}

/// Reads the parameters of a list. `defaults` is what is shown without `fields`.
///
/// # Errors
/// When a parameter is wrong or not known.
pub fn list(
    filters: &Filters,
    query: &str,
    limits: Limits,
    defaults: &Selection,
) -> Result<List, Fault> {
    let tree = query::parse(query).map_err(Fault::Invalid)?;
    let mut reader = Reader {
        issues: Issues::default(),
    };
    let (mut conditions, mut order) = (Vec::new(), BY_ID);
    let (mut offset, mut limit) = (0, limits.default);
    let mut fields = None;
    for (name, value) in &tree {
        match name.as_str() {
            "offset" => offset = reader.number("offset", value, u64::MAX >> 1).unwrap_or(0),
            "limit" => limit = reader.number("limit", value, limits.max).unwrap_or(0),
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
                conditions.push(reader.logic(name == "$or", value, filters))
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
    let mut reader = Reader {
        issues: Issues::default(),
    };
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

struct Reader {
    issues: Issues,
}

impl Reader {
    fn text<'a>(&mut self, field: &'static str, value: &'a Value) -> Option<&'a str> {
        match value {
            Value::Text(text) => Some(text),
            other => {
                self.issues.wrong_type("string", field, &other.show());
                None
            }
        }
    }

    /// A number as JavaScript's `parseInt` reads it, from 0 to `max`.
    fn number(&mut self, field: &'static str, value: &Value, max: u64) -> Option<u64> {
        let number = match value {
            Value::Text(text) => parse_int(text),
            _ => None,
        };
        let Some(number) = number else {
            self.issues.wrong_type("number", field, &value.show());
            return None;
        };
        match u64::try_from(number) {
            Ok(number) if number <= max => Some(number),
            Ok(_) => {
                self.issues.add(
                    field,
                    format!("Field '{field}' must be at most {max}, got: '{number}'"),
                );
                None
            }
            Err(_) => {
                self.issues.add(
                    field,
                    format!("Field '{field}' must be at least 0, got: '{number}'"),
                );
                None
            }
        }
    }

    fn flag(&mut self, field: &'static str, value: &Value) -> Option<bool> {
        match value {
            Value::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Value::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
            _ => {
                self.issues.add(field, "Invalid input".to_owned());
                None
            }
        }
    }

    fn order(&mut self, entity: Entity, text: &str) -> Order {
        let (name, descending) = text
            .strip_prefix('-')
            .map_or((text, false), |name| (name, true));
        let place = entity
            .place(name)
            .filter(|place| entity.columns()[*place].kind != Kind::Json);
        if place.is_none() {
            self.issues.add(
                "order",
                format!("Field 'order' names no field to order by, got: '{text}'"),
            );
        }
        Order {
            column: place.unwrap_or(0),
            descending,
        }
    }

    fn logic(&mut self, any: bool, value: &Value, filters: &Filters) -> Filter {
        let name = if any { "$or" } else { "$and" };
        let Value::List(branches) = value else {
            self.issues.wrong_type("array", name, &value.show());
            return Filter::all();
        };
        if branches.len() > BRANCHES_MAX {
            self.issues.add(
                name,
                format!(
                    "Field '{name}' must have at most {BRANCHES_MAX} values, got: '{}'",
                    branches.len()
                ),
            );
        }
        let mut read = Vec::new();
        for branch in branches {
            match branch {
                Value::Object(pairs) => {
                    read.push(self.nested(filters.entity, filters.parameters, pairs))
                }
                other => self.issues.wrong_type("object", name, &other.show()),
            }
        }
        if any {
            Filter::Any(read)
        } else {
            Filter::All(read)
        }
    }

    /// Filters below another name; those that are not known are passed over, as Medusa does.
    fn nested(
        &mut self,
        entity: Entity,
        parameters: &'static [Parameter],
        pairs: &[(String, Value)],
    ) -> Filter {
        let mut filters = Vec::new();
        for (name, value) in pairs {
            if let Some(parameter) = parameters.iter().find(|parameter| parameter.name == name) {
                filters.push(self.filter(entity, parameter, value));
            }
        }
        Filter::All(filters)
    }

    fn filter(&mut self, entity: Entity, parameter: &'static Parameter, value: &Value) -> Filter {
        let name = parameter.name;
        let column = entity.place(name).unwrap_or(0);
        match (parameter.accepts, value) {
            (Accepts::Flag, value) => self
                .flag(name, value)
                .map_or(Filter::all(), |flag| Filter::Flag(column, flag)),
            (Accepts::Operators, Value::Object(pairs)) => {
                self.operators(name, column, pairs, false)
            }
            (Accepts::Times, Value::Object(pairs)) => self.operators(name, column, pairs, true),
            (Accepts::Times, Value::Text(text)) => self.equals(name, column, text, true),
            (Accepts::Exact | Accepts::Operators, Value::Text(text)) => {
                self.equals(name, column, text, false)
            }
            (Accepts::Times, Value::List(values)) => self.one_of(name, column, values, true),
            (Accepts::Exact | Accepts::Operators, Value::List(values)) => {
                self.one_of(name, column, values, false)
            }
            (Accepts::Exact, Value::Object(_)) => {
                self.issues.wrong_type("string, array", name, &value.show());
                Filter::all()
            }
            (Accepts::Related(link, target, _), Value::Text(text)) if text == NULL => {
                Filter::Unrelated(link, target)
            }
            (Accepts::Related(link, target, parameters), value) => {
                let inner = match value {
                    Value::Text(text) => self.equals(name, 0, text, false),
                    Value::List(values) => self.one_of(name, 0, values, false),
                    Value::Object(pairs) => self.nested(target, parameters, pairs),
                };
                Filter::Related(link, target, Box::new(inner))
            }
        }
    }

    /// A text as it is compared: times in the form in which they are stored.
    fn scalar(&mut self, name: &'static str, text: &str, time: bool) -> String {
        if !time {
            return text.to_owned();
        }
        clock::parse(text).unwrap_or_else(|| {
            self.issues.add(
                name,
                format!("Field '{name}' must be a date, got: '{text}'"),
            );
            String::new()
        })
    }

    fn equals(&mut self, name: &'static str, column: usize, text: &str, time: bool) -> Filter {
        if text == NULL {
            return Filter::Null(column);
        }
        Filter::Compare(column, Comparison::Equal, self.scalar(name, text, time))
    }

    fn one_of(
        &mut self,
        name: &'static str,
        column: usize,
        values: &[Value],
        time: bool,
    ) -> Filter {
        Filter::In(column, self.texts(name, values, time))
    }

    /// The texts of a list. One alone is split at its commas.
    fn texts(&mut self, name: &'static str, values: &[Value], time: bool) -> Vec<String> {
        let mut texts = Vec::new();
        for value in values {
            match value {
                Value::Text(text) if values.len() == 1 => {
                    texts.extend(text.split(',').map(str::to_owned))
                }
                Value::Text(text) => texts.push(text.clone()),
                other => self.issues.wrong_type("string, array", name, &other.show()),
            }
        }
        if texts.len() > VALUES_MAX {
            self.issues.add(
                name,
                format!(
                    "Field '{name}' must have at most {VALUES_MAX} values, got: '{}'",
                    texts.len()
                ),
            );
        }
        // A NULL equals nothing.
        texts.retain(|text| text != NULL);
        texts
            .into_iter()
            .map(|text| self.scalar(name, &text, time))
            .collect()
    }

    fn operators(
        &mut self,
        name: &'static str,
        column: usize,
        pairs: &[(String, Value)],
        time: bool,
    ) -> Filter {
        let filters = pairs.iter().map(|(operator, value)| {
            let bare = operator.strip_prefix('$').unwrap_or(operator);
            match (bare, value) {
                ("in", Value::List(values)) => Filter::In(column, self.texts(name, values, time)),
                ("nin", Value::List(values)) => Filter::NotIn(column, self.texts(name, values, time)),
                ("in" | "nin", other) => {
                    self.issues.wrong_type("array", name, &other.show());
                    Filter::all()
                }
                ("eq", Value::Text(text)) => self.equals(name, column, text, time),
                ("ne", Value::Text(text)) if text == NULL => Filter::NotNull(column),
                (bare, Value::Text(text)) => match comparison(bare, time) {
                    Some(Comparison::Like | Comparison::LikeAnyCase) if text.chars().count() > PATTERN_MAX => {
                        self.issues.add(name, format!("Field '{name}' must have a pattern of at most {PATTERN_MAX} letters"));
                        Filter::all()
                    }
                    Some(comparison) => Filter::Compare(column, comparison, self.scalar(name, text, time)),
                    None => self.no_operator(name, operator),
                },
                (bare, other) if comparison(bare, time).is_some() => {
                    self.issues.wrong_type("string", name, &other.show());
                    Filter::all()
                }
                _ => self.no_operator(name, operator),
            }
        });
        Filter::All(filters.collect())
    }

    fn no_operator(&mut self, name: &'static str, operator: &str) -> Filter {
        self.issues
            .add(name, format!("Field '{name}' has no operator '{operator}'"));
        Filter::all()
    }
}

fn comparison(operator: &str, time: bool) -> Option<Comparison> {
    Some(match operator {
        "eq" => Comparison::Equal,
        "ne" => Comparison::NotEqual,
        "gt" => Comparison::Greater,
        "gte" => Comparison::GreaterOrEqual,
        "lt" => Comparison::Less,
        "lte" => Comparison::LessOrEqual,
        "like" if !time => Comparison::Like,
        "ilike" if !time => Comparison::LikeAnyCase,
        _ => return None,
    })
}

/// As JavaScript's `parseInt` does: white space, a sign, and as many digits as there are.
fn parse_int(text: &str) -> Option<i64> {
    let text = text.trim_start();
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (radix, digits) = match digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"))
    {
        Some(digits) => (16, digits),
        None => (10, digits),
    };
    let end = digits
        .find(|letter: char| !letter.is_digit(radix))
        .unwrap_or(digits.len());
    if end == 0 {
        return None;
    }
    let number = i64::from_str_radix(&digits[..end], radix).unwrap_or(i64::MAX);
    Some(if negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        default: 15,
        max: 1_000,
    };

    fn read(filters: &Filters, query: &str) -> Result<Search, Fault> {
        let defaults = Selection::shown(filters.entity);
        list(filters, query, LIMITS, &defaults).map(|list| list.search)
    }

    fn check(query: &str, filter: Filter) {
        let search = Search {
            filter: Filter::All(vec![filter]),
            order: BY_ID,
            offset: 0,
            limit: 15,
        };
        assert_eq!(read(&CUSTOMERS, query), Ok(search), "{query}");
    }

    fn refuse(filters: &Filters, query: &str, message: &str) {
        assert_eq!(
            read(filters, query),
            Err(Fault::Invalid(message.to_owned())),
            "{query}"
        );
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn compare(column: &str, comparison: Comparison, text: &str) -> Filter {
        Filter::Compare(
            Entity::Customer.place(column).unwrap(),
            comparison,
            text.to_owned(),
        )
    }

    #[test]
    fn numbers_are_read_as_parse_int_reads_them() {
        for (text, number) in [
            ("1.9", 1),
            ("1abc", 1),
            ("1e2", 1),
            ("0x10", 16),
            (" 2", 2),
            ("+2", 2),
            ("007", 7),
            ("0", 0),
        ] {
            assert_eq!(parse_int(text), Some(number), "{text}");
        }
        for text in ["", "abc", "true", "-", "--1", "0x"] {
            assert_eq!(parse_int(text), None, "{text}");
        }
    }

    #[test]
    fn a_page_is_bounded() {
        let search = read(&CUSTOMERS, "limit=2&offset=7&order=-email").unwrap();
        assert_eq!(
            search,
            Search {
                filter: Filter::all(),
                order: Order {
                    column: 4,
                    descending: true
                },
                offset: 7,
                limit: 2
            }
        );
        for (query, message) in [
            (
                "limit=abc",
                "Expected type: 'number' for field 'limit', got: 'abc'",
            ),
            (
                "limit=1&limit=2",
                "Expected type: 'number' for field 'limit', got: '1,2'",
            ),
            ("limit=-1", "Field 'limit' must be at least 0, got: '-1'"),
            ("offset=-1", "Field 'offset' must be at least 0, got: '-1'"),
            (
                "limit=1001",
                "Field 'limit' must be at most 1000, got: '1001'",
            ),
            (
                "order=nope",
                "Field 'order' names no field to order by, got: 'nope'",
            ),
            (
                "order=metadata",
                "Field 'order' names no field to order by, got: 'metadata'",
            ),
            (
                "order=",
                "Field 'order' names no field to order by, got: ''",
            ),
        ] {
            refuse(&CUSTOMERS, query, message);
        }
    }

    #[test]
    fn customers_are_filtered() {
        check(
            "email=a@b.co",
            compare("email", Comparison::Equal, "a@b.co"),
        );
        check("email=a,b", compare("email", Comparison::Equal, "a,b"));
        check("email[]=a,b", Filter::In(4, texts(&["a", "b"])));
        check("email=a&email=b,c", Filter::In(4, texts(&["a", "b,c"])));
        check("email=null", Filter::Null(4));
        check("email[]=null&email[]=a", Filter::In(4, texts(&["a"])));
        check("has_account=TRUE", Filter::Flag(7, true));
        check("q=Ann%20LEE", Filter::Words(texts(&["ann", "lee"])));
        check(
            "id[$nin][]=a&id[$nin][]=b",
            Filter::All(vec![Filter::NotIn(0, texts(&["a", "b"]))]),
        );
        check("id[$ne]=null", Filter::All(vec![Filter::NotNull(0)]));
    }

    #[test]
    fn times_are_brought_into_the_stored_form() {
        let from = compare(
            "created_at",
            Comparison::GreaterOrEqual,
            "2026-01-01T00:00:00.000Z",
        );
        let to = compare("created_at", Comparison::Less, "2026-02-01T00:00:00.000Z");
        for query in [
            "created_at[gte]=2026-01-01&created_at[lt]=2026-02-01",
            "created_at[$gte]=2026-01-01&created_at[$lt]=2026-02-01",
            "created_at.gte=2026-01-01T01:00:00%2B01:00&created_at.lt=2026-02-01",
        ] {
            check(query, Filter::All(vec![from.clone(), to.clone()]));
        }
        refuse(
            &CUSTOMERS,
            "created_at[gte]=soon",
            "Field 'created_at' must be a date, got: 'soon'",
        );
        refuse(
            &CUSTOMERS,
            "created_at[like]=2026",
            "Field 'created_at' has no operator 'like'",
        );
        refuse(
            &CUSTOMERS,
            "created_at=",
            "Field 'created_at' must be a date, got: ''",
        );
    }

    #[test]
    fn relations_are_filtered() {
        let related =
            |filter| Filter::Related(Link::GroupsOfCustomers, Entity::Group, Box::new(filter));
        check("groups=g1", related(Filter::id("g1")));
        check(
            "groups[]=g1&groups[]=g2",
            related(Filter::In(0, texts(&["g1", "g2"]))),
        );
        check(
            "groups[name]=VIP&groups[nope]=1",
            related(Filter::All(vec![Filter::Compare(
                1,
                Comparison::Equal,
                "VIP".to_owned(),
            )])),
        );
        check(
            "groups=null",
            Filter::Unrelated(Link::GroupsOfCustomers, Entity::Group),
        );
    }

    #[test]
    fn conditions_are_joined() {
        let ann = Filter::All(vec![compare("first_name", Comparison::Equal, "Ann")]);
        let bob = Filter::All(vec![compare("first_name", Comparison::Equal, "Bob")]);
        check(
            "$or[0][first_name]=Ann&$or[1][first_name]=Bob",
            Filter::Any(vec![ann.clone(), bob]),
        );
        check("$and[0][first_name]=Ann", Filter::All(vec![ann]));
        refuse(
            &CUSTOMERS,
            "$or=x",
            "Expected type: 'array' for field '$or', got: 'x'",
        );
    }

    #[test]
    fn wrong_parameters_are_named() {
        for (query, message) in [
            ("foo=1&baz=2", "Unrecognized fields: 'foo, baz'"),
            ("phone=1", "Unrecognized fields: 'phone'"),
            (
                "email[$ne]=x",
                "Expected type: 'string, array' for field 'email', got: '[object Object]'",
            ),
            ("has_account=1", "Invalid input"),
            (
                "q=a&q=b",
                "Expected type: 'string' for field 'q', got: 'a,b'",
            ),
            ("id[$contains]=x", "Field 'id' has no operator '$contains'"),
            (
                "id[$in]=x",
                "Expected type: 'array' for field 'id', got: 'x'",
            ),
            ("q=%00", "Parameter 'q' contains a NUL character"),
        ] {
            refuse(&CUSTOMERS, query, message);
        }
        for query in [
            "first_name=A",
            "id=x",
            "created_at[$gte]=2020-01-01",
            "$or[0][city]=Berlin",
        ] {
            let name = query.split(['=', '[']).next().unwrap();
            refuse(&ADDRESSES, query, &format!("Unrecognized fields: '{name}'"));
        }
    }
}
