//! Turns a search into statements. The text of a statement depends on the shape
//! of the filter alone: whatever was sent stands in the parameters.

use std::borrow::Cow;

use crate::entity::{Columns, Entity, Join, Relation, Table};
use crate::filter::{BY_ID, Comparison, Filter, Search};
use crate::records::{Cell, Records};
use crate::store::{Page, StoreError, Stored};

use super::{Dialect, Queries, SqlError, json};

/// The letters of a word that is looked up in the full-text index: it is made of
/// trigrams, and the host bounds how many of them a query may have.
const WORD_LETTERS: std::ops::RangeInclusive<usize> = 3..=25;
/// The words that are looked up there at most. Whatever has all of these is then looked
/// through for the others.
const WORDS_INDEXED_MAX: usize = 16;
/// The words that are looked for by a condition each. More of them are one condition, for
/// expressions can be only so deep.
const WORDS_APART_MAX: usize = 50;

/// Counts what is not deleted without looking at any of it.
pub const COUNT_ALL: &str = "select live from row_count where table_name = $1";

/// The columns of an entity in its order, those that are not read as NULL.
pub fn listed(entity: &Entity, columns: Columns) -> Cow<'static, str> {
    let Table {
        columns: all,
        alias,
        ..
    } = entity.table;
    if (0..entity.columns.len()).all(|index| columns.has(index)) {
        return all.into();
    }
    let mut listed = String::with_capacity(all.len());
    for (index, column) in entity.columns.iter().enumerate() {
        let between = if index == 0 { "" } else { ", " };
        listed += between;
        if columns.has(index) {
            listed += alias;
            listed.push('.');
            listed += column.name;
        } else {
            listed += "null";
        }
    }
    listed.into()
}

/// Returns these columns of what is looked for, and how many there are in all.
///
/// # Errors
/// When the database cannot serve, or a pattern cannot be searched for.
pub fn search(
    database: &impl Queries,
    entity: &'static Entity,
    search: &Search,
    columns: Columns,
) -> Stored<Page> {
    let table = &entity.table;
    let dialect = database.dialect()?;
    let mut statement = Statement {
        dialect,
        text: String::new(),
        parameters: Vec::new(),
        patterns: Vec::new(),
    };
    let filter = folded(database, dialect, &search.filter)?;
    statement.write_filter(entity, table.alias, &filter);
    let Statement {
        text: condition,
        mut parameters,
        patterns,
        ..
    } = statement;
    for pattern in patterns {
        check_pattern(database, dialect, &pattern)?;
    }
    let filtered = parameters.len();
    let records = if search.limit == 0 {
        Records::default()
    } else {
        parameters.push(Parameter::Integer(
            i64::try_from(search.limit).unwrap_or(i64::MAX),
        ));
        parameters.push(Parameter::Integer(
            i64::try_from(search.offset).unwrap_or(i64::MAX),
        ));
        let text = format!(
            "select {} from {} {} where {}.deleted_at is null{condition}{} limit ${} offset ${}",
            listed(entity, columns),
            table.name,
            table.alias,
            table.alias,
            order(entity, search),
            filtered + 1,
            filtered + 2
        );
        database.query(&text, &cells(&parameters))?
    };
    let found = records.len() as u64;
    // The last page tells the count by itself.
    let count = if found > 0 && found < search.limit {
        search.offset + found
    } else if table.counted && search.filter.is_all() {
        let live = database.query(COUNT_ALL, &[Cell::Text(table.name)])?;
        live.integer(0, 0).try_into().unwrap_or(0)
    } else {
        let text = format!(
            "select count(*) from {} {} where {}.deleted_at is null{condition}",
            table.name, table.alias, table.alias
        );
        let counted = database.query(&text, &cells(&parameters[..filtered]))?;
        counted.integer(0, 0).try_into().unwrap_or(0)
    };
    Ok(Page { records, count })
}

/// The same filter with its words folded. Those of ASCII alone need no statement.
fn folded<'a>(
    database: &impl Queries,
    dialect: &Dialect,
    filter: &'a Filter,
) -> Stored<Cow<'a, Filter>> {
    let all = |filters: &[Filter]| -> Stored<Vec<Filter>> {
        let folded = filters
            .iter()
            .map(|filter| folded(database, dialect, filter));
        folded.map(|filter| Ok(filter?.into_owned())).collect()
    };
    Ok(match filter {
        Filter::Words(words) => {
            let text = words.join(" ");
            let text = if text.is_ascii() {
                text.to_ascii_lowercase()
            } else {
                let folded = database.query(dialect.fold, &[Cell::Text(&text)])?;
                folded.string(0, 0).unwrap_or(text)
            };
            Cow::Owned(Filter::words(&text))
        }
        Filter::All(filters) if has_words(filters) => Cow::Owned(Filter::All(all(filters)?)),
        Filter::Any(filters) if has_words(filters) => Cow::Owned(Filter::Any(all(filters)?)),
        Filter::Related(relation, inner) if has_words(std::slice::from_ref(inner)) => {
            let inner = folded(database, dialect, inner)?.into_owned();
            Cow::Owned(Filter::Related(relation, Box::new(inner)))
        }
        filter => Cow::Borrowed(filter),
    })
}

fn has_words(filters: &[Filter]) -> bool {
    filters.iter().any(|filter| match filter {
        Filter::Words(_) => true,
        Filter::All(filters) | Filter::Any(filters) => has_words(filters),
        Filter::Related(_, inner) => has_words(std::slice::from_ref(inner)),
        _ => false,
    })
}

/// Has the database read a regular expression, on its own: a search that fails
/// on one would not say so.
fn check_pattern(database: &impl Queries, dialect: &Dialect, pattern: &str) -> Stored<()> {
    match database.query(dialect.check_pattern, &[Cell::Text(pattern)]) {
        Ok(_) => Ok(()),
        Err(SqlError::Invalid(_)) => Err(StoreError::Pattern(format!(
            "'{pattern}' is not a regular expression that can be searched for"
        ))),
        Err(error) => Err(error.into()),
    }
}

/// NULLs come last in ascending order and first in descending, as in PostgreSQL.
/// Columns that always have a value are spared that, so that their index is used.
/// Equal rows come in the order of their creation.
fn order(entity: &Entity, search: &Search) -> String {
    let (alias, order) = (entity.table.alias, search.order);
    if order == BY_ID {
        return format!(" order by {alias}.id");
    }
    let (direction, nulls) = if order.descending {
        (" desc", " nulls first")
    } else {
        ("", " nulls last")
    };
    let tied = order.through.and_then(|relation| tied(relation, alias));
    let Some((target, tied)) = tied else {
        let column = entity.columns[order.column];
        let nulls = if column.nullable { nulls } else { "" };
        return format!(
            " order by {alias}.{}{direction}{nulls}, {alias}.number",
            column.name
        );
    };
    let pick = if order.descending { "max" } else { "min" };
    let other = alias_of(target, alias);
    let column = target.columns[order.column].name;
    format!(
        " order by (select {pick}({other}.{column}) from {tied} where {other}.deleted_at is null){direction}{nulls}, \
         {alias}.number"
    )
}

/// The alias of a related row within the row of an alias: no name hides another
/// of a statement, however deep it stands.
fn alias_of(target: &Entity, alias: &str) -> String {
    format!("{alias}_{}", target.table.alias)
}

/// The target of a relation, and the tables that join it to the row of an alias.
fn tied(relation: &Relation, alias: &str) -> Option<(&'static Entity, String)> {
    let target = relation.target?;
    let (name, other) = (target.table.name, alias_of(target, alias));
    let tables = match relation.join? {
        Join::Through { table, from, to } => {
            format!(
                "{table} {other}_link join {name} {other} on {other}.id = {other}_link.{to} \
                 and {other}_link.{from} = {alias}.id"
            )
        }
        Join::Theirs(column) => {
            format!("(select 1) join {name} {other} on {other}.{column} = {alias}.id")
        }
        Join::Ours { column, .. } => {
            format!("(select 1) join {name} {other} on {other}.id = {alias}.{column}")
        }
    };
    Some((target, tables))
}

/// A parameter of a statement.
enum Parameter {
    Text(String),
    Integer(i64),
}

fn cells(parameters: &[Parameter]) -> Vec<Cell<'_>> {
    parameters
        .iter()
        .map(|parameter| match parameter {
            Parameter::Text(text) => Cell::Text(text),
            Parameter::Integer(integer) => Cell::Integer(*integer),
        })
        .collect()
}

/// A condition as it is written.
struct Statement {
    dialect: &'static Dialect,
    text: String,
    parameters: Vec<Parameter>,
    /// The regular expressions among them.
    patterns: Vec<String>,
}

impl Statement {
    /// ` and …`, or nothing without a condition.
    fn write_filter(&mut self, entity: &Entity, alias: &str, filter: &Filter) {
        match filter {
            Filter::All(filters) => filters
                .iter()
                .for_each(|filter| self.write_filter(entity, alias, filter)),
            filter if filter.is_all() => {}
            filter => {
                self.text.push_str(" and ");
                self.write(entity, alias, filter);
            }
        }
    }

    fn text(&mut self, text: &str) -> String {
        self.parameters.push(Parameter::Text(text.to_owned()));
        format!("${}", self.parameters.len())
    }

    fn write(&mut self, entity: &Entity, alias: &str, filter: &Filter) {
        let name = |index: usize| format!("{alias}.{}", entity.columns[index].name);
        match filter {
            Filter::All(filters) => self.write_joined(entity, alias, filters, " and ", "true"),
            Filter::Any(filters) => self.write_joined(entity, alias, filters, " or ", "false"),
            Filter::Compare(column, comparison, text) => {
                let dialect = self.dialect;
                let (operator, end) = match comparison {
                    Comparison::Equal => ("=", ""),
                    Comparison::NotEqual => ("<>", ""),
                    Comparison::Greater => (">", ""),
                    Comparison::GreaterOrEqual => (">=", ""),
                    Comparison::Less => ("<", ""),
                    Comparison::LessOrEqual => ("<=", ""),
                    Comparison::Like => (dialect.like, ""),
                    Comparison::LikeAnyCase => dialect.like_in_any_case,
                    Comparison::Matches => (dialect.matches, ""),
                };
                let parameter = match comparison {
                    Comparison::Like => self.text(&(dialect.pattern)(text)),
                    Comparison::Matches => {
                        self.patterns.push(text.clone());
                        self.text(text)
                    }
                    _ => self.text(text),
                };
                self.text += &format!("{} {operator} {parameter}{end}", name(*column));
            }
            Filter::Flag(column, flag) => {
                self.parameters.push(Parameter::Integer((*flag).into()));
                self.text += &format!("{} = ${}", name(*column), self.parameters.len());
            }
            Filter::Null(column) => self.text += &format!("{} is null", name(*column)),
            Filter::NotNull(column) => self.text += &format!("{} is not null", name(*column)),
            Filter::In(column, texts) => {
                let parameter = self.text(&json(texts));
                let values = (self.dialect.values)(&parameter);
                self.text += &format!("{} in {values}", name(*column));
            }
            // To the database, no value is none of no texts.
            Filter::NotIn(column, texts) if texts.is_empty() => {
                self.text += &format!("{} is not null", name(*column));
            }
            Filter::NotIn(column, texts) => {
                let parameter = self.text(&json(texts));
                let values = (self.dialect.values)(&parameter);
                self.text += &format!("{} not in {values}", name(*column));
            }
            // Two indexes serve it: one has all emails, the other those with capitals.
            Filter::InAnyCase(column, texts) => {
                let parameter = self.text(&json(texts));
                let lower = (self.dialect.values_in_lower_case)(&parameter);
                let name = name(*column);
                let live = format!("{alias}.deleted_at is null");
                self.text += &format!(
                    "({name} in {lower} and {live} or lower({name}) in {lower} and {name} <> lower({name}) and {live})"
                );
            }
            Filter::NotInAnyCase(column, texts) => {
                let parameter = self.text(&json(texts));
                let lower = (self.dialect.values_in_lower_case)(&parameter);
                let name = name(*column);
                self.text += &format!("({name} is not null and lower({name}) not in {lower})");
            }
            Filter::Related(relation, inner) => self.write_related(alias, relation, inner, false),
            Filter::Unrelated(relation) => {
                self.write_related(alias, relation, &Filter::all(), true)
            }
            Filter::Words(words) => self.write_words(&entity.table, alias, words),
        }
    }

    /// Many conditions are joined in halves: one chain of them is as deep as it is
    /// long, and a database bounds how deep an expression may be.
    fn write_joined(
        &mut self,
        entity: &Entity,
        alias: &str,
        filters: &[Filter],
        between: &str,
        none: &str,
    ) {
        match filters {
            [] => self.text.push_str(none),
            [filter] => self.write(entity, alias, filter),
            filters => {
                let (first, second) = filters.split_at(filters.len() / 2);
                self.text.push('(');
                self.write_joined(entity, alias, first, between, none);
                self.text.push_str(between);
                self.write_joined(entity, alias, second, between, none);
                self.text.push(')');
            }
        }
    }

    fn write_related(&mut self, alias: &str, relation: &Relation, inner: &Filter, none: bool) {
        let (Some(target), Some(join)) = (relation.target, relation.join) else {
            // Nothing is tied that another module would have.
            self.text.push_str(if none { "true" } else { "false" });
            return;
        };
        let (name, other) = (target.table.name, alias_of(target, alias));
        let not = if none { "not " } else { "" };
        self.text += &match join {
            Join::Through { table, from, to } => format!(
                "{alias}.id {not}in (select {other}_link.{from} from {table} {other}_link \
                 join {name} {other} on {other}.id = {other}_link.{to} where "
            ),
            Join::Theirs(column) => {
                format!(
                    "{not}exists (select 1 from {name} {other} where {other}.{column} = {alias}.id and "
                )
            }
            Join::Ours { column, .. } => {
                format!(
                    "{not}exists (select 1 from {name} {other} where {other}.id = {alias}.{column} and "
                )
            }
        };
        self.text += &format!("{other}.deleted_at is null");
        self.write_filter(target, &other, inner);
        self.text.push(')');
    }

    /// Words that are long enough are looked up, the others looked for.
    fn write_words(&mut self, table: &Table, alias: &str, words: &[String]) {
        if words.is_empty() {
            self.text.push_str("true");
            return;
        }
        let is_indexed =
            |word: &&String| table.words.is_some() && WORD_LETTERS.contains(&word.chars().count());
        let (mut long, mut rest): (Vec<&String>, Vec<&String>) = words.iter().partition(is_indexed);
        rest.extend(long.drain(long.len().min(WORDS_INDEXED_MAX)..));
        let mut conditions = Vec::new();
        if let (Some(index), false) = (table.words, long.is_empty()) {
            let parameter = self.text(&(self.dialect.index_query)(&long));
            let number = format!("{alias}.number");
            conditions.push((self.dialect.is_indexed)(&number, index, &parameter));
        }
        let text = format!("{alias}.search_text");
        if rest.len() > WORDS_APART_MAX {
            let parameter = self.text(&json(&rest));
            conditions.push((self.dialect.contains_all)(&text, &parameter));
        } else {
            for word in rest {
                let parameter = self.text(word);
                conditions.push((self.dialect.contains)(&text, &parameter));
            }
        }
        self.text += &format!("({})", conditions.join(" and "));
    }
}

/// A pattern of `%` and `_` as one of `*` and `?`, which tells upper from lower case.
pub(super) fn glob(pattern: &str) -> String {
    let mut glob = String::with_capacity(pattern.len());
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        let literal = match letter {
            '%' => {
                glob.push('*');
                continue;
            }
            '_' => {
                glob.push('?');
                continue;
            }
            '\\' => letters.next().unwrap_or('\\'),
            other => other,
        };
        if matches!(literal, '*' | '?' | '[') {
            glob.push('[');
            glob.push(literal);
            glob.push(']');
        } else {
            glob.push(literal);
        }
    }
    glob
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::Column;
    use crate::filter::Order;
    use crate::sql::statements;

    static NODE: Entity = Entity {
        name: "Node",
        columns: &[
            Column::key("id"),
            Column::text("parent_id"),
            Column::DELETED_AT,
        ],
        shown: 3,
        nested: &[0, 1, 2],
        relations: &RELATIONS,
        table: Table::plain("node", "n", "n.id, n.parent_id, n.deleted_at"),
    };

    static RELATIONS: [Relation; 2] = [
        Relation::many("children", &NODE, Join::Theirs("parent_id")),
        Relation::many(
            "parents",
            &NODE,
            Join::Ours {
                table: "node",
                column: "parent_id",
            },
        ),
    ];

    fn check(filter: Filter, through: Option<&'static Relation>, statement: &str) {
        let search = Search {
            filter,
            order: Order { through, ..BY_ID },
            offset: 0,
            limit: 1,
        };
        assert_eq!(statements(&NODE, &search).unwrap()[0], statement);
    }

    #[test]
    fn a_noun_that_is_tied_to_itself_is_told_from_its_relations() {
        let grandchild = Filter::Related(&RELATIONS[0], Box::new(Filter::id("a")));
        check(
            Filter::Related(&RELATIONS[0], Box::new(grandchild)),
            None,
            "select n.id, n.parent_id, n.deleted_at from node n where n.deleted_at is null and exists (select 1 from \
             node n_n where n_n.parent_id = n.id and n_n.deleted_at is null and exists (select 1 from node n_n_n \
             where n_n_n.parent_id = n_n.id and n_n_n.deleted_at is null and n_n_n.id = $1)) order by n.id limit $2 \
             offset $3",
        );
        check(
            Filter::Unrelated(&RELATIONS[1]),
            Some(&RELATIONS[0]),
            "select n.id, n.parent_id, n.deleted_at from node n where n.deleted_at is null and not exists (select 1 \
             from node n_n where n_n.id = n.parent_id and n_n.deleted_at is null) order by (select min(n_n.id) from \
             (select 1) join node n_n on n_n.parent_id = n.id where n_n.deleted_at is null) nulls last, n.number \
             limit $1 offset $2",
        );
    }
}
