//! Typed operations that a component exports and another one imports, with values as each
//! of the two has them.

use wasmtime::component::types::ComponentFunc;
use wasmtime::component::{Type, Val};

use super::component::{Component, Guest};
use super::{CallError, LoadError, lens, linker};
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
        let index = self.index_of(call)?;
        self.call(context, |guest| {
            let Guest { store, instance } = guest;
            let function = instance
                .get_func(&mut *store, index)
                .ok_or_else(|| wasmtime::Error::msg("the export is not a function"))?;
            let ty = function.ty(&*store);
            let parameters = adapted(call.parameters, call.ty.params(), ty.params(), second)?;
            let mut results = vec![Val::Bool(false); ty.results().len()];
            function.call(&mut *store, &parameters, &mut results)?;
            adapted(&results, ty.results(), call.ty.results(), |ty| ty)
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

    /// The interfaces of operations that it imports from other components.
    pub(crate) fn operations(&self) -> Vec<String> {
        let ty = self.pre().component().component_type();
        ty.imports(self.engine())
            .filter(|(name, import)| linker::is_operations(self.engine(), name, &import.ty))
            .map(|(name, _)| name.to_owned())
            .collect()
    }
}

fn second((_, ty): (&str, Type)) -> Type {
    ty
}

/// Values of the types `from` as those of the types `to`.
fn adapted<T>(
    values: &[Val],
    from: impl Iterator<Item = T>,
    to: impl Iterator<Item = T>,
    ty: impl Fn(T) -> Type,
) -> wasmtime::Result<Vec<Val>> {
    let types = from.map(&ty).zip(to.map(&ty));
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
    let (from, to) = (imported.params(), exported.params());
    if from.len() != to.len() {
        return Err(format!(
            "it takes {} parameters, not {}",
            to.len(),
            from.len()
        ));
    }
    for ((name, from), (_, to)) in from.zip(to) {
        lens::check(&from, &to, lens::Rules::OPERATION).map_err(|at| format!("{name}: {at}"))?;
    }
    match (exported.results().next(), imported.results().next()) {
        (None, None) => Ok(()),
        (Some(from), Some(to)) => lens::check(&from, &to, lens::Rules::OPERATION)
            .map_err(|at| format!("the result: {at}")),
        _ => Err("only one side returns a value".to_owned()),
    }
}
