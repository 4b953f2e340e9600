//! What modules' calls came to, counted for Prometheus and its like.

use std::fmt::Error;
use std::sync::atomic::Ordering;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::exposition::classic;
use crate::storage::befallen;
use crate::telemetry::dropped_lines;

/// What a call came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The module answered, whatever it answered.
    Answered,
    /// It trapped, ran out of something, or answered what is no answer.
    Failed,
    /// It was not asked: too many calls were waiting.
    Busy,
    /// It was not asked: it fails again and again.
    Resting,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfModule {
    module: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfOutcome {
    module: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfDatabase {
    database: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfTrouble {
    database: String,
    kind: &'static str,
}

/// Upper ends of the ranges that times are counted in, in seconds.
const TIMES_S: [f64; 12] = [
    0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0,
];

/// The meters of all modules.
pub struct Meters {
    registry: Registry,
    calls: Family<OfOutcome, Counter>,
    seconds: Family<OfModule, Histogram, fn() -> Histogram>,
    waiting: Family<OfModule, Gauge>,
    running: Family<OfModule, Gauge>,
    resting: Family<OfModule, Gauge>,
    log_lines_dropped: Family<OfModule, Counter>,
    left_out: Gauge,
    database_troubles: Family<OfTrouble, Counter>,
    databases_in_trouble: Family<OfDatabase, Gauge>,
}

/// The meters of one module.
pub(super) struct ModuleMeters {
    answered: Counter,
    failed: Counter,
    busy: Counter,
    turned_away: Counter,
    seconds: Histogram,
    waiting: Gauge,
    running: Gauge,
    resting: Gauge,
}

/// One more of something, as long as this lives.
pub(super) struct Present(Gauge);

impl Present {
    fn of(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Default for Meters {
    fn default() -> Self {
        let mut meters = Self {
            registry: Registry::with_prefix("wares"),
            calls: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(TIMES_S)),
            waiting: Family::default(),
            running: Family::default(),
            resting: Family::default(),
            log_lines_dropped: Family::default(),
            left_out: Gauge::default(),
            database_troubles: Family::default(),
            databases_in_trouble: Family::default(),
        };
        meters.registry.register(
            "module_calls",
            "Requests to modules, by what they came to",
            meters.calls.clone(),
        );
        meters.registry.register_with_unit(
            "module_call",
            "What requests to modules took, waiting included",
            Unit::Seconds,
            meters.seconds.clone(),
        );
        meters.registry.register(
            "module_calls_waiting",
            "Requests that wait for a thread of the module",
            meters.waiting.clone(),
        );
        meters.registry.register(
            "module_calls_running",
            "Requests that the module is at work on",
            meters.running.clone(),
        );
        meters.registry.register(
            "module_resting",
            "Whether a module is not asked for a while, since it fails again and again",
            meters.resting.clone(),
        );
        meters.registry.register(
            "module_log_lines_dropped",
            "Log lines beyond what the module may log in a second",
            meters.log_lines_dropped.clone(),
        );
        meters.registry.register(
            "components_left_out",
            "Components that failed when the host started, and whose module has not been changed since",
            meters.left_out.clone(),
        );
        meters.registry.register(
            "database_troubles",
            "What was refused since something is wrong with a database, by what is wrong",
            meters.database_troubles.clone(),
        );
        meters.registry.register(
            "database_in_trouble",
            "Whether something is wrong with a database",
            meters.databases_in_trouble.clone(),
        );
        meters
    }
}

impl Meters {
    pub(super) fn of(&self, module: &str) -> ModuleMeters {
        let calls = |outcome: &'static str| {
            let module = module.to_owned();
            self.calls
                .get_or_create_owned(&OfOutcome { module, outcome })
        };
        let of_module = OfModule {
            module: module.to_owned(),
        };
        ModuleMeters {
            answered: calls("answered"),
            failed: calls("failed"),
            busy: calls("busy"),
            turned_away: calls("resting"),
            seconds: self.seconds.get_or_create_owned(&of_module),
            waiting: self.waiting.get_or_create_owned(&of_module),
            running: self.running.get_or_create_owned(&of_module),
            resting: self.resting.get_or_create_owned(&of_module),
        }
    }

    /// So many components failed when the host started.
    pub fn left_out(&self, components: usize) {
        self.left_out.set(components.try_into().unwrap_or(i64::MAX));
    }

    /// All of them, as OpenMetrics has it.
    ///
    /// # Errors
    /// Never, as long as there is memory.
    pub fn open_metrics(&self) -> Result<String, Error> {
        // Counted where lines are logged, which is below modules.
        for (module, lines) in dropped_lines() {
            let module = module.to_string();
            self.log_lines_dropped
                .get_or_create_owned(&OfModule { module })
                .inner()
                .store(lines, Ordering::Relaxed);
        }
        self.count_troubles();
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl Meters {
    /// All of them, in the text format of Prometheus, version 0.0.4.
    ///
    /// # Errors
    /// Never, as long as there is memory.
    pub fn classic(&self) -> Result<String, Error> {
        self.open_metrics().map(|text| classic(&text))
    }

    /// Takes over what is counted where databases are, which is below modules.
    fn count_troubles(&self) {
        for befallen in befallen() {
            let database = befallen.database;
            for (trouble, count) in befallen.counts {
                let (database, kind) = (database.clone(), trouble.name());
                self.database_troubles
                    .get_or_create_owned(&OfTrouble { database, kind })
                    .inner()
                    .store(count, Ordering::Relaxed);
            }
            self.databases_in_trouble
                .get_or_create_owned(&OfDatabase { database })
                .set(befallen.is_ailing.into());
        }
    }
}

impl ModuleMeters {
    pub(super) fn count(&self, outcome: Outcome) {
        match outcome {
            Outcome::Answered => self.answered.inc(),
            Outcome::Failed => self.failed.inc(),
            Outcome::Busy => self.busy.inc(),
            Outcome::Resting => self.turned_away.inc(),
        };
    }

    /// A call was made, and took so long, its waiting included.
    pub(super) fn took(&self, time: Duration, answered: bool) {
        self.count(if answered {
            Outcome::Answered
        } else {
            Outcome::Failed
        });
        self.seconds.observe(time.as_secs_f64());
    }

    /// A call waits, as long as what this gives lives.
    pub(super) fn waits(&self) -> Present {
        Present::of(&self.waiting)
    }

    /// A call runs, as long as what this gives lives.
    pub(super) fn runs(&self) -> Present {
        Present::of(&self.running)
    }

    /// The calls that run.
    pub(super) fn running(&self) -> i64 {
        self.running.get()
    }

    pub(super) fn rests(&self, resting: bool) {
        self.resting.set(resting.into());
    }
}
