//! Ties a component's imports: to the host's capabilities by name, and to
//! extension points by forwarding values dynamically. What is neither is refused
//! before anything runs.

use serde::{Deserialize, Serialize};
use wasmtime::component::types::{ComponentFunc, ComponentInstance, ComponentItem};
use wasmtime::component::{Linker, Type, Val};

use super::error::LoadError;
use super::state::CallState;
use super::{root, versions};
use crate::capabilities;

/// What an operator grants, and the interface that it opens. All other
/// capabilities are harmless, and every component has them.
pub const GRANTS: [(&str, &str); 2] = [
    ("sql", "wares:platform/sql"),
    ("events", "wares:platform/events"),
];

/// The interfaces that a component may be given, in the versions that the host
/// has of them. Compatible ones are the same to the linker.
pub(super) const CAPABILITIES: [&str; 21] = [
    "wares:platform/events@1.0.0",
    "wares:platform/sql@1.0.0",
    "wasi:cli/environment@0.2.12",
    "wasi:cli/exit@0.2.12",
    "wasi:cli/stderr@0.2.12",
    "wasi:cli/stdin@0.2.12",
    "wasi:cli/stdout@0.2.12",
    "wasi:cli/terminal-input@0.2.12",
    "wasi:cli/terminal-output@0.2.12",
    "wasi:cli/terminal-stderr@0.2.12",
    "wasi:cli/terminal-stdin@0.2.12",
    "wasi:cli/terminal-stdout@0.2.12",
    "wasi:clocks/monotonic-clock@0.2.12",
    "wasi:clocks/wall-clock@0.2.12",
    "wasi:config/store@0.2.0-rc.1",
    "wasi:io/error@0.2.12",
    "wasi:io/poll@0.2.12",
    "wasi:io/streams@0.2.12",
    "wasi:logging/logging@0.1.0-draft",
    "wasi:random/insecure-seed@0.2.12",
    "wasi:random/random@0.2.12",
];

/// Namespaces of the host. An import from one of these that is no capability
/// is no extension point either, but something that components are not given.
const HOST_NAMESPACES: [&str; 2] = ["wares:platform/", "wasi:"];

/// What an import of a component is to the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImportKind {
    /// Something that the host gives.
    Capability,
    /// Types alone; nothing to be given.
    Types,
    /// An interface of hooks, for extensions to fill.
    ExtensionPoint,
    /// Nothing that the host knows how to give.
    Unknown,
}

/// What an import is made of, as far as that says what it is to the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// An instance without functions.
    Types,
    /// An instance all of whose functions may be hooks.
    MaybeHooks,
    /// An instance with other functions.
    Functions,
    /// No instance.
    Other,
}

/// Tells what an import is to the host, by its name and its type.
fn kind(engine: &wasmtime::Engine, name: &str, item: &ComponentItem) -> ImportKind {
    let ComponentItem::ComponentInstance(instance) = item else {
        return kind_of(name, &Form::Other);
    };
    let mut functions = functions(engine, instance).peekable();
    let form = if functions.peek().is_none() {
        Form::Types
    } else if functions.all(|(_, function)| is_hook(&function)) {
        Form::MaybeHooks
    } else {
        Form::Functions
    };
    kind_of(name, &form)
}

/// Tells what an import is to the host, by its name and its form.
pub(super) fn kind_of(name: &str, form: &Form) -> ImportKind {
    let is_hosts = || HOST_NAMESPACES.iter().any(|host| name.starts_with(host));
    match (form, given(name)) {
        (Form::Other, _) => ImportKind::Unknown,
        (_, Some(given)) if versions::are_compatible(name, given) => ImportKind::Capability,
        (_, Some(_)) => ImportKind::Unknown,
        (Form::Types, None) => ImportKind::Types,
        (Form::MaybeHooks, None) if !is_hosts() => ImportKind::ExtensionPoint,
        (Form::MaybeHooks | Form::Functions, None) => ImportKind::Unknown,
    }
}

/// Refuses imports that the host does not provide.
///
/// # Errors
/// With all of them, if there are any.
pub(super) fn refuse(unknown: Vec<String>) -> Result<(), LoadError> {
    if unknown.is_empty() {
        return Ok(());
    }
    let given = unknown.iter().filter_map(|name| given(name)).collect();
    Err(LoadError::UnknownImports {
        imports: unknown,
        given,
    })
}

/// What the host has of an interface: its name in the host's version.
fn given(import: &str) -> Option<&'static str> {
    let (interface, _) = versions::split(import);
    CAPABILITIES
        .into_iter()
        .find(|capability| versions::split(capability).0 == interface)
}

/// The grant that an import needs, if it needs one.
pub(super) fn grant(import: &str) -> Option<&'static str> {
    let (interface, _) = versions::split(import);
    GRANTS
        .iter()
        .find(|(_, opened)| *opened == interface)
        .map(|(grant, _)| *grant)
}

/// A linker with every capability, and a pass-through for every extension
/// point that `component` has.
///
/// # Errors
/// When it imports something that is neither.
pub(super) fn link(
    engine: &wasmtime::Engine,
    component: &wasmtime::component::Component,
) -> Result<Linker<CallState>, LoadError> {
    let mut linker = with_capabilities(engine).map_err(LoadError::Engine)?;
    let mut unknown = Vec::new();
    for (name, import) in component.component_type().imports(engine) {
        match kind(engine, name, &import.ty) {
            ImportKind::Capability | ImportKind::Types => {}
            ImportKind::Unknown => unknown.push(name.to_owned()),
            ImportKind::ExtensionPoint => {
                if let ComponentItem::ComponentInstance(instance) = &import.ty {
                    link_point(engine, &mut linker, name, instance).map_err(LoadError::Engine)?;
                }
            }
        }
    }
    refuse(unknown)?;
    Ok(linker)
}

/// What is wrong with the imports of a component that the linker refuses: it
/// was built for a later version of a capability, or for one of another shape.
pub(super) fn refusal(
    engine: &wasmtime::Engine,
    component: &wasmtime::component::Component,
    error: &wasmtime::Error,
) -> LoadError {
    let said = error.to_string();
    let reasons: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
    component
        .component_type()
        .imports(engine)
        .find(|(name, _)| said.contains(&format!("`{name}`")))
        .and_then(|(name, _)| {
            Some(LoadError::WrongImport {
                import: name.to_owned(),
                given: given(name)?,
                reason: reasons.join(": "),
            })
        })
        .unwrap_or_else(|| LoadError::Link(root(error)))
}

/// Everything that the host gives.
fn with_capabilities(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<CallState>> {
    let mut linker = Linker::new(engine);
    capabilities::wasi::add_to_linker(&mut linker)?;
    capabilities::sql::add_to_linker(&mut linker, CallState::sql)?;
    capabilities::events::add_to_linker(&mut linker, CallState::sql)?;
    capabilities::logging::add_to_linker(&mut linker, CallState::log)?;
    wasmtime_wasi_config::add_to_linker(&mut linker, CallState::settings)?;
    Ok(linker)
}

/// Fills an extension point with nothing: each hook gives back what it got.
fn link_point(
    engine: &wasmtime::Engine,
    linker: &mut Linker<CallState>,
    name: &str,
    instance: &ComponentInstance,
) -> wasmtime::Result<()> {
    let mut point = linker.instance(name)?;
    for (function, _) in functions(engine, instance) {
        point.func_new(&function, |_, _, values, results| {
            if let ([value], [result]) = (values, results) {
                *result = Val::Result(Ok(Some(Box::new(value.clone()))));
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn functions<'a>(
    engine: &'a wasmtime::Engine,
    instance: &'a ComponentInstance,
) -> impl Iterator<Item = (String, ComponentFunc)> + 'a {
    instance
        .exports(engine)
        .filter_map(|(name, export)| match export.ty {
            ComponentItem::ComponentFunc(function) => Some((name.to_owned(), function)),
            _ => None,
        })
}

/// Whether a function is of the form `func(value: T) -> result<T, E>`.
fn is_hook(function: &ComponentFunc) -> bool {
    let (mut parameters, mut results) = (function.params(), function.results());
    let (Some((_, parameter)), None) = (parameters.next(), parameters.next()) else {
        return false;
    };
    let (Some(Type::Result(result)), None) = (results.next(), results.next()) else {
        return false;
    };
    result.ok().is_some_and(|ok| ok == parameter) && is_plain(&parameter)
}

/// Whether values of a type are little more in the host than in the component:
/// flags, for one, become a text for each that is set.
fn is_plain(ty: &Type) -> bool {
    match ty {
        Type::Bool
        | Type::S8
        | Type::U8
        | Type::S16
        | Type::U16
        | Type::S32
        | Type::U32
        | Type::S64
        | Type::U64
        | Type::Float32
        | Type::Float64
        | Type::Char
        | Type::String
        | Type::Enum(_) => true,
        Type::List(list) => is_plain(&list.ty()),
        Type::Option(option) => is_plain(&option.ty()),
        Type::Record(record) => record.fields().all(|field| is_plain(&field.ty)),
        Type::Tuple(tuple) => tuple.types().all(|ty| is_plain(&ty)),
        Type::Variant(variant) => variant
            .cases()
            .all(|case| case.ty.is_none_or(|ty| is_plain(&ty))),
        Type::Result(result) => [result.ok(), result.err()]
            .into_iter()
            .flatten()
            .all(|ty| is_plain(&ty)),
        _ => false,
    }
}
