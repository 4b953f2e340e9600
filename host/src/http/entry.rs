//! Who enters where: the access of a request by its path and its caller. Reads no body.

use crate::components::{Access, FoundEndpoint};

use super::host_api::ENDPOINTS;

/// Paths below this one need credentials. So do those without an endpoint: a stranger does
/// not learn which ones exist.
const PRIVATE: &str = "/admin";
/// So do paths below this one, where the host itself is managed.
const MANAGED: &str = "/_wares";

/// The access of a request, by its path and its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// It has valid credentials.
    Known,
    /// It has none, and needs none.
    Stranger,
    /// It has none, and needs some.
    Refused,
    /// It has none, and its path and method have no endpoint.
    Nowhere,
}

impl Entry {
    pub(super) fn of(found: &FoundEndpoint, path: &str, is_known: bool) -> Self {
        match found {
            _ if is_known => Self::Known,
            FoundEndpoint::Host(number, _) => Self::without_credentials(ENDPOINTS[*number].access),
            FoundEndpoint::Module(endpoint) => Self::without_credentials(endpoint.access()),
            _ if is_below(path, PRIVATE) || is_managed(path) => Self::Refused,
            _ => Self::Nowhere,
        }
    }

    fn without_credentials(access: Access) -> Self {
        match access {
            Access::Admin => Self::Refused,
            Access::Anyone => Self::Stranger,
        }
    }
}

/// Whether the host itself is managed at this path.
pub(super) fn is_managed(path: &str) -> bool {
    is_below(path, MANAGED)
}

fn is_below(path: &str, root: &str) -> bool {
    path.get(..root.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(root))
        && matches!(path.as_bytes().get(root.len()), None | Some(b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::components::Method;

    /// An endpoint of the host with this access.
    fn endpoint(access: Access) -> FoundEndpoint {
        let number = ENDPOINTS.iter().position(|row| row.access == access);
        FoundEndpoint::Host(number.unwrap(), Vec::new())
    }

    #[test]
    fn an_endpoint_refuses_strangers_by_its_access() {
        for (access, is_known, entry) in [
            (Access::Anyone, false, Entry::Stranger),
            (Access::Anyone, true, Entry::Known),
            (Access::Admin, false, Entry::Refused),
            (Access::Admin, true, Entry::Known),
        ] {
            // Where an endpoint stands, its path says nothing.
            for path in ["/admin/x", "/x"] {
                let found = Entry::of(&endpoint(access), path, is_known);
                assert_eq!(found, entry, "{access:?} {is_known} {path}");
            }
        }
    }

    #[test]
    fn a_path_without_an_endpoint_is_refused_below_private_ones() {
        for (path, entry) in [
            ("/admin", Entry::Refused),
            ("/admin/", Entry::Refused),
            ("/ADMIN/nothing/here", Entry::Refused),
            ("/_wares", Entry::Refused),
            ("/_Wares/x", Entry::Refused),
            ("/administrator", Entry::Nowhere),
            ("/admi", Entry::Nowhere),
            ("/store/admin", Entry::Nowhere),
            ("//admin", Entry::Nowhere),
            ("/_waresé", Entry::Nowhere),
            ("/é_wares", Entry::Nowhere),
            ("/", Entry::Nowhere),
            ("", Entry::Nowhere),
            ("*", Entry::Nowhere),
        ] {
            for found in [
                FoundEndpoint::Nothing,
                FoundEndpoint::BadEncoding,
                FoundEndpoint::OtherMethods(vec![Method::Get]),
            ] {
                assert_eq!(Entry::of(&found, path, false), entry, "{path}");
                assert_eq!(Entry::of(&found, path, true), Entry::Known, "{path}");
            }
        }
    }
}
