//! Which route a path means: patterns by their segments. A path of the host's is
//! looked up among the host's patterns alone, whatever components declare, and any
//! other path among theirs. Knows nothing of methods.

use super::path::{Pattern, Segment, belongs_to_host, is_dots};

/// The patterns of the host and of components, each with a value.
#[derive(Debug)]
pub struct RoutingTable<T> {
    host: PathTree<T>,
    components: PathTree<T>,
}

/// Patterns by their segments, each with a value.
#[derive(Debug)]
struct PathTree<T> {
    /// What follows here as a literal, in lower case and sorted.
    literals: Vec<(Box<str>, PathTree<T>)>,
    parameter: Option<Box<PathTree<T>>>,
    value: Option<T>,
    /// Which numbers of further segments lead to a value, a bit each.
    lengths: u32,
}

/// The result of a look-up.
#[derive(Debug, PartialEq, Eq)]
pub struct Match<'a, 'p, T> {
    /// The value of the pattern.
    pub value: &'a T,
    /// The values of the pattern's parameters, as sent, in their order.
    pub parameters: Vec<&'p str>,
}

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

impl<T> Default for RoutingTable<T> {
    fn default() -> Self {
        Self {
            host: PathTree::default(),
            components: PathTree::default(),
        }
    }
}

impl<T> RoutingTable<T> {
    /// The value of a pattern of the host's, made where it has none.
    pub fn of_host(&mut self, pattern: &Pattern) -> &mut T
    where
        T: Default,
    {
        self.host.at(pattern.segments()).get_or_insert_default()
    }

    /// The value of a pattern of a component's, made where it has none.
    pub fn of_component(&mut self, pattern: &Pattern) -> &mut T
    where
        T: Default,
    {
        self.components
            .at(pattern.segments())
            .get_or_insert_default()
    }

    /// Finds what a path means. A literal goes before a parameter, and one slash at
    /// the end is let pass. No segment may be empty, and no parameter is `.` or `..`.
    pub fn find<'p>(&self, path: &'p str) -> Option<Match<'_, 'p, T>> {
        let tree = if belongs_to_host(path) {
            &self.host
        } else {
            &self.components
        };
        let segments = path.strip_prefix('/')?;
        let segments = segments.strip_suffix('/').unwrap_or(segments);
        let mut parameters = Vec::new();
        let value = tree.find(Some(segments), &mut parameters)?;
        Some(Match { value, parameters })
    }
}

impl<T> Default for PathTree<T> {
    fn default() -> Self {
        Self {
            literals: Vec::new(),
            parameter: None,
            value: None,
            lengths: 0,
        }
    }
}

impl<T> PathTree<T> {
    /// The entry of a pattern, whose value is about to be set.
    fn at(&mut self, segments: &[Segment]) -> &mut Option<T> {
        self.lengths |= 1 << segments.len();
        let Some((segment, rest)) = segments.split_first() else {
            return &mut self.value;
        };
        match segment {
            Segment::Parameter => self.parameter.get_or_insert_default().at(rest),
            Segment::Literal(literal) => {
                let index = match self.position(literal) {
                    Ok(index) => index,
                    Err(index) => {
                        let next = (literal.clone(), Self::default());
                        self.literals.insert(index, next);
                        index
                    }
                };
                self.literals[index].1.at(rest)
            }
        }
    }

    /// Where a literal stands, in any case, or would have to.
    fn position(&self, segment: &str) -> Result<usize, usize> {
        self.literals.binary_search_by(|(literal, _)| {
            let sought = segment.bytes().map(|byte| byte.to_ascii_lowercase());
            literal.bytes().cmp(sought)
        })
    }

    fn find<'p>(&self, path: Option<&'p str>, parameters: &mut Vec<&'p str>) -> Option<&T> {
        let Some(path) = path else {
            return self.value.as_ref();
        };
        let (segment, rest) = match path.split_once('/') {
            Some((segment, rest)) => (segment, Some(rest)),
            None => (path, None),
        };
        if let Ok(index) = self.position(segment)
            && let Some(found) = self.literals[index].1.find(rest, parameters)
        {
            return Some(found);
        }
        let next = self.parameter.as_ref()?;
        if segment.is_empty() || is_dots(segment) {
            return None;
        }
        parameters.push(segment);
        let found = next.find(rest, parameters);
        if found.is_none() {
            parameters.pop();
        }
        found
    }

    /// A value, of those that are wanted, whose pattern matches a path that these
    /// segments match as well.
    fn overlapping(&self, segments: &[Segment], is_wanted: &impl Fn(&T) -> bool) -> Option<&T> {
        if self.lengths & (1 << segments.len()) == 0 {
            return None;
        }
        let Some((segment, rest)) = segments.split_first() else {
            return self.value.as_ref().filter(|value| is_wanted(value));
        };
        let literals = match segment {
            Segment::Parameter => &self.literals[..],
            Segment::Literal(literal) => match self.position(literal) {
                Ok(index) => &self.literals[index..=index],
                Err(_) => &[],
            },
        };
        let literals = literals.iter().map(|(_, tree)| tree);
        literals
            .chain(self.parameter.as_deref())
            .find_map(|tree| tree.overlapping(rest, is_wanted))
    }
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
    use super::{Claim, Claims, Overlap, RoutingTable};
    use crate::components::path::Pattern;

    fn pattern(path: &str) -> Pattern {
        Pattern::parse(path).unwrap()
    }

    fn table(host: &[&str], components: &[&str]) -> RoutingTable<String> {
        let mut table = RoutingTable::default();
        for path in host {
            *table.of_host(&pattern(path)) = format!("host {path}");
        }
        for path in components {
            *table.of_component(&pattern(path)) = (*path).to_owned();
        }
        table
    }

    #[track_caller]
    fn finds(table: &RoutingTable<String>, path: &str, value: &str, parameters: &[&str]) {
        let found = table.find(path);
        let found = found.map(|found| (found.value.clone(), found.parameters));
        let wanted = (value.to_owned(), parameters.to_vec());
        assert_eq!(found, Some(wanted), "{path}");
    }

    #[test]
    fn a_literal_goes_before_a_parameter_and_a_dead_end_is_left() {
        let table = table(
            &[],
            &[
                "/a/{x}",
                "/a/me",
                "/a/{x}/c",
                "/a/b/{y}",
                "/a/b/d/{z}",
                "/{x}",
            ],
        );
        finds(&table, "/a/me", "/a/me", &[]);
        finds(&table, "/A/ME/", "/a/me", &[]);
        finds(&table, "/a/Mine", "/a/{x}", &["Mine"]);
        finds(&table, "/a/me/c", "/a/{x}/c", &["me"]);
        finds(&table, "/a/b/C", "/a/b/{y}", &["C"]);
        finds(&table, "/a/b/d/e", "/a/b/d/{z}", &["e"]);
        finds(&table, "/b", "/{x}", &["b"]);
        finds(&table, "/a/%2F", "/a/{x}", &["%2F"]);
        for path in [
            "",
            "/",
            "//",
            "a/me",
            "*",
            "/a//",
            "//a/me",
            "/a/me//",
            "/a//c",
            "/a/b/d/e/f",
            "/a/..",
            "/a/%2e",
            "/a/.%2E/c",
            "/..",
            "/a/me;x/d",
            "/a\\me/d",
        ] {
            assert!(table.find(path).is_none(), "{path}");
        }
    }

    #[test]
    fn paths_of_the_host_are_looked_up_among_the_hosts_alone() {
        // No component gets such patterns; it would not matter if one did.
        let components = [
            "/{x}",
            "/{x}/{y}",
            "/{x}/{y}/{z}",
            "/auth/session",
            "/auth/user/emailpass",
            "/openapi.json",
            "/admin/{x}",
            "/admin/{x}/{y}",
        ];
        let table = table(
            &["/auth/user/{provider}", "/openapi.json", "/admin/api-keys"],
            &components,
        );
        finds(
            &table,
            "/AUTH/user/emailpass",
            "host /auth/user/{provider}",
            &["emailpass"],
        );
        finds(&table, "/OpenAPI.json/", "host /openapi.json", &[]);
        finds(&table, "/admin/API-keys", "host /admin/api-keys", &[]);
        finds(&table, "/admin/Things", "/admin/{x}", &["Things"]);
        for path in [
            "/auth/session",
            "/%61uth/user/emailpass",
            "/auth/user/emailpass/more",
            "/openapi%2Ejson",
            "/admin/%61pi-keys",
            "/admin/users",
            "/admin/users/me",
            "/admin/api-keys/x",
            "/app",
            "/metrics",
        ] {
            assert!(table.find(path).is_none(), "{path}");
        }
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
