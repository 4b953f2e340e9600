//! Values of components as JSON, by their types, for whoever has JSON and no bindings: hooks
//! and operations called by name. Names are those of the contract. A text may be given as an
//! object or a list, and is its JSON then, as texts like `metadata` are.

use serde_json::{Map, Number, Value};
use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::{ComponentExportIndex, Type, Val};

use super::CallError;
use super::call::Returned;
use super::component::Component;
use super::linker;
use crate::capabilities::CallContext;

/// What a function returned, as JSON: its value, or the `err` of its result.
pub type JsonReturned = Result<Value, Value>;

/// A call of a hook whose parameters fit it.
pub struct HookCall {
    index: ComponentExportIndex,
    parameters: Vec<Val>,
    /// The value that it is called with, all of its fields included.
    pub value: Value,
}

/// A hook that a component exports.
struct Hook {
    /// The interface, without its package and version.
    interface: String,
    name: String,
    index: ComponentExportIndex,
    ty: ComponentFunc,
}

impl Component {
    /// Reads a call of a hook, `NAME` or `interface.NAME`, from the fields of its context and
    /// its value.
    ///
    /// # Errors
    /// With the hook or the field that there is not, and the one that may be meant.
    pub(crate) fn read_hook(
        &self,
        name: &str,
        context: &Value,
        value: &Value,
    ) -> Result<HookCall, String> {
        let hook = self.hook(name)?;
        let parameters: Vec<(&str, Type)> = hook.ty.params().collect();
        let Some(((_, last), first)) = parameters.split_last() else {
            return Err(format!("the hook {name} takes no value"));
        };
        let mut read: Vec<Val> = Vec::with_capacity(parameters.len());
        for (parameter, ty) in first {
            read.push(from_json(context, ty).map_err(|fault| fault.within(parameter).to_string())?);
        }
        let given = from_json(value, last).map_err(|fault| fault.within("value").to_string())?;
        let value = to_json(&given);
        read.push(given);
        Ok(HookCall {
            index: hook.index,
            parameters: read,
            value,
        })
    }

    /// Calls a hook in a fresh instance, within the limits of `context`.
    ///
    /// # Errors
    /// When the call returns no answer.
    pub(crate) fn call_hook_in_json(
        &self,
        context: CallContext,
        call: &HookCall,
    ) -> Result<JsonReturned, CallError> {
        Ok(in_json(self.invoke(
            context,
            &call.index,
            &call.parameters,
        )?))
    }

    /// Calls an operation as [`Self::call_by_name`] does, and returns JSON.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn call_by_name_in_json(
        &self,
        context: CallContext,
        call: &str,
    ) -> Result<JsonReturned, CallError> {
        Ok(in_json(self.call_for_value(context, call)?))
    }

    fn hook(&self, name: &str) -> Result<Hook, String> {
        let mut hooks = self.hooks();
        let is_named = |hook: &Hook| match name.rsplit_once('.') {
            Some((interface, name)) => hook.interface == interface && hook.name == name,
            None => hook.name == name,
        };
        let found: Vec<usize> = (0..hooks.len())
            .filter(|index| is_named(&hooks[*index]))
            .collect();
        if let [index] = *found {
            return Ok(hooks.swap_remove(index));
        }
        let written = |hook: &Hook| format!("{}.{}", hook.interface, hook.name);
        if !found.is_empty() {
            let which: Vec<_> = found.iter().map(|index| written(&hooks[*index])).collect();
            return Err(format!("{name} may be {}: say which", which.join(" or ")));
        }
        if hooks.is_empty() {
            return Err(
                "the component exports no hook: its world has to export the interface `hooks` of a module"
                    .to_owned(),
            );
        }
        let known: Vec<&str> = hooks.iter().map(|hook| &*hook.name).collect();
        Err(unknown("hook", name, &known))
    }

    /// The hooks of the extension points that it fills.
    fn hooks(&self) -> Vec<Hook> {
        let component = self.pre.component();
        let ty = component.component_type();
        let mut hooks = Vec::new();
        for (export, item) in ty.exports(self.engine()) {
            let ComponentItem::ComponentInstance(instance) = item.ty else {
                continue;
            };
            if !self.fills(export) {
                continue;
            }
            let Some(parent) = component.get_export_index(None, export) else {
                continue;
            };
            let path = super::split(export).0;
            let interface = path.rsplit_once('/').map_or(path, |(_, name)| name);
            for (name, ty) in linker::functions(self.engine(), &instance) {
                if let Some(index) = component.get_export_index(Some(&parent), &name) {
                    hooks.push(Hook {
                        interface: interface.to_owned(),
                        name,
                        index,
                        ty,
                    });
                }
            }
        }
        hooks
    }
}

fn in_json(returned: Returned) -> JsonReturned {
    let json = |value: Option<Val>| value.map_or(Value::Null, |value| to_json(&value));
    returned.map(json).map_err(json)
}

/// Why JSON is no value of a type, and where.
#[derive(Debug)]
struct Fault {
    path: String,
    reason: String,
}

impl Fault {
    fn new(reason: impl Into<String>) -> Self {
        Self {
            path: String::new(),
            reason: reason.into(),
        }
    }

    fn within(mut self, name: &str) -> Self {
        self.path = match self.path.as_str() {
            "" => name.to_owned(),
            path if path.starts_with('[') => format!("{name}{path}"),
            path => format!("{name}.{path}"),
        };
        self
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}: {}", self.path, self.reason)
    }
}

/// The nearest of these names, if one is near.
pub(crate) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let distance = |other: &&&str| strsim::damerau_levenshtein(name, other);
    let nearest = known.iter().min_by_key(distance)?;
    (distance(&nearest) <= 2.max(name.len() / 3)).then_some(*nearest)
}

fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    let hint = match nearest(name, known) {
        Some(near) => format!("; did you mean {near}?"),
        None => format!("; there is {}", known.join(", ")),
    };
    format!("there is no {what} {}{hint}", name.escape_debug())
}

fn from_json(value: &Value, ty: &Type) -> Result<Val, Fault> {
    let wrong = |expected: &str| Fault::new(format!("{expected} is expected, not {}", kind(value)));
    macro_rules! number {
        ($variant:ident, $ty:ty, $expected:expr) => {
            value
                .as_number()
                .and_then(|number| number.as_str().parse::<$ty>().ok())
                .map(Val::$variant)
                .ok_or_else(|| wrong($expected))
        };
    }
    match ty {
        Type::Bool => value
            .as_bool()
            .map(Val::Bool)
            .ok_or_else(|| wrong("true or false")),
        Type::S8 => number!(S8, i8, "a whole number of 8 bits"),
        Type::U8 => number!(U8, u8, "a whole number from 0 to 255"),
        Type::S16 => number!(S16, i16, "a whole number of 16 bits"),
        Type::U16 => number!(U16, u16, "a whole number from 0 to 65535"),
        Type::S32 => number!(S32, i32, "a whole number of 32 bits"),
        Type::U32 => number!(U32, u32, "a whole number from 0 to 4294967295"),
        Type::S64 => number!(S64, i64, "a whole number of 64 bits"),
        Type::U64 => number!(U64, u64, "a whole number from 0 on"),
        Type::Float32 => number!(Float32, f32, "a number"),
        Type::Float64 => number!(Float64, f64, "a number"),
        Type::Char => {
            let mut letters = value.as_str().unwrap_or_default().chars();
            match (letters.next(), letters.next()) {
                (Some(letter), None) => Ok(Val::Char(letter)),
                _ => Err(wrong("one letter")),
            }
        }
        Type::String => match value {
            Value::String(text) => Ok(Val::String(text.clone())),
            Value::Object(_) | Value::Array(_) => Ok(Val::String(value.to_string())),
            _ => Err(wrong("a text")),
        },
        Type::List(list) => items(value, &list.ty()).map(Val::List),
        Type::FixedLengthList(list) => items(value, &list.ty()).map(Val::FixedLengthList),
        Type::Tuple(tuple) => {
            let Some(items) = value
                .as_array()
                .filter(|items| items.len() == tuple.types().len())
            else {
                return Err(wrong(&format!("a list of {}", tuple.types().len())));
            };
            let items = items.iter().zip(tuple.types()).enumerate();
            let items = items.map(|(index, (item, ty))| {
                from_json(item, &ty).map_err(|fault| fault.within(&format!("[{index}]")))
            });
            items.collect::<Result<_, _>>().map(Val::Tuple)
        }
        Type::Record(record) => {
            let fields = value.as_object().ok_or_else(|| wrong("a table"))?;
            let known: Vec<&str> = record.fields().map(|field| field.name).collect();
            if let Some(name) = fields.keys().find(|name| !known.contains(&&***name)) {
                return Err(Fault::new(unknown("field", name, &known)));
            }
            let read = record.fields().map(|field| {
                let value = match fields.get(field.name) {
                    Some(value) => from_json(value, &field.ty),
                    None => left_out(&field.ty).ok_or_else(|| Fault::new("it is missing")),
                };
                let value = value.map_err(|fault| fault.within(field.name))?;
                Ok((field.name.to_owned(), value))
            });
            read.collect::<Result<_, _>>().map(Val::Record)
        }
        Type::Variant(variant) => {
            let (name, payload) = one_of(value)
                .ok_or_else(|| wrong("the name of a case, or a table of one case and its value"))?;
            let cases: Vec<_> = variant.cases().collect();
            let Some(case) = cases.iter().find(|case| case.name == name) else {
                let known: Vec<&str> = cases.iter().map(|case| case.name).collect();
                return Err(Fault::new(unknown("case", name, &known)));
            };
            let payload = match (&case.ty, payload) {
                (None, None | Some(Value::Null)) => None,
                (Some(ty), payload) => {
                    let payload = payload.unwrap_or(&Value::Null);
                    let read = from_json(payload, ty).map_err(|fault| fault.within(name))?;
                    Some(Box::new(read))
                }
                (None, Some(_)) => return Err(Fault::new(format!("{name} has no value"))),
            };
            Ok(Val::Variant(name.to_owned(), payload))
        }
        Type::Enum(names) => {
            let known: Vec<&str> = names.names().collect();
            let name = value.as_str().ok_or_else(|| wrong("a name"))?;
            match known.contains(&name) {
                true => Ok(Val::Enum(name.to_owned())),
                false => Err(Fault::new(unknown("case", name, &known))),
            }
        }
        Type::Option(option) => match value {
            Value::Null => Ok(Val::Option(None)),
            value => from_json(value, &option.ty()).map(|value| Val::Option(Some(Box::new(value)))),
        },
        Type::Flags(flags) => {
            let known: Vec<&str> = flags.names().collect();
            let names = value.as_array().ok_or_else(|| wrong("a list of names"))?;
            let names = names.iter().map(|name| match name.as_str() {
                Some(name) if known.contains(&name) => Ok(name.to_owned()),
                Some(name) => Err(Fault::new(unknown("flag", name, &known))),
                None => Err(wrong("a list of names")),
            });
            names.collect::<Result<_, _>>().map(Val::Flags)
        }
        _ => Err(Fault::new("a value of this type cannot be written")),
    }
}

fn items(value: &Value, ty: &Type) -> Result<Vec<Val>, Fault> {
    let Some(items) = value.as_array() else {
        let reason = format!("a list is expected, not {}", kind(value));
        return Err(Fault::new(reason));
    };
    let items = items.iter().enumerate().map(|(index, item)| {
        from_json(item, ty).map_err(|fault| fault.within(&format!("[{index}]")))
    });
    items.collect()
}

/// The value of a field that is left out, where that has a meaning.
fn left_out(ty: &Type) -> Option<Val> {
    match ty {
        Type::Option(_) => Some(Val::Option(None)),
        Type::List(_) => Some(Val::List(Vec::new())),
        Type::Bool => Some(Val::Bool(false)),
        _ => None,
    }
}

/// A case of a variant: its name alone, or a table of it and its value.
fn one_of(value: &Value) -> Option<(&str, Option<&Value>)> {
    match value {
        Value::String(name) => Some((name, None)),
        Value::Object(fields) => {
            let mut fields = fields.iter();
            match (fields.next(), fields.next()) {
                (Some((name, value)), None) => Some((name, Some(value))),
                _ => None,
            }
        }
        _ => None,
    }
}

/// What a value is, for a person.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}

fn to_json(value: &Val) -> Value {
    let real = |real: f64| Number::from_f64(real).map_or(Value::Null, Value::Number);
    match value {
        Val::Bool(value) => Value::Bool(*value),
        Val::S8(number) => (*number).into(),
        Val::U8(number) => (*number).into(),
        Val::S16(number) => (*number).into(),
        Val::U16(number) => (*number).into(),
        Val::S32(number) => (*number).into(),
        Val::U32(number) => (*number).into(),
        Val::S64(number) => (*number).into(),
        Val::U64(number) => (*number).into(),
        Val::Float32(number) => real(f64::from(*number)),
        Val::Float64(number) => real(*number),
        Val::Char(letter) => Value::String(letter.to_string()),
        Val::String(text) | Val::Enum(text) => Value::String(text.clone()),
        Val::List(items) | Val::FixedLengthList(items) | Val::Tuple(items) => {
            items.iter().map(to_json).collect()
        }
        Val::Map(pairs) => pairs
            .iter()
            .map(|(key, value)| Value::Array(vec![to_json(key), to_json(value)]))
            .collect(),
        Val::Record(fields) => {
            let fields = fields.iter();
            Value::Object(
                fields
                    .map(|(name, value)| (name.clone(), to_json(value)))
                    .collect(),
            )
        }
        Val::Variant(name, None) => Value::String(name.clone()),
        Val::Variant(name, Some(value)) => case(name, to_json(value)),
        Val::Option(value) => value.as_deref().map_or(Value::Null, to_json),
        Val::Result(result) => {
            let json = |value: &Option<Box<Val>>| value.as_deref().map_or(Value::Null, to_json);
            match result {
                Ok(value) => case("ok", json(value)),
                Err(value) => case("err", json(value)),
            }
        }
        Val::Flags(names) => names.iter().cloned().map(Value::String).collect(),
        Val::Resource(_) | Val::Future(_) | Val::Stream(_) | Val::ErrorContext(_) => {
            Value::String("a resource".to_owned())
        }
    }
}

fn case(name: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(name.to_owned(), value)]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The type of the parameter of a function that takes this, as WIT has it in a component.
    fn ty(ty: &str) -> Type {
        let engine = wasmtime::Engine::default();
        let text = format!(
            r#"(component (type $t' {ty}) (import "t" (type $t (eq $t')))
                (import "f" (func (param "value" $t))))"#
        );
        let bytes = wat::parse_str(text).unwrap();
        let component = wasmtime::component::Component::new(&engine, bytes).unwrap();
        let imports = component.component_type();
        let function = imports.imports(&engine).find(|(name, _)| *name == "f");
        let Some(ComponentItem::ComponentFunc(function)) = function.map(|(_, item)| item.ty) else {
            panic!("no function")
        };
        function.params().next().unwrap().1
    }

    #[test]
    fn a_value_of_any_type_is_read_and_written() {
        for (name, given, written) in [
            ("bool", json!(true), json!(true)),
            ("u8", json!(255), json!(255)),
            ("s64", json!(-9), json!(-9)),
            ("float64", json!(0.5), json!(0.5)),
            ("char", json!("é"), json!("é")),
            ("string", json!("a"), json!("a")),
            ("string", json!({"a": [1]}), json!("{\"a\":[1]}")),
            ("(list u16)", json!([1, 2]), json!([1, 2])),
            ("(tuple u8 string)", json!([1, "a"]), json!([1, "a"])),
            ("(option string)", json!("a"), json!("a")),
            ("(option string)", json!(null), json!(null)),
            ("(enum \"red\" \"green\")", json!("green"), json!("green")),
            ("(flags \"red\" \"green\")", json!(["red"]), json!(["red"])),
            (
                "(variant (case \"none\") (case \"some\" u8))",
                json!("none"),
                json!("none"),
            ),
            (
                "(variant (case \"none\") (case \"some\" u8))",
                json!({"some": 4}),
                json!({"some": 4}),
            ),
            (
                "(record (field \"a-b\" string) (field \"c\" (option u8)) (field \"d\" bool) (field \"e\" (list u8)))",
                json!({"a-b": "x"}),
                json!({"a-b": "x", "c": null, "d": false, "e": []}),
            ),
        ] {
            let value = from_json(&given, &ty(name)).unwrap_or_else(|fault| panic!("{fault}"));
            assert_eq!(to_json(&value), written, "{name}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_place_and_the_nearest_name() {
        let record = "(record (field \"first-name\" string) (field \"tags\" (list u8)))";
        for (name, given, reason) in [
            (
                "u8",
                json!(256),
                "value: a whole number from 0 to 255 is expected, not a number",
            ),
            (
                "u8",
                json!("1"),
                "value: a whole number from 0 to 255 is expected, not a text",
            ),
            (
                "string",
                json!(1),
                "value: a text is expected, not a number",
            ),
            (
                record,
                json!(["a"]),
                "value: a table is expected, not a list",
            ),
            (record, json!({}), "value.first-name: it is missing"),
            (
                "(enum \"red\" \"green\")",
                json!("gren"),
                "value: there is no case gren; did you mean green?",
            ),
            (
                record,
                json!({"first_name": "a"}),
                "value: there is no field first_name; did you mean first-name?",
            ),
            (
                record,
                json!({"first-name": "a", "tags": [1, true]}),
                "value.tags[1]: a whole number from 0 to 255 is expected, not true or false",
            ),
            (
                "(variant (case \"none\") (case \"some\" u8))",
                json!({"none": 1}),
                "value: none has no value",
            ),
            (
                "(variant (case \"none\") (case \"some\" u8))",
                json!("zzzzzz"),
                "value: there is no case zzzzzz; there is none, some",
            ),
        ] {
            let fault = from_json(&given, &ty(name)).unwrap_err().within("value");
            assert_eq!(fault.to_string(), reason, "{given}");
        }
    }
}
