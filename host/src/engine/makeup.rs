//! What a component was made from, by its own word: the languages and tools in its `producers`
//! sections, the runtimes of languages by their names in it, and its core modules. For people
//! alone: nothing depends on it.

use serde::{Deserialize, Serialize};
use wasmparser::{CustomSectionReader, KnownCustom, Name, Payload, ProducersSectionReader};

use crate::printable::cut;

/// Languages, and tools, and core modules.
const COUNT_MAX: usize = 100;
/// Bytes of a name, and of a version.
const NAME_BYTES_MAX: usize = 100;

/// Runtimes whose tools leave themselves out of the `producers` sections: the beginning of a name
/// that they have in core modules, the language that they run, and the tool.
const RUNTIMES: [(&str, &str, &str); 2] = [
    ("componentize_qjs_runtime", "JavaScript", "componentize-qjs"),
    ("componentize_py_runtime", "Python", "componentize-py"),
];

/// The parts of a component and their makers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Makeup {
    /// The languages that it was written in, each once.
    pub languages: Vec<Tool>,
    /// The tools that made it, each version once.
    pub tools: Vec<Tool>,
    /// In the component's own order.
    pub core_modules: Vec<CoreModule>,
    /// Whether a core module is being read.
    #[serde(skip)]
    in_core_module: bool,
}

/// A language or a tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// Its version, which may be empty.
    pub version: String,
}

/// A core module of a component.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoreModule {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Its size.
    pub bytes: u64,
    /// Functions that it defines.
    pub functions: u64,
}

impl Makeup {
    /// Notes one part of a component, as the parser meets it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn note(&mut self, payload: &Payload<'_>) -> wasmparser::Result<()> {
        match payload {
            Payload::ModuleSection {
                unchecked_range, ..
            } => {
                self.in_core_module = self.core_modules.len() < COUNT_MAX;
                if self.in_core_module {
                    self.core_modules.push(CoreModule {
                        bytes: unchecked_range.len() as u64,
                        ..CoreModule::default()
                    });
                }
            }
            Payload::FunctionSection(functions) => {
                if let Some(module) = self.core_module() {
                    module.functions += u64::from(functions.count());
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports.clone() {
                    self.note_runtime(export?.name);
                }
            }
            // A custom section that cannot be read says nothing.
            Payload::CustomSection(section) => drop(self.note_custom(section)),
            Payload::End(_) => self.in_core_module = false,
            _ => {}
        }
        Ok(())
    }

    fn core_module(&mut self) -> Option<&mut CoreModule> {
        let modules = self.core_modules.last_mut();
        modules.filter(|_| self.in_core_module)
    }

    fn note_custom(&mut self, section: &CustomSectionReader<'_>) -> wasmparser::Result<()> {
        match section.as_known() {
            KnownCustom::Producers(producers) => self.note_producers(producers),
            KnownCustom::Name(names) => {
                for name in names {
                    if let (Name::Module { name, .. }, Some(module)) = (name?, self.core_module()) {
                        module.name = Some(cut(name, NAME_BYTES_MAX).into_owned());
                        self.note_runtime(name);
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Notes the language and the tool of a runtime that has this name. They come first: what
    /// the runtime itself was written in matters less.
    fn note_runtime(&mut self, name: &str) {
        let mut runtimes = RUNTIMES.iter();
        if let Some((_, language, tool)) = runtimes.find(|(of, ..)| name.starts_with(of)) {
            for (known, name) in [(&mut self.languages, language), (&mut self.tools, tool)] {
                let named = Tool {
                    name: (*name).to_owned(),
                    version: String::new(),
                };
                if !known.contains(&named) {
                    known.insert(0, named);
                }
            }
        }
    }

    fn note_producers(&mut self, producers: ProducersSectionReader<'_>) -> wasmparser::Result<()> {
        for field in producers {
            let field = field?;
            let known = match field.name {
                "language" => &mut self.languages,
                _ => &mut self.tools,
            };
            for value in field.values {
                let value = value?;
                // Some have a commit and a date behind their number.
                let version = value.version.split_whitespace().next().unwrap_or_default();
                let tool = Tool {
                    name: cut(value.name, NAME_BYTES_MAX).into_owned(),
                    version: cut(version, NAME_BYTES_MAX).into_owned(),
                };
                if known.len() < COUNT_MAX && !known.contains(&tool) {
                    known.push(tool);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmparser::Parser;

    #[test]
    fn languages_tools_and_core_modules_are_named_and_counted() {
        let bytes = wat::parse_str(
            r#"(component
                (core module $first
                    (func) (func)
                    (@producers (language "Rust" "2024") (processed-by "rustc" "1.95.0 (abc 2026)")))
                (core module $componentize_py_runtime.wasm (func))
                (@producers (processed-by "rustc" "1.95.0") (sdk "sdk" "")))"#,
        )
        .unwrap();
        let mut makeup = Makeup::default();
        for payload in Parser::new(0).parse_all(&bytes) {
            makeup.note(&payload.unwrap()).unwrap();
        }
        let tool = |name: &str, version: &str| Tool {
            name: name.to_owned(),
            version: version.to_owned(),
        };
        assert_eq!(makeup.languages, [tool("Python", ""), tool("Rust", "2024")]);
        let tools = [
            tool("componentize-py", ""),
            tool("rustc", "1.95.0"),
            tool("sdk", ""),
        ];
        assert_eq!(makeup.tools, tools);
        let modules = makeup.core_modules.iter();
        let modules: Vec<_> = modules
            .map(|module| (module.name.as_deref(), module.functions))
            .collect();
        let runtime = Some("componentize_py_runtime.wasm");
        assert_eq!(modules, [(Some("first"), 2), (runtime, 1)]);
        let together: u64 = makeup.core_modules.iter().map(|module| module.bytes).sum();
        assert!(
            together < bytes.len() as u64 && together > 100,
            "{together}"
        );
    }
}
