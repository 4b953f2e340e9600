//! The routes of a component: each is a pattern below a prefix that the operator
//! granted, and stands there once. What is not is refused at load.

use std::borrow::Cow;
use std::collections::BTreeSet;

use wares_module_kit::http::percent::percent_decode;

use crate::engine::LoadError;
use crate::printable::cut;

use super::paths::PathTree;
use super::pattern::{PathPrefix, Pattern};
use crate::components::contract::{Method, Route};

/// Bytes that an error shows of a path.
const SHOWN_BYTES_MAX: usize = 300;

/// The method's name, as HTTP has it.
pub fn method_name(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Patch => "PATCH",
        Method::Delete => "DELETE",
    }
}

/// The routes of a version by their paths.
#[derive(Debug, Default)]
pub(in crate::components) struct RouteTree {
    patterns: Vec<Pattern>,
    /// The methods of each pattern, with the index of their route.
    tree: PathTree<Vec<(Method, u32)>>,
}

/// The result of looking a route up.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::components) enum FoundRoute {
    /// The index of the route, and the decoded values of its path parameters.
    Route(u32, Vec<String>),
    /// The path has routes of these methods only.
    OtherMethods(Vec<Method>),
    /// No route has this path.
    Nothing,
    /// A segment is not valid percent-encoding.
    BadEncoding,
}

impl RouteTree {
    /// # Errors
    /// With the first route that may not be served, and the rule that it breaks.
    pub(in crate::components) fn new(
        routes: &[Route],
        module: &str,
        prefixes: &[PathPrefix],
    ) -> Result<Self, LoadError> {
        let mut seen = BTreeSet::new();
        let mut all = Self::default();
        for (index, route) in (0_u32..).zip(routes) {
            let refused = |reason: &str| LoadError::Contract(refusal(route, reason));
            let pattern = Pattern::parse(&route.path)
                .and_then(|pattern| pattern.check_not_host().map(|()| pattern))
                .map_err(|error| refused(&error.to_string()))?;
            if !prefixes.iter().any(|prefix| pattern.lies_below(prefix)) {
                return Err(refused(&not_granted(module, prefixes)));
            }
            if !seen.insert((method_name(route.method), pattern.segments().to_vec())) {
                return Err(refused("another of its routes is the same"));
            }
            let methods = all.tree.at(pattern.segments()).get_or_insert_default();
            methods.push((route.method, index));
            all.patterns.push(pattern);
        }
        Ok(all)
    }

    /// The pattern of each route, in their order.
    pub(in crate::components) fn patterns(&self) -> &[Pattern] {
        &self.patterns
    }

    /// Looks a route up; no route has a method that is `None`.
    pub(in crate::components) fn find(&self, method: Option<Method>, path: &str) -> FoundRoute {
        let Some(found) = self.tree.find(path) else {
            return FoundRoute::Nothing;
        };
        let Some(index) = with_method(found.value, method) else {
            return FoundRoute::OtherMethods(
                found.value.iter().map(|(method, _)| *method).collect(),
            );
        };
        match decoded(&found.parameters) {
            Some(parameters) => FoundRoute::Route(index, parameters),
            None => FoundRoute::BadEncoding,
        }
    }

    /// Whether a path can be asked for, by any method.
    pub(in crate::components) fn serves(&self, path: &str) -> bool {
        let found = self.tree.find(path);
        found.is_some_and(|found| decoded(&found.parameters).is_some())
    }
}

pub(super) fn with_method<T: Copy>(endpoints: &[(Method, T)], method: Option<Method>) -> Option<T> {
    let mut endpoints = endpoints.iter();
    let found = endpoints.find(|(other, _)| Some(*other) == method);
    found.map(|(_, endpoint)| *endpoint)
}

pub(super) fn decoded(parameters: &[&str]) -> Option<Vec<String>> {
    let decoded = parameters
        .iter()
        .map(|value| percent_decode(value).ok().map(Cow::into_owned));
    decoded.collect()
}

fn refusal(route: &Route, reason: &str) -> String {
    let method = method_name(route.method);
    let path = cut(&route.path, SHOWN_BYTES_MAX);
    format!(
        "its route {method} {} is refused: {reason}",
        path.escape_debug()
    )
}

fn not_granted(module: &str, prefixes: &[PathPrefix]) -> String {
    let granted: Vec<String> = prefixes.iter().map(ToString::to_string).collect();
    let granted = match granted.as_slice() {
        [] => "none".to_owned(),
        granted => granted.join(", "),
    };
    format!(
        "it lies below none of the path prefixes that are granted ({granted}): \
         add one to modules.{module}.path_prefixes"
    )
}

#[cfg(test)]
mod tests {
    use super::{FoundRoute, RouteTree};
    use crate::components::contract::{Access, Method, Route};
    use crate::components::routing::PathPrefix;

    fn tree(routes: &[(Method, &str)]) -> Result<RouteTree, String> {
        let route = |(method, path): &(Method, &str)| Route {
            method: *method,
            path: (*path).to_owned(),
            access: Access::Admin,
            headers: Vec::new(),
            operation: String::new(),
        };
        let routes: Vec<Route> = routes.iter().map(route).collect();
        RouteTree::new(&routes, "shop", &PathPrefix::defaults()).map_err(|error| error.to_string())
    }

    fn said(routes: &[(Method, &str)]) -> Result<usize, String> {
        tree(routes).map(|tree| tree.patterns().len())
    }

    #[track_caller]
    fn check(tree: &RouteTree, method: Option<Method>, path: &str, found: FoundRoute) {
        assert_eq!(tree.find(method, path), found, "{method:?} {path}");
    }

    #[test]
    fn a_route_is_found_by_its_method_and_its_path() {
        let (get, post) = (Method::Get, Method::Post);
        let tree = tree(&[
            (get, "/admin/things"),
            (post, "/admin/things"),
            (get, "/admin/things/{id}"),
            (post, "/admin/things/new"),
        ])
        .unwrap();
        let route = |index, parameters: &[&str]| {
            let parameters = parameters.iter().map(|value| (*value).to_owned());
            FoundRoute::Route(index, parameters.collect())
        };
        check(&tree, Some(get), "/admin/things", route(0, &[]));
        check(&tree, Some(post), "/Admin/Things/", route(1, &[]));
        check(&tree, Some(get), "/admin/things/a%20b", route(2, &["a b"]));
        check(&tree, Some(post), "/admin/things/new", route(3, &[]));
        check(
            &tree,
            Some(get),
            "/admin/things/new",
            FoundRoute::OtherMethods(vec![post]),
        );
        check(
            &tree,
            None,
            "/admin/things",
            FoundRoute::OtherMethods(vec![get, post]),
        );
        check(
            &tree,
            Some(get),
            "/admin/things/%zz",
            FoundRoute::BadEncoding,
        );
        check(
            &tree,
            Some(get),
            "/admin/things/%ff",
            FoundRoute::BadEncoding,
        );
        check(&tree, Some(get), "/admin/other", FoundRoute::Nothing);
        check(&tree, None, "/admin/things/1/2", FoundRoute::Nothing);
        for (path, serves) in [
            ("/admin/things", true),
            ("/admin/things/1", true),
            ("/admin/things/%zz", false),
            ("/admin", false),
        ] {
            assert_eq!(tree.serves(path), serves, "{path}");
        }
    }

    #[test]
    fn a_route_below_a_granted_prefix_is_accepted_once() {
        let (get, post) = (Method::Get, Method::Post);
        let fine = [
            (get, "/admin/things/{id}"),
            (post, "/admin/things/{name}"),
            (get, "/admin/things/new"),
            (get, "/STORE/things"),
            (get, "/hooks"),
        ];
        assert_eq!(said(&fine), Ok(5));
        for (second, reason) in [
            (
                (get, "/admin/Things/{other}"),
                "its route GET /admin/Things/{other} is refused: another of its routes is the same",
            ),
            (
                (get, "/shop/things"),
                "its route GET /shop/things is refused: it lies below none of the path prefixes \
                 that are granted (/admin, /store, /hooks): add one to modules.shop.path_prefixes",
            ),
            (
                (post, "/admin/api-keys"),
                "its route POST /admin/api-keys is refused: \
                 /admin/api-keys and all below it are the host's",
            ),
            (
                (get, "/admin/a\u{1b}[2J"),
                "its route GET /admin/a\\u{1b}[2J is refused: the segment 'a\\u{1b}[2J' is neither \
                 a literal (letters, digits, - . _ ~) nor a whole {name}",
            ),
        ] {
            let both = [(get, "/admin/things/{id}"), second];
            assert_eq!(said(&both), Err(reason.to_owned()));
        }
    }
}
