//! Components on a stage: served to one test after the other, each time with databases that are
//! new to them. Knows nothing of what is tested.

use std::sync::Arc;

use super::chain::{Chain, ExtensionOrder};
use super::metrics::Metrics;
use super::routing::{CurrentRoutes, HostRoutes, RouteError};
use super::slot::{Slot, SlotOptions};
use super::slot_maker::SlotMaker;
use super::version::{Version, VersionError};
use crate::engine::Engine;
use crate::storage::DataFolder;

/// Components on a stage.
pub struct Stage {
    slots: Vec<Arc<Slot>>,
    chain: Arc<Chain>,
    routes: CurrentRoutes,
}

/// Why components cannot be on a stage together.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// They claim the same, or do not fit one another.
    #[error(transparent)]
    Routes(#[from] RouteError),
    /// The machine has no thread left.
    #[error("the machine has no thread left: {0}")]
    Thread(#[from] std::io::Error),
}

impl Stage {
    /// Has these components answer, beside the endpoints of the host. Their databases stay
    /// closed.
    ///
    /// # Errors
    /// When they cannot be served together.
    pub fn new(
        engine: &Engine,
        versions: &[&Version],
        host: HostRoutes,
        options: SlotOptions,
    ) -> Result<Self, StageError> {
        let maker = SlotMaker::new(Box::new(move |_| options), Arc::new(Metrics::default()))?;
        let slots = versions.iter();
        let slots = slots.map(|version| Ok(Arc::new(maker.make(version.again())?)));
        let slots: Vec<_> = slots.collect::<std::io::Result<_>>()?;
        let routes = CurrentRoutes::new(slots.clone(), host)?;
        let chain = Arc::new(Chain::new(ExtensionOrder::default(), &slots, true));
        engine.fill_points(chain.clone());
        Ok(Self {
            slots,
            chain,
            routes,
        })
    }

    /// Checks that a version, with settings of its own, can be served beside the others.
    ///
    /// # Errors
    /// When it cannot.
    pub fn check(&self, version: &Version) -> Result<(), RouteError> {
        self.routes.check(version, None)
    }

    /// Puts versions of all components in service, each with the database of its name in a
    /// folder, which fits it.
    ///
    /// # Errors
    /// When a database does not open.
    pub fn set(
        &self,
        versions: &[&Version],
        data: &DataFolder,
    ) -> Result<Vec<Arc<Version>>, VersionError> {
        let mut set = Vec::with_capacity(versions.len());
        for version in versions {
            let fresh = version.again();
            let database = fresh.database_at(&data.database(fresh.name()));
            fresh.attach(database.map_err(|source| fresh.storage_error(source))?);
            let fresh = Arc::new(fresh);
            let mut slots = self.slots.iter();
            if let Some(slot) = slots.find(|slot| slot.name() == fresh.name()) {
                slot.switch(fresh.clone());
            }
            set.push(fresh);
        }
        self.routes.replace();
        self.chain.replace(&self.slots);
        Ok(set)
    }

    /// Where requests lead to.
    pub fn routes(&self) -> &CurrentRoutes {
        &self.routes
    }
}
