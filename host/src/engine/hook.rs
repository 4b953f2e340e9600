//! Calls of the hooks that an extension exports, with values as the module that asks has
//! them.

use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::{ComponentExportIndex, Type, Val};

use super::component::{Component, Guest};
use super::lens;
use super::{CallError, LoadError};
use crate::capabilities::{CallContext, NestedCall};

/// How an extension took its turn at a hook.
#[derive(Debug)]
pub(crate) enum Turn {
    /// It returned a value.
    Passed {
        /// As the module knows it.
        value: Val,
        /// The names of the fields that it changed.
        changed: Vec<String>,
    },
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
        .filter(|(name, export)| super::linker::is_point(engine, name, &export.ty) && is_only(name))
        .map(|(name, _)| interface(name))
        .collect()
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
        let index = self.index_of(hook)?;
        let returned = self.call(context, |guest| {
            let Guest { store, instance } = guest;
            let function = instance
                .get_func(&mut *store, index)
                .ok_or_else(|| wasmtime::Error::msg("the export is not a function"))?;
            let ty = function.ty(&*store);
            let parameters = adapted(hook, &ty)?;
            let mut results = [Val::Bool(false)];
            function.call(&mut *store, &parameters, &mut results)?;
            let [result] = results;
            turn(hook, &ty, result)
        });
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

    /// Checks its functions of an interface against those that another component imports.
    pub(super) fn check_functions(
        &self,
        importer: &Self,
        name: &str,
        fits: fn(&ComponentFunc, &ComponentFunc) -> Result<(), String>,
    ) -> Result<(), LoadError> {
        for (function, imported) in importer.functions_imported(name) {
            let fits = match self.function_exported(name, &function) {
                Some(exported) => fits(&imported, &exported),
                None => Err("it does not export it".to_owned()),
            };
            fits.map_err(|reason| {
                LoadError::Contract(format!("its {function} of {name} does not fit: {reason}"))
            })?;
        }
        Ok(())
    }

    /// The extension points that it imports.
    pub(crate) fn points(&self) -> Vec<String> {
        let ty = self.pre().component().component_type();
        ty.imports(self.engine())
            .filter(|(name, import)| super::linker::is_point(self.engine(), name, &import.ty))
            .map(|(name, _)| name.to_owned())
            .collect()
    }

    /// Where the called function is among the exports.
    pub(super) fn index_of(
        &self,
        call: &NestedCall<'_>,
    ) -> Result<ComponentExportIndex, CallError> {
        let component = self.pre().component();
        component
            .get_export_index(None, call.interface)
            .and_then(|interface| component.get_export_index(Some(&interface), call.function))
            .ok_or_else(|| CallError::BadCall(format!("it exports no {}", call.function)))
    }

    fn functions_imported(&self, name: &str) -> Vec<(String, ComponentFunc)> {
        let ty = self.pre().component().component_type();
        let import = ty
            .imports(self.engine())
            .find(|(import, _)| *import == name);
        match import.map(|(_, import)| import.ty) {
            Some(ComponentItem::ComponentInstance(instance)) => {
                super::linker::functions(self.engine(), &instance).collect()
            }
            _ => Vec::new(),
        }
    }

    fn function_exported(&self, interface: &str, function: &str) -> Option<ComponentFunc> {
        let ty = self.pre().component().component_type();
        let (_, export) = ty
            .exports(self.engine())
            .find(|(name, _)| super::are_compatible(name, interface))?;
        let ComponentItem::ComponentInstance(instance) = export.ty else {
            return None;
        };
        let mut functions = super::linker::functions(self.engine(), &instance);
        Some(functions.find(|(name, _)| name == function)?.1)
    }
}

/// Whether a hook that is imported as one type can be filled by one of another type.
fn fits(imported: &ComponentFunc, exported: &ComponentFunc) -> Result<(), String> {
    let (from, to) = (imported.params(), exported.params());
    if from.len() != to.len() {
        return Err(format!(
            "it takes {} parameters, not {}",
            to.len(),
            from.len()
        ));
    }
    for ((name, from), (_, to)) in from.zip(to) {
        lens::check(&from, &to, lens::Rules::HOOK).map_err(|at| at_of(name, &at))?;
    }
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

fn at_of(name: &str, at: &lens::Mismatch) -> String {
    format!("{name}: {at}")
}

fn adapted(hook: &NestedCall<'_>, ty: &ComponentFunc) -> wasmtime::Result<Vec<Val>> {
    let values = hook.parameters.iter().cloned();
    let adapted = values.zip(hook.ty.params().zip(ty.params())).map(
        |(value, ((_, from), (_, to)))| match from == to {
            true => Ok(value),
            false => lens::adapt(value, &to),
        },
    );
    adapted
        .collect::<Result<_, _>>()
        .map_err(|at| wasmtime::Error::msg(at.to_string()))
}

/// The result of an extension as the module knows it.
fn turn(
    hook: &NestedCall<'_>,
    ty: &ComponentFunc,
    result: Val,
) -> wasmtime::Result<Result<Turn, String>> {
    let (Some(before), Some((_, known))) = (hook.parameters.last(), ty.params().last()) else {
        return Ok(Err("it takes no value".to_owned()));
    };
    let Some(Type::Result(imported)) = hook.ty.results().next() else {
        return Ok(Err("the hook returns no result".to_owned()));
    };
    let turn = match result {
        Val::Result(Ok(Some(value))) => {
            let restored = lens::restore(*value, before, &known);
            let value = match imported.ok() {
                Some(to) => lens::adapt(restored, &to),
                None => Ok(restored),
            };
            value.map(|value| Turn::Passed {
                changed: lens::changed(before, &value),
                value,
            })
        }
        Val::Result(Err(Some(rejection))) => match imported.err() {
            Some(to) => lens::adapt(*rejection, &to).map(Turn::Rejected),
            None => Ok(Turn::Rejected(*rejection)),
        },
        _ => return Ok(Err("it returned no result with a value".to_owned())),
    };
    Ok(turn.map_err(|at| at.to_string()))
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
