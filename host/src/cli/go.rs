//! `wares go`: what Go's own tools lack for components. Works on the folder of a project, reads
//! no settings, and asks no host and no network.

pub(super) mod bindings;
mod component;
mod segments;

use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use clap::{Args, Subcommand};
use wit_bindgen_core::wit_parser::{Resolve, WorldId};

use super::{text_out, write_line};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write the folder `wares` of the project in the current folder anew: the bindings of the
    /// contracts in `wit`, and the packages over them. Needed after a change of `wit`.
    Bindings,
    /// Make a component of what `go build` built for wasip1.
    #[command(
        after_help = "The core module is built by\n\n    GOOS=wasip1 GOARCH=wasm go build -trimpath \
                      -buildmode=c-shared -ldflags=-checklinkname=0 -o NAME.core.wasm"
    )]
    Component {
        /// The core module.
        #[arg(value_name = "NAME.core.wasm")]
        module: PathBuf,
        /// The folder of the contracts, with the world of the component.
        #[arg(long, value_name = "DIR", default_value = "wit")]
        wit: PathBuf,
        /// The component to write [default: NAME.wasm beside the core module].
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let said = match &arguments.command {
        Command::Bindings => {
            if !Path::new("go.mod").exists() {
                bail!(
                    "there is no go.mod here: run it in the folder of a project that `wares new NAME --lang go` wrote"
                );
            }
            let count = bindings::write(Path::new(""))?;
            format!("wares: {count} files")
        }
        Command::Component {
            module,
            wit,
            output,
        } => {
            let output = output.clone().map_or_else(|| beside(module), Ok)?;
            let bytes = component::write(module, wit, &output)?;
            format!("{}: {bytes} bytes", output.display())
        }
    };
    write_line(&mut text_out(), format_args!("{said}"))?;
    Ok(())
}

/// The path of the component whose core module this is.
fn beside(module: &Path) -> anyhow::Result<PathBuf> {
    let name = module.file_name().and_then(|name| name.to_str());
    let Some(name) = name.and_then(|name| name.strip_suffix(".core.wasm")) else {
        bail!(
            "the name of {} does not end in .core.wasm: name the component to write with --output",
            module.display()
        );
    };
    Ok(module.with_file_name(format!("{name}.wasm")))
}

/// Reads the one world of a folder of contracts. An error names file and line.
fn world(wit: &Path) -> anyhow::Result<(Resolve, WorldId)> {
    let mut resolve = Resolve::default();
    let read = resolve.push_dir(wit);
    let (package, _) = read.map_err(|error| anyhow!(resolve.render_error(&error)))?;
    let world = resolve.select_world(&[package], None)?;
    Ok((resolve, world))
}
