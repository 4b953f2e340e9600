//! Calls between components: what a call that another component's call makes needs to
//! know of that one, and who makes it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::json;
use wasmtime::component::Val;
use wasmtime::component::types::ComponentFunc;

use super::extended::{Extending, Member, NotAnswered, Question, Selecting, Selection};

/// How deep calls of components may be nested in one of the host's.
pub const DEPTH_MAX: usize = 4;

/// The calls that a call is nested in.
#[derive(Clone, Debug, Default)]
pub struct Nesting {
    /// Tells the caller of the outermost one from others; empty for a call that is no
    /// request.
    pub caller: Arc<str>,
    /// The kind of the actor whose id that is: every call that is nested in one is made on
    /// behalf of who made the request. `None` where nobody is signed in.
    pub actor: Option<&'static str>,
    /// The components that are called, the outermost first.
    pub components: Vec<Arc<str>>,
    /// Whether it may call other components, and has its extension points filled: not while a
    /// component is asked about itself, or is verified.
    pub reaches_others: bool,
    /// The event that is handled.
    pub event: Option<CausedBy>,
    /// The time that remains to the call around this one, as a bound of this one's; `None`
    /// of an outermost one.
    pub left: Option<TimeLeft>,
}

impl Nesting {
    /// The components around a call, from the one that got the request inwards; `None` of an
    /// outermost call.
    pub fn path(&self) -> Option<String> {
        (!self.components.is_empty()).then(|| self.components.join(" > "))
    }

    /// The actor on whose behalf a call is made.
    pub fn on_behalf_of(&self) -> Option<String> {
        let kind = self.actor?;
        Some(format!("{kind} {}", self.caller))
    }

    /// Who made what a call does, as JSON: the actor, and the components that made it on the
    /// actor's behalf. `None` where no request did.
    pub(super) fn cause(&self) -> Option<String> {
        let actor = self.actor;
        let actor = actor.map(|kind| json!({"kind": kind, "id": &*self.caller}));
        let is_known = actor.is_some() || !self.components.is_empty() || self.event.is_some();
        let components: Vec<&str> = self.components.iter().map(|one| &**one).collect();
        let mut cause = json!({"actor": actor, "components": components});
        if let Some(event) = &self.event {
            cause["event"] = json!({"id": &*event.id, "depth": event.depth});
        }
        is_known.then(|| cause.to_string())
    }
}

/// The event in whose handling a call is made.
#[derive(Clone, Debug)]
pub struct CausedBy {
    /// The id of the event.
    pub id: Arc<str>,
    /// How many events caused one another up to those that the call emits.
    pub depth: u32,
}

/// The time that remains to a call.
#[derive(Clone, Copy, Debug)]
pub struct TimeLeft {
    /// For the guest itself.
    pub guest: Duration,
    /// For the whole call.
    pub call: Duration,
}

/// A call of another component's function that a component imports.
pub struct NestedCall<'a> {
    /// The interface, as the component imports it.
    pub interface: &'a str,
    /// The function.
    pub function: &'a str,
    /// As the component imports it.
    pub ty: &'a ComponentFunc,
    /// Of a hook: the context, if it has one, and the value.
    pub parameters: &'a [Val],
}

/// Marks a call that ends because another component does not answer it, on its way through
/// wasmtime's errors.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{component} did not answer {function}")]
pub struct NoAnswer {
    /// The component, or the interface that no component exports.
    pub component: String,
    /// The hook, or the operation.
    pub function: String,
}

/// Fills the extension points of components, and extends their entities.
pub trait Points: Send + Sync {
    /// Has every extension take its turn at a hook. `nesting` is that of a call within the
    /// one that asks. Returns the hook's `result`.
    ///
    /// # Errors
    /// When an extension that may not be left out does not answer: the call ends there.
    fn call(&self, hook: &NestedCall<'_>, nesting: &Nesting) -> Result<Val, NoAnswer>;

    /// Calls an operation of the component that exports it. `nesting` is that of a call
    /// within the one that asks. Returns the function's results.
    ///
    /// # Errors
    /// When no component exports it, or that does not answer: the call ends there.
    fn operate(&self, call: &NestedCall<'_>, nesting: &Nesting) -> Result<Vec<Val>, NoAnswer>;

    /// Whether any component provides fields or relations of an entity.
    fn extends(&self, entity: &str) -> bool;

    /// Has every component that provides what is asked about return its values. Those of one
    /// that does not answer are `null` if it may be left out.
    ///
    /// # Errors
    /// When one that may not be left out does not answer, or the entity is not the caller's.
    fn values(
        &self,
        question: &Question<'_, Extending<'_>>,
        nesting: &Nesting,
    ) -> Result<Vec<Member>, NotAnswered>;

    /// Has the component that provides a field select entities by it.
    ///
    /// # Errors
    /// When it does not answer, or the entity is not the caller's.
    fn select(
        &self,
        question: &Question<'_, Selecting<'_>>,
        nesting: &Nesting,
    ) -> Result<Selection, NotAnswered>;
}

/// Where a host's components find who fills their extension points: nothing does before
/// the host serves.
pub type PointsOfHost = Arc<OnceLock<Arc<dyn Points>>>;

#[cfg(test)]
mod tests {
    use super::Nesting;

    #[test]
    fn a_call_is_made_by_the_components_around_it_on_behalf_of_an_actor() {
        let nesting = |actor, components: &[&str]| Nesting {
            caller: "user_1".into(),
            actor,
            components: components.iter().map(|&name| name.into()).collect(),
            ..Nesting::default()
        };
        for (actor, components, path, on_behalf_of, cause) in [
            (None, &[][..], None, None, None),
            (
                Some("user"),
                &[],
                None,
                Some("user user_1"),
                Some(r#"{"actor":{"kind":"user","id":"user_1"},"components":[]}"#),
            ),
            (
                Some("user"),
                &["notes", "alpha"],
                Some("notes > alpha"),
                Some("user user_1"),
                Some(r#"{"actor":{"kind":"user","id":"user_1"},"components":["notes","alpha"]}"#),
            ),
            (
                None,
                &["notes"],
                Some("notes"),
                None,
                Some(r#"{"actor":null,"components":["notes"]}"#),
            ),
        ] {
            let nesting = nesting(actor, components);
            assert_eq!(nesting.path().as_deref(), path);
            assert_eq!(nesting.on_behalf_of().as_deref(), on_behalf_of);
            assert_eq!(nesting.cause().as_deref(), cause);
        }
    }
}
