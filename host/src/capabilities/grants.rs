//! What an operator grants a component: a list of names, one for each capability that
//! is not harmless.

use std::fmt;

use super::ALL;
use super::http::{Destination, GRANT as HTTP};

/// The grant of a component that fills extension points of others.
pub const HOOKS: &str = "hooks";
/// The grant of a component that calls operations of others.
pub const OPERATIONS: &str = "operations";
/// The grant of a component that provides fields and relations of others' entities.
pub const FIELDS: &str = "fields";
/// The grant of a component that takes events of others.
pub const SUBSCRIPTIONS: &str = "subscriptions";
/// The grant to send requests from calls that other components wait for.
pub const HTTP_IN_HOOKS: &str = "http-in-hooks";
/// The grants of what a component has to do with others. None has them by default.
const OF_COMPONENTS: [&str; 4] = [HOOKS, OPERATIONS, FIELDS, SUBSCRIPTIONS];

/// What a component may use: the names of grants. One of what a component has to do with
/// others may say with which: `hooks=notes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grants(Vec<String>);

/// A grant that a component needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The interface that it is needed for.
    pub interface: String,
    /// What the component does with the interface: `imports`, `fills` or `exports`.
    pub uses: &'static str,
    /// The name of the grant.
    pub grant: &'static str,
    /// With whom it has to do: of hooks and operations the package of the interface, of fields
    /// the entity.
    pub of: Option<String>,
}

/// A need that is not granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotGranted {
    /// The first of them.
    pub need: Need,
    /// All grants that are missing, that of the first one included.
    pub missing: Vec<String>,
}

impl Need {
    /// The grant that opens this and nothing more.
    pub fn name(&self) -> String {
        match &self.of {
            Some(of) => format!("{}={of}", self.grant),
            None => self.grant.to_owned(),
        }
    }

    /// The grants that open all of these and nothing more, in the order of the grants.
    pub fn names(needs: &[Self]) -> Vec<String> {
        in_order(needs.iter().map(Self::name))
    }

    fn is_met_by(&self, granted: &str) -> bool {
        // Any part lets a component in; which request and which event are of it is checked for
        // each.
        let is_part = [HTTP, SUBSCRIPTIONS].contains(&self.grant) && base(granted) == self.grant;
        is_part || granted == self.grant || granted == self.name()
    }
}

impl fmt::Display for Grants {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0.join(","))
    }
}

/// The name of a grant, without whom it has to do with.
fn base(name: &str) -> &str {
    name.split_once('=').map_or(name, |(base, _)| base)
}

/// Whether this is a grant: a name, or a name and whom it has to do with.
fn is_grant(text: &str) -> bool {
    match text.split_once('=') {
        None => Grants::names().any(|name| name == text),
        Some((base, of)) => {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            match base {
                HTTP => Destination::parse(of).is_ok(),
                _ => OF_COMPONENTS.contains(&base) && !of.is_empty() && of.bytes().all(fits),
            }
        }
    }
}

/// Grants, each once, in the order of [`Grants::names`].
fn in_order(grants: impl Iterator<Item = String>) -> Vec<String> {
    let place = |grant: &String| Grants::names().position(|name| name == base(grant));
    let mut ordered: Vec<String> = grants.collect();
    ordered.sort_by_key(|grant| (place(grant), grant.clone()));
    ordered.dedup();
    ordered
}

impl Grants {
    /// The names of all grants, in the order of the capabilities, and those of what
    /// components have to do with one another.
    pub fn names() -> impl Iterator<Item = &'static str> {
        let capabilities = ALL.iter().filter_map(|capability| capability.grant);
        capabilities.chain([HTTP_IN_HOOKS]).chain(OF_COMPONENTS)
    }

    /// The names of the grants of what components have to do with one another, which may say
    /// with whom.
    pub fn of_components() -> &'static [&'static str] {
        &OF_COMPONENTS
    }

    /// The grants of a component of which the operator says nothing: all capabilities of its
    /// own, and nothing of other components or servers.
    pub fn standard() -> Self {
        let asked =
            |name: &&str| OF_COMPONENTS.contains(name) || [HTTP, HTTP_IN_HOOKS].contains(name);
        let names = Self::names().filter(|name| !asked(name));
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
        let known = text.split(',').filter(|grant| is_grant(grant));
        Self(in_order(known.map(str::to_owned)))
    }

    /// These grants and others.
    pub fn with(&self, others: &Self) -> Self {
        Self(in_order(self.0.iter().chain(&others.0).cloned()))
    }

    /// Whether this opens fields of any entity.
    pub fn has_fields(&self) -> bool {
        self.0.iter().any(|granted| base(granted) == FIELDS)
    }

    /// Where requests to other servers may go.
    pub fn destinations(&self) -> Vec<Destination> {
        let granted = self.0.iter();
        let destination = |granted: &String| match granted.split_once('=') {
            Some((HTTP, of)) => Destination::parse(of).ok(),
            _ => (granted == HTTP).then(Destination::public),
        };
        granted.filter_map(destination).collect()
    }

    /// Whether events of a component may be taken.
    pub fn has_events_of(&self, component: &str) -> bool {
        self.0.iter().any(|granted| match granted.split_once('=') {
            Some((SUBSCRIPTIONS, of)) => of == component,
            _ => granted == SUBSCRIPTIONS,
        })
    }

    /// Whether requests may be sent from calls that other components wait for.
    pub fn has_http_in_hooks(&self) -> bool {
        self.0.iter().any(|granted| granted == HTTP_IN_HOOKS)
    }

    /// Whether this opens any hooks.
    pub fn has_hooks(&self) -> bool {
        self.0.iter().any(|granted| base(granted) == HOOKS)
    }

    /// Whether this opens all that these others do.
    pub fn includes(&self, others: &Self) -> bool {
        let has = |name: &str| self.0.iter().any(|granted| granted == name);
        others.0.iter().all(|other| has(other) || has(base(other)))
    }

    /// The names, in the order in which they were given.
    pub fn list(&self) -> &[String] {
        &self.0
    }

    /// What a component does with a grant, as the end of a sentence.
    pub fn summary(grant: &str) -> String {
        let (name, of) = match grant.split_once('=') {
            Some((name, of)) => (name, format!("of {of}")),
            None => (grant, "of other modules".to_owned()),
        };
        match name {
            HOOKS => format!("changes and rejects what is about to be written, at hooks {of}"),
            OPERATIONS => format!("calls operations {of}"),
            FIELDS => format!("provides fields and relations of entities {of}"),
            SUBSCRIPTIONS => format!("takes events {of}"),
            HTTP_IN_HOOKS => "sends requests while other components wait for it".to_owned(),
            HTTP if name != grant => format!("sends requests to {}", &grant[HTTP.len() + 1..]),
            name => {
                let capability = ALL.iter().find(|one| one.grant == Some(name));
                capability.map_or("", |one| one.summary).to_owned()
            }
        }
    }

    /// The grants of a list; `None` if one of them is none.
    pub fn parse(list: Vec<String>) -> Option<Self> {
        list.iter()
            .all(|grant| is_grant(grant))
            .then_some(Self(list))
    }

    /// Checks that everything a component needs is granted, and returns the grants that
    /// it does not need.
    ///
    /// # Errors
    /// With the first need that is not granted.
    pub fn check(&self, needs: Vec<Need>) -> Result<Vec<String>, NotGranted> {
        let is_met = |need: &Need| self.0.iter().any(|granted| need.is_met_by(granted));
        let mut unused = self.0.clone();
        let sends = needs.iter().any(|need| need.grant == HTTP);
        unused.retain(|granted| !needs.iter().any(|need| need.is_met_by(granted)));
        unused.retain(|granted| !(sends && granted == HTTP_IN_HOOKS));
        let missing: Vec<Need> = needs.into_iter().filter(|need| !is_met(need)).collect();
        match missing.first() {
            None => Ok(unused),
            Some(need) => Err(NotGranted {
                need: need.clone(),
                missing: Need::names(&missing),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Grants, Need, OF_COMPONENTS};

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
            (&["hooks=notes", "fields=note_group"], true),
            (&["sql=notes"], false),
            (&["hooks="], false),
            (&["hooks=a,b"], false),
            (&["http=https://a.example", "http-in-hooks"], true),
            (&["http=a.example"], false),
        ] {
            assert_eq!(grants(list).is_some(), is_one, "{list:?}");
        }
        let all: Vec<_> = Grants::names().collect();
        let asked = |name: &&str| OF_COMPONENTS.contains(name) || name.starts_with("http");
        let standard: Vec<_> = all.iter().copied().filter(|name| !asked(name)).collect();
        assert_eq!(grants(&standard), Some(Grants::standard()));
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
        fn need(name: &str) -> Need {
            let (base, of) = match name.split_once('=') {
                Some((base, of)) => (base, Some(of.to_owned())),
                None => (name, None),
            };
            Need {
                interface: format!("a:b/{name}"),
                uses: "imports",
                grant: Grants::names().find(|known| *known == base).unwrap(),
                of,
            }
        }
        for (granted, needed, expected) in [
            (&["sql"][..], &["sql"][..], Ok(&[][..])),
            (&["sql", "events"], &["sql"], Ok(&["events"])),
            (&["sql"], &[], Ok(&["sql"])),
            (&[], &[], Ok(&[])),
            (&["events"], &["events", "sql"], Err(("sql", &["sql"][..]))),
            (
                &[],
                &["hooks=notes", "sql"],
                Err(("hooks=notes", &["sql", "hooks=notes"])),
            ),
            (&["hooks"], &["hooks=notes", "hooks=order"], Ok(&[])),
            (
                &["hooks=notes", "hooks=other"],
                &["hooks=notes"],
                Ok(&["hooks=other"]),
            ),
            (
                &["hooks=notes"],
                &["hooks=notes", "hooks=order", "fields=notes"],
                Err(("hooks=order", &["hooks=order", "fields=notes"])),
            ),
        ] {
            let needs = needed.iter().map(|name| need(name)).collect();
            let checked = grants(granted).unwrap().check(needs);
            let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
            let expected: Result<Vec<String>, (String, Vec<String>)> = expected
                .map(owned)
                .map_err(|(first, missing)| (first.to_owned(), owned(missing)));
            let checked = checked.map_err(|refused| (refused.need.name(), refused.missing));
            assert_eq!(checked, expected, "{granted:?} {needed:?}");
        }
    }

    #[test]
    fn a_grant_of_all_includes_that_of_one() {
        for (grants_of, others, includes) in [
            (&["hooks"][..], &["hooks=notes"][..], true),
            (&["hooks=notes"], &["hooks=notes"], true),
            (&["hooks=notes"], &["hooks"], false),
            (&["hooks=notes"], &["hooks=order"], false),
            (&["sql"], &[], true),
        ] {
            let (own, others) = (grants(grants_of).unwrap(), grants(others).unwrap());
            assert_eq!(own.includes(&others), includes, "{own} {others}");
        }
        let kept = Grants::kept("hooks=order,hooks=notes,files,sql=x,sql");
        assert_eq!(kept.to_string(), "sql,hooks=notes,hooks=order");
    }
}
