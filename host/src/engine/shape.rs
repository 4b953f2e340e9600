//! The imports and exports of a component, read from its types, and its size. Nothing of
//! it is compiled, and its functions are not looked into.

use serde::{Deserialize, Serialize};
use wasmparser::component_types::{
    ComponentDefinedType, ComponentEntityType, ComponentFuncType, ComponentItem, ComponentValType,
};
use wasmparser::types::{Types, TypesRef};
use wasmparser::{
    CanonicalFunction, CanonicalOption, Parser, Payload, ValidPayload, Validator, WasmFeatures,
};

use super::linker::{self, Form, ImportKind};
use super::makeup::Makeup;
use super::size::Measures;

/// The most that names in a shape take together, in bytes.
const NAMES_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The imports and exports of a component, and its size.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Shape {
    /// In the component's own order.
    pub imports: Vec<Import>,
    /// In the component's own order.
    pub exports: Vec<Export>,
    /// What it consists of.
    pub measures: Measures,
    /// What made it.
    pub makeup: Makeup,
    /// Whether it has functions that the host would have to wait for.
    pub is_asynchronous: bool,
}

/// One import of a component.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Import {
    /// `namespace:package/interface@version`.
    pub name: String,
    /// Its kind to the host, as far as names and the number of parameters and results
    /// say: of what seems to be an extension point, the types are looked at when the
    /// component is linked.
    pub kind: ImportKind,
}

/// One export of a component.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Export {
    /// `namespace:package/interface@version`.
    pub name: String,
    /// The names of its functions.
    pub functions: Vec<String>,
}

impl Import {
    /// The grant that it needs, if it needs one.
    pub fn grant(&self) -> Option<&'static str> {
        linker::capability(&self.name)?.grant
    }

    /// The use that a component makes of this capability.
    pub fn summary(&self) -> Option<&'static str> {
        linker::capability(&self.name).map(|capability| capability.summary)
    }
}

impl Shape {
    /// Reads the shape of a component.
    ///
    /// # Errors
    /// When the bytes are no component whose types are valid.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let names = Names::read(bytes).map_err(|error| error.to_string())?;
        let all = names.imports.iter().chain(&names.exports);
        if all.map(|name| name.len()).sum::<usize>() > NAMES_BYTES_MAX {
            return Err(format!(
                "the names of what it imports and exports have more than {NAMES_BYTES_MAX} bytes"
            ));
        }
        let types = names.types.as_ref().map(Types::as_ref);
        let imports = names.imports.iter().map(|name| Import {
            name: (*name).to_owned(),
            kind: linker::kind_of(
                name,
                &form(
                    types,
                    types.and_then(|types| types.component_item_for_import(name)),
                ),
            ),
        });
        let exports = names.exports.iter().map(|name| {
            let item = types.and_then(|types| types.component_item_for_export(name));
            let functions = functions(types, item).map(|(name, _)| name.to_owned());
            Export {
                name: (*name).to_owned(),
                functions: functions.collect(),
            }
        });
        Ok(Self {
            imports: imports.collect(),
            exports: exports.collect(),
            measures: names.measures,
            makeup: names.makeup,
            is_asynchronous: names.is_asynchronous,
        })
    }
}

/// The sections of the outermost component of a file.
struct Names<'a> {
    imports: Vec<&'a str>,
    exports: Vec<&'a str>,
    types: Option<Types>,
    measures: Measures,
    makeup: Makeup,
    is_asynchronous: bool,
}

impl<'a> Names<'a> {
    fn read(bytes: &'a [u8]) -> wasmparser::Result<Self> {
        // What this host has not switched on, the compiler refuses.
        let mut validator = Validator::new_with_features(WasmFeatures::all());
        let mut names = Self {
            imports: Vec::new(),
            exports: Vec::new(),
            types: None,
            measures: Measures::default(),
            makeup: Makeup::default(),
            is_asynchronous: false,
        };
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload?;
            names.measures.count(&payload)?;
            names.makeup.note(&payload)?;
            match &payload {
                Payload::ComponentImportSection(imports) if depth == 0 => {
                    for import in imports.clone() {
                        names.imports.push(import?.name.name);
                    }
                }
                Payload::ComponentExportSection(exports) if depth == 0 => {
                    for export in exports.clone() {
                        names.exports.push(export?.name.name);
                    }
                }
                Payload::ComponentCanonicalSection(functions) => {
                    for function in functions.clone() {
                        names.is_asynchronous |= is_asynchronous(&function?);
                    }
                }
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                _ => {}
            }
            if let ValidPayload::End(types) = validator.payload(&payload)? {
                // The last one is the outermost component's.
                names.types = Some(types);
            }
        }
        Ok(names)
    }
}

/// Whether a function of the canonical ABI needs its asynchronous part.
fn is_asynchronous(function: &CanonicalFunction) -> bool {
    match function {
        CanonicalFunction::Lift { options, .. } | CanonicalFunction::Lower { options, .. } => {
            options.contains(&CanonicalOption::Async)
        }
        CanonicalFunction::TaskReturn { .. }
        | CanonicalFunction::TaskCancel
        | CanonicalFunction::SubtaskDrop
        | CanonicalFunction::WaitableSetNew => true,
        _ => false,
    }
}

/// What can be told of an import before it is linked.
fn form(types: Option<TypesRef<'_>>, item: Option<&ComponentItem>) -> Form {
    match (types, item.map(|item| item.ty)) {
        (Some(types), Some(ComponentEntityType::Instance(_))) => {
            let mut form = Form::Types;
            for (_, function) in functions(Some(types), item) {
                form = match form {
                    Form::Types | Form::MaybeHooks if may_be_hook(types, function) => {
                        Form::MaybeHooks
                    }
                    _ => Form::Functions,
                };
            }
            form
        }
        _ => Form::Other,
    }
}

/// The functions of an instance, with their names.
fn functions<'a>(
    types: Option<TypesRef<'a>>,
    item: Option<&ComponentItem>,
) -> impl Iterator<Item = (&'a str, &'a ComponentFuncType)> + use<'a> {
    let instance = match item.map(|item| item.ty) {
        Some(ComponentEntityType::Instance(id)) => types.and_then(|types| types.get(id)),
        _ => None,
    };
    let exports = instance.into_iter().flat_map(|instance| &instance.exports);
    exports.filter_map(move |(name, item)| match item.ty {
        ComponentEntityType::Func(id) => Some((name.as_str(), types?.get(id)?)),
        _ => None,
    })
}

/// Whether a function takes one value and returns a result.
fn may_be_hook(types: TypesRef<'_>, function: &ComponentFuncType) -> bool {
    let result = match function.result {
        Some(ComponentValType::Type(id)) => Some(&types[id]),
        _ => None,
    };
    matches!(function.params.len(), 1 | 2)
        && matches!(result, Some(ComponentDefinedType::Result { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;

    include!(concat!(env!("OUT_DIR"), "/bundled.rs"));

    #[test]
    fn imports_and_exports_of_a_module_are_read() {
        let (_, bytes) = BUNDLED[0];
        let shape = Shape::read(bytes).unwrap();
        let hooks = shape
            .imports
            .iter()
            .filter(|import| import.kind == ImportKind::ExtensionPoint);
        assert_eq!(hooks.count(), 1);
        assert!(
            shape
                .imports
                .iter()
                .all(|import| import.kind != ImportKind::Unknown)
        );
        let sql = shape
            .imports
            .iter()
            .find(|import| import.name.starts_with("wares:platform/sql@"));
        assert_eq!(sql.unwrap().grant(), Some("sql"));
        let mut exports = shape.exports.iter();
        let lifecycle = exports.find(|export| export.name == "wares:module/lifecycle@2.1.0");
        assert_eq!(lifecycle.unwrap().functions, ["describe", "check-settings"]);
    }

    #[test]
    fn no_damaged_component_makes_the_reader_panic() {
        let (_, bytes) = BUNDLED[0];
        // Types stand at the beginning and behind the core modules.
        let offsets = (0..4_000)
            .chain(bytes.len() - 40_000..bytes.len())
            .step_by(997);
        for offset in offsets {
            let mut damaged = bytes.to_vec();
            damaged[offset] ^= 0x15;
            let _ = Shape::read(&damaged);
            // Cut between two sections it may be one as well.
            let _ = Shape::read(&bytes[..offset]);
        }
        assert!(Shape::read(b"").is_err());
    }
}
