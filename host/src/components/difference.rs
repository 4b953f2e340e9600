//! The difference of a version to the one in service: what it wants, serves, migrates and
//! exports more or less, and its size.

use std::collections::BTreeSet;

use serde::Serialize;

use super::routing::method_name;
use super::version::Version;
use crate::digest::Digest;

/// The difference between two versions of a module.
#[derive(Debug, Serialize)]
pub struct Difference {
    /// The module.
    pub module: String,
    /// The version in service; `None` where none is.
    pub from: Option<Side>,
    /// The version that is compared with it.
    pub to: Side,
    /// The grants that they want.
    pub grants: Entries,
    /// Their routes: method, path and access.
    pub routes: Entries,
    /// The fields and relations that they provide, each with its entity.
    pub fields: Entries,
    /// The names of their migrations.
    pub migrations: Entries,
    /// The interfaces that they export.
    pub exports: Entries,
}

/// One of two versions.
#[derive(Debug, Serialize)]
pub struct Side {
    /// The component's own version.
    pub version: String,
    /// Of the component.
    pub digest: Digest,
    /// Of the component, if it is known.
    pub size_bytes: Option<u64>,
}

/// The entries that one of two versions has and the other has not, in their order.
#[derive(Debug, Serialize)]
pub struct Entries {
    /// Those of the version that is compared.
    pub added: Vec<String>,
    /// Those of the version in service.
    pub removed: Vec<String>,
}

impl Difference {
    /// Compares a version with the one in service, each with its size.
    pub(super) fn between(
        from: Option<(&Version, Option<u64>)>,
        (to, size_bytes): (&Version, u64),
    ) -> Self {
        let side = |version: &Version, size_bytes| Side {
            version: version.version().to_string(),
            digest: version.digest(),
            size_bytes,
        };
        let entries = |of: fn(&Version) -> BTreeSet<String>| {
            let (old, new) = (from.map(|(from, _)| of(from)).unwrap_or_default(), of(to));
            Entries {
                added: new.difference(&old).cloned().collect(),
                removed: old.difference(&new).cloned().collect(),
            }
        };
        Self {
            module: to.name().to_owned(),
            from: from.map(|(from, size_bytes)| side(from, size_bytes)),
            to: side(to, Some(size_bytes)),
            grants: entries(|version| version.grants_needed().iter().cloned().collect()),
            routes: entries(|version| {
                let routes = version.routes().iter();
                let text = |route: &super::contract::Route| {
                    let (method, access) = (method_name(route.method), route.access.name());
                    format!("{method} {} ({access})", route.path)
                };
                routes.map(text).collect()
            }),
            fields: entries(|version| {
                let fields = version.fields().iter();
                let text =
                    |field: &super::contract::Field| format!("{} of {}", field.name, field.entity);
                fields.map(text).collect()
            }),
            migrations: entries(|version| {
                let migrations = version.schema().migrations.iter();
                migrations.map(|migration| migration.name.clone()).collect()
            }),
            exports: entries(|version| version.exports().into_iter().collect()),
        }
    }
}
