//! The contract that makes a component a module: the interfaces of `wares:module`, and what the host
//! asks through them. Every major version has a file of its own that turns its types into
//! those here; `lifecycle` is required of a module, all other interfaces are optional.

mod bindings;
mod description;
mod fields;
mod kinds;
mod profile;
mod subscription;
mod types;
mod v1;
mod v2;

use crate::digest::Digest;
use crate::engine::{
    CallContext, CallError, Component, Engine, Guest, LoadError, Question, Selecting,
    are_compatible, split,
};

pub use description::HOST_SCHEMA;
pub use fields::Field;
pub(super) use fields::{Asking, is_name, key_of, members, named};
pub(super) use profile::Profile;
use profile::shown;
pub use subscription::Subscription;
pub use types::{
    Access, Actor, ActorKind, DeclaredField, Description, Entity, Header, Method, Migration,
    Request, Response, Route, SeedKind, Selected, SubscribedEvent,
};

/// The exports of a module, by one major version of the contract. What an optional
/// interface would say is empty where a module does not export it.
trait Exports: Send + Sync {
    /// Checks that all functions have the types of the contract.
    fn check(&self, guest: Guest<'_>) -> wasmtime::Result<()>;
    fn describe(&self, guest: Guest<'_>) -> wasmtime::Result<Description>;
    fn check_settings(&self, guest: Guest<'_>) -> wasmtime::Result<Result<(), Vec<String>>>;
    fn migrations(&self, guest: Guest<'_>) -> wasmtime::Result<Vec<Migration>>;
    /// `None` where the module does not say.
    fn migrations_required(&self, guest: Guest<'_>) -> wasmtime::Result<Option<u32>>;
    /// The inner error says what the host does not know about a route.
    fn routes(&self, guest: Guest<'_>) -> wasmtime::Result<Result<Vec<Route>, String>>;
    fn schemas(&self, guest: Guest<'_>) -> wasmtime::Result<String>;
    fn handle(&self, guest: Guest<'_>, request: &Request) -> wasmtime::Result<Response>;
    fn entities(&self, _: Guest<'_>) -> wasmtime::Result<Vec<Entity>> {
        Ok(Vec::new())
    }
    fn fields(&self, _: Guest<'_>) -> wasmtime::Result<Vec<DeclaredField>> {
        Ok(Vec::new())
    }
    fn values(
        &self,
        _: Guest<'_>,
        _: &Question<'_, Asking<'_>>,
    ) -> wasmtime::Result<Result<Vec<Vec<String>>, String>> {
        Err(exports_no(v2::PROVIDER))
    }
    fn select(
        &self,
        _: Guest<'_>,
        _: &Question<'_, Selecting<'_>>,
        _limit: u32,
    ) -> wasmtime::Result<Result<Selected, String>> {
        Err(exports_no(v2::PROVIDER))
    }
    fn subscriptions(&self, _: Guest<'_>) -> wasmtime::Result<Vec<String>> {
        Ok(Vec::new())
    }
    fn take_event(
        &self,
        _: Guest<'_>,
        _: &SubscribedEvent,
    ) -> wasmtime::Result<Result<(), String>> {
        Err(exports_no(v2::SUBSCRIBER))
    }
    fn seed_kinds(&self, guest: Guest<'_>) -> wasmtime::Result<Vec<SeedKind>>;
    fn seed(&self, guest: Guest<'_>, kind: u32, count: u32)
    -> wasmtime::Result<Result<(), String>>;
}

/// A component that is a module: what it exports of the contract was found.
pub(super) struct Contract {
    component: Component,
    exports: Box<dyn Exports>,
}

/// A major version of the contract.
struct Major {
    /// Its interfaces, as this host calls them. The first is `lifecycle`, which makes a
    /// component a module.
    interfaces: &'static [&'static str],
    /// Finds them in a component.
    find: fn(&Component) -> wasmtime::Result<Box<dyn Exports>>,
}

/// The major versions that this host serves, the latest first.
const MAJORS: [Major; 2] = [v2::MAJOR, v1::MAJOR];

impl Contract {
    /// Compiles a component and finds what it exports of the contract. Nothing of it runs
    /// yet, and one that is no module is not compiled.
    ///
    /// # Errors
    /// When the component does not load, or is no module.
    pub fn load(engine: &Engine, bytes: &[u8], digest: Digest) -> Result<Self, LoadError> {
        let component = engine.load(bytes, digest, |shape| {
            let exports = shape.exports.iter().map(|export| &*export.name);
            major(&exports.collect::<Vec<_>>()).map(drop)
        })?;
        let exports = component.exports();
        let exports: Vec<&str> = exports.iter().map(String::as_str).collect();
        let find = major(&exports)?.find;
        let exports = find(&component).map_err(|error| no_module(&format!("{error:#}")))?;
        Ok(Self { component, exports })
    }

    /// The component itself.
    pub fn component(&self) -> &Component {
        &self.component
    }

    /// Asks the module what it is. Its first call: exports of other types than those of
    /// the contract are refused here.
    ///
    /// # Errors
    /// When the call returns nothing.
    pub fn describe(&self, context: CallContext) -> Result<Description, CallError> {
        self.component.call(context, |mut guest| {
            self.exports.check(guest.reborrow())?;
            self.exports.describe(guest)
        })
    }

    /// Has the module check its settings. The inner error holds its faults.
    ///
    /// # Errors
    /// When the call returns nothing.
    pub fn check_settings(
        &self,
        context: CallContext,
    ) -> Result<Result<(), Vec<String>>, CallError> {
        let exports = &self.exports;
        self.component
            .call(context, |guest| exports.check_settings(guest))
    }

    /// Asks the module for the migrations of its schema, oldest first.
    ///
    /// # Errors
    /// When the call returns nothing.
    pub fn migrations(&self, context: CallContext) -> Result<Vec<Migration>, CallError> {
        let exports = &self.exports;
        self.component
            .call(context, |guest| exports.migrations(guest))
    }

    /// Asks the module how many of its migrations a version of it has to know to work on
    /// what all of them leave; `None` where it does not say, and all are required.
    ///
    /// # Errors
    /// When the call returns nothing.
    pub fn migrations_required(&self, context: CallContext) -> Result<Option<u32>, CallError> {
        let exports = &self.exports;
        self.component
            .call(context, |guest| exports.migrations_required(guest))
    }

    /// Asks the module for its routes.
    ///
    /// # Errors
    /// When the call returns nothing, or a route that the host does not know how to serve.
    pub fn routes(&self, context: CallContext) -> Result<Vec<Route>, LoadError> {
        let exports = &self.exports;
        self.component
            .call(context, |guest| exports.routes(guest))?
            .map_err(LoadError::Contract)
    }

    /// Asks the module what the operations of its routes refer to.
    ///
    /// # Errors
    /// When the call returns nothing.
    pub fn schemas(&self, context: CallContext) -> Result<String, CallError> {
        let exports = &self.exports;
        self.component.call(context, |guest| exports.schemas(guest))
    }

    /// The export by which the component provides fields, if it does.
    pub fn provider(&self) -> Option<String> {
        let mut exports = self.component.exports().into_iter();
        exports.find(|name| is_provider(name))
    }

    /// The export by which the component takes events, if it does.
    pub fn subscriber(&self) -> Option<String> {
        let mut exports = self.component.exports().into_iter();
        exports.find(|name| split(name).0 == split(v2::SUBSCRIBER).0)
    }

    /// Asks the component for the names of the events that it takes.
    ///
    /// # Errors
    /// When the call returns nothing.
    pub fn subscriptions(&self, context: CallContext) -> Result<Vec<String>, CallError> {
        let exports = &self.exports;
        self.component
            .call(context, |guest| exports.subscriptions(guest))
    }

    /// Has the component handle an event. The inner error says why it does not.
    ///
    /// # Errors
    /// When the call returns nothing.
    pub fn take_event(
        &self,
        context: CallContext,
        event: &SubscribedEvent,
    ) -> Result<Result<(), String>, CallError> {
        let exports = &self.exports;
        self.component
            .call(context, |guest| exports.take_event(guest, event))
    }

    /// Asks the module for its entities that others may extend.
    ///
    /// # Errors
    /// When the call returns nothing.
    pub fn entities(&self, context: CallContext) -> Result<Vec<Entity>, CallError> {
        let exports = &self.exports;
        self.component
            .call(context, |guest| exports.entities(guest))
    }

    /// Asks the component for the fields and relations that it provides.
    ///
    /// # Errors
    /// When the call returns nothing.
    pub fn fields(&self, context: CallContext) -> Result<Vec<DeclaredField>, CallError> {
        let exports = &self.exports;
        self.component.call(context, |guest| exports.fields(guest))
    }

    /// Has the component return values of these fields of its own. The inner error says why it
    /// has none for this question, which is no fault of its own.
    ///
    /// # Errors
    /// When the call returns nothing, or values that the fields cannot have.
    pub fn values(
        &self,
        context: CallContext,
        fields: &[Field],
        question: &Question<'_, Asking<'_>>,
    ) -> Result<Result<Vec<Vec<String>>, String>, CallError> {
        let max = context.limits.response_bytes_max;
        let exports = &self.exports;
        let values = self
            .component
            .call(context, |guest| exports.values(guest, question))?;
        let Ok(values) = values else {
            return Ok(values);
        };
        // How much there is of what it is asked for is not its fault.
        if let Err(error) = check_bytes(values.iter().flatten(), "what it returned", max) {
            return Ok(Err(error.to_string()));
        }
        fields::check(fields, question.entity, question.of, &values)
            .map_err(CallError::BadAnswer)?;
        Ok(Ok(values))
    }

    /// Has the component select entities by a field of its own. The inner error is for the person
    /// who asked.
    ///
    /// # Errors
    /// When the call returns nothing, or more than its limits allow.
    pub fn select(
        &self,
        context: CallContext,
        question: &Question<'_, Selecting<'_>>,
        limit: u32,
    ) -> Result<Result<Selected, String>, CallError> {
        let max = context.limits.response_bytes_max;
        let exports = &self.exports;
        let selected = self
            .component
            .call(context, |guest| exports.select(guest, question, limit))?;
        let ids = selected.iter().flat_map(Selected::ids);
        check_bytes(ids, "what it returned", max)?;
        Ok(selected)
    }

    /// Has the module answer a request.
    ///
    /// # Errors
    /// When the call returns nothing, or more than its limits allow.
    pub fn handle(&self, context: CallContext, request: &Request) -> Result<Response, CallError> {
        let max = context.limits.response_bytes_max;
        let exports = &self.exports;
        let response = self
            .component
            .call(context, |guest| exports.handle(guest, request))?;
        if response.body.len() > max {
            return Err(CallError::ResponseTooLarge {
                what: "the body of the response",
                max,
            });
        }
        Ok(response)
    }

    /// Asks the module what it can seed.
    ///
    /// # Errors
    /// When the call returns nothing.
    pub fn seed_kinds(&self, context: CallContext) -> Result<Vec<SeedKind>, CallError> {
        let exports = &self.exports;
        self.component
            .call(context, |guest| exports.seed_kinds(guest))
    }

    /// Has the module add data. The inner error says what went wrong.
    ///
    /// # Errors
    /// When the call returns nothing.
    pub fn seed(
        &self,
        context: CallContext,
        kind: u32,
        count: u32,
    ) -> Result<Result<(), String>, CallError> {
        let exports = &self.exports;
        self.component
            .call(context, |guest| exports.seed(guest, kind, count))
    }
}

/// The major version of the contract that a component with these exports is written for.
fn major(exports: &[&str]) -> Result<&'static Major, LoadError> {
    let exports_one = |interface: &str| exports.iter().any(|name| are_compatible(name, interface));
    let major = MAJORS
        .iter()
        .find(|major| exports_one(major.interfaces[0]))
        .ok_or_else(|| lacks_lifecycle(exports))?;
    for interface in major.interfaces {
        if !exports_one(interface)
            && let Some(other) = another_version(exports, interface)
        {
            return Err(no_module(&calls_another(other, interface)));
        }
    }
    Ok(major)
}

/// The refusal of a component that exports these, and no `lifecycle` that the host calls.
fn lacks_lifecycle(exports: &[&str]) -> LoadError {
    let called: Vec<&str> = MAJORS.iter().map(|major| major.interfaces[0]).collect();
    no_module(&match another_version(exports, called[0]) {
        Some(other) => calls_another(other, &called.join(" or ")),
        None => format!(
            "it exports no {}: every component does, by `export {};` in its world",
            split(called[0]).0,
            called[0]
        ),
    })
}

/// The export that is another version of an interface.
fn another_version<'a>(exports: &[&'a str], interface: &str) -> Option<&'a str> {
    let (interface, _) = split(interface);
    exports
        .iter()
        .find(|name| split(name).0 == interface)
        .copied()
}

fn calls_another(exported: &str, called: &str) -> String {
    format!(
        "it exports {exported}, and this host calls {called}, or another version compatible with that: \
         build it against the contracts of this host, which `wares new` writes"
    )
}

fn no_module(reason: &str) -> LoadError {
    let reason = reason.lines().next().unwrap_or_default();
    LoadError::Contract(format!("it is no module: {reason}"))
}

/// Whether a component that exports this provides fields.
pub(super) fn is_provider(export: &str) -> bool {
    split(export).0 == split(v2::PROVIDER).0
}

fn check_bytes<'a>(
    texts: impl Iterator<Item = &'a String>,
    what: &'static str,
    max: usize,
) -> Result<(), CallError> {
    if texts.map(String::len).sum::<usize>() > max {
        return Err(CallError::ResponseTooLarge { what, max });
    }
    Ok(())
}

/// The fault of calling an interface that a module does not export.
fn exports_no(interface: &str) -> wasmtime::Error {
    wasmtime::Error::msg(format!("it exports no {interface}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::EngineOptions;

    fn engine() -> Engine {
        Engine::new(EngineOptions {
            calls_max: 1,
            memory_bytes_max: 1 << 20,
            table_elements_max: 1_000,
            stack_bytes_max: 256 * 1024,
            component_bytes_max: 1 << 20,
            compile: None,
            artifacts: None,
            hear: None,
            developing: false,
            trial: None,
        })
        .unwrap()
    }

    /// A component without imports and exports.
    const EMPTY: &[u8] = b"\0asm\x0d\x00\x01\x00";

    #[test]
    fn a_component_without_exports_loads_and_is_no_module() {
        let engine = engine();
        let component = engine.load(EMPTY, Digest::of(EMPTY), |_| Ok(())).unwrap();
        assert_eq!(component.exports(), Vec::<String>::new());
        let refused = Contract::load(&engine, EMPTY, Digest::of(EMPTY))
            .err()
            .unwrap();
        assert_eq!(
            refused.to_string(),
            "it is no module: it exports no wares:module/lifecycle: every component does, by \
             `export wares:module/lifecycle@2.2.0;` in its world"
        );
    }

    #[test]
    fn all_of_a_module_but_lifecycle_is_optional_and_of_one_major_version() {
        let said = |exports: &[&str]| {
            major(exports)
                .map(|major| major.interfaces[0])
                .map_err(|error| error.to_string())
        };
        let (lifecycle, older) = (v1::MAJOR.interfaces[0], "wares:module/lifecycle@1.0.0");
        let later = v2::MAJOR.interfaces[0];
        assert_eq!(said(&[older]), Ok(lifecycle));
        assert_eq!(said(&[later]), Ok(later));
        assert_eq!(
            said(&[later, "wares:module/http@1.1.0"]),
            Err(
                "it is no module: it exports wares:module/http@1.1.0, and this host calls \
                 wares:module/http@2.2.0, or another version compatible with that: build it against the \
                 contracts of this host, which `wares new` writes"
                    .to_owned()
            )
        );
        assert_eq!(said(&["shop:things/list@3.0.0", lifecycle]), Ok(lifecycle));
        assert_eq!(
            said(&["wares:module/http@1.1.0"]),
            Err(
                "it is no module: it exports no wares:module/lifecycle: every component does, by \
                 `export wares:module/lifecycle@2.2.0;` in its world"
                    .to_owned()
            )
        );
        assert_eq!(
            said(&[older, "wares:module/http@9.0.0"]),
            Err(
                "it is no module: it exports wares:module/http@9.0.0, and this host calls \
                 wares:module/http@1.1.0, or another version compatible with that: build it against the \
                 contracts of this host, which `wares new` writes"
                    .to_owned()
            )
        );
    }
}
