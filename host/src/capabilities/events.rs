//! `wares:platform/events`: facts that are kept if and only if the transaction
//! that they belong to commits.

use wasmtime::component::{HasData, Linker, Resource};

use super::bindings::wares::platform::events::{self as wit, Host};
use super::bindings::wares::platform::sql::Error;
use super::sql::{self, SqlView, Transaction};
use super::{CallState, Capability};

pub(crate) const CAPABILITY: Capability = Capability {
    interfaces: &["wares:platform/events@1.3.0"],
    grant: Some("events"),
    is_inert: false,
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
        Ok(self.state.emit(&name, &data))
    }
}

struct HasEvents;

impl HasData for HasEvents {
    type Data<'a> = SqlView<'a>;
}

fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    wit::add_to_linker::<_, HasEvents>(linker, sql::view)
}

#[cfg(test)]
mod tests {
    use super::super::bindings::wares::platform::sql::HostTransaction;
    use super::super::fixture::{Fixture, begin, commit, handed_over, lent, told};
    use super::*;

    fn emit(call: &mut CallState, handle: u32, name: &str, data: &str) -> Result<(), String> {
        let (name, data) = (name.to_owned(), data.to_owned());
        let emitted = sql::view(call).emit(lent(handle), name, data);
        emitted.unwrap().map_err(told)
    }

    /// The names of the events that are kept.
    fn kept(fixture: &Fixture) -> Vec<String> {
        let events = fixture.database.events(0, 100).unwrap();
        events.into_iter().map(|event| event.name).collect()
    }

    #[test]
    fn an_event_has_a_name_and_one_json_value() {
        let fixture = Fixture::new();
        let mut call = fixture.call();
        let handle = begin(&mut sql::view(&mut call));
        let longest = "n".repeat(128);
        let longer = "n".repeat(129);
        let largest = format!("\"{}\"", "d".repeat(64 * 1024 - 2));
        let larger = format!("\"{}\"", "d".repeat(64 * 1024 - 1));
        let name =
            "invalid: an event's name is 1 to 128 lower-case letters, digits, dots and dashes";
        let data = "invalid: an event's data is one JSON value";
        let too_large = "limit exceeded: more than 65536 bytes in an event";
        for (event, value, answer) in [
            ("order.created", "{\"id\":1}", Ok(())),
            ("order_2.re-opened", "null", Ok(())),
            (&*longest, "1", Ok(())),
            (&*longer, "1", Err(name)),
            ("", "1", Err(name)),
            ("Order", "1", Err(name)),
            ("order created", "1", Err(name)),
            ("order.large", &*largest, Ok(())),
            ("order.large", &*larger, Err(too_large)),
            ("order", "", Err(data)),
            ("order", "{", Err(data)),
            ("order", "1 2", Err(data)),
        ] {
            let answer = answer.map_err(str::to_owned);
            assert_eq!(emit(&mut call, handle, event, value), answer, "{event}");
        }
        // What was refused changed nothing of the transaction.
        assert_eq!(commit(&mut call, handle).map_err(told), Ok(()));
        let expected = [
            "order.created",
            "order_2.re-opened",
            &longest,
            "order.large",
        ];
        assert_eq!(kept(&fixture), expected);
    }

    #[test]
    fn an_event_is_kept_with_its_transaction_alone() {
        let fixture = Fixture::new();
        let mut call = fixture.call();
        let dropped = begin(&mut sql::view(&mut call));
        assert_eq!(emit(&mut call, dropped, "order.dropped", "1"), Ok(()));
        HostTransaction::drop(&mut sql::view(&mut call), handed_over(dropped)).unwrap();
        let committed = begin(&mut sql::view(&mut call));
        assert_eq!(emit(&mut call, committed, "order.kept", "1"), Ok(()));
        assert!(kept(&fixture).is_empty());
        assert_eq!(commit(&mut call, committed).map_err(told), Ok(()));
        assert_eq!(kept(&fixture), ["order.kept"]);
        // The handle belongs to the call from here on.
        let late = sql::view(&mut call).emit(lent(committed), "order.late".into(), "1".into());
        assert!(late.is_err());
    }

    #[test]
    fn an_event_counts_as_a_statement() {
        let fixture = Fixture::new();
        let mut call = fixture.call_with(|limits| limits.capabilities.sql.statements_max = 2);
        let handle = begin(&mut sql::view(&mut call));
        assert_eq!(emit(&mut call, handle, "order.first", "1"), Ok(()));
        let refusal =
            "limit exceeded: more than 2 statements in one call (sql_statements_max)".to_owned();
        assert_eq!(emit(&mut call, handle, "order.second", "1"), Err(refusal));
    }
}
