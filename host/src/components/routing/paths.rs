//! Values by path patterns, as trees of segments. A path of the host is looked up among
//! the host's patterns alone, whatever components declare, and any other path among
//! theirs. Knows nothing of methods.

use super::pattern::{Pattern, Segment, belongs_to_host, is_dots};

/// The patterns of the host and of components, each with a value.
#[derive(Debug)]
pub struct Paths<H, C> {
    host: PathTree<H>,
    components: PathTree<C>,
}

/// A value of a pattern, by the owner of the pattern.
#[derive(Debug, PartialEq, Eq)]
pub enum Owned<H, C> {
    /// The host.
    Host(H),
    /// A component.
    Component(C),
}

/// Patterns by their segments, each with a value.
#[derive(Debug)]
pub(super) struct PathTree<T> {
    /// The literals that follow here, in lower case and sorted.
    literals: Vec<(Box<str>, PathTree<T>)>,
    parameter: Option<Box<PathTree<T>>>,
    value: Option<T>,
    /// Which numbers of further segments lead to a value, a bit each.
    lengths: u32,
}

/// The result of a look-up.
#[derive(Debug, PartialEq, Eq)]
pub struct Match<'p, T> {
    /// The value of the pattern.
    pub value: T,
    /// The values of the pattern's parameters, as sent, in their order.
    pub parameters: Vec<&'p str>,
}

impl<H, C> Default for Paths<H, C> {
    fn default() -> Self {
        Self {
            host: PathTree::default(),
            components: PathTree::default(),
        }
    }
}

impl<H, C> Paths<H, C> {
    /// The value of a pattern of the host, if it is set.
    pub fn of_host(&mut self, pattern: &Pattern) -> &mut Option<H> {
        self.host.at(pattern.segments())
    }

    /// The value of a pattern of a component, if it is set.
    pub fn of_component(&mut self, pattern: &Pattern) -> &mut Option<C> {
        self.components.at(pattern.segments())
    }

    /// Finds the value of a path.
    pub fn find<'p>(&self, path: &'p str) -> Option<Match<'p, Owned<&H, &C>>> {
        if belongs_to_host(path) {
            let found = self.host.find(path)?;
            Some(found.map(Owned::Host))
        } else {
            let found = self.components.find(path)?;
            Some(found.map(Owned::Component))
        }
    }
}

impl<'p, T> Match<'p, T> {
    fn map<U>(self, change: impl FnOnce(T) -> U) -> Match<'p, U> {
        Match {
            value: change(self.value),
            parameters: self.parameters,
        }
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
    pub(super) fn at(&mut self, segments: &[Segment]) -> &mut Option<T> {
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

    /// Returns the index of a literal, in any case, or the one at which to insert it.
    fn position(&self, segment: &str) -> Result<usize, usize> {
        self.literals.binary_search_by(|(literal, _)| {
            let sought = segment.bytes().map(|byte| byte.to_ascii_lowercase());
            literal.bytes().cmp(sought)
        })
    }

    /// Finds the value of a path. A literal goes before a parameter, and one slash at
    /// the end is let pass. No segment may be empty, and no parameter is `.` or `..`.
    pub(super) fn find<'p>(&self, path: &'p str) -> Option<Match<'p, &T>> {
        let segments = path.strip_prefix('/')?;
        let segments = segments.strip_suffix('/').unwrap_or(segments);
        let mut parameters = Vec::new();
        let value = self.find_below(Some(segments), &mut parameters)?;
        Some(Match { value, parameters })
    }

    fn find_below<'p>(&self, path: Option<&'p str>, parameters: &mut Vec<&'p str>) -> Option<&T> {
        let Some(path) = path else {
            return self.value.as_ref();
        };
        let (segment, rest) = match path.split_once('/') {
            Some((segment, rest)) => (segment, Some(rest)),
            None => (path, None),
        };
        if let Ok(index) = self.position(segment)
            && let Some(found) = self.literals[index].1.find_below(rest, parameters)
        {
            return Some(found);
        }
        let next = self.parameter.as_ref()?;
        if segment.is_empty() || is_dots(segment) {
            return None;
        }
        parameters.push(segment);
        let found = next.find_below(rest, parameters);
        if found.is_none() {
            parameters.pop();
        }
        found
    }

    /// A value, of those that are wanted, whose pattern matches a path that these
    /// segments match as well.
    pub(super) fn overlapping(
        &self,
        segments: &[Segment],
        is_wanted: &impl Fn(&T) -> bool,
    ) -> Option<&T> {
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

#[cfg(test)]
mod tests {
    use super::{Owned, Paths, Pattern};

    fn pattern(path: &str) -> Pattern {
        Pattern::parse(path).unwrap()
    }

    fn table(host: &[&str], components: &[&str]) -> Paths<String, String> {
        let mut table = Paths::default();
        for path in host {
            *table.of_host(&pattern(path)) = Some(format!("host {path}"));
        }
        for path in components {
            *table.of_component(&pattern(path)) = Some((*path).to_owned());
        }
        table
    }

    #[track_caller]
    fn finds(table: &Paths<String, String>, path: &str, value: &str, parameters: &[&str]) {
        let found = table.find(path);
        let found = found.map(|found| {
            let (Owned::Host(value) | Owned::Component(value)) = found.value;
            (value.clone(), found.parameters)
        });
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
}
