//! What an operator grants a component: a list of names, one for each capability that
//! is not harmless.

use std::fmt;

use super::ALL;

/// The grant of a component that fills extension points of others.
pub const HOOKS: &str = "hooks";
/// The grant of a component that calls operations of others.
pub const OPERATIONS: &str = "operations";
/// The grant of a component that provides fields and relations of others' entities.
pub const FIELDS: &str = "fields";
/// The grants of what a component has to do with others. None has them by default.
const OF_COMPONENTS: [&str; 3] = [HOOKS, OPERATIONS, FIELDS];

/// The capabilities that a component is granted, by the names of their grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grants(Vec<String>);

/// An import that a component is not granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotGranted {
    /// The interface, which the component imports or, of an extension point, exports.
    pub interface: String,
    /// The grant that opens it.
    pub grant: &'static str,
    /// All grants that are missing, this one included.
    pub missing: Vec<&'static str>,
}

impl fmt::Display for Grants {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0.join(","))
    }
}

impl Grants {
    /// The names of all grants, in the order of the capabilities, and those of what
    /// components have to do with one another.
    pub fn names() -> impl Iterator<Item = &'static str> {
        let capabilities = ALL.iter().filter_map(|capability| capability.grant);
        capabilities.chain(OF_COMPONENTS)
    }

    /// The grants of a component of which the operator says nothing: all capabilities, and
    /// nothing of other components.
    pub fn standard() -> Self {
        let names = Self::names().filter(|name| !OF_COMPONENTS.contains(name));
        Self(names.map(str::to_owned).collect())
    }

    /// Every grant.
    pub fn all() -> Self {
        Self(Self::names().map(str::to_owned).collect())
    }

    /// No grant.
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// The grants that were written by [`fmt::Display`]. Those that this host does not know
    /// are left out.
    pub fn kept(text: &str) -> Self {
        let known = Self::names().filter(|name| text.split(',').any(|kept| kept == *name));
        Self(known.map(str::to_owned).collect())
    }

    /// These grants and others.
    pub fn with(&self, others: &Self) -> Self {
        let has = |grants: &Self, name: &str| grants.0.iter().any(|one| one == name);
        let names = Self::names().filter(|name| has(self, name) || has(others, name));
        Self(names.map(str::to_owned).collect())
    }

    /// Whether this has all of these others.
    pub fn includes(&self, others: &Self) -> bool {
        others.0.iter().all(|other| self.0.contains(other))
    }

    /// The names, in the order in which they were given.
    pub fn list(&self) -> &[String] {
        &self.0
    }

    /// What a component does with a grant, as the end of a sentence.
    pub fn summary(name: &str) -> &'static str {
        let of_components = match name {
            HOOKS => "changes and rejects what other modules are about to write, at their hooks",
            FIELDS => "provides fields and relations that other modules show of their entities",
            _ => "calls operations of other modules",
        };
        let capability = ALL.iter().find(|one| one.grant == Some(name));
        capability.map_or(of_components, |capability| capability.summary)
    }

    /// The grants of a list; `None` if one of them is the name of no grant.
    pub fn parse(list: Vec<String>) -> Option<Self> {
        let is_grant = |word: &String| Self::names().any(|name| name == word);
        list.iter().all(is_grant).then_some(Self(list))
    }

    /// Checks that everything a component needs is granted, and returns the grants that
    /// it does not need.
    ///
    /// # Errors
    /// With the first import that is not granted.
    pub fn check(&self, needed: Vec<(String, &'static str)>) -> Result<Vec<String>, NotGranted> {
        let mut unused = self.0.clone();
        unused.retain(|granted| needed.iter().all(|(_, grant)| grant != granted));
        let is_missing = |grant: &str| !self.0.iter().any(|granted| granted == grant);
        let missing = Self::names()
            .filter(|name| is_missing(name) && needed.iter().any(|(_, grant)| grant == name))
            .collect();
        match needed.into_iter().find(|(_, grant)| is_missing(grant)) {
            Some((interface, grant)) => Err(NotGranted {
                interface,
                grant,
                missing,
            }),
            None => Ok(unused),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Grants, NotGranted, OF_COMPONENTS};

    fn grants(list: &[&str]) -> Option<Grants> {
        Grants::parse(list.iter().map(|word| (*word).to_owned()).collect())
    }

    #[test]
    fn a_list_of_grants_has_names_of_grants_alone() {
        for (list, is_one) in [
            (&[][..], true),
            (&["sql"], true),
            (&["events", "sql"], true),
            (&["files"], false),
            (&["sql", "SQL"], false),
            (&["sql", ""], false),
        ] {
            assert_eq!(grants(list).is_some(), is_one, "{list:?}");
        }
        let all: Vec<_> = Grants::names().collect();
        assert_eq!(
            grants(&all[..all.len() - OF_COMPONENTS.len()]),
            Some(Grants::standard())
        );
        assert_eq!(grants(&all), Some(Grants::all()));
    }

    #[test]
    fn kept_grants_are_read_and_joined_with_others() {
        let some = grants(&["hooks", "sql"]).unwrap();
        assert_eq!(some.to_string(), "hooks,sql");
        assert!(Grants::kept(&some.to_string()).includes(&some));
        assert_eq!(Grants::kept("files,sql"), grants(&["sql"]).unwrap());
        assert_eq!(Grants::kept(""), Grants::none());
        let more = grants(&["events"]).unwrap();
        assert_eq!(some.with(&more).to_string(), "sql,events,hooks");
        assert!(!some.includes(&more));
    }

    #[test]
    fn what_is_not_granted_is_refused_and_what_is_not_needed_is_named() {
        for (granted, needed, missing, expected) in [
            (&["sql"][..], &["sql"][..], &[][..], Ok(vec![])),
            (&["sql", "events"], &["sql"], &[], Ok(vec!["events"])),
            (&["sql"], &[], &[], Ok(vec!["sql"])),
            (&[], &[], &[], Ok(vec![])),
            (&["events"], &["events", "sql"], &["sql"], Err("sql")),
            (&[], &["hooks", "sql"], &["sql", "hooks"], Err("hooks")),
        ] {
            let imports = needed.iter().map(|grant| (format!("a:b/{grant}"), *grant));
            let checked = grants(granted).unwrap().check(imports.collect());
            let expected = expected
                .map(|unused| unused.into_iter().map(str::to_owned).collect::<Vec<_>>())
                .map_err(|grant| NotGranted {
                    interface: format!("a:b/{grant}"),
                    grant,
                    missing: missing.to_vec(),
                });
            assert_eq!(checked, expected, "{granted:?} {needed:?}");
        }
    }
}
