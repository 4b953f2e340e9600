//! Calls of the hooks that an extension exports, with values as the module that asks has
//! them.

use wasmtime::component::types::ComponentFunc;
use wasmtime::component::{Type, Val};

use super::component::Component;
use super::linker::{self, ImportKind};
use super::operation::{at_of, check_parameters};
use super::{CallError, LoadError, lens, versions};
use crate::capabilities::{CallContext, HOOKS, Need, NestedCall};
use crate::printable::cut;

/// A text of a rejection, in bytes.
const REJECTION_BYTES_MAX: usize = 4 * 1024;

/// How an extension took its turn at a hook.
#[derive(Debug)]
pub(crate) enum Turn {
    /// It returned a value.
    /// As the module knows it.
    Passed(Val),
    /// It refused; the value is the module's `err`.
    Rejected(Val),
}

/// The extension points that a component exports, by interface. One that it exports in two
/// versions is none: another than the one that was checked might be called.
pub(super) fn filled(
    engine: &wasmtime::Engine,
    component: &wasmtime::component::Component,
) -> Vec<String> {
    let ty = component.component_type();
    let exports: Vec<_> = ty.exports(engine).collect();
    let interface = |name: &str| super::split(name).0.to_owned();
    let is_only = |name: &str| {
        let same = exports
            .iter()
            .filter(|(other, _)| interface(other) == interface(name));
        same.count() == 1
    };
    exports
        .iter()
        .filter(|(name, export)| {
            linker::kind(engine, name, &export.ty) == ImportKind::ExtensionPoint && is_only(name)
        })
        .map(|(name, _)| interface(name))
        .collect()
}

/// The grant that a component needs to fill an extension point.
pub(crate) fn needed_to_fill(point: &str) -> Need {
    Need {
        interface: point.to_owned(),
        uses: "fills",
        grant: HOOKS,
        of: Some(versions::package(point)),
    }
}

impl Component {
    /// Calls a hook that it exports in a fresh instance, within the limits of `context`.
    /// The value is adapted to the extension, and what that returns to the module.
    ///
    /// # Errors
    /// When the call returns nothing, or a value that cannot be adapted.
    pub(crate) fn call_hook(
        &self,
        context: CallContext,
        hook: &NestedCall<'_>,
    ) -> Result<Turn, CallError> {
        let returned = self.call_export(context, hook, |ty, results| Ok(turn(hook, ty, results)));
        returned?.map_err(CallError::BadAnswer)
    }

    /// Whether it exports this extension point as one: all functions are hooks, so that it was
    /// granted as an extension.
    pub(crate) fn fills(&self, point: &str) -> bool {
        let interface = point
            .split_once('@')
            .map_or(point, |(interface, _)| interface);
        self.filled.iter().any(|filled| filled == interface) && self.has_export(point)
    }

    /// Checks that what it exports of an extension point takes and returns the values of
    /// the one that another component imports under `name`.
    ///
    /// # Errors
    /// With the function and the field that cannot be adapted.
    pub(crate) fn check_point(&self, importer: &Self, name: &str) -> Result<(), LoadError> {
        self.check_functions(importer, name, fits)
    }
}

/// Whether a hook that is imported as one type can be filled by one of another type.
fn fits(imported: &ComponentFunc, exported: &ComponentFunc) -> Result<(), String> {
    check_parameters(imported, exported, lens::Rules::HOOK)?;
    match (imported.results().next(), exported.results().next()) {
        (Some(Type::Result(to)), Some(Type::Result(from))) => {
            // A field of the value that the extension does not know is restored.
            let same = |ty: Option<Type>, other: Option<Type>| match (ty, other) {
                (Some(from), Some(to)) => lens::check_returned(&from, &to),
                (None, None) => Ok(()),
                _ => Err(lens::Mismatch::no_value()),
            };
            same(from.ok(), to.ok()).map_err(|at| at_of("value", &at))?;
            same(from.err(), to.err()).map_err(|at| at_of("rejection", &at))
        }
        _ => Err("it returns no result".to_owned()),
    }
}

/// The result of an extension as the module knows it.
fn turn(hook: &NestedCall<'_>, ty: &ComponentFunc, results: Vec<Val>) -> Result<Turn, String> {
    let (Some(before), Some((_, known))) = (hook.parameters.last(), ty.params().last()) else {
        return Err("it takes no value".to_owned());
    };
    let Some(Type::Result(imported)) = hook.ty.results().next() else {
        return Err("the hook returns no result".to_owned());
    };
    let turn = match results.into_iter().next() {
        Some(Val::Result(Ok(Some(value)))) => {
            let restored = lens::restore(*value, before, &known);
            let value = match imported.ok() {
                Some(to) => lens::adapt(restored, &to),
                None => Ok(restored),
            };
            value.map(Turn::Passed)
        }
        Some(Val::Result(Err(Some(rejection)))) => match imported.err() {
            Some(to) => lens::adapt(bounded(*rejection), &to).map(Turn::Rejected),
            None => Ok(Turn::Rejected(bounded(*rejection))),
        },
        _ => return Err("it returned no result with a value".to_owned()),
    };
    turn.map_err(|at| at.to_string())
}

/// A rejection whose texts are cut: the module puts them into its answer.
fn bounded(rejection: Val) -> Val {
    match rejection {
        Val::String(text) if text.len() > REJECTION_BYTES_MAX => {
            Val::String(cut(&text, REJECTION_BYTES_MAX).into_owned())
        }
        Val::Option(Some(value)) => Val::Option(Some(Box::new(bounded(*value)))),
        Val::Record(fields) => {
            let fields = fields.into_iter();
            let bounded = fields.map(|(name, value)| (name, bounded(value)));
            Val::Record(bounded.collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::filled;

    const EXPORTS: &str = r#"(component
        (core module $module
            (memory (export "memory") 1)
            (func (export "open") (param i32) (result i32) i32.const 0)
            (func (export "noop")))
        (core instance $core (instantiate $module))
        (func $open (param "value" u32) (result (result u32 (error u32)))
            (canon lift (core func $core "open") (memory (core memory $core "memory"))))
        (func $noop (canon lift (core func $core "noop")))
        (instance $pure (export "open" (func $open)))
        (instance $mixed (export "open" (func $open)) (export "noop" (func $noop)))
        (export "a:b/pure@1.0.0" (instance $pure))
        (export "a:b/mixed@1.0.0" (instance $mixed))
        (export "a:b/twice@1.0.0" (instance $pure))
        (export "a:b/twice@1.1.0" (instance $pure)))"#;

    #[test]
    fn a_point_is_filled_by_one_export_all_of_whose_functions_are_hooks() {
        let engine = wasmtime::Engine::default();
        let bytes = wat::parse_str(EXPORTS).unwrap();
        let component = wasmtime::component::Component::new(&engine, bytes).unwrap();
        assert_eq!(filled(&engine, &component), ["a:b/pure"]);
    }
}
