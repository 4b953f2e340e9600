//! The host of a test: an engine, the components, and databases as they are after the
//! migrations, which each play of a case gets a copy of.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::cases::{Case, Cases, Settings, Subject};
use super::{Wrong, cache};
use crate::cli;
use crate::cli::setup::Setup;
use crate::components::{self, ModuleOptions, SlotOptions, Source, Stage, Version, VersionError};
use crate::engine::{Engine, EngineOptions, Grants, stack_bytes_of_calls};
use crate::http::host_routes;
use crate::storage::DataFolder;
use crate::telemetry::{self, LogLimits};
use crate::threads::ExecutorOptions;
use crate::trial::Trial;

/// Components that are served beside the one under test, at most.
const BESIDE_MAX: usize = 16;

/// The component under test; the faults that it finds in its settings.
type Tested = Result<Arc<Version>, Vec<String>>;

/// The host of a test.
pub(super) struct House {
    pub(super) trial: Arc<Trial>,
    pub(super) stage: Stage,
    pub(super) runtime: Runtime,
    pub(super) body_bytes_max: usize,
    engine: Arc<Engine>,
    setup: Setup,
    source: Source,
    /// The name of the component under test.
    pub(super) name: String,
    /// It, with the settings of the file; and with those of cases.
    base: Settings,
    loaded: RefCell<BTreeMap<Settings, Tested>>,
    /// Its options, but for its settings.
    options: ModuleOptions,
    others: Vec<Version>,
    folder: TempDir,
    plays: Cell<u64>,
    unchanged: RefCell<Option<Rooms>>,
}

/// What one play has of its own. A play that writes nothing leaves it to the next one.
pub(super) struct Rooms {
    /// The one that the component under test is made of.
    of: Arc<Version>,
    /// The component under test, and then the others.
    pub versions: Vec<Arc<Version>>,
    folder: DataFolder,
}

impl Drop for Rooms {
    fn drop(&mut self) {
        // It goes with the folder of the test at the latest.
        let _ = fs::remove_dir_all(self.folder.path());
    }
}

impl Rooms {
    /// The component of a name; the one under test where none is named.
    pub(super) fn version(&self, name: Option<&str>) -> Result<&Arc<Version>, String> {
        let Some(name) = name else {
            return Ok(&self.versions[0]);
        };
        let found = self.versions.iter().find(|version| version.name() == name);
        found.ok_or_else(|| {
            let names: Vec<_> = self.versions.iter().map(|version| version.name()).collect();
            format!("there is no module {name}; there is {}", names.join(", "))
        })
    }
}

impl House {
    /// The settings of the host: none but the defaults, and room for the log of many plays.
    pub(super) fn settings() -> cli::Settings {
        let mut settings = cli::Settings::defaults();
        for limits in settings.all_limits_mut() {
            limits.call.capabilities.logging.per_second = LogLimits {
                lines_per_s_max: u32::MAX,
                bytes_per_s_max: usize::MAX,
            };
        }
        settings
    }

    /// Loads the components.
    ///
    /// # Errors
    /// With what is wrong with one of them.
    pub(super) fn open(
        component: &Path,
        cases: &Cases,
        settings: cli::Settings,
    ) -> anyhow::Result<Self> {
        telemetry::start_kept();
        let trial = Arc::new(Trial::new(0));
        let setup = Setup {
            settings,
            developing: true,
        };
        let artifacts = cache::folder();
        let calls = (BESIDE_MAX + 2) * 2;
        let engine = Arc::new(Engine::new(EngineOptions {
            artifacts: artifacts.clone(),
            trial: Some(trial.clone()),
            ..setup.engine_options(calls)
        })?);
        let bytes_max = setup.settings.compile.component_bytes_max;
        let read = |path: &Path| Source::read(path, bytes_max).map_err(Wrong::new);
        let source = read(component)?;
        let options = ModuleOptions {
            grants: grants(cases)?,
            config: cases.settings.clone(),
            ..ModuleOptions::standard(setup.settings.limits.clone())
        };
        let options = match &cases.path_prefixes {
            Some(path_prefixes) => ModuleOptions {
                path_prefixes: path_prefixes.clone(),
                ..options
            },
            None => options,
        };
        let asking = setup.settings.limits.of_call();
        let tested = Version::load(&engine, &source, |_| options.clone(), &asking);
        let tested = tested.map_err(|error| refused(&error, cases))?;
        let name = tested.name().to_owned();
        let mut others = Vec::new();
        if cases.beside.len() > BESIDE_MAX {
            return Err(Wrong::new(format!("beside has more than {BESIDE_MAX} components")).into());
        }
        let beside = cases.beside.iter().map(|path| read(path));
        let beside: Vec<_> = beside.collect::<Result<_, _>>()?;
        let is_taken =
            |others: &[Version], name: &str| others.iter().any(|other| other.name() == name);
        for source in beside.into_iter().chain(built_in(bytes_max)?) {
            let options = |name: &str| ModuleOptions {
                grants: Grants::all(),
                config: settings_of(cases, name),
                ..setup.settings.module(name)
            };
            let other = Version::load(&engine, &source, options, &asking).map_err(Wrong::new)?;
            if other.name() != name && !is_taken(&others, other.name()) {
                others.push(other);
            }
        }
        for (module, _) in &cases.modules {
            if !is_taken(&others, module) {
                let names: Vec<_> = others.iter().map(|other| other.name()).collect();
                let names = names.join(", ");
                let reason = format!("modules.{module}: there is no such module; there is {names}");
                return Err(Wrong::new(reason).into());
            }
        }
        let all: Vec<&Version> = std::iter::once(&tested).chain(&others).collect();
        let host = host_routes(&setup.settings.http)?;
        let stage = Stage::new(&engine, &all, host, slot_options(&setup)).map_err(Wrong::new)?;
        let folder = tempfile::Builder::new().prefix("wares-test-").tempdir()?;
        migrate(&all, &folder)?;
        if let Some(artifacts) = &artifacts {
            cache::tidy(artifacts);
        }
        let base = cases.settings.clone();
        Ok(Self {
            trial,
            stage,
            runtime: tokio::runtime::Builder::new_current_thread().build()?,
            body_bytes_max: setup.settings.http.body_bytes_max,
            engine,
            source,
            name,
            loaded: RefCell::new(BTreeMap::from_iter([(base.clone(), Ok(Arc::new(tested)))])),
            base,
            options,
            others,
            folder,
            plays: Cell::new(0),
            unchanged: RefCell::new(None),
            setup,
        })
    }

    /// The component with the settings of a case; the faults that it finds in them.
    ///
    /// # Errors
    /// When it does not load for another reason.
    pub(super) fn tested(&self, settings: Option<&Settings>) -> anyhow::Result<Tested> {
        let settings = settings.unwrap_or(&self.base);
        if let Some(loaded) = self.loaded.borrow().get(settings) {
            return Ok(loaded.clone());
        }
        let options = |_: &str| ModuleOptions {
            config: settings.clone(),
            ..self.options.clone()
        };
        let asking = self.setup.settings.limits.of_call();
        let loaded = match Version::load(&self.engine, &self.source, options, &asking) {
            Ok(version) => {
                self.stage.check(&version).map_err(Wrong::new)?;
                Ok(Arc::new(version))
            }
            Err(error) if !error.of_settings().is_empty() => Err(error.of_settings().to_vec()),
            Err(error) => return Err(Wrong::new(error).into()),
        };
        let mut all = self.loaded.borrow_mut();
        all.insert(settings.clone(), loaded.clone());
        Ok(loaded)
    }

    /// Checks that the component has what a case asks.
    ///
    /// # Errors
    /// With what it has not.
    pub(super) fn check(&self, case: &Case) -> Result<(), String> {
        let tested = self.tested(case.settings.as_ref());
        let tested = match tested.map_err(|error| format!("{error:#}"))? {
            Ok(tested) => tested,
            Err(_) if matches!(case.subject, Subject::Settings) => return Ok(()),
            Err(faults) => {
                return Err(format!(
                    "the component refuses the settings: {}; if it is to refuse them, ask with faults",
                    faults.join("; ")
                ));
            }
        };
        match &case.subject {
            Subject::Hook {
                name,
                context,
                value,
            } => {
                let context = super::play::context_of(context, case.actor, "");
                tested.read_hook(name, &context, value).map(drop)
            }
            Subject::Fields { entity, names, .. } => tested.check_fields(entity, names),
            Subject::Filter { entity, field, .. } => {
                tested.check_fields(entity, std::slice::from_ref(field))
            }
            Subject::Call(call) => tested.check_call(call).map_err(|error| error.to_string()),
            Subject::Request(_) | Subject::Settings => Ok(()),
        }
    }

    /// Leaves the rooms of a play in which nothing was written, and nothing failed.
    pub(super) fn leave(&self, rooms: Rooms) {
        *self.unchanged.borrow_mut() = Some(rooms);
    }

    /// Sets the stage for one play.
    pub(super) fn rooms(&self, tested: &Arc<Version>) -> anyhow::Result<Rooms> {
        match self.unchanged.take() {
            Some(rooms) if Arc::ptr_eq(&rooms.of, tested) => Ok(rooms),
            _ => self.new_rooms(tested),
        }
    }

    fn new_rooms(&self, tested: &Arc<Version>) -> anyhow::Result<Rooms> {
        let number = self.plays.get();
        self.plays.set(number + 1);
        let data = DataFolder::new(self.folder.path().join(number.to_string()));
        fs::create_dir_all(data.databases()).context("no folder for a play can be made")?;
        let template = template(&self.folder);
        let all: Vec<&Version> = std::iter::once(&**tested).chain(&self.others).collect();
        for version in &all {
            let (from, to) = (
                template.database(version.name()),
                data.database(version.name()),
            );
            fs::copy(from, to).context("a database cannot be copied")?;
        }
        let versions = self.stage.set(&all, &data)?;
        Ok(Rooms {
            of: tested.clone(),
            versions,
            folder: data,
        })
    }

    /// What the component is, for the results.
    pub(super) fn title(&self) -> &str {
        &self.name
    }
}

fn grants(cases: &Cases) -> Result<Grants, Wrong> {
    let Some(grants) = &cases.grants else {
        return Ok(Grants::all());
    };
    Grants::parse(grants.names.clone()).ok_or_else(|| {
        let names: Vec<_> = Grants::names().collect();
        let place = &grants.place;
        Wrong::new(format!("{place}: grants is a list of {}", names.join(", ")))
    })
}

/// Why the component is not loaded, by what the file says of it.
fn refused(error: &VersionError, cases: &Cases) -> Wrong {
    if let (Some(grants), Some(missing)) = (&cases.grants, error.not_granted()) {
        let (place, need) = (&grants.place, &missing.need);
        return Wrong::new(format!(
            "{place}: the component {} {}, which the cases do not grant: add \"{}\" to grants, or leave grants \
             out to grant all that it wants",
            need.uses,
            need.interface,
            missing.missing.join("\", \"")
        ));
    }
    match (&cases.settings_at, error.of_settings()) {
        (Some(place), faults @ [_, ..]) => Wrong::new(format!(
            "{place}: the component refuses the settings: {}",
            faults.join("; ")
        )),
        _ => Wrong::new(error),
    }
}

fn settings_of(cases: &Cases, name: &str) -> Settings {
    let mut modules = cases.modules.iter();
    let of = modules.find(|(module, _)| module == name);
    of.map(|(_, settings)| settings.clone()).unwrap_or_default()
}

/// The components that the binary carries.
fn built_in(bytes_max: usize) -> anyhow::Result<Vec<Source>> {
    let nowhere = Path::new("/nonexistent/wares");
    let found = components::find([], &DataFolder::new(nowhere), nowhere, bytes_max)?;
    Ok(found.sources)
}

fn slot_options(setup: &Setup) -> SlotOptions {
    let settings = &setup.settings;
    SlotOptions {
        executor: ExecutorOptions {
            threads: 1,
            writing_max: 1,
            waiting_max: settings.limits.calls_waiting_max,
            stack_bytes_max: stack_bytes_of_calls(settings.stack_bytes_max),
        },
        request_bytes_max: settings.limits.request_bytes_max,
        breaker: settings.breaker,
    }
}

fn template(folder: &TempDir) -> DataFolder {
    DataFolder::new(folder.path().join("template"))
}

/// Makes the databases that each play begins with.
fn migrate(versions: &[&Version], folder: &TempDir) -> anyhow::Result<()> {
    let data = template(folder);
    fs::create_dir_all(data.databases()).context("no folder for databases can be made")?;
    for version in versions {
        let fresh = version.again();
        fresh.open(&data, true).map_err(Wrong::new)?;
        let database = fresh.database();
        database.ok_or_else(|| anyhow!("no database"))?.close();
    }
    Ok(())
}
