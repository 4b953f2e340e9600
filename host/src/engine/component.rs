//! A component that has been compiled and linked, ready to be called any
//! number of times, each time in a fresh instance.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};

use super::linker::{self, ImportKind};
use super::shape::Shape;
use super::size::Size;
use super::versions;
use super::{CallError, Clock, Engine, LoadError, artifact, compiler, hook, store, turns};
use crate::capabilities::{CallContext, CallState, Need, OPERATIONS, PointsOfHost};
use crate::digest::Digest;
use crate::trial::Trial;

/// A compiled component. Cheap to share; each call makes an instance of its own.
pub struct Component {
    engine: wasmtime::Engine,
    _clock: Arc<Clock>,
    pub(super) pre: InstancePre<CallState>,
    digest: Digest,
    compiled_in: Option<Duration>,
    hear: Option<fn(&str, &str)>,
    points: PointsOfHost,
    trial: Option<Arc<Trial>>,
    pub(super) filled: Vec<String>,
}

/// A fresh instance of a component and its store, for one call.
pub(crate) struct Guest<'a> {
    pub(crate) store: &'a mut Store<CallState>,
    pub(crate) instance: &'a Instance,
}

impl Guest<'_> {
    /// The same instance, for one of several steps of a call.
    pub(crate) fn reborrow(&mut self) -> Guest<'_> {
        Guest {
            store: &mut *self.store,
            instance: self.instance,
        }
    }
}

/// The file of functions of components that are being developed, beside their machine code.
const FUNCTIONS_FILE: &str = "functions";

/// The first bytes of every component: magic number, version, layer.
const COMPONENT_HEADER: [u8; 8] = *b"\0asm\x0d\x00\x01\x00";
/// The first bytes of every core module.
const CORE_MODULE_HEADER: [u8; 8] = *b"\0asm\x01\x00\x00\x00";

impl Engine {
    /// Compiles a component and links its imports. Nothing of it runs yet. `fits` says
    /// before it is compiled whether it imports and exports what the caller needs of it;
    /// it is not asked again about a component whose machine code was kept. `digest` is that
    /// of the bytes: machine code is kept under it.
    ///
    /// # Errors
    /// When the bytes are no component, or one that does not fit.
    pub fn load(
        &self,
        bytes: &[u8],
        digest: Digest,
        fits: impl FnOnce(&Shape) -> Result<(), LoadError>,
    ) -> Result<Component, LoadError> {
        let (component, compiled_in) = self.compile(bytes, digest, fits)?;
        let engine = component.engine();
        let linker = linker::link(engine, &component)?;
        let pre = linker
            .instantiate_pre(&component)
            .map_err(|error| linker::refusal(engine, &component, &error))?;
        Ok(Component {
            filled: hook::filled(engine, &component),
            engine: engine.clone(),
            _clock: self.clock.clone(),
            pre,
            digest,
            compiled_in,
            hear: self.options.hear,
            points: self.points.clone(),
            trial: self.options.trial.clone(),
        })
    }

    /// Returns the imports and exports of a component, whether or not it would load. Nothing of
    /// it is compiled.
    ///
    /// # Errors
    /// When the bytes are no component.
    pub fn inspect(&self, bytes: &[u8]) -> Result<Shape, LoadError> {
        check_header(bytes, self.options.component_bytes_max)?;
        match self.options.compile {
            Some(limits) => compiler::read(bytes, limits),
            None => Shape::read(bytes).map_err(LoadError::Compile),
        }
    }

    /// Compiles a component, and returns how long that took; `None` if its machine code was kept.
    fn compile(
        &self,
        bytes: &[u8],
        digest: Digest,
        fits: impl FnOnce(&Shape) -> Result<(), LoadError>,
    ) -> Result<(wasmtime::component::Component, Option<Duration>), LoadError> {
        check_header(bytes, self.options.component_bytes_max)?;
        debug_assert_eq!(digest, Digest::of(bytes));
        if let Some(component) = self.kept(digest)? {
            return Ok((component, None));
        }
        let turn = self
            .compilers
            .take()
            .map_err(|turns::Full(waiting)| LoadError::CompilerBusy(waiting))?;
        // Compiling takes long: what is refused for its names or its size is refused before.
        let shape = self.inspect(bytes)?;
        check_imports(&shape)?;
        fits(&shape)?;
        if shape.is_asynchronous {
            return Err(LoadError::Asynchronous);
        }
        shape.measures.check(&self.options)?;
        let size = shape.measures.size();
        let engine = self.engines.of(size)?;
        let target = self.engines.target(size);
        let folder = self.options.artifacts.as_deref();
        let functions = folder
            .filter(|_| target.developing)
            .map(|folder| folder.join(FUNCTIONS_FILE));
        let begun = Instant::now();
        let code = match self.options.compile {
            Some(limits) => compiler::compile(bytes, limits, target, functions.as_deref())?,
            None => compiler::compile_here(bytes, target).map_err(LoadError::Compile)?,
        };
        let compiled_in = begun.elapsed();
        drop(turn);
        if let Some(folder) = folder {
            artifact::write(engine, folder, (digest, target), &code);
        }
        let component = artifact::load(engine, &code)
            .map_err(|error| LoadError::Compile(super::root(&error)))?;
        Ok((component, Some(compiled_in)))
    }

    /// The component from machine code that was kept of it.
    fn kept(&self, digest: Digest) -> Result<Option<wasmtime::component::Component>, LoadError> {
        let Some(folder) = &self.options.artifacts else {
            return Ok(None);
        };
        for size in Size::ALL {
            let target = self.engines.target(size);
            // No engine is made where there is nothing for it.
            if artifact::is_kept(folder, (digest, target)) {
                let component = artifact::read(self.engines.of(size)?, folder, (digest, target));
                if component.is_some() {
                    return Ok(component);
                }
            }
        }
        Ok(None)
    }
}

fn check_header(bytes: &[u8], bytes_max: usize) -> Result<(), LoadError> {
    if bytes.len() > bytes_max {
        return Err(LoadError::TooLarge {
            bytes: bytes.len(),
            max: bytes_max,
        });
    }
    if bytes.starts_with(&COMPONENT_HEADER) {
        return Ok(());
    }
    Err(LoadError::NotAComponent(if bytes.is_empty() {
        "it is empty".to_owned()
    } else if bytes.starts_with(&CORE_MODULE_HEADER) {
        "it is a core WebAssembly module, not a component: build it for the target wasm32-wasip2"
            .to_owned()
    } else {
        "it is not a WebAssembly component".to_owned()
    }))
}

/// Refuses a component whose imports, by their names, the host cannot provide.
fn check_imports(shape: &Shape) -> Result<(), LoadError> {
    let imports = shape.imports.iter();
    let unknown = imports.filter(|import| import.kind == ImportKind::Unknown);
    linker::refuse(unknown.map(|import| import.name.clone()).collect())
}

impl Component {
    /// The digest of the component's bytes.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Bytes of its machine code, with what the engine needs of it.
    pub fn machine_code_bytes(&self) -> u64 {
        let image = self.pre.component().image_range();
        (image.end as usize - image.start as usize) as u64
    }

    /// How long it took to compile; `None` if its machine code was kept.
    pub fn compiled_in(&self) -> Option<Duration> {
        self.compiled_in
    }

    /// The grants that its imports need, and the extension points that it fills.
    pub fn grants_needed(&self) -> Vec<Need> {
        let component = self.pre.component().component_type();
        let imports = component.imports(&self.engine);
        let imported = imports.filter_map(|(name, import)| {
            let (grant, of) = match linker::kind(&self.engine, name, &import.ty) {
                ImportKind::Operations => (OPERATIONS, Some(versions::package(name))),
                _ => (linker::capability(name)?.grant?, None),
            };
            Some(Need {
                interface: name.to_owned(),
                uses: "imports",
                grant,
                of,
            })
        });
        let exports = component.exports(&self.engine);
        let points = exports
            .filter(|(name, export)| {
                linker::kind(&self.engine, name, &export.ty) == ImportKind::ExtensionPoint
            })
            .map(|(name, _)| hook::needed_to_fill(name));
        imported.chain(points).collect()
    }

    /// Where the time and the chance of its calls come from while it is tested.
    pub(crate) fn trial(&self) -> Option<Arc<Trial>> {
        self.trial.clone()
    }

    /// The names of all that it exports.
    pub(crate) fn exports(&self) -> Vec<String> {
        let component = self.pre.component().component_type();
        let exports = component.exports(&self.engine);
        exports.map(|(name, _)| name.to_owned()).collect()
    }

    /// Whether it exports this, or a compatible version of it.
    pub(crate) fn has_export(&self, name: &str) -> bool {
        let component = self.pre.component();
        component.get_export_index(None, name).is_some()
    }

    /// Where the functions of an export are looked up.
    pub(crate) fn pre(&self) -> &InstancePre<CallState> {
        &self.pre
    }

    /// Calls the component in a fresh instance, within the limits of `context`.
    ///
    /// # Errors
    /// When the component traps, or needs more than a limit allows.
    pub(crate) fn call<T>(
        &self,
        context: CallContext,
        function: impl FnOnce(Guest<'_>) -> wasmtime::Result<T>,
    ) -> Result<T, CallError> {
        let limits = context.limits.clone();
        let mut store = store::open(&self.engine, context, self.points.clone());
        let done = self
            .pre
            .instantiate(&mut store)
            .and_then(|instance| {
                function(Guest {
                    store: &mut store,
                    instance: &instance,
                })
            })
            .map_err(|error| CallError::new(&error, &limits, store.data()))?;
        if let Some(hear) = self.hear {
            let (component, troubles) = store.data().troubles();
            troubles.iter().for_each(|line| hear(&component, line));
        }
        Ok(done)
    }

    pub(super) fn engine(&self) -> &wasmtime::Engine {
        &self.engine
    }
}
