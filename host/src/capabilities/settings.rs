//! `wasi:config/store`: the component's settings, as the operator wrote them.

use std::sync::Arc;

use wasmtime::component::Linker;
use wasmtime_wasi_config::{WasiConfig, WasiConfigVariables};

use super::logging::Log;
use super::{CallContext, CallState, Capability, PerCall};

pub(crate) const CAPABILITY: Capability = Capability {
    interfaces: &["wasi:config/store@0.2.0-rc.1"],
    grant: None,
    is_inert: false,
    summary: "reads its own settings",
    link,
};

pub(crate) type State = Settings;
pub(crate) type Limits = ();

/// A component's settings. Clones are the same ones.
#[derive(Clone)]
pub struct Settings(Arc<WasiConfigVariables>);

impl Settings {
    /// Settings out of keys and values.
    pub fn new<'a>(settings: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(Arc::new(settings.into_iter().collect()))
    }
}

impl PerCall for Settings {
    fn begin(context: &mut CallContext, _: &Log) -> Self {
        context.settings.clone()
    }
}

fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    wasmtime_wasi_config::add_to_linker(linker, view)
}

fn view(state: &mut CallState) -> WasiConfig<'_> {
    WasiConfig::new(&state.states.settings.0)
}
