//! Reads single parameters, and collects their issues.

use crate::clock;
use crate::entity::{Entity, Kind, Relation};
use crate::filter::{Comparison, Filter, Order};
use crate::issue::Issues;

use super::super::query::Value;
use super::{Accepts, Filters, NULL, Parameter};

/// Values of one `in` list.
pub const VALUES_MAX: usize = 1_000;
/// Branches of one `$and` or `$or`.
pub const BRANCHES_MAX: usize = 32;
/// Letters of a pattern.
pub const PATTERN_MAX: usize = 300;

/// Levels of `$and` and `$or` within one another.
pub const LOGIC_DEPTH_MAX: usize = 4;

/// Parameters being read.
#[derive(Default)]
pub(super) struct Reader {
    /// The issues so far.
    pub(super) issues: Issues,
}

impl Reader {
    pub(super) fn text<'a>(&mut self, field: &'static str, value: &'a Value) -> Option<&'a str> {
        match value {
            Value::Text(text) => Some(text),
            other => {
                self.issues.wrong_type("string", field, &other.show());
                None
            }
        }
    }

    /// A number as JavaScript's `parseInt` reads it, from 0 to `max`.
    pub(super) fn number(&mut self, field: &'static str, value: &Value, max: u64) -> Option<u64> {
        let number = match value {
            Value::Text(text) => parse_int(text),
            _ => None,
        };
        let Some(number) = number else {
            self.issues.wrong_type("number", field, &value.show());
            return None;
        };
        self.issues.bounded(field, number, max)
    }

    /// `true` or `false` in any case.
    pub(super) fn flag(&mut self, field: &'static str, value: &Value) -> Option<bool> {
        match value {
            Value::Text(text) if is_flag(text) => Some(text.eq_ignore_ascii_case("true")),
            other => {
                self.issues.wrong_type("boolean", field, &other.show());
                None
            }
        }
    }

    pub(super) fn order(&mut self, entity: &'static Entity, text: &str) -> Order {
        let (name, descending) = text
            .strip_prefix('-')
            .map_or((text, false), |name| (name, true));
        let (through, target, name) = match name.split_once('.') {
            Some((relation, name)) => match entity.relation(relation) {
                Some(
                    relation @ Relation {
                        target: Some(target),
                        ..
                    },
                ) => (Some(relation), *target, name),
                _ => (None, entity, ""),
            },
            None => (None, entity, name),
        };
        let index = target
            .index_of(name)
            .filter(|index| target.columns[*index].kind != Kind::Json);
        if index.is_none() {
            self.issues.wrong(
                "order",
                format!("Field 'order' names no field to order by, got: '{text}'"),
            );
        }
        Order {
            through,
            column: index.unwrap_or(0),
            descending,
        }
    }

    /// The branches of `$and` or `$or`, which stands within `depth` others.
    pub(super) fn logic(
        &mut self,
        any: bool,
        value: &Value,
        filters: &Filters,
        depth: usize,
    ) -> Filter {
        let name = if any { "$or" } else { "$and" };
        if depth >= LOGIC_DEPTH_MAX {
            self.issues.wrong(
                name,
                format!("Field '{name}' is nested more than {LOGIC_DEPTH_MAX} levels deep"),
            );
            return Filter::all();
        }
        let Value::List(branches) = value else {
            self.issues.wrong_type("array", name, &value.show());
            return Filter::all();
        };
        if branches.len() > BRANCHES_MAX {
            self.issues.wrong(
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
                Value::Object(pairs) => read.push(self.branch(name, filters, pairs, depth)),
                other => self.issues.wrong_type("object", name, &other.show()),
            }
        }
        if any {
            Filter::Any(read)
        } else {
            Filter::All(read)
        }
    }

    /// One branch of `$and` or `$or`. All of its conditions have to hold.
    fn branch(
        &mut self,
        below: &'static str,
        filters: &Filters,
        pairs: &[(String, Value)],
        depth: usize,
    ) -> Filter {
        let read = pairs.iter().map(|(name, value)| match name.as_str() {
            "$and" | "$or" => self.logic(name == "$or", value, filters, depth + 1),
            name => self.nested(below, filters.entity, filters.parameters, name, value),
        });
        Filter::All(read.collect())
    }

    /// A filter below another name. One that is not known is refused: without it
    /// more would be found than was asked for.
    fn nested(
        &mut self,
        below: &'static str,
        entity: &'static Entity,
        parameters: &'static [Parameter],
        name: &str,
        value: &Value,
    ) -> Filter {
        match parameters.iter().find(|parameter| parameter.name == name) {
            Some(parameter) => self.filter(entity, parameter, value),
            None => {
                self.issues
                    .wrong(below, format!("Field '{below}' has no filter '{name}'"));
                Filter::all()
            }
        }
    }

    /// Conditions on what is tied to a thing. Where one wants no value in a column
    /// that always has one, nothing is tied.
    fn related(
        &mut self,
        relation: &'static Relation,
        parameters: &'static [Parameter],
        pairs: &[(String, Value)],
    ) -> Filter {
        let Some(target) = relation.target else {
            return Filter::all();
        };
        let read: Vec<Filter> = pairs
            .iter()
            .map(|(inner, value)| self.nested(relation.name, target, parameters, inner, value))
            .collect();
        let (none, some): (Vec<Filter>, Vec<Filter>) = read
            .into_iter()
            .partition(|filter| is_of_nothing(target, filter));
        let related = || Filter::Related(relation, Box::new(Filter::All(some.clone())));
        match (none.is_empty(), some.is_empty()) {
            (true, _) => related(),
            (false, true) => Filter::Unrelated(relation),
            (false, false) => Filter::All(vec![Filter::Unrelated(relation), related()]),
        }
    }

    pub(super) fn filter(
        &mut self,
        entity: &'static Entity,
        parameter: &'static Parameter,
        value: &Value,
    ) -> Filter {
        let name = parameter.name;
        let column = entity.index_of(name).unwrap_or(0);
        match (parameter.accepts, value) {
            // Medusa's schema takes either of two texts here, and names neither.
            (Accepts::Flag, Value::Text(text)) if !is_flag(text) => {
                self.issues.wrong(name, "Invalid input".to_owned());
                Filter::all()
            }
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
            (Accepts::Related(relation, _), Value::Text(text)) if text == NULL => {
                Filter::Unrelated(relation)
            }
            (Accepts::Related(relation, parameters), Value::Object(pairs)) => {
                self.related(relation, parameters, pairs)
            }
            (Accepts::Related(relation, _), value) => {
                let inner = match value {
                    Value::List(values) => self.one_of(name, 0, values, false),
                    value => self.equals(name, 0, &value.show(), false),
                };
                Filter::Related(relation, Box::new(inner))
            }
        }
    }

    /// A text as it is compared: times in the form in which they are stored.
    fn scalar(&mut self, name: &'static str, text: &str, time: bool) -> String {
        if !time {
            return text.to_owned();
        }
        clock::parse(text).unwrap_or_else(|| {
            self.issues.wrong(
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

    /// The texts of a list as they are compared.
    fn texts(&mut self, name: &'static str, values: &[Value], time: bool) -> Vec<String> {
        let mut texts = self.list(name, values);
        // A NULL equals nothing.
        texts.retain(|text| text != NULL);
        texts
            .into_iter()
            .map(|text| self.scalar(name, &text, time))
            .collect()
    }

    /// The texts of a list as they were sent. One alone is split at its commas.
    pub(super) fn list(&mut self, name: &'static str, values: &[Value]) -> Vec<String> {
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
            self.issues.wrong(
                name,
                format!(
                    "Field '{name}' must have at most {VALUES_MAX} values, got: '{}'",
                    texts.len()
                ),
            );
        }
        texts
    }

    fn operators(
        &mut self,
        name: &'static str,
        column: usize,
        pairs: &[(String, Value)],
        time: bool,
    ) -> Filter {
        let filters = pairs
            .iter()
            .map(|(operator, value)| self.operator(name, column, operator, value, time));
        Filter::All(filters.collect())
    }

    fn operator(
        &mut self,
        name: &'static str,
        column: usize,
        operator: &str,
        value: &Value,
        time: bool,
    ) -> Filter {
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
            (bare, value) => match (comparison(bare, time), value) {
                // Nothing is before or after no value.
                (Some(comparison), Value::Text(text))
                    if text == NULL && !is_pattern(comparison) =>
                {
                    Filter::Any(Vec::new())
                }
                (Some(comparison), Value::Text(text)) => {
                    if is_pattern(comparison) && text.chars().count() > PATTERN_MAX {
                        self.issues.wrong(
                            name,
                            format!(
                                "Field '{name}' must have a pattern of at most {PATTERN_MAX} letters"
                            ),
                        );
                    }
                    Filter::Compare(column, comparison, self.scalar(name, text, time))
                }
                (Some(_), other) => {
                    self.issues.wrong_type("string", name, &other.show());
                    Filter::all()
                }
                (None, _) => self.no_operator(name, operator),
            },
        }
    }

    fn no_operator(&mut self, name: &'static str, operator: &str) -> Filter {
        self.issues
            .wrong(name, format!("Field '{name}' has no operator '{operator}'"));
        Filter::all()
    }
}

/// Whether a condition wants no value in a column that always has one.
fn is_of_nothing(entity: &Entity, filter: &Filter) -> bool {
    match filter {
        Filter::Null(column) => !entity.columns[*column].nullable,
        Filter::All(filters) => filters.iter().any(|filter| is_of_nothing(entity, filter)),
        _ => false,
    }
}

fn is_flag(text: &str) -> bool {
    text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false")
}

/// The operators that compare with one value.
pub const COMPARISONS: [(&str, Comparison); 9] = [
    ("eq", Comparison::Equal),
    ("ne", Comparison::NotEqual),
    ("gt", Comparison::Greater),
    ("gte", Comparison::GreaterOrEqual),
    ("lt", Comparison::Less),
    ("lte", Comparison::LessOrEqual),
    ("like", Comparison::Like),
    ("ilike", Comparison::LikeAnyCase),
    ("re", Comparison::Matches),
];

/// Whether a comparison is with a pattern; times take none.
pub fn is_pattern(comparison: Comparison) -> bool {
    use Comparison::{Like, LikeAnyCase, Matches};
    matches!(comparison, Like | LikeAnyCase | Matches)
}

fn comparison(operator: &str, time: bool) -> Option<Comparison> {
    COMPARISONS
        .iter()
        .find(|(name, comparison)| *name == operator && !(time && is_pattern(*comparison)))
        .map(|(_, comparison)| *comparison)
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
}
