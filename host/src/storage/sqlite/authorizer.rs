//! The rights of a component's statement: rows of its own tables, by
//! reading and writing them, and nothing else. Asked by SQLite while it
//! prepares a statement, so a refused one never runs.

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

/// Tables whose names begin with this are the host's.
const OWN: &str = "_wares_";

/// Beginnings of names that SQLite answers for itself: its own tables, and those that
/// stand for a pragma.
const TAKEN_BEGINNINGS: [&str; 3] = [OWN, "sqlite_", "pragma_"];

/// Names that SQLite answers for itself, in this build or another: its kinds of
/// virtual tables, each of which is, or may be, a table of that name.
const TAKEN: [&str; 24] = [
    "bytecode",
    "carray",
    "completion",
    "csv",
    "dbstat",
    "fsdir",
    "fts3",
    "fts3tokenize",
    "fts4",
    "fts4aux",
    "fts5",
    "fts5vocab",
    "generate_series",
    "geopoly",
    "json_each",
    "json_tree",
    "jsonb_each",
    "jsonb_tree",
    "rtree",
    "rtree_i32",
    "stmt",
    "tables_used",
    "wholenumber",
    "zipfile",
];

/// The tables of those names whose time is bounded by the length of their argument.
const TABLE_FUNCTIONS: [&str; 2] = ["json_each", "json_tree"];

/// Every function that a component has. The time of each is bounded by the length of its arguments and
/// its result; the host's own look at the clock. Nothing interrupts the
/// others, so whatever is not among them is refused.
const FUNCTIONS: &[&str] = &[
    // Of any value.
    "coalesce",
    "iif",
    "if",
    "ifnull",
    "likelihood",
    "likely",
    "max",
    "min",
    "nullif",
    "typeof",
    "unlikely",
    "subtype",
    // Of numbers.
    "abs",
    "random",
    "round",
    "sign",
    // Of texts and blobs. The host has its own `casefold`, `instr`, `like`, `glob`, `regexp`,
    // `replace` and the three of `trim`.
    "casefold",
    "char",
    "concat",
    "concat_ws",
    "format",
    "glob",
    "hex",
    "instr",
    "length",
    "like",
    "lower",
    "ltrim",
    "octet_length",
    "printf",
    "quote",
    "randomblob",
    "regexp",
    "replace",
    "rtrim",
    "soundex",
    "substr",
    "substring",
    "trim",
    "unhex",
    "unicode",
    "unistr",
    "unistr_quote",
    "upper",
    "zeroblob",
    // Of times.
    "current_date",
    "current_time",
    "current_timestamp",
    "date",
    "datetime",
    "julianday",
    "strftime",
    "time",
    "timediff",
    "unixepoch",
    // Of JSON.
    "->",
    "->>",
    "json",
    "json_array",
    "json_array_insert",
    "json_array_length",
    "json_error_position",
    "json_extract",
    "json_insert",
    "json_object",
    "json_quote",
    "json_remove",
    "json_replace",
    "json_set",
    "json_type",
    "json_valid",
    "jsonb",
    "jsonb_array",
    "jsonb_array_insert",
    "jsonb_extract",
    "jsonb_insert",
    "jsonb_object",
    "jsonb_remove",
    "jsonb_replace",
    "jsonb_set",
    // Of many rows.
    "avg",
    "count",
    "cume_dist",
    "dense_rank",
    "first_value",
    "group_concat",
    "json_group_array",
    "json_group_object",
    "jsonb_group_array",
    "jsonb_group_object",
    "lag",
    "last_value",
    "lead",
    "nth_value",
    "ntile",
    "percent_rank",
    "rank",
    "row_number",
    "string_agg",
    "sum",
    "total",
    // Of what was written.
    "changes",
    "last_insert_rowid",
    "total_changes",
    // Of full-text search: with the bounds on texts and queries, short enough.
    "bm25",
    "match",
    "sqlite_version",
];

/// Why each of the others is refused.
const REFUSED: &[(&str, &str)] = &[
    ("edit", "it starts programs"),
    ("fts3_tokenizer", "it is given pointers"),
    ("fts5", "it is given pointers"),
    ("fts5_get_locale", NO_LOCALES),
    ("fts5_insttoken", "no tokenizer needs it"),
    ("fts5_locale", NO_LOCALES),
    ("fts5_source_id", OF_THE_BUILD),
    ("highlight", SQUARE),
    ("json_patch", PRODUCT),
    ("json_pretty", PRODUCT),
    ("jsonb_patch", PRODUCT),
    ("load_extension", "it loads code"),
    ("matchinfo", NO_FTS3),
    ("offsets", NO_FTS3),
    ("optimize", NO_FTS3),
    ("readfile", "it reads files"),
    ("rtreecheck", NO_RTREE),
    ("rtreedepth", NO_RTREE),
    ("rtreenode", NO_RTREE),
    ("snippet", SQUARE),
    ("sqlite_compileoption_get", OF_THE_BUILD),
    ("sqlite_compileoption_used", OF_THE_BUILD),
    ("sqlite_log", "it writes to the host's log"),
    ("sqlite_source_id", OF_THE_BUILD),
    ("writefile", "it writes files"),
];

const NO_LOCALES: &str = "full-text search has no locales here";
const NO_FTS3: &str = "full-text search is FTS5 alone";
const NO_RTREE: &str = "there are no R-trees";
const OF_THE_BUILD: &str = "it tells of the host";
const PRODUCT: &str = "it takes as long as the product of its arguments";
const SQUARE: &str = "it takes as long as the square of a text";

/// What SQLite calls for itself while it changes a schema. No statement reaches them.
const OF_ALTER_TABLE: [&str; 9] = [
    "sqlite_add_constraint",
    "sqlite_drop_column",
    "sqlite_drop_constraint",
    "sqlite_fail",
    "sqlite_find_constraint",
    "sqlite_rename_column",
    "sqlite_rename_quotefix",
    "sqlite_rename_table",
    "sqlite_rename_test",
];

/// The pragma that full-text search runs for itself to notice other writers.
const DATA_VERSION: &str = "data_version";

/// The pragma that SQLite runs for itself when a column is added to a strict table.
const QUICK_CHECK: &str = "quick_check";
/// The table that it does so by.
const CHECKS_ITSELF: &str = "pragma_quick_check";

fn is_among(name: &str, names: &[&str]) -> bool {
    names.iter().any(|other| other.eq_ignore_ascii_case(name))
}

fn begins(name: &str, beginning: &str) -> bool {
    name.get(..beginning.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(beginning))
}

pub(in crate::storage) fn is_own(name: &str) -> bool {
    begins(name, OWN)
}

pub(in crate::storage) fn is_schema(name: &str) -> bool {
    begins(name, "sqlite_")
}

/// Whether nothing in a component's schema may be named so: the host or SQLite has a
/// table of that name, which one of a component would stand before.
pub(in crate::storage) fn is_taken(name: &str) -> bool {
    TAKEN_BEGINNINGS
        .iter()
        .any(|beginning| begins(name, beginning))
        || is_among(name, &TAKEN)
}

/// Whether it is a table of SQLite's that a component has no use for, or that
/// takes as long as the database is large.
fn is_refused_table(name: &str) -> bool {
    !is_schema(name) && is_taken(name) && !is_among(name, &TABLE_FUNCTIONS)
}

/// Why SQLite's word that something is not authorized was said, where it is about a function.
pub(in crate::storage) fn reason(message: &str) -> Option<&'static str> {
    let (_, name) = message.split_once("not authorized to use function: ")?;
    let mut refused = REFUSED.iter();
    let (_, reason) = refused.find(|(refused, _)| refused.eq_ignore_ascii_case(name))?;
    Some(reason)
}

fn allow(allowed: bool) -> Authorization {
    if allowed {
        Authorization::Allow
    } else {
        Authorization::Deny
    }
}

/// For the statements of a running component.
pub(in crate::storage) fn guest(context: AuthContext<'_>) -> Authorization {
    let may_be_used = |name: &str| !is_schema(name) && !is_refused_table(name);
    match context.action {
        AuthAction::Select | AuthAction::Recursive => Authorization::Allow,
        AuthAction::Read { table_name, .. }
        | AuthAction::Insert { table_name }
        | AuthAction::Update { table_name, .. } => allow(may_be_used(table_name)),
        // To be ignored means that rows go one by one: all at once they go in a single
        // operation, which nothing ends.
        AuthAction::Delete { table_name } if may_be_used(table_name) => Authorization::Ignore,
        AuthAction::Function { function_name } => allow(is_among(function_name, FUNCTIONS)),
        AuthAction::Pragma {
            pragma_name,
            pragma_value: None,
        } => allow(pragma_name.eq_ignore_ascii_case(DATA_VERSION)),
        _ => Authorization::Deny,
    }
}

/// For the migrations of a component: its own tables, indexes, triggers and
/// full-text tables as well.
pub(in crate::storage) fn migration(context: AuthContext<'_>) -> Authorization {
    // A temporary table would shadow the host's table of the same name.
    let is_temporary = context
        .database_name
        .is_some_and(|name| name.eq_ignore_ascii_case("temp"));
    match context.action {
        AuthAction::CreateTable { .. }
        | AuthAction::CreateView { .. }
        | AuthAction::CreateIndex { .. }
        | AuthAction::CreateTrigger { .. }
        | AuthAction::CreateVtable { .. }
            if is_temporary =>
        {
            Authorization::Deny
        }
        AuthAction::Attach { .. }
        | AuthAction::Detach { .. }
        | AuthAction::Transaction { .. }
        | AuthAction::Savepoint { .. } => Authorization::Deny,
        AuthAction::Pragma { pragma_name, .. } => {
            allow(is_among(pragma_name, &[DATA_VERSION, QUICK_CHECK]))
        }
        AuthAction::Function { function_name } => {
            allow(is_among(function_name, FUNCTIONS) || is_among(function_name, &OF_ALTER_TABLE))
        }
        AuthAction::CreateVtable {
            table_name,
            module_name,
        } => allow(module_name.eq_ignore_ascii_case("fts5") && !is_taken(table_name)),
        AuthAction::DropVtable { module_name, .. } => {
            allow(module_name.eq_ignore_ascii_case("fts5"))
        }
        AuthAction::CreateTempTable { .. }
        | AuthAction::CreateTempIndex { .. }
        | AuthAction::CreateTempTrigger { .. }
        | AuthAction::CreateTempView { .. } => Authorization::Deny,
        AuthAction::CreateTable { table_name } => allow(!is_taken(table_name)),
        AuthAction::CreateView { view_name } => allow(!is_taken(view_name)),
        AuthAction::DropTable { table_name }
        | AuthAction::AlterTable { table_name, .. }
        | AuthAction::CreateIndex { table_name, .. }
        | AuthAction::CreateTrigger { table_name, .. }
        | AuthAction::Insert { table_name }
        | AuthAction::Update { table_name, .. }
        | AuthAction::Delete { table_name }
        | AuthAction::Read { table_name, .. } => allow(
            !is_own(table_name) && !is_refused_table(table_name) || table_name == CHECKS_ITSELF,
        ),
        _ => Authorization::Allow,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rusqlite::Connection;

    use super::*;

    fn names(sql: &str) -> BTreeSet<String> {
        crate::storage::sqlite::memory::count().unwrap();
        let connection = Connection::open_in_memory().unwrap();
        let mut statement = connection.prepare(sql).unwrap();
        let names = statement.query_map([], |row| row.get(0)).unwrap();
        names.collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn every_function_of_sqlite_is_allowed_or_refused_for_a_reason() {
        let undecided: Vec<_> = names("select name from pragma_function_list")
            .into_iter()
            .filter(|name| {
                let is_refused = REFUSED.iter().any(|(refused, _)| refused == name);
                is_among(name, FUNCTIONS) == is_refused
            })
            .collect();
        assert_eq!(undecided, Vec::<String>::new());
    }

    #[test]
    fn every_table_of_sqlites_own_is_a_taken_name() {
        let modules = names("select name from pragma_module_list");
        assert!(modules.contains("fts5") && modules.contains("dbstat"));
        let free: Vec<_> = modules
            .into_iter()
            .chain(names("select 'pragma_' || name from pragma_pragma_list"))
            .filter(|name| !is_taken(name))
            .collect();
        assert_eq!(free, Vec::<String>::new());
        for name in ["thing", "pragma", "json", "wares_", "sqlit"] {
            assert!(!is_taken(name), "{name}");
        }
    }
}
