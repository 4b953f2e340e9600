//! What a statement of a component may touch: rows of its own tables, by
//! reading and writing them, and nothing else. Asked by SQLite while it
//! prepares a statement, so a refused one never runs.

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

/// Tables whose names begin with this are the host's.
const OWN: &str = "_wares_";

/// Functions that reach out of the database, or into SQLite itself, or take as
/// long as the product of what they are given, where nothing interrupts them.
const FORBIDDEN_FUNCTIONS: [&str; 10] = [
    "edit",
    "fts3_tokenizer",
    "json_patch",
    "jsonb_patch",
    "load_extension",
    "readfile",
    "sqlite_compileoption_get",
    "sqlite_compileoption_used",
    "sqlite_log",
    "writefile",
];

/// The pragma that full-text search runs for itself to notice other writers.
const DATA_VERSION: &str = "data_version";

fn is_own(name: &str) -> bool {
    name.get(..OWN.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(OWN))
}

fn is_schema(name: &str) -> bool {
    name.get(..7)
        .is_some_and(|start| start.eq_ignore_ascii_case("sqlite_"))
}

fn allow(allowed: bool) -> Authorization {
    if allowed {
        Authorization::Allow
    } else {
        Authorization::Deny
    }
}

/// The pragma that SQLite runs for itself when a column is added to a strict table.
const QUICK_CHECK: &str = "quick_check";

/// For the statements of a running component.
pub(super) fn guest(context: AuthContext<'_>) -> Authorization {
    match context.action {
        AuthAction::Select | AuthAction::Recursive => Authorization::Allow,
        AuthAction::Read { table_name, .. } => allow(!is_own(table_name) && !is_schema(table_name)),
        AuthAction::Insert { table_name }
        | AuthAction::Update { table_name, .. }
        | AuthAction::Delete { table_name } => allow(!is_own(table_name) && !is_schema(table_name)),
        AuthAction::Function { function_name } => allow(
            !FORBIDDEN_FUNCTIONS
                .iter()
                .any(|name| name.eq_ignore_ascii_case(function_name)),
        ),
        AuthAction::Pragma {
            pragma_name,
            pragma_value: None,
        } => allow(pragma_name.eq_ignore_ascii_case(DATA_VERSION)),
        _ => Authorization::Deny,
    }
}

/// For the steps of a component's schema: its own tables, indexes, triggers and
/// full-text tables as well.
pub(super) fn migration(context: AuthContext<'_>) -> Authorization {
    match context.action {
        AuthAction::Attach { .. }
        | AuthAction::Detach { .. }
        | AuthAction::Transaction { .. }
        | AuthAction::Savepoint { .. } => Authorization::Deny,
        AuthAction::Pragma { pragma_name, .. } => allow(
            [DATA_VERSION, QUICK_CHECK]
                .iter()
                .any(|name| name.eq_ignore_ascii_case(pragma_name)),
        ),
        AuthAction::Function { function_name } => allow(
            !FORBIDDEN_FUNCTIONS
                .iter()
                .any(|name| name.eq_ignore_ascii_case(function_name)),
        ),
        AuthAction::CreateVtable { module_name, .. }
        | AuthAction::DropVtable { module_name, .. } => {
            allow(module_name.eq_ignore_ascii_case("fts5"))
        }
        AuthAction::CreateTempTable { .. }
        | AuthAction::CreateTempIndex { .. }
        | AuthAction::CreateTempTrigger { .. }
        | AuthAction::CreateTempView { .. } => Authorization::Deny,
        AuthAction::CreateTable { table_name }
        | AuthAction::DropTable { table_name }
        | AuthAction::AlterTable { table_name, .. }
        | AuthAction::CreateIndex { table_name, .. }
        | AuthAction::CreateTrigger { table_name, .. }
        | AuthAction::Insert { table_name }
        | AuthAction::Update { table_name, .. }
        | AuthAction::Delete { table_name }
        | AuthAction::Read { table_name, .. } => allow(!is_own(table_name)),
        _ => Authorization::Allow,
    }
}
