//! Components that failed when the host started, the extensions among them, and those that
//! serve instead.

use std::sync::Arc;

use super::{Manager, UnderWay, lock};
use crate::components::absent::Absent;
use crate::components::audit::{self, Action};
use crate::components::candidates::{Failure, Fallback};
use crate::storage::Outcome;
use crate::telemetry::KeptLog;

impl Manager {
    /// Keeps the components that failed at the start, and has requests at the hooks of the
    /// extensions among them answered as the policy of each says, unless it is disabled.
    pub fn started_without(&self, failures: &[Failure], absent: Vec<Absent>) {
        *lock(&self.failures) = failures.to_vec();
        for module in failures
            .iter()
            .filter_map(|failure| failure.module.as_deref())
        {
            KeptLog::begin(module);
        }
        let with_state = |absent: Absent| {
            let is_enabled = !self.options.disabled.contains(&absent.name);
            (Arc::new(absent), is_enabled)
        };
        *lock(&self.absent) = absent.into_iter().map(with_state).collect();
        self.lead_to_enabled(|| ());
    }

    /// The extensions that failed at the start and are enabled.
    pub fn absent(&self) -> Vec<Arc<Absent>> {
        let absent = lock(&self.absent);
        let enabled = absent.iter().filter(|(_, enabled)| *enabled);
        enabled.map(|(absent, _)| absent.clone()).collect()
    }

    /// Whether a module is an extension that failed at the start.
    pub(super) fn is_absent(&self, name: &str) -> bool {
        self.absent_is_enabled(name).is_some()
    }

    /// Whether an extension that failed at the start is enabled; `None` if no such one has
    /// this name.
    pub(super) fn absent_is_enabled(&self, name: &str) -> Option<bool> {
        let absent = lock(&self.absent);
        let found = absent.iter().find(|(absent, _)| absent.name == name);
        found.map(|(_, enabled)| *enabled)
    }

    pub(super) fn enable_absent(&self, name: &str, enabled: bool) {
        let mut absent = lock(&self.absent);
        if let Some(found) = absent.iter_mut().find(|(absent, _)| absent.name == name) {
            found.1 = enabled;
        }
    }

    /// Returns the components that failed at the start and have not been replaced since.
    pub fn failures(&self) -> Vec<Failure> {
        lock(&self.failures).clone()
    }

    /// Records that another version of this module serves than the one that failed, or that
    /// none is to serve.
    pub(super) fn mended(&self, name: &str) {
        lock(&self.absent).retain(|(absent, _)| absent.name != name);
        lock(&self.failures).retain(|failure| failure.module.as_deref() != Some(name));
    }

    /// Audits the component that serves instead of a failed one.
    pub fn fell_back(&self, fallback: &Fallback) {
        let (module, digest) = (&fallback.module, fallback.digest.to_string());
        let entry = UnderWay::new(Action::Fallback, Some(digest), "host");
        audit::write(
            &self.host_database,
            &entry,
            module,
            Outcome::Done,
            &fallback.detail,
        );
    }
}
