//! Versions in the names of interfaces, `namespace:package/interface@version`,
//! and which of two are compatible: the rules by which wasmtime looks names up, for messages
//! about missing ones.

use semver::Version;

/// Splits a name into the part without its version, and its version if it has one.
pub(crate) fn split(name: &str) -> (&str, Option<Version>) {
    match name.split_once('@') {
        Some((interface, version)) => (interface, Version::parse(version).ok()),
        None => (name, None),
    }
}

/// Whether one of these names may be linked to the other: the same interface, with versions
/// that semver calls compatible, whichever is later.
pub(crate) fn are_compatible(one: &str, other: &str) -> bool {
    let ((interface, one_version), (other_interface, other_version)) = (split(one), split(other));
    let (Some(a), Some(b)) = (one_version, other_version) else {
        return one == other;
    };
    if interface != other_interface || !a.pre.is_empty() || !b.pre.is_empty() {
        return one == other;
    }
    match (a.major, a.minor) {
        (0, 0) => one == other,
        (0, minor) => b.major == 0 && b.minor == minor,
        (major, _) => b.major == major,
    }
}

/// The name of the package of an interface: `notes` of `shop:notes/hooks@2.0.0`.
pub(super) fn package(interface: &str) -> String {
    let package = interface.split_once('/').map_or("", |(package, _)| package);
    let name = package.split_once(':').map_or(package, |(_, name)| name);
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::are_compatible;

    #[test]
    fn versions_fit_together_as_semver_has_it() {
        for (one, other, fit) in [
            ("a:b/c@1.0.0", "a:b/c@1.0.0", true),
            ("a:b/c@1.0.0", "a:b/c@1.9.0", true),
            ("a:b/c@1.9.3", "a:b/c@1.0.0", true),
            ("a:b/c@1.0.0", "a:b/c@2.0.0", false),
            ("a:b/c@1.0.0", "a:b/d@1.0.0", false),
            ("a:b/c@0.2.6", "a:b/c@0.2.12", true),
            ("a:b/c@0.2.0", "a:b/c@0.3.0", false),
            ("a:b/c@0.0.1", "a:b/c@0.0.2", false),
            ("a:b/c@0.2.0-rc.1", "a:b/c@0.2.0-rc.1", true),
            ("a:b/c@0.2.0-rc.1", "a:b/c@0.2.0", false),
            ("a:b/c@1.0.0", "a:b/c", false),
            ("a:b/c", "a:b/c", true),
        ] {
            assert_eq!(are_compatible(one, other), fit, "{one} {other}");
            assert_eq!(are_compatible(other, one), fit, "{other} {one}");
        }
    }
}
