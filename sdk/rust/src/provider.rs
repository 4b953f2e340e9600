//! Fields and relations that a component provides for entities of other modules.

use crate::bindings::provider::exports::wares::module::provider;
use crate::{Context, panics};

pub use crate::bindings::provider::exports::wares::module::provider::{Asked, Field, Selected};
pub use crate::bindings::wares::platform::extended::Condition;

/// A component that provides fields and relations. It needs the grant `fields`.
///
/// ```no_run
/// use wares_module::provider::{Asked, Field};
/// use wares_module::{Component, Context, Provider};
///
/// struct Lengths;
/// wares_module::export!(Lengths: Provider);
/// impl Component for Lengths {}
///
/// impl Provider for Lengths {
///     fn fields() -> Vec<Field> {
///         vec![Field {
///             entity: "customer".to_owned(),
///             name: "lengths.id".to_owned(),
///             schema: r#"{"type": "integer"}"#.to_owned(),
///             filterable: false,
///         }]
///     }
///
///     fn values(
///         _: Context, _: String, asked: Vec<Asked>, ids: Vec<String>,
///     ) -> Result<Vec<Vec<String>>, String> {
///         let lengths: Vec<String> = ids.iter().map(|id| id.len().to_string()).collect();
///         Ok(asked.iter().map(|_| lengths.clone()).collect())
///     }
/// }
/// ```
pub trait Provider {
    /// Returns all fields and relations, as the settings have it.
    fn fields() -> Vec<Field>;

    /// Returns the values of fields for the entities with these ids: a list for each field that is
    /// asked for, with a JSON text for each id, in the order of both.
    ///
    /// # Errors
    /// A text for the log: it counts as no answer.
    fn values(
        context: Context,
        entity: String,
        asked: Vec<Asked>,
        ids: Vec<String>,
    ) -> Result<Vec<Vec<String>>, String>;

    /// Returns the entities whose field fulfils all conditions, by at most `limit` ids. Asked of
    /// fields that are filterable.
    ///
    /// # Errors
    /// A text for the person who asked: a condition that this field does not have.
    fn select(
        context: Context,
        entity: String,
        name: String,
        conditions: Vec<Condition>,
        limit: u32,
    ) -> Result<Selected, String> {
        let _ = (context, entity, conditions, limit);
        Err(format!("lists are not filtered by {name}"))
    }
}

impl<C: Provider> provider::Guest for C {
    fn fields() -> Vec<Field> {
        panics::report();
        <C as Provider>::fields()
    }

    fn values(
        context: Context,
        entity: String,
        asked: Vec<Asked>,
        ids: Vec<String>,
    ) -> Result<Vec<Vec<String>>, String> {
        panics::report();
        <C as Provider>::values(context, entity, asked, ids)
    }

    fn select(
        context: Context,
        entity: String,
        name: String,
        conditions: Vec<Condition>,
        limit: u32,
    ) -> Result<Selected, String> {
        panics::report();
        <C as Provider>::select(context, entity, name, conditions, limit)
    }
}
