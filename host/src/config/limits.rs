//! The section `[limits]`, and `[modules.NAME.limits]` over it.

use super::reader::{BYTES_MAX, Reader};

/// The most elements of tables: the engine reserves room for them, for each call.
const TABLE_ELEMENTS_MAX: u32 = 10_000_000;

/// What a component and each of its calls may use.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Calls at the same time.
    pub calls_max: usize,
    /// Calls that may wait for one of those to end.
    pub calls_waiting_max: usize,
    /// The body of a request, in bytes.
    pub request_bytes_max: usize,
    /// Time of the guest's own, in milliseconds.
    pub deadline_ms: u64,
    /// A call from its beginning to its end, in milliseconds.
    pub call_ms: u64,
    /// Linear memories together, in bytes.
    pub memory_bytes_max: usize,
    /// Tables together, in elements.
    pub table_elements_max: usize,
    /// The body of a response, in bytes.
    pub response_bytes_max: usize,
    /// Calls into the host.
    pub host_calls_max: u32,
    /// Lines of log.
    pub log_lines_max: u32,
    /// Text of log, in bytes.
    pub log_bytes_max: usize,
    /// Lines of log a second, of all calls.
    pub log_lines_per_s_max: u32,
    /// Text of log a second, of all calls, in bytes.
    pub log_bytes_per_s_max: usize,
    /// One statement, in milliseconds.
    pub sql_statement_ms: u64,
    /// Statements.
    pub sql_statements_max: u32,
    /// Rows of one statement.
    pub sql_rows_max: u32,
    /// Rows of one statement, in bytes.
    pub sql_result_bytes_max: usize,
    /// Memory that the database takes for one statement, in bytes.
    pub sql_memory_bytes_max: usize,
    /// Waiting for the writer, in milliseconds.
    pub sql_writer_wait_ms: u64,
    /// Holding the writer, in milliseconds.
    pub sql_transaction_hold_ms: u64,
    /// The steps of a schema together, in milliseconds.
    pub sql_migration_ms: u64,
    /// The database, in bytes.
    pub database_bytes_max: usize,
    /// Whether nothing is set for the database, so that the size of its disk bounds it too.
    pub database_within_disk: bool,
}

impl Limits {
    /// What holds where nothing is said, on a machine with so many cores and a
    /// server that reads bodies of so many bytes.
    pub(super) fn standard(cores: usize, body_bytes_max: usize) -> Self {
        Self {
            calls_max: (cores * 2).max(4),
            calls_waiting_max: 1024,
            request_bytes_max: body_bytes_max,
            deadline_ms: 1_000,
            call_ms: 30_000,
            memory_bytes_max: 64 * 1024 * 1024,
            table_elements_max: 20_000,
            response_bytes_max: 8 * 1024 * 1024,
            host_calls_max: 100_000,
            log_lines_max: 100,
            log_bytes_max: 64 * 1024,
            log_lines_per_s_max: 1_000,
            log_bytes_per_s_max: 256 * 1024,
            sql_statement_ms: 2_000,
            sql_statements_max: 20_000,
            sql_rows_max: 100_000,
            sql_result_bytes_max: 16 * 1024 * 1024,
            sql_memory_bytes_max: 128 * 1024 * 1024,
            sql_writer_wait_ms: 5_000,
            sql_transaction_hold_ms: 2_000,
            sql_migration_ms: 60_000,
            database_bytes_max: 64 << 30,
            database_within_disk: true,
        }
    }

    /// Calls that may write at the same time, with those that wait for the database's
    /// writer: these come on top of [`Self::calls_max`]. As many as share one sync are
    /// enough, and two keep one from waiting for the end of another.
    pub fn calls_writing_max(&self) -> usize {
        self.calls_max.clamp(2, 64)
    }

    /// The limits under `key`, with those of `base` as defaults.
    pub(super) fn read(key: &str, base: &Self, reader: &mut Reader) -> Self {
        let name = |limit: &str| format!("{key}.{limit}");
        Self {
            calls_max: reader.threads(
                &name("calls_max"),
                base.calls_max,
                "calls at the same time; beside them, as many may wait for the database's writer (default: two a core, at least 4)",
            ),
            calls_waiting_max: reader.count(
                &name("calls_waiting_max"),
                base.calls_waiting_max,
                "requests that read, and requests that write, that may wait for one of these calls to end; more get 503",
            ),
            request_bytes_max: reader.bytes(&name("request_bytes_max"), 0..=BYTES_MAX,
                base.request_bytes_max,
                "the body of a request, within server.body_bytes_max (default: as that)",
            ),
            deadline_ms: reader.milliseconds(&name("deadline_ms"),
                base.deadline_ms,
                "time of the component's own a call; time in the host does not count",
            ),
            call_ms: reader.milliseconds(&name("call_ms"),
                base.call_ms,
                "a call from beginning to end, with all that the host does for it",
            ),
            memory_bytes_max: reader.memory(
                &name("memory_bytes_max"),
                base.memory_bytes_max,
                "linear memories together",
            ),
            table_elements_max: reader
                .number32(
                    &name("table_elements_max"),
                    1..=TABLE_ELEMENTS_MAX,
                    base.table_elements_max.try_into().unwrap_or(TABLE_ELEMENTS_MAX),
                    "elements of all tables together",
                ) as usize,
            response_bytes_max: reader.bytes(&name("response_bytes_max"), 1 << 10..=BYTES_MAX,
                base.response_bytes_max,
                "the body of a response",
            ),
            host_calls_max: reader.number32(&name("host_calls_max"), 0..=u32::MAX, base.host_calls_max, "calls into the host"),
            log_lines_max: reader.number32(&name("log_lines_max"), 0..=u32::MAX, base.log_lines_max, "log lines"),
            log_bytes_max: reader.bytes(&name("log_bytes_max"), 0..=BYTES_MAX,
                base.log_bytes_max,
                "text of log lines",
            ),
            log_lines_per_s_max: reader.number32(&name("log_lines_per_s_max"), 0..=u32::MAX, base.log_lines_per_s_max, "log lines a second of all calls of a component together"),
            log_bytes_per_s_max: reader.bytes(&name("log_bytes_per_s_max"), 0..=BYTES_MAX,
                base.log_bytes_per_s_max,
                "text of these lines",
            ),
            sql_statement_ms: reader.milliseconds(&name("sql_statement_ms"),
                base.sql_statement_ms,
                "one SQL statement",
            ),
            sql_statements_max: reader.number32(&name("sql_statements_max"), 0..=u32::MAX, base.sql_statements_max, "SQL statements"),
            sql_rows_max: reader.number32(&name("sql_rows_max"), 0..=u32::MAX, base.sql_rows_max, "rows of one statement"),
            sql_result_bytes_max: reader.bytes(&name("sql_result_bytes_max"), 1 << 10..=BYTES_MAX,
                base.sql_result_bytes_max,
                "rows of one statement",
            ),
            sql_memory_bytes_max: reader.bytes(&name("sql_memory_bytes_max"), 1 << 20..=1 << 40,
                base.sql_memory_bytes_max,
                "memory that the database takes for one statement",
            ),
            sql_writer_wait_ms: reader.milliseconds_or_none(&name("sql_writer_wait_ms"),
                base.sql_writer_wait_ms,
                "waiting for the database's writer, before the call begins as well",
            ),
            sql_transaction_hold_ms: reader.milliseconds(&name("sql_transaction_hold_ms"),
                base.sql_transaction_hold_ms,
                "holding the database's writer",
            ),
            sql_migration_ms: reader.milliseconds(&name("sql_migration_ms"),
                base.sql_migration_ms,
                "the steps of a schema that have yet to run, together",
            ),
            database_bytes_max: reader.bytes(&name("database_bytes_max"), 1 << 20..=1 << 48,
                base.database_bytes_max,
                "the database, and unless this is set no more than half of the disk; writes beyond it fail, reads go on",
            ),
            database_within_disk: base.database_within_disk
                && !reader.is_set(&name("database_bytes_max")),
        }
    }
}
