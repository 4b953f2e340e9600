//! Any lines as routes and prefixes: each is a pattern or is refused, a path of the host is
//! found only among the host's, and every pattern is found by a path made from it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wares::components::{Claim, Claims, Owned, PathPrefix, Paths, Pattern, belongs_to_host};
use wares::http::host_paths;

/// Numbers by patterns of the host, and by those of components.
type Table = Paths<usize, usize>;

/// Enough routes to collide.
const ROUTES_MAX: usize = 16;

fuzz_target!(|text: &str| {
    let mut table = Table::default();
    for (number, path) in host_paths().enumerate() {
        assert!(belongs_to_host(path), "{path}");
        let pattern = Pattern::parse_of_host(path).expect("a path of the host's is a pattern");
        assert!(pattern.check_not_host().is_err(), "{path}");
        *table.of_host(&pattern) = Some(number);
    }
    let mut claims = Claims::default();
    let mut routes = Vec::new();
    for (number, path) in text.lines().take(ROUTES_MAX).enumerate() {
        // A granted prefix contains no path of the host.
        if let Ok(prefix) = PathPrefix::parse(path) {
            assert!(!belongs_to_host(&prefix.to_string()), "{path}");
            let below = format!("{prefix}/{{x}}");
            if let Ok(pattern) = Pattern::parse(&below) {
                assert!(pattern.lies_below(&prefix), "{below}");
            }
        }
        let Ok(pattern) = Pattern::parse(path) else {
            continue;
        };
        let is_free = pattern.check_not_host().is_ok();
        // Even a refused one would not be called for a path of the host.
        let value = table.of_component(&pattern);
        value.get_or_insert(number);
        if is_free {
            routes.push((number, path));
        }
        let claim = Claim {
            owner: ["one", "other"][number % 2],
            method: "GET",
            path,
        };
        let _ = claims.add(claim, &pattern);
    }
    for (_, path) in &routes {
        for value in ["x", "%2F", "A-b", "..."] {
            found(&table, path, value);
        }
    }
    for path in host_paths() {
        for (_, route) in &routes {
            let value = route.rsplit('/').next().unwrap_or_default();
            the_hosts(&table, &filled(path, value));
        }
        the_hosts(&table, path);
    }
    // Any input as a path.
    for path in text.lines().take(ROUTES_MAX) {
        let _ = table.find(path);
    }
});

/// A path that this pattern matches.
fn filled(pattern: &str, value: &str) -> String {
    let segment = |segment: &str| match segment.starts_with('{') {
        true => value.to_owned(),
        false => segment.to_owned(),
    };
    pattern
        .split('/')
        .map(segment)
        .collect::<Vec<_>>()
        .join("/")
}

/// A path of a component is found, in any case, with a value for each parameter.
fn found(table: &Table, pattern: &str, value: &str) {
    let path = filled(pattern, value);
    for path in [
        path.to_ascii_uppercase(),
        path.to_ascii_lowercase(),
        format!("{path}/"),
        path,
    ] {
        if belongs_to_host(&path) {
            the_hosts(table, &path);
            continue;
        }
        let found = table.find(&path).expect("a path made of a pattern");
        assert!(matches!(found.value, Owned::Component(_)), "{path}");
    }
}

/// A path of the host belongs to no component, in any case or encoding.
fn the_hosts(table: &Table, path: &str) {
    let encoded = |upper: bool| -> String {
        path.bytes()
            .map(|byte| match byte {
                b'/' => "/".to_owned(),
                byte if upper => format!("%{byte:02X}"),
                byte => format!("%{byte:02x}"),
            })
            .collect()
    };
    let mixed: String = path
        .char_indices()
        .map(|(index, letter)| match index % 3 {
            1 if letter != '/' && letter.is_ascii() => format!("%{:02x}", u32::from(letter)),
            2 => letter.to_ascii_uppercase().to_string(),
            _ => letter.to_string(),
        })
        .collect();
    for path in [
        path.to_owned(),
        path.to_ascii_uppercase(),
        format!("{path}/"),
        format!("{path}//"),
        format!("{path}/more"),
        encoded(true),
        encoded(false),
        mixed,
    ] {
        assert!(belongs_to_host(&path), "{path}");
        if let Some(found) = table.find(&path) {
            assert!(matches!(found.value, Owned::Host(_)), "{path}");
        }
    }
}
