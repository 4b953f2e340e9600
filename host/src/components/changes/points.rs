//! The extension points of the modules in service: who fills them, and in which order the
//! operator has those called.

use std::sync::Arc;

use serde::Serialize;

use super::change::outcome_of;
use super::{ChangeError, Manager, UnderWay, lock};
use crate::components::absent::Absent;
use crate::components::audit::{self, Action};
use crate::components::candidates::caught;
use crate::components::chain::{OrderedBy, turn_of};
use crate::components::slot::Slot;
use crate::engine::{are_compatible, split};
use crate::storage::Outcome;

/// An extension point.
#[derive(Debug, Serialize)]
pub struct Point {
    /// The interface, without a version.
    pub name: String,
    /// The modules that have it.
    pub modules: Vec<String>,
    /// What decides the order.
    pub ordered_by: OrderedBy,
    /// In their order.
    pub extensions: Vec<Extension>,
}

/// An extension point as one module has it.
#[derive(Debug, Serialize)]
pub struct PointOfModule {
    /// The interface, with the version that the module was built against.
    name: String,
    /// What decides the order.
    ordered_by: OrderedBy,
    /// In their order.
    extensions: Vec<Extension>,
}

/// An extension at a point.
#[derive(Debug, Serialize)]
pub struct Extension {
    name: String,
    /// `None` of one that failed at the start.
    version: Option<String>,
    on_failure: &'static str,
    /// Whether it is called.
    enabled: bool,
}

impl Manager {
    /// The extension points of all modules in service, by name, or the one of this name.
    ///
    /// # Errors
    /// When no module has a point of this name.
    pub fn points(&self, name: Option<&str>) -> Result<Vec<Point>, ChangeError> {
        let names = match name {
            Some(name) => vec![self.point_named(name)?],
            None => self.point_names(|_| true),
        };
        Ok(names.into_iter().map(|name| self.point(name)).collect())
    }

    /// The extension points that a module in service has.
    pub fn points_of(&self, slot: &Slot) -> Vec<PointOfModule> {
        let points = slot.module().extension_points().into_iter();
        let point = |name: String| PointOfModule {
            ordered_by: self.options.chain.order().at(&name).0,
            extensions: self.extensions_at(&name, Some(slot)),
            name,
        };
        points.map(point).collect()
    }

    /// Sets the order in which extensions are called at a point: these first, and the others
    /// by name. Without names, all by name.
    ///
    /// # Errors
    /// When the settings have the order, no module has the point, or a name is of no
    /// extension that fills it.
    pub fn order_extensions(
        &self,
        point: &str,
        names: &[String],
        by: &str,
    ) -> Result<Point, ChangeError> {
        let entry = UnderWay::new(Action::Order, None, by);
        let result = caught(
            || self.order_unrecorded(point, names, by),
            ChangeError::Fault,
        );
        let (outcome, detail) = match &result {
            Ok(point) if names.is_empty() => (Outcome::Done, format!("{}: by name", point.name)),
            Ok(point) => (
                Outcome::Done,
                format!("{}: {}", point.name, names.join(", ")),
            ),
            Err(error) => (outcome_of(error), error.reason()),
        };
        audit::write(&self.host_database, &entry, "", outcome, &detail);
        result
    }

    fn order_unrecorded(
        &self,
        point: &str,
        names: &[String],
        by: &str,
    ) -> Result<Point, ChangeError> {
        self.host_database.check_writable()?;
        let point = self.point_named(point)?;
        if self.options.chain.order().at(&point).0 == OrderedBy::Setting {
            return Err(ChangeError::OrderIsSet);
        }
        let _ordering = lock(&self.ordering);
        let extensions = self.extensions_at(&point, None);
        let fill: Vec<String> = extensions.into_iter().map(|one| one.name).collect();
        if let Some(name) = names.iter().find(|name| !fill.contains(name)) {
            return Err(ChangeError::NoExtension {
                name: name.clone(),
                point,
                fill,
            });
        }
        self.host_database.order_extensions(&point, names, by)?;
        self.options.chain.order_at(&point, names);
        Ok(self.point(point))
    }

    fn point(&self, name: String) -> Point {
        let has = |slot: &Slot| {
            let points = points_of_versions(slot);
            points.iter().any(|point| split(point).0 == name)
        };
        let slots = self.slots();
        let modules = slots.iter().filter(|slot| has(slot));
        Point {
            modules: modules.map(|slot| slot.name().to_owned()).collect(),
            ordered_by: self.options.chain.order().at(&name).0,
            extensions: self.extensions_at(&name, None),
            name,
        }
    }

    /// The extensions that fill a point of a module, or one without its version of any, in their
    /// order; also those that failed at the start.
    fn extensions_at(&self, point: &str, of: Option<&Slot>) -> Vec<Extension> {
        let mut extensions: Vec<Extension> = self
            .slots()
            .iter()
            .filter(|slot| of.is_none_or(|own| own.name() != slot.name()))
            .filter_map(|slot| self.extension(slot, point))
            .collect();
        extensions.extend(self.absent_at(point));
        let order = self.options.chain.order();
        let (_, names) = order.at(point);
        extensions.sort_by_cached_key(|extension| turn_of(names, &extension.name));
        extensions
    }

    fn extension(&self, slot: &Slot, point: &str) -> Option<Extension> {
        let has_version = point.contains('@');
        let version = slot.versions().find(|version| match has_version {
            true => version.fills(point),
            false => {
                let filled = version.points_filled();
                filled.iter().any(|filled| split(filled).0 == point)
            }
        })?;
        Some(Extension {
            name: slot.name().to_owned(),
            version: Some(version.version().to_string()),
            on_failure: version.on_failure().name(),
            enabled: self.is_enabled(slot.name()),
        })
    }

    fn absent_at(&self, point: &str) -> Vec<Extension> {
        let slots = self.slots();
        let mut points: Vec<String> = slots
            .iter()
            .flat_map(|slot| points_of_versions(slot))
            .collect();
        points.retain(|full| full == point || split(full).0 == point);
        let absent = lock(&self.absent);
        let filling = absent
            .iter()
            .filter(|(absent, _)| points.iter().any(|point| absent.fills(point)));
        let extension = |(absent, enabled): &(Arc<Absent>, bool)| Extension {
            name: absent.name.clone(),
            version: None,
            on_failure: absent.on_failure().name(),
            enabled: *enabled,
        };
        filling.map(extension).collect()
    }

    /// The point that an operator names: its interface, also with a version that the point is
    /// compatible with, or without its namespace.
    fn point_named(&self, text: &str) -> Result<String, ChangeError> {
        let (interface, version) = text.split_once('@').unwrap_or((text, ""));
        let is_named = |point: &str| {
            let (name, _) = split(point);
            let short = name.split_once(':').map_or(name, |(_, short)| short);
            (name == interface || short == interface)
                && (version.is_empty() || are_compatible(point, &format!("{name}@{version}")))
        };
        let mut named = self.point_names(is_named);
        match (named.pop(), named.is_empty()) {
            (Some(point), true) => Ok(point),
            (Some(point), false) => {
                named.push(point);
                Err(ChangeError::AmbiguousPoint {
                    point: text.to_owned(),
                    named,
                })
            }
            (None, _) => Err(ChangeError::UnknownPoint {
                point: text.to_owned(),
                known: self.point_names(|_| true),
            }),
        }
    }

    /// The interfaces of the points that modules in service have, without versions, by name.
    fn point_names(&self, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let slots = self.slots();
        let points = slots.iter().flat_map(|slot| points_of_versions(slot));
        let wanted = points.filter(|point| is_wanted(point));
        let mut names: Vec<String> = wanted.map(|point| split(&point).0.to_owned()).collect();
        names.sort();
        names.dedup();
        names
    }
}

/// The extension points that the versions of a module have, with their versions.
fn points_of_versions(slot: &Slot) -> Vec<String> {
    let versions = slot.versions();
    versions
        .flat_map(|version| version.extension_points())
        .collect()
}
