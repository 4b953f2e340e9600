//! Makes a component of the core module of a Go program: adds the types of its world, and the
//! adapter from WASI preview 1, which is all that Go knows, to preview 2.

use std::fs;
use std::path::Path;

use anyhow::Context;
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};

use super::segments;

/// Writes the component, and returns its size in bytes.
pub(super) fn write(module: &Path, wit: &Path, output: &Path) -> anyhow::Result<usize> {
    let bytes = fs::read(module).with_context(|| format!("cannot read {}", module.display()))?;
    let component = encode(bytes, wit)
        .with_context(|| format!("no component can be made of {}", module.display()))?;
    fs::write(output, &component).with_context(|| format!("cannot write {}", output.display()))?;
    Ok(component.len())
}

fn encode(module: Vec<u8>, wit: &Path) -> anyhow::Result<Vec<u8>> {
    let (resolve, world) = super::world(wit)?;
    let mut module = segments::joined(&module)?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false)?;
    ComponentEncoder::default()
        .validate(true)
        .module(&module)?
        .adapter(
            WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME,
            WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
        )?
        .encode()
}
