//! `wares module install`: reads a component, finds out what it wants and, at a terminal, asks
//! whether it is granted that. The host decides whether it is installed.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde_json::Value;

use super::{path, segment, share};
use crate::cli::client::{ask, operator};
use crate::cli::setup::Setup;
use crate::cli::{Common, one_line, write_line};
use crate::components::{self, Action, Source, UnderWay, Version, method_name};
use crate::digest::Digest;
use crate::engine::Grants;
use crate::files;
use crate::printable::{Printer, printable};
use crate::server::client::Ask;
use crate::storage::Outcome;

/// The largest file of a signature, in bytes.
const SIGNATURE_BYTES_MAX: u64 = 64 * 1024;

#[derive(Args, Debug)]
pub(super) struct Install {
    /// The component.
    file: PathBuf,
    /// Put it in service at once.
    #[arg(long)]
    activate: bool,
    /// Start it as canary for this share of the requests: 10%.
    #[arg(long, value_name = "SHARE", value_parser = share, conflicts_with = "activate")]
    canary: Option<String>,
    /// Grant its module a capability, hooks (to be an extension), operations (to call those of
    /// others) or fields (to provide fields of others' entities); hooks=notes for those of
    /// one package alone. May be repeated.
    /// Without it, a terminal is asked for what the module is not granted yet.
    #[arg(long = "grant", value_name = "GRANT", value_parser = grant, value_delimiter = ',')]
    grants: Vec<String>,
    /// The expected SHA-256, in hexadecimal.
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    digest: Option<String>,
    /// Its minisign signature [default: FILE.minisig, if it exists].
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
    /// The module [default: the component's own name].
    #[arg(long, value_name = "MODULE", value_parser = NonEmptyStringValueParser::new())]
    name: Option<String>,
    #[command(flatten)]
    common: Common,
}

/// The name of a grant.
fn grant(text: &str) -> Result<String, String> {
    match Grants::parse(vec![text.to_owned()]) {
        Some(_) => Ok(text.to_owned()),
        None => {
            let names: Vec<_> = Grants::names().collect();
            Err(format!(
                "write one of: {}; {} also with whom, like hooks=PACKAGE",
                names.join(", "),
                Grants::of_components().join(", ")
            ))
        }
    }
}

/// The known parts of a component that is about to be installed.
#[derive(Default)]
struct Found {
    name: Option<String>,
    digest: Option<Digest>,
}

impl Install {
    pub(super) fn run(&self) -> anyhow::Result<Value> {
        let setup = Setup::open(&self.common)?;
        let mut found = Found {
            name: self.name.clone(),
            digest: None,
        };
        let put = self
            .prepare(&setup, &mut found)
            .inspect_err(|error| found.refused(&setup, error))?;
        ask(&self.common, put)
    }

    /// Asks at the terminal for what the component wants and its module is not granted yet.
    fn ask_for_grants(&self, name: &str, module: &Version) -> anyhow::Result<Vec<String>> {
        // A module that the host does not know is granted nothing.
        let known = ask(&self.common, Ask::get(path(name, ""))).unwrap_or_default();
        let granted = known["module"]["grants"].as_array();
        let granted = granted.into_iter().flatten().filter_map(Value::as_str);
        let granted = Grants::kept(&granted.collect::<Vec<_>>().join(","));
        let is_granted = |grant: &String| {
            let one = Grants::parse(vec![grant.clone()]);
            one.is_some_and(|one| granted.includes(&one))
        };
        let mut wants = module.grants_needed().to_vec();
        wants.retain(|grant| !is_granted(grant));
        if wants.is_empty() {
            return Ok(Vec::new());
        }
        let mut out = Printer::of_text(std::io::stderr().lock());
        show(&mut out, module, &wants)?;
        write!(out, "Grant {} to {name}? [y/N] ", wants.join(", "))?;
        out.flush()?;
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer)?;
        if !matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
            bail!(
                "{name} is not granted {}, and nothing is installed",
                wants.join(", ")
            );
        }
        Ok(wants)
    }

    /// Reads the component and its signature, and finds out which module it is.
    fn prepare(&self, setup: &Setup, found: &mut Found) -> anyhow::Result<Ask> {
        let bytes_max = setup.settings.compile.component_bytes_max;
        let source = Source::read(&self.file, bytes_max)?;
        found.digest = Some(source.digest);
        let asks = self.grants.is_empty() && std::io::stdin().is_terminal();
        let module = match &self.name {
            Some(_) if !asks => None,
            _ => Some(loaded(setup, &source)?),
        };
        let own = module.as_ref().map(Version::name).unwrap_or_default();
        let name = self.name.as_deref().unwrap_or(own);
        found.name = Some(name.to_owned());
        let granted = match &module {
            Some(module) if asks => self.ask_for_grants(name, module)?,
            _ => self.grants.clone(),
        };
        let read = |path: &Path| {
            files::read(path, SIGNATURE_BYTES_MAX)
                .with_context(|| format!("cannot read {}", path.display()))
        };
        let beside = PathBuf::from(format!("{}.minisig", self.file.display()));
        let signature = match &self.signature {
            Some(path) => Some(read(path)?),
            None if beside.exists() => Some(read(&beside)?),
            None => None,
        };
        let mut query = Vec::new();
        if self.activate {
            query.push("activate=true".to_owned());
        }
        if let Some(share) = &self.canary {
            query.push(format!("canary={}", segment(share)));
        }
        if let Some(digest) = &self.digest {
            query.push(format!("digest={}", segment(digest)));
        }
        query.extend(granted.iter().map(|grant| format!("grant={grant}")));
        Ok(Ask::put(
            path(name, &format!("?{}", query.join("&"))),
            source.bytes.into_owned(),
            signature.map(|text| STANDARD.encode(text)),
        ))
    }
}

impl Found {
    /// Keeps in the audit that the component was refused before any host was asked. What
    /// keeps that from being kept is no reason to say less of the refusal.
    fn refused(&self, setup: &Setup, error: &anyhow::Error) {
        let host_database = setup
            .folder()
            .and_then(|folder| Ok(folder.host_database()?));
        let host_database = match host_database {
            Ok(host_database) => host_database,
            Err(error) => {
                let error = format!("{error:#}");
                eprintln!("wares: not kept in the audit: {}", printable(&error));
                return;
            }
        };
        let actor = format!("operator {}", operator());
        let digest = self.digest.map(|digest| digest.to_string());
        let change = UnderWay::new(Action::Install, digest, &actor);
        let module = self.name.as_deref().unwrap_or_default();
        components::write_audit(
            &host_database,
            &change,
            module,
            Outcome::Refused,
            &one_line(error),
        );
    }
}

/// The component as a module that is granted what it wants: its name and its wants are read.
fn loaded(setup: &Setup, source: &Source) -> anyhow::Result<Version> {
    let engine = setup.engine(1)?;
    let module = setup.module_granted_all(&engine, source);
    module.map_err(|error| anyhow!("{error}"))
}

/// Shows what a component is, and what it wants beside what its module is granted.
fn show(out: &mut dyn Write, module: &Version, wants: &[String]) -> std::io::Result<()> {
    let (name, version, summary) = (module.name(), module.version(), module.summary());
    write_line(out, format_args!("{name} {version}: {summary}"))?;
    for grant in wants {
        let summary = Grants::summary(grant);
        write_line(out, format_args!("  wants {grant}: {summary}"))?;
    }
    for route in module.routes() {
        let (method, path) = (method_name(route.method), &route.path);
        write_line(out, format_args!("  serves {method} {path}"))?;
    }
    for field in module.fields() {
        let (name, entity) = (&field.name, &field.entity);
        write_line(out, format_args!("  provides {name} of {entity}"))?;
    }
    Ok(())
}
