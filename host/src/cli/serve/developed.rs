//! The components that `--watch FILE` names: each is served as `modules.NAME.component` of its
//! own name, and is granted what it wants, in each version of it.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};

use crate::cli::setup::Setup;
use crate::components::{ModuleOptions, Source};
use crate::engine::{Engine, Grants};

/// Has the components in these files served.
///
/// # Errors
/// When one cannot be read or does not say its name, or the settings name another file for it.
pub(super) fn serve(setup: &mut Setup, files: &[PathBuf]) -> anyhow::Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    let engine = setup.engine(1)?;
    for file in files {
        let name = name_of(setup, &engine, file)?;
        let options = setup.settings.module(&name);
        if let Some(other) = options.component.filter(|other| other != file) {
            bail!(
                "--watch {}: it is the module {name}, for which modules.{name}.component names {}",
                file.display(),
                other.display()
            );
        }
        let options = setup.settings.module(&name);
        let grants = match options.grants_are_set {
            true => options.grants,
            false => Grants::all(),
        };
        tracing::info!(
            module = &*name,
            path = %file.display(),
            "served for its author: it has {}",
            match options.grants_are_set {
                true => "the grants of the settings",
                false => "every grant",
            }
        );
        let options = ModuleOptions {
            component: Some(file.clone()),
            grants,
            grants_are_set: true,
            ..options
        };
        setup.settings.modules.insert(name, options);
    }
    Ok(())
}

/// The name that the component in a file says it has.
fn name_of(setup: &Setup, engine: &Engine, file: &Path) -> anyhow::Result<String> {
    let source = Source::read(file, setup.settings.compile.component_bytes_max)
        .context("--watch: build the component first")?;
    match setup.module_granted_all(engine, &source) {
        Ok(module) => Ok(module.name().to_owned()),
        // What it is refused for may be mended while the host serves.
        Err(error) => match error.module() {
            Some(name) => Ok(name.to_owned()),
            None => Err(anyhow!("--watch {error}")),
        },
    }
}
