//! Components that failed when the host started, and those that serve instead.

use super::{Manager, UnderWay, lock};
use crate::components::audit::{self, Action};
use crate::components::candidates::{Failure, Fallback};
use crate::storage::Outcome;

impl Manager {
    /// Keeps the components that failed at the start.
    pub fn started_without(&self, failures: &[Failure]) {
        *lock(&self.failures) = failures.to_vec();
    }

    /// Returns the components that failed at the start and have not been replaced since.
    pub fn failures(&self) -> Vec<Failure> {
        lock(&self.failures).clone()
    }

    /// Records that another version of this module serves than the one that failed.
    pub(super) fn mended(&self, name: &str) {
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
