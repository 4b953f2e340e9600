//! `wares:toy/counter`: counts within one call. It exists for the tests that show what a
//! capability takes.

use wasmtime::component::Linker;

use super::logging::Log;
use super::{CallContext, CallState, Capability, PerCall};

pub(crate) const CAPABILITY: Capability = Capability {
    interfaces: &["wares:toy/counter@1.2.0"],
    grant: Some("toy"),
    is_inert: false,
    summary: "counts",
    link,
};

pub(crate) struct State {
    count: u32,
}

pub(crate) type Limits = ();

impl PerCall for State {
    fn begin(_: &mut CallContext, _: &Log) -> Self {
        Self { count: 0 }
    }
}

impl State {
    fn next(&mut self) -> u32 {
        self.count += 1;
        self.count
    }
}

fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    let mut interface = linker.instance("wares:toy/counter@1.2.0")?;
    interface.func_wrap("next", |mut store, (): ()| {
        Ok((store.data_mut().states.toy.next(),))
    })
}
