//! Calls of a component with a database of its own, without a component: tests call the
//! capabilities of a call through their host traits, as a guest would.

use std::sync::Arc;

use tempfile::TempDir;
use wasmtime::component::Resource;

use super::bindings::wares::platform::sql::{Error, HostTransaction};
use super::sql::{self, SqlView, Transaction};
use super::{CallContext, CallState, Limits, Nesting, Outbound, Settings};
use crate::storage::{Database, DatabaseOptions, Migration, Schema, Session};
use crate::telemetry::LogBudget;
use crate::trial::Trial;

const THINGS: &str = "
    create table shelf (id text primary key) strict;
    create table thing (
        name text not null unique,
        size integer check (size > 0),
        shelf text references shelf (id)
    ) strict;";

/// A database of shelves and things, in a folder of its own.
pub(super) struct Fixture {
    _folder: TempDir,
    pub(super) database: Database,
}

impl Fixture {
    pub(super) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let options = DatabaseOptions::default();
        let database = Database::open(&folder.path().join("x.db"), &options).unwrap();
        let things = Migration {
            name: "0001".to_owned(),
            statements: THINGS.to_owned(),
        };
        let schema = Schema {
            migrations: vec![things],
            migrations_needed: None,
        };
        database.migrate(&schema).unwrap();
        Self {
            _folder: folder,
            database,
        }
    }

    /// A call with the default limits.
    pub(super) fn call(&self) -> CallState {
        self.call_with(|_| ())
    }

    /// A call with other limits.
    pub(super) fn call_with(&self, change: impl FnOnce(&mut Limits)) -> CallState {
        let mut limits = Limits::default();
        change(&mut limits);
        let session = self.database.session(&limits.capabilities.sql);
        call(Some(session), limits, None)
    }
}

/// A call that has no database, as when a component is asked about itself.
pub(super) fn asking(change: impl FnOnce(&mut Limits)) -> CallState {
    let mut limits = Limits::default();
    change(&mut limits);
    call(None, limits, None)
}

/// A call of a component that is tested.
pub(super) fn tried(trial: Arc<Trial>) -> CallState {
    call(None, Limits::default(), Some(trial))
}

fn call(session: Option<Session>, limits: Limits, trial: Option<Arc<Trial>>) -> CallState {
    let context = CallContext {
        trial,
        ..context(session, limits)
    };
    CallState::new(context, Arc::default())
}

/// The context of a call with a database or without.
pub(super) fn context(session: Option<Session>, limits: Limits) -> CallContext {
    CallContext {
        component: "tested".into(),
        log: LogBudget::of("tested", limits.capabilities.logging.per_second, None),
        settings: Settings::new([]),
        session,
        limits: Arc::new(limits),
        retired: Arc::default(),
        outbound: Arc::new(Outbound::nowhere()),
        nesting: Nesting::default(),
        trial: None,
    }
}

/// Begins a transaction, and returns the number of the guest's handle.
pub(super) fn begin(view: &mut SqlView<'_>) -> u32 {
    begun(view).unwrap().rep()
}

/// The answer to a guest that begins a transaction.
pub(super) fn begun(view: &mut SqlView<'_>) -> Result<Resource<Transaction>, Error> {
    HostTransaction::begin(view).unwrap()
}

/// The guest's handle of this number, lent for one call.
pub(super) fn lent(handle: u32) -> Resource<Transaction> {
    Resource::new_borrow(handle)
}

/// The guest's handle of this number, handed over.
pub(super) fn handed_over(handle: u32) -> Resource<Transaction> {
    Resource::new_own(handle)
}

/// Commits, and returns the answer.
pub(super) fn commit(call: &mut CallState, handle: u32) -> Result<(), Error> {
    HostTransaction::commit(&mut sql::view(call), handed_over(handle)).unwrap()
}

/// An error in words: its case, and what it holds.
pub(super) fn told(error: Error) -> String {
    match error {
        Error::Constraint(constraint) => {
            format!("{:?}: {}", constraint.kind, constraint.columns.join(", "))
        }
        Error::Busy => "busy".to_owned(),
        Error::Timeout => "timeout".to_owned(),
        Error::LimitExceeded(limit) => format!("limit exceeded: {limit}"),
        Error::Invalid(why) => format!("invalid: {why}"),
        Error::Unavailable(why) => format!("unavailable: {why}"),
    }
}
