//! The modules that are served, by name: a map that is replaced by one pointer, so that
//! requests wait for no change of it. It has a bound, as the instances that the engine keeps
//! for calls have.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;

use super::{ChangeError, lock};
use crate::components::slot::{Running, Slot};
use crate::components::version::Version;

/// A module that is served.
pub(super) struct Served {
    pub slot: Arc<Slot>,
    /// The version that was replaced last. It stays loaded, so that a rollback does not wait
    /// for loads that are stuck.
    pub replaced: Mutex<Option<Version>>,
    /// Whether requests and calls lead to it.
    pub enabled: AtomicBool,
}

impl Served {
    pub(super) fn is_enabled(&self) -> bool {
        self.enabled.load(Ordering::Relaxed)
    }
}

/// All modules that are served.
pub(super) struct ServedModules {
    by_name: ArcSwap<BTreeMap<String, Arc<Served>>>,
    /// The calls of each that run.
    running: Arc<Mutex<Vec<Running>>>,
    count_max: usize,
}

impl ServedModules {
    /// Serves these modules, except those with disabled names, and later as many as are
    /// `count_max` together.
    pub(super) fn new(slots: &[Arc<Slot>], disabled: &BTreeSet<String>, count_max: usize) -> Self {
        let served = Self {
            by_name: ArcSwap::default(),
            running: Arc::default(),
            count_max,
        };
        for slot in slots {
            served.add(slot.clone(), !disabled.contains(slot.name()));
        }
        served
    }

    /// The module of this name, if it is served.
    pub(super) fn get(&self, name: &str) -> Option<Arc<Served>> {
        self.by_name.load().get(name).cloned()
    }

    /// The slots of all, by name.
    pub(super) fn slots(&self) -> Vec<Arc<Slot>> {
        let served = self.by_name.load();
        served.values().map(|served| served.slot.clone()).collect()
    }

    /// The slots of those that are not disabled, by name.
    pub(super) fn enabled(&self) -> Vec<Arc<Slot>> {
        let served = self.by_name.load();
        let enabled = served.values().filter(|served| served.is_enabled());
        enabled.map(|served| served.slot.clone()).collect()
    }

    /// The calls of each that run; those of modules that are added later too.
    pub(super) fn running(&self) -> Arc<Mutex<Vec<Running>>> {
        self.running.clone()
    }

    /// Whether one more module may be served.
    ///
    /// # Errors
    /// When the engine has no instances for the calls of another one.
    pub(super) fn check_room(&self) -> Result<(), ChangeError> {
        if self.by_name.load().len() >= self.count_max {
            return Err(ChangeError::NoRoom(self.count_max));
        }
        Ok(())
    }

    /// Serves a module no more. One change of the map at a time.
    pub(super) fn remove(&self, name: &str) {
        let mut by_name = BTreeMap::clone(&self.by_name.load());
        by_name.remove(name);
        let is_served = |module: &str| by_name.contains_key(module);
        let_go(&mut lock(&self.running), is_served);
        self.by_name.store(Arc::new(by_name));
    }

    /// Serves one more module. One change of the map at a time.
    pub(super) fn add(&self, slot: Arc<Slot>, enabled: bool) {
        let mut by_name = BTreeMap::clone(&self.by_name.load());
        let mut running = lock(&self.running);
        let_go(&mut running, |module| by_name.contains_key(module));
        running.push(slot.running());
        drop(running);
        let served = Arc::new(Served {
            slot: slot.clone(),
            replaced: Mutex::default(),
            enabled: AtomicBool::new(enabled),
        });
        by_name.insert(slot.name().to_owned(), served);
        self.by_name.store(Arc::new(by_name));
    }
}

/// Forgets modules that are not served, except those that calls still run of.
fn let_go(running: &mut Vec<Running>, is_served: impl Fn(&str) -> bool) {
    running.retain(|one| is_served(one.module()) || one.count() > 0);
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicI64;

    use super::*;

    #[test]
    fn calls_are_looked_for_in_modules_that_are_served_or_have_some_left() {
        let count = |calls| Arc::new(AtomicI64::new(calls));
        let left = count(1);
        let mut running = vec![
            Running::new("idle", count(0)),
            Running::new("gone", count(0)),
            Running::new("ending", left.clone()),
        ];
        let names = |running: &[Running]| -> Vec<String> {
            running.iter().map(|one| one.module().to_owned()).collect()
        };
        let_go(&mut running, |module| module == "idle");
        assert_eq!(names(&running), ["idle", "ending"]);
        left.store(0, Ordering::Relaxed);
        let_go(&mut running, |module| module == "idle");
        assert_eq!(names(&running), ["idle"]);
    }
}
