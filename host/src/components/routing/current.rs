//! The present routing table: built anew for every version that is put in service, and
//! replaced by one pointer. A request uses the table that it began with.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use super::claims::{RouteError, check_modules};
use super::table::{HostRoutes, RoutingTable};
use crate::components::{Slot, Version};

/// The present routing table.
pub struct CurrentRoutes {
    slots: ArcSwap<Vec<Arc<Slot>>>,
    host: HostRoutes,
    table: ArcSwap<RoutingTable>,
}

impl CurrentRoutes {
    /// Routes requests to these endpoints of the host and to these slots.
    ///
    /// # Errors
    /// When modules, or a module and the host, claim the same path or name.
    pub fn new(slots: Vec<Arc<Slot>>, host: HostRoutes) -> Result<Self, RouteError> {
        let current: Vec<_> = slots.iter().map(|slot| slot.module()).collect();
        let current: Vec<&Version> = current.iter().map(|version| &**version).collect();
        check_modules(&current, &host.operation_ids)?;
        let table = RoutingTable::new(&host, &slots, 0);
        Ok(Self {
            slots: ArcSwap::from_pointee(slots),
            host,
            table: ArcSwap::from_pointee(table),
        })
    }

    /// The present table.
    pub fn present(&self) -> Guard<Arc<RoutingTable>> {
        self.table.load()
    }

    /// The current version of each module.
    pub fn versions(&self) -> Vec<Arc<Version>> {
        let slots = self.slots.load();
        slots.iter().map(|slot| slot.module()).collect()
    }

    /// Leads requests to these slots from here on. One caller at a time.
    pub(in crate::components) fn lead_to(&self, slots: Vec<Arc<Slot>>) {
        self.slots.store(Arc::new(slots));
        self.replace();
    }

    /// Checks that a version, and a canary beside it, can be served beside all other modules.
    ///
    /// # Errors
    /// When they claim a path or name of another module or of the host.
    pub(in crate::components) fn check(
        &self,
        version: &Version,
        canary: Option<&Version>,
    ) -> Result<(), RouteError> {
        let is_other = |slot: &&Arc<Slot>| slot.name() != version.name();
        let current = self.versions();
        let canaries: Vec<_> = self
            .slots
            .load()
            .iter()
            .filter(is_other)
            .filter_map(|slot| slot.canary())
            .collect();
        let in_service = current.iter().map(|other| match other.name() {
            name if name == version.name() => version,
            _ => other,
        });
        let canaries = canaries.iter().map(|canary| &*canary.module);
        // Of a module that is not in service.
        let is_served = current.iter().any(|other| other.name() == version.name());
        let first = (!is_served).then_some(version);
        let all: Vec<&Version> = in_service
            .chain(first)
            .chain(canaries)
            .chain(canary)
            .collect();
        check_modules(&all, &self.host.operation_ids)
    }

    /// Builds the table again from what the slots serve. One caller at a time.
    pub(in crate::components) fn replace(&self) {
        let generation = self.table.load().generation() + 1;
        let table = RoutingTable::new(&self.host, &self.slots.load(), generation);
        self.table.store(Arc::new(table));
    }
}
