//! Which component owns which paths, and which names the document of all of them uses:
//! two components that claim the same cannot be served together.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::paths::PathTree;
use super::pattern::Pattern;
use super::routes::method_name;
use crate::components::remarks::Remark;
use crate::components::{HOST_SCHEMA, Version};

/// Which component owns which paths. A path is owned by the component one of whose
/// patterns matches it, whatever the methods are.
#[derive(Debug, Default)]
pub struct Claims<'a> {
    tree: PathTree<Claim<'a>>,
}

/// One route of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim<'a> {
    /// The component's name.
    pub owner: &'a str,
    /// Its route's method.
    pub method: &'a str,
    /// Its route's path.
    pub path: &'a str,
}

/// Two components that would own one path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the routes {first} and {second} match the same paths, and a path belongs to one component: \
     change one of them"
)]
pub struct Overlap {
    first: String,
    second: String,
}

/// Why routes cannot be served together.
#[derive(Debug, thiserror::Error)]
pub enum RouteError {
    /// An endpoint of the host cannot be added.
    #[error("the host's own endpoint {method} {path} cannot be served: {reason}")]
    Host {
        /// Its method.
        method: &'static str,
        /// Its path.
        path: &'static str,
        /// The rule that it breaks.
        reason: String,
    },
    /// Two modules would own one path.
    #[error(transparent)]
    Overlap(#[from] Overlap),
    /// An extension does not fit an extension point that it fills.
    #[error("the module {module} cannot be served as an extension of {owner}: {reason}")]
    Point {
        /// The extension.
        module: String,
        /// The module whose point it fills.
        owner: String,
        /// The hook and the field that cannot be adapted.
        reason: String,
    },
    /// Two modules, or a module and the host, call two things by one name.
    #[error("the module {module} cannot be served: {owner} has {what} '{name}' already")]
    Name {
        /// The module.
        module: String,
        /// The other owner of the name.
        owner: String,
        /// The kind of thing that has the name.
        what: Cow<'static, str>,
        /// The name.
        name: String,
    },
}

/// Checks that these versions can be served beside one another and beside operations of
/// the host with these ids. None of them needs to be in service; two versions of one module
/// may share paths and names.
///
/// # Errors
/// When two modules, or a module and the host, claim the same path or name.
pub fn check_modules(versions: &[&Version], host_operations: &[String]) -> Result<(), RouteError> {
    check_owners(versions)?;
    check_names(versions, host_operations)?;
    check_providers(versions)?;
    check_entities(versions)?;
    check_neighbours(versions)
}

/// An entity belongs to one module, and each key of its objects to one component.
fn check_entities(versions: &[&Version]) -> Result<(), RouteError> {
    let mut owners: BTreeMap<(String, String), &str> = BTreeMap::new();
    for version in versions {
        let entities = version.entities().iter();
        let own = entities.flat_map(|entity| {
            let names = entity.names.iter();
            let members = names.map(|name| (format!("a field of {}", entity.name), name.clone()));
            members.chain([("the entity".to_owned(), entity.name.clone())])
        });
        let fields = version.fields().iter();
        let provided = fields.map(|field| {
            let what = format!("a field of {}", field.entity);
            (what, field.key().to_owned())
        });
        for (what, name) in own.chain(provided) {
            let owner = owners
                .entry((what.clone(), name.clone()))
                .or_insert(version.name());
            if *owner != version.name() {
                return Err(RouteError::Name {
                    module: version.name().to_owned(),
                    owner: format!("the module {owner}"),
                    what: what.into(),
                    name,
                });
            }
        }
    }
    Ok(())
}

/// One module answers the operations of an interface that another one calls.
fn check_providers(versions: &[&Version]) -> Result<(), RouteError> {
    for interface in versions
        .iter()
        .flat_map(|caller| caller.operations_called())
    {
        let all = versions.iter();
        let mut names = all
            .filter(|version| version.provides(&interface))
            .map(|version| version.name());
        let Some(first) = names.next() else {
            continue;
        };
        if let Some(second) = names.find(|name| *name != first) {
            return Err(RouteError::Name {
                module: second.to_owned(),
                owner: format!("the module {first}"),
                what: "the operations".into(),
                name: interface,
            });
        }
    }
    Ok(())
}

/// Extensions take and return what the modules whose points they fill do, and modules what
/// those that call their operations do.
fn check_neighbours(versions: &[&Version]) -> Result<(), RouteError> {
    for extension in versions {
        let mut others = versions
            .iter()
            .filter(|other| other.name() != extension.name());
        others.try_for_each(|other| {
            warn_of_missed_point(extension, other);
            let checked = extension.check_points_of(other);
            checked.map_err(|error| RouteError::Point {
                module: extension.name().to_owned(),
                owner: other.name().to_owned(),
                reason: error.to_string(),
            })
        })?;
    }
    Ok(())
}

/// Warns, once for a version, of hooks that another component has in other versions.
fn warn_of_missed_point(extension: &Version, other: &Version) {
    let Some((export, point)) = extension.misses_point_of(other) else {
        return;
    };
    if extension.remarks().on(&format!("{export} {point}")) != Remark::Said {
        tracing::warn!(
            module = extension.name(),
            version = %extension.version(),
            "it fills {export}, which is never called: {} calls {point}, or another version compatible with that. \
             Build it against the contracts of this host, which `wares new` writes",
            other.name()
        );
    }
}

fn check_owners(versions: &[&Version]) -> Result<(), RouteError> {
    let mut claims = Claims::default();
    for version in versions {
        for (route, pattern) in version.routes().iter().zip(version.patterns()) {
            let claim = Claim {
                owner: version.name(),
                method: method_name(route.method),
                path: &route.path,
            };
            claims.add(claim, pattern)?;
        }
    }
    Ok(())
}

/// Schemas and operations have names that are unique among all modules and the host.
fn check_names(versions: &[&Version], host_operations: &[String]) -> Result<(), RouteError> {
    let mut owners: BTreeMap<(&str, String), &str> = host_operations
        .iter()
        .map(|id| (("an operation", id.clone()), ""))
        .chain([(("a schema", HOST_SCHEMA.to_owned()), "")])
        .collect();
    for version in versions {
        let ids = version.operations().iter().filter_map(|operation| {
            let id = operation.get("operationId")?.as_str()?;
            Some(("an operation", id.to_owned()))
        });
        let schemas = version.schemas().keys();
        let names = schemas.map(|name| ("a schema", name.clone())).chain(ids);
        for (what, name) in names {
            let owner = owners.entry((what, name.clone())).or_insert(version.name());
            if *owner != version.name() {
                return Err(RouteError::Name {
                    module: version.name().to_owned(),
                    owner: match *owner {
                        "" => "the host".to_owned(),
                        other => format!("the module {other}"),
                    },
                    what: what.into(),
                    name,
                });
            }
        }
    }
    Ok(())
}

impl<'a> Claims<'a> {
    /// Adds a route, and its component as the owner of all paths that it matches.
    ///
    /// # Errors
    /// When another component owns one of them.
    pub fn add(&mut self, claim: Claim<'a>, pattern: &Pattern) -> Result<(), Overlap> {
        let is_others = |other: &Claim<'_>| other.owner != claim.owner;
        if let Some(other) = self.tree.overlapping(pattern.segments(), &is_others) {
            return Err(Overlap {
                first: other.shown(),
                second: claim.shown(),
            });
        }
        self.tree.at(pattern.segments()).get_or_insert(claim);
        Ok(())
    }
}

impl Claim<'_> {
    fn shown(&self) -> String {
        let Self {
            owner,
            method,
            path,
        } = self;
        format!("{method} {path} of the module {owner}")
    }
}

#[cfg(test)]
mod tests {
    use super::{Claim, Claims, Overlap, Pattern};

    fn pattern(path: &str) -> Pattern {
        Pattern::parse(path).unwrap()
    }

    fn claim<'a>(owner: &'a str, path: &'a str) -> Claim<'a> {
        Claim {
            owner,
            method: "GET",
            path,
        }
    }

    fn overlaps(one: &str, other: &str) -> Result<(), Overlap> {
        let mut claims = Claims::default();
        claims.add(claim("one", one), &pattern(one)).unwrap();
        claims.add(claim("other", other), &pattern(other))
    }

    #[test]
    fn a_path_belongs_to_one_component() {
        for (one, other) in [
            ("/admin/a", "/ADMIN/A"),
            ("/admin/{x}", "/admin/a"),
            ("/admin/a", "/admin/{x}"),
            ("/admin/{x}/b", "/admin/a/{y}"),
            ("/{x}/{y}/{z}", "/admin/a/b"),
        ] {
            assert_eq!(
                overlaps(one, other).unwrap_err().to_string(),
                format!(
                    "the routes GET {one} of the module one and GET {other} of the module other \
                     match the same paths, and a path belongs to one component: change one of them"
                )
            );
        }
        for (one, other) in [
            ("/admin/a", "/admin/b"),
            ("/admin/{x}", "/admin/a/b"),
            ("/admin/{x}/b", "/admin/a/c"),
            ("/admin/a/{x}", "/admin/b/{x}"),
        ] {
            assert_eq!(overlaps(one, other), Ok(()), "{one} {other}");
        }
        let mut claims = Claims::default();
        for path in ["/admin/{x}", "/admin/a", "/admin/{x}"] {
            claims.add(claim("one", path), &pattern(path)).unwrap();
        }
        let path = "/admin/b";
        claims
            .add(claim("other", path), &pattern(path))
            .unwrap_err();
    }
}
