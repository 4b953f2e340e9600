//! All settings of the host: each part reads its own.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::components::{
    BreakerOptions, CanaryOptions, DeliveryOptions, ModuleLimits, ModuleOptions, VersionSettings,
    read_extension_order,
};
use crate::config::{self, ConfigError, Declaration, Reader, Sources};
use crate::engine::{self, CompileSettings};
use crate::http::HttpOptions;
use crate::identity::IdentitySettings;
use crate::server::ServerSettings;
use crate::storage::DataFolder;
use crate::telemetry::LogSettings;

/// All settings.
#[derive(Clone)]
pub struct Settings {
    pub(super) server: ServerSettings,
    pub(super) http: HttpOptions,
    pub(super) data: Data,
    pub(super) log: LogSettings,
    pub(super) identity: IdentitySettings,
    pub(super) breaker: BreakerOptions,
    pub(super) compile: CompileSettings,
    pub(super) versions: VersionSettings,
    pub(super) canary: CanaryOptions,
    pub(super) deliveries: DeliveryOptions,
    /// Of modules without limits of their own.
    pub(super) limits: ModuleLimits,
    /// The stack of a call, in bytes; the same for all modules.
    pub(super) stack_bytes_max: usize,
    /// The names of extensions in the order in which they are called, if it is set.
    pub(super) extension_order: Option<Vec<String>>,
    /// Of modules that the settings name.
    pub(super) modules: BTreeMap<String, ModuleOptions>,
    /// Variables of the environment that look like settings, and that Kubernetes sets for a
    /// Service.
    pub(super) ignored_variables: Vec<String>,
}

/// Where data is kept: `data.…`.
#[derive(Clone, Debug)]
pub(super) struct Data {
    /// The data folder.
    pub(super) dir: PathBuf,
    /// Whether it is set.
    pub(super) dir_is_set: bool,
    /// The folder whose components replace the built-in ones.
    pub(super) modules_dir: PathBuf,
    /// Whether it is set.
    pub(super) modules_dir_is_set: bool,
}

impl Data {
    fn read(reader: &mut Reader) -> Self {
        let dir = reader.text("data.dir", "data", "the data folder");
        let modules_dir = reader.text(
            "data.modules_dir",
            "modules",
            "the folder whose *.wasm replace the built-in modules",
        );
        Self {
            dir: dir.into(),
            dir_is_set: reader.is_set("data.dir"),
            modules_dir: modules_dir.into(),
            modules_dir_is_set: reader.is_set("data.modules_dir"),
        }
    }

    /// The layout of the data folder.
    pub(super) fn folder(&self) -> DataFolder {
        DataFolder::new(&self.dir)
    }
}

impl Settings {
    /// Reads all settings.
    ///
    /// # Errors
    /// With every fault, a line each.
    pub(super) fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let mut reader = Reader::open(sources)?;
        let settings = Self::read(&mut reader);
        reader.finish()?;
        Ok(Self {
            ignored_variables: config::ignored_variables(sources),
            ..settings
        })
    }

    /// All settings as they are where nothing sets them.
    pub(super) fn defaults() -> Self {
        Self::read(&mut Reader::empty())
    }

    /// Every setting with its default and its meaning, as the code itself declares them.
    pub fn reference() -> Vec<Declaration> {
        let mut reader = Reader::empty();
        let settings = Self::read(&mut reader);
        ModuleOptions::read("NAME", &settings.limits, &mut reader);
        reader.declarations()
    }

    fn read(reader: &mut Reader) -> Self {
        let server = ServerSettings::read(reader);
        let compile = CompileSettings::read(reader);
        let http = HttpOptions::read(
            server.limits.head_timeout,
            compile.component_bytes_max,
            reader,
        );
        let standard = ModuleLimits::standard(http.body_bytes_max);
        let limits = ModuleLimits::read("limits", &standard, reader);
        let modules = reader.names("modules").into_iter().map(|name| {
            let options = ModuleOptions::read(&name, &limits, reader);
            (name, options)
        });
        Self {
            modules: modules.collect(),
            extension_order: read_extension_order(reader),
            server,
            http,
            data: Data::read(reader),
            log: LogSettings::read(reader),
            identity: IdentitySettings::read(reader),
            breaker: BreakerOptions::read(reader),
            compile,
            versions: VersionSettings::read(reader),
            canary: CanaryOptions::read(reader),
            deliveries: DeliveryOptions::read(reader),
            limits,
            stack_bytes_max: engine::read_stack_bytes(reader),
            ignored_variables: Vec::new(),
        }
    }

    /// The options of a module of this name.
    pub(super) fn module(&self, name: &str) -> ModuleOptions {
        let named = self.modules.get(name).cloned();
        named.unwrap_or_else(|| ModuleOptions::standard(self.limits.clone()))
    }

    /// The limits of a module of this name.
    pub(super) fn limits_of(&self, name: &str) -> &ModuleLimits {
        let named = self.modules.get(name);
        named.map_or(&self.limits, |module| &module.limits)
    }

    /// The limits of every module that is named, and those of all others.
    pub(super) fn all_limits(&self) -> impl Iterator<Item = &ModuleLimits> {
        let named = self.modules.values();
        named.map(|module| &module.limits).chain([&self.limits])
    }

    /// The same, to change them.
    pub(super) fn all_limits_mut(&mut self) -> impl Iterator<Item = &mut ModuleLimits> {
        let named = self.modules.values_mut();
        let named = named.map(|module| &mut module.limits);
        named.chain([&mut self.limits])
    }
}
