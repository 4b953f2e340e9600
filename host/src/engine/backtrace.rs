//! Where a guest trapped: the functions on its stack by the names that people read, without
//! what a toolchain puts around them, and with the lines of their sources where the component
//! has them and the engine reads them.

use wasmtime::{FrameInfo, WasmBacktrace};

/// The beginnings of names of functions that belong to Rust itself: those of a panic, and those
/// that call the functions of others.
const OF_RUST: [&str; 11] = [
    "core::",
    "std::",
    "alloc::",
    "<core::",
    "<std::",
    "<alloc::",
    "__rustc",
    "__rust_",
    "rust_",
    "abort",
    "dlmalloc::",
];

/// Returns the functions of a backtrace, innermost first; none where the component has no names
/// of them.
pub(super) fn of(backtrace: &WasmBacktrace) -> Vec<String> {
    let frames = backtrace.frames();
    if frames.iter().all(|frame| frame.func_name().is_none()) {
        return Vec::new();
    }
    let functions = frames.iter().flat_map(functions).collect();
    let own = without_plumbing(functions).into_iter();
    own.map(Function::shown).collect()
}

/// A function on the stack.
struct Function {
    name: String,
    /// File and line, and the column if it is known.
    at: Option<String>,
}

impl Function {
    fn shown(self) -> String {
        match self.at {
            Some(at) => format!("{} ({at})", self.name),
            None => self.name,
        }
    }
}

/// The function of a frame, after those that were inlined into it.
fn functions(frame: &FrameInfo) -> Vec<Function> {
    let own_name = || match frame.func_name() {
        Some(name) => demangled(name),
        None => format!("function {}", frame.func_index()),
    };
    let inlined = frame.symbols().iter().map(|symbol| Function {
        name: symbol.name().map_or_else(own_name, demangled),
        at: symbol.file().map(|file| {
            let numbers = [symbol.line(), symbol.column()].into_iter().flatten();
            numbers.fold(relative(file), |at, number| format!("{at}:{number}"))
        }),
    });
    let inlined: Vec<_> = inlined.collect();
    match inlined.is_empty() {
        true => vec![Function {
            name: own_name(),
            at: None,
        }],
        false => inlined,
    }
}

fn demangled(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}

/// A file by its path from here, if it lies below.
fn relative(file: &str) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let below = here.to_str().and_then(|here| file.strip_prefix(here));
    let below = below.and_then(|below| below.strip_prefix('/'));
    below.unwrap_or(file).to_owned()
}

/// Leaves out the functions of Rust itself, and those that make calls of the host calls of the
/// component's own code. All are kept if nothing else is there.
fn without_plumbing(mut functions: Vec<Function>) -> Vec<Function> {
    let is_own = |function: &Function| {
        let name = &*function.name;
        !OF_RUST.iter().any(|of_rust| name.starts_with(of_rust)) && !is_export(name)
    };
    if functions.iter().any(is_own) {
        functions.retain(is_own);
    }
    functions
}

/// Whether a function is what wit-bindgen makes of an export: `namespace:package/interface#function`,
/// and the one that it calls.
fn is_export(name: &str) -> bool {
    let is_cabi = |part: &str| part.starts_with("_export_") && part.contains("_cabi");
    let interface = name.split_once('#').map_or("", |(interface, _)| interface);
    interface.contains('/') && !interface.contains("::") || name.split("::").any(is_cabi)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(names: &[&str]) -> Vec<String> {
        let functions = names.iter().map(|name| Function {
            name: demangled(name),
            at: None,
        });
        let shown = without_plumbing(functions.collect()).into_iter();
        shown.map(Function::shown).collect()
    }

    #[test]
    fn functions_of_a_panic_and_of_exports_are_left_out() {
        for (names, left) in [
            (
                &[
                    "abort",
                    "_ZN3std3sys3pal6common14abort_internal17h4c2e7ba28e3cbd4bE",
                    "__rustc[4ad0b3a6d4ed5a0f]::rust_panic",
                    "std::panicking::panic_handler::{closure#0}",
                    "_ZN4core9panicking9panic_fmt17h0a1b2c3d4e5f6071E",
                    "_ZN10tidy_names5rules4tidy17h0a1b2c3d4e5f6071E",
                    "core::option::Option<T>::map",
                    "tidy_names::component::before_create",
                    "tidy_names::bindings::hooks::_export_before_create_note_cabi",
                    "shop:notes/hooks@2.1.0#before-create-note",
                ][..],
                &[
                    "tidy_names::rules::tidy",
                    "tidy_names::component::before_create",
                ][..],
            ),
            (
                &["JS_Throw", "JS_CallInternal"],
                &["JS_Throw", "JS_CallInternal"],
            ),
            // Nothing else is there.
            (&["rust_panic", "abort"], &["rust_panic", "abort"]),
            (
                &["rust_panic", "wares:module/http@2.1.0#handle"],
                &["rust_panic", "wares:module/http@2.1.0#handle"],
            ),
            (&[], &[]),
        ] {
            assert_eq!(shown(names), left);
        }
    }

    #[test]
    fn files_below_the_working_folder_are_shown_by_their_path_from_there() {
        let here = std::env::current_dir().unwrap();
        let file = here.join("src/rules.rs");
        assert_eq!(relative(file.to_str().unwrap()), "src/rules.rs");
        assert_eq!(relative("/elsewhere/rules.rs"), "/elsewhere/rules.rs");
        let beside = format!("{}-2/rules.rs", here.display());
        assert_eq!(relative(&beside), beside);
    }
}
