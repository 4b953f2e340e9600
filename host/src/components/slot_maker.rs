//! Makes slots: what all slots of a host share, and the options of each by its name.

use std::io;
use std::sync::Arc;

use super::metrics::Metrics;
use super::slot::{Slot, SlotOptions};
use super::version::Version;
use crate::fault::fault_of;
use crate::threads::Fairness;

/// Returns the options of the slot of a module.
type Options = Box<dyn Fn(&str) -> SlotOptions + Send + Sync>;

/// Makes slots.
pub struct SlotMaker {
    options: Options,
    metrics: Arc<Metrics>,
    fairness: Arc<Fairness>,
}

impl SlotMaker {
    /// `options` returns those of a module by its name, and `metrics` reads the statistics of
    /// the slots that are served.
    ///
    /// # Errors
    /// When the machine has no thread left.
    pub fn new(options: Options, metrics: Arc<Metrics>) -> io::Result<Self> {
        Ok(Self {
            options,
            metrics,
            fairness: Fairness::start()?,
        })
    }

    /// A slot that no caller can ask yet.
    pub(super) fn make(&self, module: Version) -> io::Result<Slot> {
        let options = (self.options)(module.name());
        Slot::new(module, options, &self.fairness)
    }

    /// Shows the statistics of a slot.
    pub(super) fn report(&self, slot: &Slot) {
        self.metrics.add(slot.statistics().clone());
    }

    /// Shows the statistics of a module no more.
    pub(super) fn forget(&self, module: &str) {
        self.metrics.remove(module);
    }

    /// Serves a module whose routes `fits` beside the others', with the database that
    /// `open` opens. That may run its migrations, so it comes last.
    ///
    /// # Errors
    /// With the fault.
    pub fn start(
        &self,
        module: Version,
        fits: impl FnOnce(&Arc<Slot>) -> Result<(), String>,
        open: impl FnOnce(&Version) -> Result<(), String>,
    ) -> Result<Arc<Slot>, String> {
        let slot = Arc::new(self.make(module).map_err(|error| error.to_string())?);
        fits(&slot)?;
        fault_of("start", slot.name());
        open(&slot.module())?;
        self.report(&slot);
        Ok(slot)
    }
}
