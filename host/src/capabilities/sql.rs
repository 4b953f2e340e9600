//! `wares:platform/sql`: statements against the component's own database.
//! Translates between the interface and a storage session, and nothing else:
//! what a statement may do is decided in storage.

use wasmtime::component::{HasData, Linker, Resource, ResourceTable};

use super::bindings::wares::platform::sql::{self as wit, Host, HostTransaction};
use super::logging::Log;
use super::{CallContext, CallState, Capability, LimitSettings, Nesting, PerCall};
use crate::config::{BYTES_MAX, Reader};
use crate::storage::{self, Session, SessionLimits};

pub(crate) const CAPABILITY: Capability = Capability {
    interfaces: &["wares:platform/sql@1.3.0"],
    grant: Some("sql"),
    is_inert: false,
    summary: "reads and writes its own database",
    link,
};

pub(crate) type Limits = SessionLimits;

impl LimitSettings for Limits {
    fn read(section: &str, base: &Self, reader: &mut Reader) -> Self {
        let key = |limit: &str| format!("{section}.{limit}");
        Self {
            statement_ms: reader.milliseconds(
                &key("sql_statement_ms"),
                base.statement_ms,
                "one SQL statement",
            ),
            statements_max: reader.number32(
                &key("sql_statements_max"),
                0..=u32::MAX,
                base.statements_max,
                "SQL statements",
            ),
            rows_max: reader.number32(
                &key("sql_rows_max"),
                0..=u32::MAX,
                base.rows_max,
                "rows of one statement",
            ),
            result_bytes_max: reader.bytes(
                &key("sql_result_bytes_max"),
                1 << 10..=BYTES_MAX,
                base.result_bytes_max,
                "rows of one statement",
            ),
            memory_bytes_max: reader.bytes(
                &key("sql_memory_bytes_max"),
                1 << 20..=1 << 40,
                base.memory_bytes_max,
                "memory that the database takes for one statement",
            ),
            writer_wait_ms: reader.milliseconds_or_none(
                &key("sql_writer_wait_ms"),
                base.writer_wait_ms,
                "waiting for the database's writer, before the call begins as well",
            ),
            transaction_hold_ms: reader.milliseconds(
                &key("sql_transaction_hold_ms"),
                base.transaction_hold_ms,
                "holding the database's writer",
            ),
        }
    }
}

/// The resource behind the guest's handle. The transaction itself lives in the
/// session, since one call may have one open at a time.
pub struct Transaction(());

/// The call's session, which it takes from the context; `None` where the component is
/// only asked about itself, before it has a database.
pub(crate) struct State {
    session: Option<Session>,
    /// The calls around this one.
    nesting: Nesting,
}

impl PerCall for State {
    fn begin(context: &mut CallContext, _: &Log) -> Self {
        Self {
            session: context.session.take(),
            nesting: context.nesting.clone(),
        }
    }
}

impl State {
    /// Whether the call has written what is kept.
    pub(super) fn has_kept(&self) -> bool {
        self.session.as_ref().is_some_and(Session::has_kept)
    }

    /// Whether a transaction is open.
    pub(super) fn is_in_transaction(&self) -> bool {
        self.session
            .as_ref()
            .is_some_and(Session::is_in_transaction)
    }

    /// Emits an event, with who made it.
    pub(super) fn emit(&mut self, name: &str, data: &str) -> Result<(), wit::Error> {
        let cause = self.nesting.cause();
        Ok(self.session()?.emit(name, data, cause.as_deref())?)
    }

    pub(super) fn session(&mut self) -> Result<&mut Session, wit::Error> {
        self.session.as_mut().ok_or_else(|| {
            wit::Error::Unavailable(
                "there is no database while a component describes itself".to_owned(),
            )
        })
    }
}

/// The capability, borrowed for one host call.
pub(super) struct SqlView<'a> {
    pub(super) state: &'a mut State,
    pub(super) table: &'a mut ResourceTable,
}

pub(super) fn view(call: &mut CallState) -> SqlView<'_> {
    SqlView {
        state: &mut call.states.sql,
        table: &mut call.table,
    }
}

impl SqlView<'_> {
    fn parameters(parameters: Vec<wit::Value>) -> Vec<storage::Value> {
        parameters.into_iter().map(storage::Value::from).collect()
    }
}

impl Host for SqlView<'_> {
    fn dialect(&mut self) -> wasmtime::Result<String> {
        Ok(storage::DIALECT.to_owned())
    }

    fn query(
        &mut self,
        statement: String,
        parameters: Vec<wit::Value>,
    ) -> wasmtime::Result<Result<wit::Rows, wit::Error>> {
        Ok(self.state.session().and_then(|session| {
            let rows = session.query(&statement, &Self::parameters(parameters))?;
            Ok(rows.into())
        }))
    }

    fn execute(
        &mut self,
        statement: String,
        parameters: Vec<wit::Value>,
    ) -> wasmtime::Result<Result<u64, wit::Error>> {
        Ok(self
            .state
            .session()
            .and_then(|session| Ok(session.execute(&statement, &Self::parameters(parameters))?)))
    }
}

impl HostTransaction for SqlView<'_> {
    fn begin(&mut self) -> wasmtime::Result<Result<Resource<Transaction>, wit::Error>> {
        if let Err(error) = self
            .state
            .session()
            .and_then(|session| Ok(session.begin()?))
        {
            return Ok(Err(error));
        }
        Ok(Ok(self.table.push(Transaction(()))?))
    }

    fn query(
        &mut self,
        this: Resource<Transaction>,
        statement: String,
        parameters: Vec<wit::Value>,
    ) -> wasmtime::Result<Result<wit::Rows, wit::Error>> {
        self.table.get(&this)?;
        Ok(self.state.session().and_then(|session| {
            let rows = session.transaction_query(&statement, &Self::parameters(parameters))?;
            Ok(rows.into())
        }))
    }

    fn execute(
        &mut self,
        this: Resource<Transaction>,
        statement: String,
        parameters: Vec<wit::Value>,
    ) -> wasmtime::Result<Result<u64, wit::Error>> {
        self.table.get(&this)?;
        Ok(self.state.session().and_then(|session| {
            Ok(session.transaction_execute(&statement, &Self::parameters(parameters))?)
        }))
    }

    fn commit(&mut self, this: Resource<Transaction>) -> wasmtime::Result<Result<(), wit::Error>> {
        self.table.delete(this)?;
        Ok(self
            .state
            .session()
            .and_then(|session| Ok(session.commit()?)))
    }

    fn drop(&mut self, this: Resource<Transaction>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        if let Ok(session) = self.state.session() {
            session.rollback();
        }
        Ok(())
    }
}

impl From<wit::Value> for storage::Value {
    fn from(value: wit::Value) -> Self {
        match value {
            wit::Value::Null => Self::Null,
            wit::Value::Integer(integer) => Self::Integer(integer),
            wit::Value::Real(real) => Self::Real(real),
            wit::Value::Text(text) => Self::Text(text),
            wit::Value::Blob(blob) => Self::Blob(blob),
        }
    }
}

impl From<storage::Rows> for wit::Rows {
    fn from(rows: storage::Rows) -> Self {
        Self {
            columns: rows.columns,
            count: rows.count,
            data: rows.data,
        }
    }
}

impl From<storage::SqlError> for wit::Error {
    fn from(error: storage::SqlError) -> Self {
        use storage::ConstraintKind as From;
        match error {
            storage::SqlError::Constraint { kind, columns } => {
                let kind = match kind {
                    From::Unique => wit::ConstraintKind::Unique,
                    From::ForeignKey => wit::ConstraintKind::ForeignKey,
                    From::NotNull => wit::ConstraintKind::NotNull,
                    From::Check => wit::ConstraintKind::Check,
                };
                Self::Constraint(wit::Constraint { kind, columns })
            }
            storage::SqlError::Busy => Self::Busy,
            storage::SqlError::Trouble(trouble) => {
                Self::Unavailable(trouble.for_callers().to_owned())
            }
            storage::SqlError::Timeout => Self::Timeout,
            storage::SqlError::LimitExceeded(limit) => Self::LimitExceeded(limit),
            storage::SqlError::Invalid(why) => Self::Invalid(why),
            storage::SqlError::Unavailable(why) => Self::Unavailable(why),
        }
    }
}

struct HasSql;

impl HasData for HasSql {
    type Data<'a> = SqlView<'a>;
}

fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    wit::add_to_linker::<_, HasSql>(linker, view)
}

#[cfg(test)]
mod tests;
