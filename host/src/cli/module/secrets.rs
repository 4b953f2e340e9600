//! `wares module secrets`: which secrets a module has, and where requests with them may go. It
//! shows none of them.

use std::io::Write;

use anyhow::bail;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use crate::cli::setup::Setup;
use crate::cli::{Common, write_line};

#[derive(Args, Debug)]
pub(super) struct Secrets {
    /// The module.
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    name: String,
    #[command(flatten)]
    common: Common,
}

impl Secrets {
    pub(super) fn run(&self, out: &mut impl Write) -> anyhow::Result<()> {
        let setup = Setup::open(&self.common)?;
        let secrets = setup.settings.module(&self.name).outbound.secrets;
        if secrets.is_empty() {
            let name = &self.name;
            bail!(
                "the settings have no secret of the module {name}: one is set as modules.{name}.secrets.NAME"
            );
        }
        for secret in secrets {
            let places = secret.destinations.iter().map(ToString::to_string);
            let places = places.collect::<Vec<_>>().join(", ");
            write_line(out, format_args!("{}: for {places}", secret.name))?;
        }
        Ok(())
    }
}
