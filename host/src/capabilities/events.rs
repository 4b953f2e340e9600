//! `wares:platform/events`: facts that are kept if and only if the transaction
//! that they belong to commits.

use wasmtime::component::{HasData, Linker, Resource};

use super::bindings::wares::platform::events::{self as wit, Host};
use super::bindings::wares::platform::sql::Error;
use super::sql::{SqlView, Transaction};

impl Host for SqlView<'_> {
    fn emit(
        &mut self,
        transaction: Resource<Transaction>,
        name: String,
        data: String,
    ) -> wasmtime::Result<Result<(), Error>> {
        self.table.get(&transaction)?;
        Ok(self
            .context
            .session()
            .and_then(|session| Ok(session.emit(&name, &data)?)))
    }
}

struct HasEvents;

impl HasData for HasEvents {
    type Data<'a> = SqlView<'a>;
}

/// Gives a component `events`. They live in its database, so the view is `sql`'s.
///
/// # Errors
/// When the linker has it already.
pub fn add_to_linker<T: 'static>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> SqlView<'_>,
) -> wasmtime::Result<()> {
    wit::add_to_linker::<T, HasEvents>(linker, view)
}
