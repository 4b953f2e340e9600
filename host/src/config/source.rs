//! Where settings come from, as flat lists of keys, each value with its origin.

use std::fmt::{self, Display, Formatter};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::files;

/// The sources of the settings.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// A file that must be there; without it, `./wares.toml` if there is one.
    pub file: Option<PathBuf>,
    /// The environment.
    pub environment: Vec<(String, String)>,
    /// Keys and values of flags.
    pub flags: Vec<(String, String)>,
}

/// All that is wrong with the settings, a line each.
#[derive(Debug)]
pub struct ConfigError(pub(super) Vec<String>);

impl std::error::Error for ConfigError {}

impl ConfigError {
    /// Faults that were found after the settings were read.
    pub(crate) fn new(faults: Vec<String>) -> Self {
        Self(faults)
    }
}

impl Display for ConfigError {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [fault] => formatter.write_str(fault),
            faults => {
                formatter.write_str("the settings have faults:")?;
                faults
                    .iter()
                    .try_for_each(|fault| write!(formatter, "\n  {fault}"))
            }
        }
    }
}

/// One value and where it is from.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub key: String,
    pub value: Value,
    pub origin: String,
}

/// A value, as its source writes it.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// Of the file.
    Text(String),
    Integer(i64),
    Flag(bool),
    List(Vec<String>),
    /// Of the environment or a flag: read as whatever its key wants.
    Raw(String),
    /// A section of the file without any setting.
    Table,
    /// Of a type that no key has.
    Other(&'static str),
}

const DEFAULT_FILE: &str = "wares.toml";
const PREFIX: &str = "WARES_";
/// The largest settings file, in bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The variables that are no settings. The second is read in builds with debug assertions
/// alone, for tests.
const NOT_SETTINGS: &[&str] = if cfg!(debug_assertions) {
    &["WARES_CONFIG", "WARES_FAULT"]
} else {
    &["WARES_CONFIG"]
};

/// The keys that hold paths, beside the modules' components.
const PATHS: [&str; 2] = ["data.dir", "data.modules_dir"];

/// The variables that look like settings, and are what Kubernetes tells of a Service.
pub(crate) fn ignored_variables(sources: &Sources) -> Vec<String> {
    let environment = sources.environment.iter();
    environment
        .filter(|(name, value)| is_of_kubernetes(name, value))
        .map(|(name, _)| name.clone())
        .collect()
}

/// All entries, the weightier later.
pub(super) fn layers(sources: &Sources) -> Result<Vec<Entry>, ConfigError> {
    let mut entries = Vec::new();
    let default = Path::new(DEFAULT_FILE);
    let file = sources
        .file
        .as_deref()
        .or_else(|| default.exists().then_some(default));
    if let Some(file) = file {
        let text = files::read_text(file, FILE_BYTES_MAX).map_err(|error| {
            ConfigError(vec![format!("cannot read {}: {error}", file.display())])
        })?;
        read_file(file, &text, &mut entries)?;
        let folder = file.parent().unwrap_or(Path::new(""));
        for entry in &mut entries {
            make_relative_to(folder, entry);
        }
    }
    for (name, value) in &sources.environment {
        if is_of_kubernetes(name, value) {
            continue;
        }
        if let Some(key) = key_of(name) {
            entries.push(Entry {
                key,
                value: Value::Raw(value.clone()),
                origin: name.clone(),
            });
        }
    }
    for (key, value) in &sources.flags {
        let origin = format!("--set {key}");
        entries.push(Entry {
            key: key.clone(),
            value: Value::Raw(value.clone()),
            origin,
        });
    }
    Ok(entries)
}

/// Paths in the file are relative to its folder: they mean the same wherever the
/// host is started. Those of flags and the environment are the shell's.
fn make_relative_to(folder: &Path, entry: &mut Entry) {
    let is_component = entry.key.starts_with("modules.") && entry.key.ends_with(".component");
    let is_path = is_component || PATHS.contains(&entry.key.as_str());
    if let (true, Value::Text(path)) = (is_path, &mut entry.value)
        && !path.is_empty()
    {
        *path = folder.join(&*path).display().to_string();
    }
}

fn read_file(file: &Path, text: &str, entries: &mut Vec<Entry>) -> Result<(), ConfigError> {
    let table = DeTable::parse(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_of(text, span.start));
        ConfigError(vec![format!(
            "{}:{line}: {}",
            file.display(),
            error.message()
        )])
    })?;
    flatten(file, text, "", table.get_ref(), entries);
    Ok(())
}

fn flatten(file: &Path, text: &str, prefix: &str, table: &DeTable<'_>, entries: &mut Vec<Entry>) {
    for (name, value) in table {
        let key = if prefix.is_empty() {
            name.get_ref().to_string()
        } else {
            format!("{prefix}.{}", name.get_ref())
        };
        if let DeValue::Table(inner) = value.get_ref()
            && !inner.is_empty()
        {
            flatten(file, text, &key, inner, entries);
        } else {
            let origin = format!("{}:{}", file.display(), line_of(text, name.span().start));
            entries.push(Entry {
                key,
                value: value_of(value),
                origin,
            });
        }
    }
}

fn value_of(value: &Spanned<DeValue<'_>>) -> Value {
    match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
            .map_or(Value::Other("a number that is too large"), Value::Integer),
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Array(items) => items
            .iter()
            .map(|item| match item.get_ref() {
                DeValue::String(text) => Some(text.to_string()),
                _ => None,
            })
            .collect::<Option<Vec<_>>>()
            .map_or(Value::Other("a list that is not of texts"), Value::List),
        DeValue::Float(_) => Value::Other("a number with a fraction"),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Table(_) => Value::Table,
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()
        .iter()
        .take(offset)
        .filter(|byte| **byte == b'\n')
        .count()
        + 1
}

/// The protocols of a Service's ports.
const PROTOCOLS: [&str; 3] = ["tcp", "udp", "sctp"];

/// Whether Kubernetes sets this variable in every container beside a Service whose name
/// is `wares` or begins so: `WARES_SERVICE_HOST`, `WARES_SERVICE_PORT`,
/// `WARES_SERVICE_PORT_HTTP`, `WARES_PORT`, `WARES_PORT_9000_TCP` and
/// `WARES_PORT_9000_TCP_ADDR`, `_PORT` and `_PROTO`, each with a value of its kind. A
/// module's own setting may be named so, and is one.
fn is_of_kubernetes(variable: &str, value: &str) -> bool {
    let is_setting_of_module = || {
        let key = key_of(variable);
        key.is_some_and(|key| key.starts_with("modules."))
    };
    variable.starts_with(PREFIX)
        && !is_setting_of_module()
        && (tells_of_service(variable, value) || tells_of_port(variable, value))
}

fn tells_of_service(variable: &str, value: &str) -> bool {
    if variable.ends_with("_SERVICE_HOST") {
        return value.parse::<IpAddr>().is_ok();
    }
    let port = variable.split_once("_SERVICE_PORT").map(|(_, name)| name);
    port.is_some_and(|name| name.is_empty() || name.len() > 1 && name.starts_with('_'))
        && value.parse::<u16>().is_ok()
}

fn tells_of_port(variable: &str, value: &str) -> bool {
    let is_url = || {
        let parts = value.split_once("://");
        parts.is_some_and(|(protocol, address)| {
            PROTOCOLS.contains(&protocol) && address.parse::<SocketAddr>().is_ok()
        })
    };
    if variable.ends_with("_PORT") && is_url() {
        return true;
    }
    let Some((_, port)) = variable.split_once("_PORT_") else {
        return false;
    };
    let mut words = port.splitn(3, '_');
    let (number, protocol) = (words.next(), words.next());
    let is_port = number.is_some_and(|number| number.parse::<u16>().is_ok());
    let is_protocol = protocol.is_some_and(|word| {
        let mut known = PROTOCOLS.iter();
        known.any(|known| word == known.to_ascii_uppercase())
    });
    is_port
        && is_protocol
        && match words.next() {
            None => is_url(),
            Some("ADDR") => value.parse::<IpAddr>().is_ok(),
            Some("PORT") => value.parse::<u16>().is_ok(),
            Some("PROTO") => PROTOCOLS.contains(&value),
            Some(_) => false,
        }
}

/// `WARES_SERVER_DRAIN_MS` is `server.drain_ms`: the first word is the section.
/// In a module's variables the words `CONFIG`, `LIMITS`, `COMPONENT`, `GRANTS`, `LOG_LEVEL`,
/// `ON_FAILURE` and `PATH_PREFIXES` end its name. A variable without them is a key too, as it stands, which
/// no setting has.
fn key_of(variable: &str) -> Option<String> {
    if NOT_SETTINGS.contains(&variable) {
        return None;
    }
    let name = variable.strip_prefix(PREFIX)?.to_ascii_lowercase();
    let Some((section, rest)) = name.split_once('_') else {
        return Some(name);
    };
    if section != "modules" {
        return Some(format!("{section}.{rest}"));
    }
    for part in ["config", "limits"] {
        if let Some((module, key)) = rest.split_once(&format!("_{part}_")) {
            return Some(format!("modules.{}.{part}.{key}", module.replace('_', "-")));
        }
    }
    let settings = [
        "component",
        "grants",
        "log_level",
        "on_failure",
        "path_prefixes",
    ];
    let named = settings.iter().find_map(|part| {
        let module = rest.strip_suffix(part)?.strip_suffix('_')?;
        Some(format!("modules.{}.{part}", module.replace('_', "-")))
    });
    Some(named.unwrap_or(name))
}
