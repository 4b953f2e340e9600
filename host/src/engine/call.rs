//! Typed operations by name, with arguments and results as text in WAVE, the
//! notation of component values: `things.search({limit: 3})`.

use wasmtime::Store;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::wasm_wave;
use wasmtime::component::wasm_wave::ast::Node;
use wasmtime::component::wasm_wave::untyped::UntypedFuncCall;
use wasmtime::component::{ComponentExportIndex, Func, Type, Val};

use super::CallError;
use super::component::{Component, Guest};
use crate::capabilities::{CallContext, CallState};

/// What a function returned: its value, or the `err` of its result.
pub(super) type Returned = Result<Option<Val>, Option<Val>>;

impl Component {
    /// Calls `interface.function(arguments…)` and returns the result as WAVE.
    ///
    /// `interface` is the name of an exported interface, with or without its
    /// package and version. The inner error is the `err` of the function's own
    /// result, as WAVE.
    ///
    /// # Errors
    /// When no such function exists, when the arguments do not fit it, or
    /// when the call returns no answer.
    pub fn call_by_name(
        &self,
        context: CallContext,
        call: &str,
    ) -> Result<Result<String, String>, CallError> {
        match self.call_for_value(context, call)? {
            Ok(value) => text(value).map(Ok),
            Err(value) => text(value).map(Err),
        }
    }

    /// The same, and returns the values themselves, `None` where the function has none.
    ///
    /// # Errors
    /// As there.
    pub(super) fn call_for_value(
        &self,
        context: CallContext,
        call: &str,
    ) -> Result<Returned, CallError> {
        let (index, values) = self.read_call(call)?;
        self.invoke(context, &index, &values)
    }

    /// Whether there is such a function, and the arguments fit it. Nothing is called.
    ///
    /// # Errors
    /// When not.
    pub fn check_call(&self, call: &str) -> Result<(), CallError> {
        self.read_call(call).map(drop)
    }

    fn read_call(&self, call: &str) -> Result<(ComponentExportIndex, Vec<Val>), CallError> {
        let call = call.trim();
        let path_end = call.find('(').unwrap_or(call.len());
        let (path, arguments) = call.split_at(path_end);
        let (interface, function) = path.trim().rsplit_once('.').ok_or_else(|| {
            CallError::BadCall(format!(
                "'{path}' names no function: write interface.function(arguments)"
            ))
        })?;
        let (index, parameters) = self.find(interface, function)?;
        let source = format!(
            "{function}{}",
            if arguments.is_empty() {
                "()"
            } else {
                arguments
            }
        );
        let parsed = UntypedFuncCall::parse(&source).map_err(|error| {
            CallError::BadCall(format!("the arguments cannot be read: {error}"))
        })?;
        let types: Vec<Type> = parameters.iter().map(|(_, ty)| ty.clone()).collect();
        let values: Vec<Val> = parsed.to_wasm_params(&types).map_err(|error| {
            let names: Vec<&str> = parameters.iter().map(|(name, _)| name.as_str()).collect();
            let hint = if source.contains("{}") {
                "; a record without any field is {:}"
            } else {
                ""
            };
            CallError::BadCall(format!(
                "the arguments do not fit {interface}.{function}({}): {error}{hint}",
                names.join(", ")
            ))
        })?;
        let nodes = parsed.params_node().and_then(|node| node.as_tuple().ok());
        for (node, ty) in nodes.into_iter().flatten().zip(&types) {
            if let Some(field) = unknown_field(node, ty, parsed.source()) {
                return Err(CallError::BadCall(format!(
                    "the arguments do not fit {interface}.{function}: there is no field {field}"
                )));
            }
        }
        Ok((index, values))
    }

    pub(super) fn invoke(
        &self,
        context: CallContext,
        index: &ComponentExportIndex,
        values: &[Val],
    ) -> Result<Returned, CallError> {
        let results = self.call(context, |guest| {
            let Guest { store, instance } = guest;
            let function = instance
                .get_func(&mut *store, index)
                .ok_or_else(|| wasmtime::Error::msg("the export is not a function"))?;
            let mut results = vec![Val::Bool(false); result_count(store, &function)];
            function.call(&mut *store, values, &mut results)?;
            Ok(results)
        })?;
        Ok(match results.into_iter().next() {
            Some(Val::Result(Ok(value))) => Ok(value.map(|value| *value)),
            Some(Val::Result(Err(value))) => Err(value.map(|value| *value)),
            value => Ok(value),
        })
    }

    pub(super) fn find(
        &self,
        interface: &str,
        function: &str,
    ) -> Result<(ComponentExportIndex, Vec<(String, Type)>), CallError> {
        let component = self.pre.component();
        let ty = component.component_type();
        let mut known = Vec::new();
        for (name, export) in ty.exports(self.engine()) {
            let ComponentItem::ComponentInstance(instance) = export.ty else {
                continue;
            };
            let matches = name == interface || short_name(name) == interface;
            for (candidate, item) in instance.exports(self.engine()) {
                let ComponentItem::ComponentFunc(func) = item.ty else {
                    continue;
                };
                if matches && candidate == function {
                    let parent = component.get_export_index(None, name);
                    let index = parent
                        .and_then(|parent| component.get_export_index(Some(&parent), function));
                    if let Some(index) = index {
                        let parameters = func
                            .params()
                            .map(|(name, ty)| (name.to_owned(), ty))
                            .collect();
                        return Ok((index, parameters));
                    }
                }
                known.push(format!("{}.{candidate}", short_name(name)));
            }
        }
        Err(CallError::BadCall(format!(
            "there is no {interface}.{function}; there are {}",
            known.join(", ")
        )))
    }
}

/// A field that a record's type does not have. WAVE passes over those, and with
/// them what a person meant to say.
fn unknown_field(node: &Node, ty: &Type, source: &str) -> Option<String> {
    match ty {
        Type::Record(record) => {
            node.as_record(source).ok()?.find_map(|(name, value)| {
                match record.fields().find(|field| field.name == name) {
                    Some(field) => unknown_field(value, &field.ty, source),
                    None => Some(name.to_owned()),
                }
            })
        }
        Type::List(list) => {
            let ty = list.ty();
            let mut values = node.as_list().ok()?;
            values.find_map(|value| unknown_field(value, &ty, source))
        }
        Type::Option(option) => match node.as_option() {
            Ok(Some(value)) => unknown_field(value, &option.ty(), source),
            Ok(None) => None,
            // A present value may be written without `some`.
            Err(_) => unknown_field(node, &option.ty(), source),
        },
        Type::Variant(variant) => {
            let (name, value) = node.as_variant(source).ok()?;
            let case = variant.cases().find(|case| case.name == name)?;
            unknown_field(value?, &case.ty?, source)
        }
        _ => None,
    }
}

/// `things` of `namespace:package/things@1.0.0`.
fn short_name(interface: &str) -> &str {
    let name = interface
        .split_once('@')
        .map_or(interface, |(name, _)| name);
    name.rsplit_once('/').map_or(name, |(_, name)| name)
}

fn result_count(store: &Store<CallState>, function: &Func) -> usize {
    function.ty(store).results().len()
}

fn text(value: Option<Val>) -> Result<String, CallError> {
    let Some(value) = value else {
        return Ok(String::new());
    };
    wasm_wave::to_string(&value)
        .map_err(|error| CallError::BadAnswer(format!("the result cannot be shown: {error}")))
}
