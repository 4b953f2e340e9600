//! The dialects of SQL that a module's database may take, and the fragments in which they
//! differ. A module has its migrations for each; its own statements are of the common part.

use super::search::glob;

/// A dialect: what its searches are made of. Parameters of a fragment are written as
/// `$1`, `$2`, …
pub struct Dialect {
    /// As the host names it.
    pub name: &'static str,
    /// The values of a parameter that is the text of a JSON array, as a subquery.
    pub(super) values: fn(parameter: &str) -> String,
    /// The same, each in lower case.
    pub(super) values_in_lower_case: fn(parameter: &str) -> String,
    /// Whether a text contains a parameter.
    pub(super) contains: fn(text: &str, parameter: &str) -> String,
    /// Whether a text contains each value of a parameter that is the text of a JSON array.
    pub(super) contains_all: fn(text: &str, parameter: &str) -> String,
    /// Whether a full-text index has the words of a parameter for the row of this number.
    pub(super) is_indexed: fn(number: &str, index: &str, parameter: &str) -> String,
    /// Words as a query of the full-text index.
    pub(super) index_query: fn(words: &[&String]) -> String,
    /// The operator of patterns that tell upper from lower case.
    pub(super) like: &'static str,
    /// A pattern of `%` and `_` as that operator takes it.
    pub(super) pattern: fn(pattern: &str) -> String,
    /// The operator of patterns of `%` and `_` in any case, and the end of its expression.
    pub(super) like_in_any_case: (&'static str, &'static str),
    /// The operator of regular expressions.
    pub(super) matches: &'static str,
    /// Fails if the parameter is no regular expression.
    pub(super) check_pattern: &'static str,
    /// Folds the case of a parameter as that of the texts that are searched.
    pub(super) fold: &'static str,
}

/// SQLite, with the functions of the host.
pub static SQLITE: Dialect = Dialect {
    name: "sqlite",
    values: |parameter| format!("(select value from json_each({parameter}))"),
    values_in_lower_case: |parameter| format!("(select lower(value) from json_each({parameter}))"),
    contains: |text, parameter| format!("instr({text}, {parameter}) > 0"),
    contains_all: |text, parameter| {
        format!("not exists (select 1 from json_each({parameter}) where instr({text}, value) = 0)")
    },
    is_indexed: |number, index, parameter| {
        format!("{number} in (select rowid from {index} where {index} match {parameter})")
    },
    index_query: |words| {
        let quoted = words
            .iter()
            .map(|word| format!("\"{}\"", word.replace('"', "\"\"")));
        quoted.collect::<Vec<_>>().join(" ")
    },
    like: "glob",
    pattern: glob,
    like_in_any_case: ("like", " escape '\\'"),
    matches: "regexp",
    check_pattern: "select '' regexp $1",
    fold: "select casefold($1)",
};

impl Dialect {
    /// The dialect with this name; `None` if the kit does not know it.
    pub fn of(name: &str) -> Option<&'static Self> {
        [&SQLITE].into_iter().find(|dialect| dialect.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::Dialect;

    #[test]
    fn a_dialect_is_found_by_its_name_alone() {
        for (name, is_known) in [
            ("sqlite", true),
            ("SQLite", false),
            ("postgres", false),
            ("", false),
        ] {
            let found = Dialect::of(name).map(|dialect| dialect.name);
            assert_eq!(found, is_known.then_some(name), "{name}");
        }
    }
}
