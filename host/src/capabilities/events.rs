//! `wares:platform/events`: facts that are kept if and only if the transaction
//! that they belong to commits.

use wasmtime::component::{HasData, Linker, Resource};

use super::bindings::wares::platform::events::{self as wit, Host};
use super::bindings::wares::platform::sql::Error;
use super::sql::{self, SqlView, Transaction};
use super::{CallState, Capability};

pub(crate) const CAPABILITY: Capability = Capability {
    interfaces: &["wares:platform/events@1.1.0"],
    grant: Some("events"),
    summary: "keeps events in the transactions of its own database",
    link,
};

/// Events are kept in the component's database: the state is that of `sql`.
pub(crate) type State = ();
pub(crate) type Limits = ();

impl Host for SqlView<'_> {
    fn emit(
        &mut self,
        transaction: Resource<Transaction>,
        name: String,
        data: String,
    ) -> wasmtime::Result<Result<(), Error>> {
        self.table.get(&transaction)?;
        Ok(self
            .state
            .session()
            .and_then(|session| Ok(session.emit(&name, &data)?)))
    }
}

struct HasEvents;

impl HasData for HasEvents {
    type Data<'a> = SqlView<'a>;
}

fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    wit::add_to_linker::<_, HasEvents>(linker, sql::view)
}
