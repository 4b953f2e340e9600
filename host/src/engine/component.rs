//! A component that has been compiled and linked, ready to be called any
//! number of times, each time in a fresh instance.

use sha2::{Digest, Sha256};
use wasmtime::Store;
use wasmtime::component::InstancePre;
use wasmtime::component::types::ComponentItem;

use super::bindings::exports::wares::module::http::{Request, Response, Route};
use super::bindings::exports::wares::module::lifecycle::{Description, Migration, SqlDialect};
use super::bindings::exports::wares::module::seed::Kind;
use super::bindings::{Module as Bindings, ModulePre};
use super::linker::{self, ImportKind};
use super::state::{CallContext, CallState};
use super::{CallError, Engine, LoadError, artifact, compiler, root};

/// A compiled component. Cheap to share; each call makes an instance of its own.
pub struct Component {
    engine: wasmtime::Engine,
    pub(super) pre: InstancePre<CallState>,
    module: ModulePre<CallState>,
    digest: String,
}

/// What a component imports and exports.
#[derive(Clone, Debug)]
pub struct Shape {
    /// In the component's own order.
    pub imports: Vec<Import>,
    /// In the component's own order.
    pub exports: Vec<Export>,
}

/// One import of a component.
#[derive(Clone, Debug)]
pub struct Import {
    /// `namespace:package/interface@version`.
    pub name: String,
    /// What it is to the host.
    pub kind: ImportKind,
    /// The grant that it needs, if it needs one.
    pub grant: Option<&'static str>,
}

/// One export of a component.
#[derive(Clone, Debug)]
pub struct Export {
    /// `namespace:package/interface@version`.
    pub name: String,
    /// The names of its functions.
    pub functions: Vec<String>,
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
            .map_err(|error| LoadError::WrongWorld(error.root_cause().to_string()))?;
        let module =
            ModulePre::new(pre.clone()).map_err(|error| LoadError::WrongWorld(root(&error)))?;
        Ok(Component {
            engine: self.wasmtime.clone(),
            pre,
            module,
            digest,
        })
    }

    /// What a component imports and exports, whether or not it would load.
    ///
    /// # Errors
    /// When the bytes are no component.
    pub fn inspect(&self, bytes: &[u8]) -> Result<Shape, LoadError> {
        let (component, _) = self.compile(bytes)?;
        let ty = component.component_type();
        Ok(Shape {
            imports: ty
                .imports(&self.wasmtime)
                .map(|(name, import)| Import {
                    name: name.to_owned(),
                    kind: linker::kind(&self.wasmtime, name, &import.ty),
                    grant: linker::grant(name),
                })
                .collect(),
            exports: ty
                .exports(&self.wasmtime)
                .map(|(name, export)| Export {
                    name: name.to_owned(),
                    functions: self.functions(&export.ty),
                })
                .collect(),
        })
    }

    fn functions(&self, item: &ComponentItem) -> Vec<String> {
        match item {
            ComponentItem::ComponentInstance(instance) => instance
                .exports(&self.wasmtime)
                .filter(|(_, export)| matches!(export.ty, ComponentItem::ComponentFunc(_)))
                .map(|(name, _)| name.to_owned())
                .collect(),
            _ => Vec::new(),
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
        let code = compiler::compile(bytes, self.options.compile)?;
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
        self.call(context, |module, store| {
            module.wares_module_lifecycle().call_describe(store)
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
        self.call(context, |module, store| {
            module.wares_module_lifecycle().call_check_settings(store)
        })
    }

    /// Asks the component for the steps of its schema.
    ///
    /// # Errors
    /// When the call gives no answer.
    pub fn migrations(&self, context: CallContext) -> Result<Vec<Migration>, CallError> {
        self.call(context, |module, store| {
            module
                .wares_module_lifecycle()
                .call_migrations(store, SqlDialect::Sqlite)
        })
    }

    /// Asks the component for its routes.
    ///
    /// # Errors
    /// When the call gives no answer.
    pub fn routes(&self, context: CallContext) -> Result<Vec<Route>, CallError> {
        self.call(context, |module, store| {
            module.wares_module_http().call_routes(store)
        })
    }

    /// Asks the component what the operations of its routes refer to.
    ///
    /// # Errors
    /// When the call gives no answer.
    pub fn schemas(&self, context: CallContext) -> Result<String, CallError> {
        self.call(context, |module, store| {
            module.wares_module_http().call_schemas(store)
        })
    }

    /// Has the component answer a request.
    ///
    /// # Errors
    /// When it gives no answer, or one beyond its limits.
    pub fn handle(&self, context: CallContext, request: &Request) -> Result<Response, CallError> {
        let limits = context.limits.clone();
        let response = self.call(context, |module, store| {
            module.wares_module_http().call_handle(store, request)
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
        self.call(context, |module, store| {
            module.wares_module_seed().call_kinds(store)
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
        self.call(context, |module, store| {
            module.wares_module_seed().call_sow(store, kind, count)
        })
    }

    fn call<T>(
        &self,
        context: CallContext,
        function: impl FnOnce(&Bindings, &mut Store<CallState>) -> wasmtime::Result<T>,
    ) -> Result<T, CallError> {
        let limits = context.limits.clone();
        let mut store = CallState::store(&self.engine, context);
        self.module
            .instantiate(&mut store)
            .and_then(|module| function(&module, &mut store))
            .map_err(|error| CallError::new(&error, &limits, store.data().refused_memory()))
    }

    pub(super) fn engine(&self) -> &wasmtime::Engine {
        &self.engine
    }
}
