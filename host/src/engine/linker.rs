//! Ties a component's imports: to the host's capabilities by name, and to
//! extension points by forwarding values dynamically. What is neither is refused
//! before anything runs.

use wasmtime::component::types::{ComponentFunc, ComponentInstance, ComponentItem};
use wasmtime::component::{Linker, Type, Val};

use super::error::LoadError;
use super::state::CallState;
use crate::capabilities;

/// What an operator grants, and the interface that it opens. All other
/// capabilities are harmless, and every component has them.
pub const GRANTS: [(&str, &str); 2] = [
    ("sql", "wares:platform/sql"),
    ("events", "wares:platform/events"),
];

/// The interfaces that a component may be given, without their versions.
pub(super) const CAPABILITIES: [&str; 21] = [
    "wares:platform/events",
    "wares:platform/sql",
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:config/store",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:logging/logging",
    "wasi:random/insecure-seed",
    "wasi:random/random",
];

/// Namespaces of the host. An import from one of these that is no capability
/// is no extension point either, but something that components are not given.
const HOST_NAMESPACES: [&str; 2] = ["wares:platform/", "wasi:"];

/// What an import of a component is to the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// Tells what an import is to the host, by its name and its type.
pub(super) fn kind(engine: &wasmtime::Engine, name: &str, item: &ComponentItem) -> ImportKind {
    let ComponentItem::ComponentInstance(instance) = item else {
        return ImportKind::Unknown;
    };
    let interface = name
        .split_once('@')
        .map_or(name, |(interface, _)| interface);
    if CAPABILITIES.contains(&interface) {
        return ImportKind::Capability;
    }
    let mut functions = functions(engine, instance).peekable();
    if functions.peek().is_none() {
        ImportKind::Types
    } else if !HOST_NAMESPACES.iter().any(|host| name.starts_with(host))
        && functions.all(|(_, function)| is_hook(&function))
    {
        ImportKind::ExtensionPoint
    } else {
        ImportKind::Unknown
    }
}

/// The grant that an import needs, if it needs one.
pub(super) fn grant(import: &str) -> Option<&'static str> {
    let interface = import
        .split_once('@')
        .map_or(import, |(interface, _)| interface);
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
    if unknown.is_empty() {
        Ok(linker)
    } else {
        Err(LoadError::UnknownImports(unknown))
    }
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
    result.ok().is_some_and(|ok| ok == parameter)
}
