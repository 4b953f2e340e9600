//! Links a component's imports: to the host's capabilities by name, and to
//! extension points by forwarding values dynamically. What is neither is refused
//! before anything runs.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wasmtime::component::types::{ComponentFunc, ComponentInstance, ComponentItem};
use wasmtime::component::{Linker, Type, Val};

use super::error::LoadError;
use super::{root, versions};
use crate::capabilities::{self, CallState, Capability, NestedCall};

/// Namespaces of the host. An import from one of these that is no capability
/// is no extension point either: the host does not provide it.
const HOST_NAMESPACES: [&str; 3] = ["wares:platform/", "wares:module/", "wasi:"];

/// What an import of a component is to the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImportKind {
    /// Something that the host provides.
    Capability,
    /// An interface of the host with nothing behind it.
    Inert,
    /// Types alone: nothing has to be provided.
    Types,
    /// An interface of hooks, for extensions to fill.
    ExtensionPoint,
    /// Operations that another component exports.
    Operations,
    /// Nothing that the host can provide.
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
    /// An instance with functions whose values cannot cross between components.
    Bound,
    /// No instance.
    Other,
}

/// Tells what an import is to the host, by its name and its type.
pub(super) fn kind(engine: &wasmtime::Engine, name: &str, item: &ComponentItem) -> ImportKind {
    let ComponentItem::ComponentInstance(instance) = item else {
        return kind_of(name, &Form::Other);
    };
    let all: Vec<_> = functions(engine, instance).collect();
    let form = if all.is_empty() {
        Form::Types
    } else if all.iter().all(|(_, function)| is_hook(function)) {
        Form::MaybeHooks
    } else if all.iter().all(|(_, function)| is_operation(function)) {
        Form::Functions
    } else {
        Form::Bound
    };
    kind_of(name, &form)
}

/// Tells what an import is to the host, by its name and its form.
pub(super) fn kind_of(name: &str, form: &Form) -> ImportKind {
    let is_hosts = || HOST_NAMESPACES.iter().any(|host| name.starts_with(host));
    match (form, provided(name)) {
        (Form::Other, _) => ImportKind::Unknown,
        (_, Some((capability, provided))) if versions::are_compatible(name, provided) => {
            if capability.is_inert {
                ImportKind::Inert
            } else {
                ImportKind::Capability
            }
        }
        (_, Some(_)) => ImportKind::Unknown,
        (Form::Types, None) => ImportKind::Types,
        (Form::MaybeHooks, None) if !is_hosts() => ImportKind::ExtensionPoint,
        (Form::Functions, None) if !is_hosts() => ImportKind::Operations,
        (Form::MaybeHooks | Form::Functions | Form::Bound, None) => ImportKind::Unknown,
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
    let provided = unknown
        .iter()
        .filter_map(|name| Some(provided(name)?.1))
        .collect();
    Err(LoadError::UnknownImports {
        imports: unknown,
        provided,
    })
}

/// The host's side of an interface: the capability, and the interface's name in the
/// host's version. Of several versions it is one that fits, if there is one.
fn provided(import: &str) -> Option<(&'static Capability, &'static str)> {
    let (interface, _) = versions::split(import);
    let all = capabilities::ALL.iter().flat_map(|capability| {
        let names = capability.interfaces.iter();
        names.map(move |name| (capability, *name))
    });
    let mut same = all.filter(|(_, name)| versions::split(name).0 == interface);
    let fits = |(_, name): &(_, &str)| versions::are_compatible(import, name);
    same.clone().find(fits).or_else(|| same.next())
}

/// The capability that an import is of.
pub(super) fn capability(import: &str) -> Option<&'static Capability> {
    provided(import).map(|(capability, _)| capability)
}

/// A linker with every capability, and with the extension points and the operations of
/// others that `component` imports.
///
/// # Errors
/// When it imports something that is none of these.
pub(super) fn link(
    engine: &wasmtime::Engine,
    component: &wasmtime::component::Component,
) -> Result<Linker<CallState>, LoadError> {
    let mut linker = Linker::new(engine);
    for capability in capabilities::ALL {
        (capability.link)(&mut linker).map_err(LoadError::Engine)?;
    }
    let mut unknown = Vec::new();
    for (name, import) in component.component_type().imports(engine) {
        match kind(engine, name, &import.ty) {
            ImportKind::Capability | ImportKind::Inert | ImportKind::Types => {}
            ImportKind::Unknown => unknown.push(name.to_owned()),
            kind @ (ImportKind::ExtensionPoint | ImportKind::Operations) => {
                if let ComponentItem::ComponentInstance(instance) = &import.ty {
                    let call = match kind {
                        ImportKind::ExtensionPoint => call_hook,
                        _ => call_operation,
                    };
                    link_others(engine, &mut linker, name, instance, call)
                        .map_err(LoadError::Engine)?;
                }
            }
        }
    }
    refuse(unknown)?;
    Ok(linker)
}

/// Returns the fault in the imports of a component that the linker refuses: it
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
                provided: provided(name)?.1,
                reason: reasons.join(": "),
            })
        })
        .unwrap_or_else(|| LoadError::Link(root(error)))
}

/// Links the functions of an interface that other components export. They are looked for when
/// one is called: `call` makes it, and writes its results.
fn link_others(
    engine: &wasmtime::Engine,
    linker: &mut Linker<CallState>,
    name: &str,
    instance: &ComponentInstance,
    call: fn(&CallState, &NestedCall<'_>, &mut [Val]) -> wasmtime::Result<()>,
) -> wasmtime::Result<()> {
    let mut linked = linker.instance(name)?;
    let interface: Arc<str> = name.into();
    for (function, _) in functions(engine, instance) {
        let (interface, function_name) = (interface.clone(), function.clone());
        linked.func_new(&function, move |context, ty, parameters, results| {
            let nested = NestedCall {
                interface: &interface,
                function: &function_name,
                ty: &ty,
                parameters,
            };
            call(context.data(), &nested, results)
        })?;
    }
    Ok(())
}

/// Calls a hook of the host's extensions. Without any, it returns its value.
fn call_hook(
    state: &CallState,
    hook: &NestedCall<'_>,
    results: &mut [Val],
) -> wasmtime::Result<()> {
    let ([.., value], [result]) = (hook.parameters, results) else {
        return Ok(());
    };
    *result = match state.points() {
        None => Val::Result(Ok(Some(Box::new(value.clone())))),
        Some((points, nesting)) => points.call(hook, &nesting).map_err(wasmtime::Error::new)?,
    };
    Ok(())
}

/// Calls an operation of the component that exports it.
fn call_operation(
    state: &CallState,
    call: &NestedCall<'_>,
    results: &mut [Val],
) -> wasmtime::Result<()> {
    let Some((points, nesting)) = state.points() else {
        return Err(wasmtime::Error::msg(format!(
            "{} is of another component, and no other one is called while this one is asked \
             about itself or verified",
            call.interface
        )));
    };
    let returned = points.operate(call, &nesting);
    let returned = returned.map_err(wasmtime::Error::new)?;
    for (result, returned) in results.iter_mut().zip(returned) {
        *result = returned;
    }
    Ok(())
}

pub(super) fn functions<'a>(
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

/// Whether a function is of the form `func(context: C, value: T) -> result<T, E>`, with or
/// without the context.
fn is_hook(function: &ComponentFunc) -> bool {
    let (mut parameters, mut results) = (function.params(), function.results());
    let parameter = match (parameters.next(), parameters.next(), parameters.next()) {
        (Some((_, value)), None, None) => value,
        (Some((_, context)), Some((_, value)), None) if is_plain(&context) => value,
        _ => return false,
    };
    let (Some(Type::Result(result)), None) = (results.next(), results.next()) else {
        return false;
    };
    result.ok().is_some_and(|ok| ok == parameter) && is_plain(&parameter)
}

/// Whether the values of a function can cross between components.
fn is_operation(function: &ComponentFunc) -> bool {
    let result = |ty: &Type| match ty {
        Type::Result(result) => [result.ok(), result.err()].iter().flatten().all(is_plain),
        ty => is_plain(ty),
    };
    function.params().all(|(_, ty)| is_plain(&ty)) && function.results().all(|ty| result(&ty))
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use wasmtime::component::Component;

    use super::super::{Engine, EngineOptions, Shape, Size, store};
    use super::*;
    use crate::capabilities::{CallContext, CapabilityLimits, Limits, Nesting, Outbound, Settings};
    use crate::telemetry::LogBudget;

    /// A component that counts to two by the capability of `capabilities/toy.rs`.
    const COUNTS: &str = r#"(component
        (import "wares:toy/counter@1.0.0" (instance $counter (export "next" (func (result u32)))))
        (core func $next (canon lower (func $counter "next")))
        (core module $module
            (import "counter" "next" (func $next (result i32)))
            (func (export "run") (result i32) (drop (call $next)) (call $next)))
        (core instance $instance (instantiate $module
            (with "counter" (instance (export "next" (func $next))))))
        (func (export "run") (result u32) (canon lift (core func $instance "run"))))"#;

    fn context() -> CallContext {
        let capabilities = CapabilityLimits::default();
        CallContext {
            component: "counts".into(),
            log: LogBudget::of("counts", capabilities.logging.per_second, None),
            settings: Settings::new([]),
            session: None,
            limits: Arc::new(Limits {
                deadline_ms: 1_000,
                call_ms: 1_000,
                memory_bytes_max: 0,
                table_elements_max: 0,
                response_bytes_max: 0,
                host_calls_max: 2,
                capabilities,
            }),
            retired: Arc::default(),
            outbound: Arc::new(Outbound::nowhere()),
            nesting: Nesting::default(),
            trial: None,
        }
    }

    #[test]
    fn a_capability_of_one_file_and_one_line_is_linked_and_called() {
        let engine = Engine::new(EngineOptions {
            calls_max: 1,
            memory_bytes_max: 1 << 20,
            table_elements_max: 100,
            stack_bytes_max: 64 << 10,
            component_bytes_max: 1 << 20,
            compile: None,
            artifacts: None,
            hear: None,
            developing: false,
            trial: None,
        });
        let engine = engine.unwrap().engines.of(Size::Small).unwrap().clone();
        let component = Component::new(&engine, wat::parse_str(COUNTS).unwrap()).unwrap();
        let pre = link(&engine, &component)
            .unwrap()
            .instantiate_pre(&component)
            .unwrap();
        // Each call counts for itself.
        for _ in 0..2 {
            let mut store = store::open(&engine, context(), Arc::default());
            let instance = pre.instantiate(&mut store).unwrap();
            let run = instance
                .get_typed_func::<(), (u32,)>(&mut store, "run")
                .unwrap();
            assert_eq!(run.call(&mut store, ()).unwrap(), (2,));
        }
    }

    #[test]
    fn a_capability_is_inspected_with_its_grant_and_what_it_is_for() {
        let shape = Shape::read(&wat::parse_str(COUNTS).unwrap()).unwrap();
        let imports: Vec<_> = shape
            .imports
            .iter()
            .map(|import| (&*import.name, import.kind, import.grant(), import.summary()))
            .collect();
        let counter = "wares:toy/counter@1.0.0";
        assert_eq!(
            imports,
            [(counter, ImportKind::Capability, Some("toy"), Some("counts"))]
        );
    }

    #[test]
    fn a_capability_is_found_in_every_version_that_is_compatible() {
        for (import, kind, provided_name) in [
            (
                "wares:platform/sql@1.0.0",
                ImportKind::Capability,
                Some("wares:platform/sql@1"),
            ),
            (
                "wares:platform/sql@1.9.0",
                ImportKind::Capability,
                Some("wares:platform/sql@1"),
            ),
            (
                "wares:platform/sql@3.0.0",
                ImportKind::Unknown,
                Some("wares:platform/sql@1"),
            ),
            (
                "wares:toy/counter@1.0.0",
                ImportKind::Capability,
                Some("wares:toy/counter@1.2.0"),
            ),
            (
                "wares:toy/counter@0.9.0",
                ImportKind::Unknown,
                Some("wares:toy/counter@1.2.0"),
            ),
            ("wares:platform/files@1.0.0", ImportKind::Unknown, None),
            (
                "wasi:sockets/tcp@0.2.0",
                ImportKind::Inert,
                Some("wasi:sockets/tcp@0.2"),
            ),
            (
                "wasi:filesystem/types@0.3.0",
                ImportKind::Unknown,
                Some("wasi:filesystem/types@0.2"),
            ),
            (
                "wasi:http/outgoing-handler@0.2.6",
                ImportKind::Unknown,
                None,
            ),
            ("shop:reviews/reviews@1.0.0", ImportKind::Operations, None),
        ] {
            assert_eq!(kind_of(import, &Form::Functions), kind, "{import}");
            let found = provided(import).map(|(_, name)| name);
            let fits = match (found, provided_name) {
                (Some(found), Some(beginning)) => found.starts_with(beginning),
                (found, beginning) => found == beginning,
            };
            assert!(fits, "{import}: {found:?}");
        }
    }
}
