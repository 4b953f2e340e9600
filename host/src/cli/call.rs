//! `wares call`: a typed operation of a module, from the command line.

use std::io::Write;

use clap::Args;

use super::setup::Setup;
use super::{Common, text_out};

#[derive(Args, Debug)]
#[command(
    after_help = "Values are written as WAVE, the notation of component values: text in double quotes, \
                        lists in [], records in {field: value}; optional fields may be left out, \
                        and a record without any is {:}.\n\n\
                        The result is printed in the same notation. When the operation refuses, what it \
                        says goes to stderr and the exit code is 1."
)]
pub(super) struct Arguments {
    /// The module's name.
    module: String,
    /// interface.function(arguments…)
    operation: String,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let setup = Setup::open(&arguments.common)?;
    let engine = setup.engine(1)?;
    let folder = setup.folder()?;
    // An operation that cannot be called applies no migration.
    let module = folder.module(&setup, &engine, &arguments.module, |module| {
        module.check_call(&arguments.operation)
    })?;
    match module.call_by_name(&arguments.operation)? {
        Ok(result) => {
            writeln!(text_out(), "{result}")?;
            Ok(())
        }
        Err(refusal) => anyhow::bail!("{refusal}"),
    }
}
