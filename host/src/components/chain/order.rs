//! The order in which extensions are called: that of the settings at all points, or else the
//! one that is kept of a point, or else that of their names.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::components::slot::Slot;
use crate::engine::split;

/// The orders that the operator made.
#[derive(Clone, Debug)]
pub enum ExtensionOrder {
    /// `extensions.order`: the names, at all points.
    Set(Vec<String>),
    /// The names, by the interface of the point.
    Kept(BTreeMap<String, Vec<String>>),
}

/// What decides the order at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OrderedBy {
    /// `extensions.order`.
    Setting,
    /// `wares module order`.
    Command,
    /// Nothing that the operator said.
    Name,
}

impl Default for ExtensionOrder {
    fn default() -> Self {
        Self::Kept(BTreeMap::new())
    }
}

impl ExtensionOrder {
    /// What decides the order at a point, with or without its version, and the names that it
    /// puts first.
    pub(in crate::components) fn at(&self, point: &str) -> (OrderedBy, &[String]) {
        match self {
            Self::Set(names) => (OrderedBy::Setting, names),
            Self::Kept(orders) => match orders.get(split(point).0) {
                Some(names) => (OrderedBy::Command, names),
                None => (OrderedBy::Name, &[]),
            },
        }
    }

    /// Keeps the order at a point; none without names.
    pub(super) fn keep(&mut self, point: &str, names: Vec<String>) {
        if let Self::Kept(orders) = self {
            if names.is_empty() {
                orders.remove(point);
            } else {
                orders.insert(point.to_owned(), names);
            }
        }
    }
}

/// The turn of an extension, to sort by: those with names in this order come first, then the
/// others by name.
pub(in crate::components) fn turn_of(names: &[String], name: &str) -> (usize, String) {
    let place = names.iter().position(|other| other == name);
    (place.unwrap_or(names.len()), name.to_owned())
}

fn sorted(names: &[String], slots: &[Arc<Slot>]) -> Vec<Arc<Slot>> {
    let mut slots = slots.to_vec();
    slots.sort_by_cached_key(|slot| turn_of(names, slot.name()));
    slots
}

/// The components that are called, in their order.
#[derive(Default)]
pub(super) struct Called {
    pub(super) order: ExtensionOrder,
    slots: Vec<Arc<Slot>>,
    /// At the points of which an order is kept, by interface.
    at_points: BTreeMap<String, Vec<Arc<Slot>>>,
}

impl Called {
    pub(super) fn new(order: ExtensionOrder, slots: &[Arc<Slot>]) -> Self {
        let (at_all, at_points) = match &order {
            ExtensionOrder::Set(names) => (&**names, BTreeMap::new()),
            ExtensionOrder::Kept(orders) => {
                let at =
                    |(point, names): (&String, &Vec<String>)| (point.clone(), sorted(names, slots));
                (&[][..], orders.iter().map(at).collect())
            }
        };
        Self {
            slots: sorted(at_all, slots),
            at_points,
            order,
        }
    }

    /// All of them.
    pub(super) fn slots(&self) -> &[Arc<Slot>] {
        &self.slots
    }

    /// Those at a point, as a component imports it.
    pub(super) fn at(&self, point: &str) -> &[Arc<Slot>] {
        self.at_points.get(split(point).0).unwrap_or(&self.slots)
    }
}
