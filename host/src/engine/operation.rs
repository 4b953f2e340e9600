//! Functions that a component exports and another one imports, with values as each of the
//! two has them: typed operations, and what they have in common with hooks.

use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::{ComponentExportIndex, Type, Val};

use super::component::{Component, Guest};
use super::linker::{self, ImportKind};
use super::{CallError, LoadError, lens};
use crate::capabilities::{CallContext, NestedCall};

impl Component {
    /// Calls an operation that it exports in a fresh instance, within the limits of
    /// `context`, with values as the importer has them.
    ///
    /// # Errors
    /// When the call returns nothing, or a value that cannot be adapted.
    pub(crate) fn call_operation(
        &self,
        context: CallContext,
        call: &NestedCall<'_>,
    ) -> Result<Vec<Val>, CallError> {
        self.call_export(context, call, |ty, results| {
            adapted(&results, ty.results().zip(call.ty.results()))
        })
    }

    /// Calls a function that it exports, with parameters as the importer has them. `read`
    /// gets the function's type and its results.
    pub(super) fn call_export<T>(
        &self,
        context: CallContext,
        call: &NestedCall<'_>,
        read: impl FnOnce(&ComponentFunc, Vec<Val>) -> wasmtime::Result<T>,
    ) -> Result<T, CallError> {
        let index = self.index_of(call)?;
        self.call(context, |guest| {
            let Guest { store, instance } = guest;
            let function = instance
                .get_func(&mut *store, index)
                .ok_or_else(|| wasmtime::Error::msg("the export is not a function"))?;
            let ty = function.ty(&*store);
            let types = call.ty.params().zip(ty.params());
            let parameters = adapted(
                call.parameters,
                types.map(|((_, from), (_, to))| (from, to)),
            )?;
            let mut results = vec![Val::Bool(false); ty.results().len()];
            function.call(&mut *store, &parameters, &mut results)?;
            read(&ty, results)
        })
    }

    /// Checks that the operations that it exports of an interface take and return the values
    /// of the one that another component imports under `name`.
    ///
    /// # Errors
    /// With the function and the field that cannot be adapted.
    pub(crate) fn check_operations(&self, importer: &Self, name: &str) -> Result<(), LoadError> {
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

    /// The interfaces of this kind that it imports.
    pub(crate) fn imported(&self, kind: ImportKind) -> Vec<String> {
        let ty = self.pre().component().component_type();
        ty.imports(self.engine())
            .filter(|(name, import)| linker::kind(self.engine(), name, &import.ty) == kind)
            .map(|(name, _)| name.to_owned())
            .collect()
    }

    /// Where the called function is among the exports.
    fn index_of(&self, call: &NestedCall<'_>) -> Result<ComponentExportIndex, CallError> {
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
                linker::functions(self.engine(), &instance).collect()
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
        let mut functions = linker::functions(self.engine(), &instance);
        Some(functions.find(|(name, _)| name == function)?.1)
    }
}

/// Values as those of other types: pairs of the type that each has and the one it is to have.
fn adapted(
    values: &[Val],
    types: impl Iterator<Item = (Type, Type)>,
) -> wasmtime::Result<Vec<Val>> {
    let values = values.iter().cloned().zip(types);
    values
        .map(|(value, (from, to))| match from == to {
            true => Ok(value),
            false => lens::adapt(value, &to)
                .map_err(|at| wasmtime::Error::msg(format!("a value does not fit: {at}"))),
        })
        .collect()
}

/// Whether an operation that is imported as one type can be that of another type.
fn fits(imported: &ComponentFunc, exported: &ComponentFunc) -> Result<(), String> {
    check_parameters(imported, exported, lens::Rules::OPERATION)?;
    match (exported.results().next(), imported.results().next()) {
        (None, None) => Ok(()),
        (Some(from), Some(to)) => {
            lens::check(&from, &to, lens::Rules::OPERATION).map_err(|at| at_of("the result", &at))
        }
        _ => Err("only one side returns a value".to_owned()),
    }
}

/// Whether the parameters of an imported function can be those of an exported one.
pub(super) fn check_parameters(
    imported: &ComponentFunc,
    exported: &ComponentFunc,
    rules: lens::Rules,
) -> Result<(), String> {
    let (from, to) = (imported.params(), exported.params());
    if from.len() != to.len() {
        return Err(format!(
            "it takes {} parameters, not {}",
            to.len(),
            from.len()
        ));
    }
    from.zip(to).try_for_each(|((name, from), (_, to))| {
        lens::check(&from, &to, rules).map_err(|at| at_of(name, &at))
    })
}

pub(super) fn at_of(name: &str, at: &lens::Mismatch) -> String {
    format!("{name}: {at}")
}
