//! A component that has been compiled and linked, ready to be called any
//! number of times, each time in a fresh instance.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};

use super::bindings::exports::wares::module::http::{self, Request, Response, Route};
use super::bindings::exports::wares::module::lifecycle::{
    self, Description, Migration, SqlDialect,
};
use super::bindings::exports::wares::module::schema;
use super::bindings::exports::wares::module::seed::{self, Kind};
use super::linker::{self, ImportKind};
use super::shape::Shape;
use super::state::{CallContext, CallState};
use super::{CallError, Clock, Engine, LoadError, artifact, compiler, root, turns, versions};

/// A compiled component. Cheap to share; each call makes an instance of its own.
pub struct Component {
    engine: wasmtime::Engine,
    _clock: Arc<Clock>,
    pub(super) pre: InstancePre<CallState>,
    exports: Exports,
    digest: String,
    hear: Option<fn(&str, &str)>,
}

/// Where the functions that the host calls are in a component. wasmtime finds
/// those of any version 1 of `wares:module`, whichever the host was built with.
pub(super) struct Exports {
    lifecycle: lifecycle::GuestIndices,
    http: http::GuestIndices,
    seed: seed::GuestIndices,
    /// `None` in a component that was built before 1.1.0.
    schema: Option<schema::GuestIndices>,
}

/// The first bytes of every component: magic number, version, layer.
const COMPONENT_HEADER: [u8; 8] = *b"\0asm\x0d\x00\x01\x00";
/// The first bytes of every core module.
const CORE_MODULE_HEADER: [u8; 8] = *b"\0asm\x01\x00\x00\x00";

impl Engine {
    /// Compiles a component and ties its imports. Nothing of it runs yet.
    ///
    /// # Errors
    /// When the bytes are no component, or one that does not fit.
    pub fn load(&self, bytes: &[u8]) -> Result<Component, LoadError> {
        let (component, digest) = self.compile(bytes)?;
        let linker = linker::link(&self.wasmtime, &component)?;
        let pre = linker
            .instantiate_pre(&component)
            .map_err(|error| linker::refusal(&self.wasmtime, &component, &error))?;
        let exports = Exports::find(&self.wasmtime, &pre)?;
        Ok(Component {
            engine: self.wasmtime.clone(),
            _clock: self.clock.clone(),
            pre,
            exports,
            digest,
            hear: self.options.hear,
        })
    }

    /// What a component imports and exports, whether or not it would load. Nothing of
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

    fn compile(&self, bytes: &[u8]) -> Result<(wasmtime::component::Component, String), LoadError> {
        check_header(bytes, self.options.component_bytes_max)?;
        let digest = hex::encode(Sha256::digest(bytes));
        let folder = self.options.artifacts.as_deref();
        if let Some(folder) = folder
            && let Some(component) = artifact::read(&self.wasmtime, folder, &digest)
        {
            return Ok((component, digest));
        }
        let turn = self
            .compilers
            .take()
            .map_err(|turns::Full(waiting)| LoadError::CompilerBusy(waiting))?;
        // To compile it may take long, and would be for nothing.
        check_shape(&self.inspect(bytes)?)?;
        let code = match self.options.compile {
            Some(limits) => compiler::compile(bytes, limits)?,
            None => compiler::compile_here(bytes).map_err(LoadError::Compile)?,
        };
        drop(turn);
        if let Some(folder) = folder {
            artifact::write(&self.wasmtime, folder, &digest, &code);
        }
        let component = artifact::load(&self.wasmtime, &code)
            .map_err(|error| LoadError::Compile(root(&error)))?;
        Ok((component, digest))
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

/// What a component has to export, in the version that the host was built with.
const NEEDED: [&str; 3] = [
    "wares:module/lifecycle@1.1.0",
    "wares:module/http@1.1.0",
    "wares:module/seed@1.1.0",
];
/// What it may leave out.
const SCHEMA: &str = "wares:module/schema@1.1.0";

impl Exports {
    fn find(engine: &wasmtime::Engine, pre: &InstancePre<CallState>) -> Result<Self, LoadError> {
        let component = pre.component();
        let ty = component.component_type();
        for needed in NEEDED {
            if component.get_export_index(None, needed).is_none() {
                let exports = ty.exports(engine).map(|(name, _)| name);
                return Err(LoadError::WrongWorld(lacking(exports, needed)));
            }
        }
        let wrong = |error: wasmtime::Error| LoadError::WrongWorld(root(&error));
        let schema = component.get_export_index(None, SCHEMA);
        Ok(Self {
            lifecycle: lifecycle::GuestIndices::new(pre).map_err(wrong)?,
            http: http::GuestIndices::new(pre).map_err(wrong)?,
            seed: seed::GuestIndices::new(pre).map_err(wrong)?,
            schema: schema
                .map(|_| schema::GuestIndices::new(pre))
                .transpose()
                .map_err(wrong)?,
        })
    }

    /// Checks that all functions take and give what they must.
    fn check(&self, store: &mut Store<CallState>, instance: &Instance) -> wasmtime::Result<()> {
        self.lifecycle.load(&mut *store, instance)?;
        self.http.load(&mut *store, instance)?;
        self.seed.load(&mut *store, instance)?;
        if let Some(schema) = &self.schema {
            schema.load(&mut *store, instance)?;
        }
        Ok(())
    }
}

/// Says what a component that exports these has instead of an export that it needs.
fn lacking<'a>(mut exports: impl Iterator<Item = &'a str>, needed: &str) -> String {
    let (interface, _) = versions::split(needed);
    match exports.find(|name| versions::split(name).0 == interface) {
        Some(name) => format!(
            "it exports {name}, and this host calls {needed}, or another version compatible with that"
        ),
        None => format!("it exports no {interface}"),
    }
}

/// Refuses a component whose imports or exports, by their names, can be no module's.
fn check_shape(shape: &Shape) -> Result<(), LoadError> {
    let imports = shape.imports.iter();
    let unknown = imports.filter(|import| import.kind == ImportKind::Unknown);
    linker::refuse(unknown.map(|import| import.name.clone()).collect())?;
    let exports = || shape.exports.iter().map(|export| &*export.name);
    let is_there = |needed: &str| exports().any(|name| versions::are_compatible(name, needed));
    match NEEDED.into_iter().find(|needed| !is_there(needed)) {
        Some(needed) => Err(LoadError::WrongWorld(lacking(exports(), needed))),
        None => Ok(()),
    }
}

impl Component {
    /// SHA-256 of the component's bytes, in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The imports that need a grant, each with it.
    pub fn grants_needed(&self) -> Vec<(String, &'static str)> {
        let component = self.pre.component().component_type();
        component
            .imports(&self.engine)
            .filter_map(|(name, _)| Some((name.to_owned(), linker::grant(name)?)))
            .collect()
    }

    /// Asks the component what it is.
    ///
    /// # Errors
    /// When the call gives no answer.
    pub fn describe(&self, context: CallContext) -> Result<Description, CallError> {
        self.call(context, |exports, instance, store| {
            // The first call of any component: what it has in another shape is refused here.
            exports.check(store, instance)?;
            let lifecycle = exports.lifecycle.load(&mut *store, instance)?;
            lifecycle.call_describe(store)
        })
    }

    /// Has the component check its settings. The inner error holds its faults.
    ///
    /// # Errors
    /// When the call gives no answer.
    pub fn check_settings(
        &self,
        context: CallContext,
    ) -> Result<Result<(), Vec<String>>, CallError> {
        self.call(context, |exports, instance, store| {
            let lifecycle = exports.lifecycle.load(&mut *store, instance)?;
            lifecycle.call_check_settings(store)
        })
    }

    /// Asks the component for the steps of its schema.
    ///
    /// # Errors
    /// When the call gives no answer.
    pub fn migrations(&self, context: CallContext) -> Result<Vec<Migration>, CallError> {
        self.call(context, |exports, instance, store| {
            let lifecycle = exports.lifecycle.load(&mut *store, instance)?;
            lifecycle.call_migrations(store, SqlDialect::Sqlite)
        })
    }

    /// Asks the component how many of its steps a version of it has to know to
    /// work on what all of them leave. `None` if it does not say: it needs them all.
    ///
    /// # Errors
    /// When the call gives no answer.
    pub fn steps_needed(&self, context: CallContext) -> Result<Option<u32>, CallError> {
        let Some(schema) = &self.exports.schema else {
            return Ok(None);
        };
        self.call(context, |_, instance, store| {
            let schema = schema.load(&mut *store, instance)?;
            schema.call_steps_needed(store).map(Some)
        })
    }

    /// Asks the component for its routes.
    ///
    /// # Errors
    /// When the call gives no answer.
    pub fn routes(&self, context: CallContext) -> Result<Vec<Route>, CallError> {
        self.call(context, |exports, instance, store| {
            let http = exports.http.load(&mut *store, instance)?;
            http.call_routes(store)
        })
    }

    /// Asks the component what the operations of its routes refer to.
    ///
    /// # Errors
    /// When the call gives no answer.
    pub fn schemas(&self, context: CallContext) -> Result<String, CallError> {
        self.call(context, |exports, instance, store| {
            let http = exports.http.load(&mut *store, instance)?;
            http.call_schemas(store)
        })
    }

    /// Has the component answer a request.
    ///
    /// # Errors
    /// When it gives no answer, or one beyond its limits.
    pub fn handle(&self, context: CallContext, request: &Request) -> Result<Response, CallError> {
        let limits = context.limits.clone();
        let response = self.call(context, |exports, instance, store| {
            let http = exports.http.load(&mut *store, instance)?;
            http.call_handle(store, request)
        })?;
        let max = limits.response_bytes_max;
        if response.body.len() > max {
            return Err(CallError::ResponseTooLarge {
                what: "the body of the response",
                max,
            });
        }
        Ok(response)
    }

    /// Asks the component what it can sow.
    ///
    /// # Errors
    /// When the call gives no answer.
    pub fn kinds(&self, context: CallContext) -> Result<Vec<Kind>, CallError> {
        self.call(context, |exports, instance, store| {
            let seed = exports.seed.load(&mut *store, instance)?;
            seed.call_kinds(store)
        })
    }

    /// Has the component add data. The inner error says what went wrong.
    ///
    /// # Errors
    /// When the call gives no answer.
    pub fn sow(
        &self,
        context: CallContext,
        kind: u32,
        count: u32,
    ) -> Result<Result<(), String>, CallError> {
        self.call(context, |exports, instance, store| {
            let seed = exports.seed.load(&mut *store, instance)?;
            seed.call_sow(store, kind, count)
        })
    }

    /// Has the component do something in an instance of its own.
    pub(super) fn call<T>(
        &self,
        context: CallContext,
        function: impl FnOnce(&Exports, &Instance, &mut Store<CallState>) -> wasmtime::Result<T>,
    ) -> Result<T, CallError> {
        let limits = context.limits.clone();
        let mut store = CallState::store(&self.engine, context);
        let done = self
            .pre
            .instantiate(&mut store)
            .and_then(|instance| function(&self.exports, &instance, &mut store))
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
