//! The routes of a component: each is a pattern below a prefix that the operator
//! granted, and stands there once. What is not is refused at load.

use std::collections::BTreeSet;

use crate::engine::LoadError;
use crate::printable::cut;

use super::path::{PathPrefix, Pattern};
use super::{Method, Route};

/// What an error shows of a path, in bytes.
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

/// The patterns of these routes, in their order.
///
/// # Errors
/// With the first route that may not be served, and the rule that it breaks.
pub(super) fn patterns(
    routes: &[Route],
    module: &str,
    prefixes: &[PathPrefix],
) -> Result<Vec<Pattern>, LoadError> {
    let mut seen = BTreeSet::new();
    let mut patterns = Vec::with_capacity(routes.len());
    for route in routes {
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
        patterns.push(pattern);
    }
    Ok(patterns)
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
    use super::patterns;
    use crate::components::path::PathPrefix;
    use crate::components::{Access, Method, Route};

    fn said(routes: &[(Method, &str)]) -> Result<usize, String> {
        let route = |(method, path): &(Method, &str)| Route {
            method: *method,
            path: (*path).to_owned(),
            access: Access::Admin,
            headers: Vec::new(),
            operation: String::new(),
        };
        let routes: Vec<Route> = routes.iter().map(route).collect();
        let patterns = patterns(&routes, "shop", &PathPrefix::defaults());
        patterns
            .map(|patterns| patterns.len())
            .map_err(|error| error.to_string())
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
