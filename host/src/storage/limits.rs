//! The limits of a database, and of one call on it.

use std::sync::Arc;

use crate::trial::Trial;

/// How a database is opened.
#[derive(Clone, Debug)]
pub struct DatabaseOptions {
    /// How long to wait for a writer in another process, in milliseconds.
    pub other_process_wait_ms: u64,
    /// The largest the file may become, in bytes; 0 for no limit.
    pub bytes_max: u64,
    /// Whether the size of the disk bounds the file and its log as well.
    pub within_disk: bool,
    /// The time of all migrations, in milliseconds; 0 for no limit.
    pub migration_ms: u64,
    /// How long the log beside the file may become before commits wait a moment for
    /// readers, to bring it into the file, in bytes; sixteen times that, and they
    /// wait longer.
    pub log_bytes_max: u64,
    /// Temporary files of this process during migrations, in bytes.
    pub temporary_bytes_max: u64,
    /// Where the time and the chance of statements come from while components are tested, and
    /// what keeps them.
    pub trial: Option<Arc<Trial>>,
}

impl Default for DatabaseOptions {
    fn default() -> Self {
        Self {
            other_process_wait_ms: 5_000,
            bytes_max: 0,
            within_disk: false,
            migration_ms: 0,
            log_bytes_max: 64 * 1024 * 1024,
            temporary_bytes_max: 1024 * 1024 * 1024,
            trial: None,
        }
    }
}

/// The limits of the statements of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// One statement, in milliseconds.
    pub statement_ms: u64,
    /// Statements of one call.
    pub statements_max: u32,
    /// Rows of one statement.
    pub rows_max: u32,
    /// Packed rows of one statement, in bytes.
    pub result_bytes_max: usize,
    /// Memory that SQLite takes for one statement, in bytes.
    pub memory_bytes_max: usize,
    /// Waiting for the writer, in milliseconds.
    pub writer_wait_ms: u64,
    /// Holding the writer, in milliseconds.
    pub transaction_hold_ms: u64,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            statement_ms: 2_000,
            statements_max: 20_000,
            rows_max: 100_000,
            result_bytes_max: 16 * 1024 * 1024,
            memory_bytes_max: 128 * 1024 * 1024,
            writer_wait_ms: 5_000,
            transaction_hold_ms: 2_000,
        }
    }
}
