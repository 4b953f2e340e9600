//! Patterns, prefixes and the host's paths, as tables of cases.

use super::{PathError, PathPrefix, Pattern, belongs_to_host, is_dots};

#[test]
fn literals_and_whole_parameters_are_a_pattern_and_nothing_else() {
    for path in [
        "/admin/things",
        "/Admin/THINGS/{id}",
        "/store/a-b_c.d~e/{a}/{A}/{b-c}/{_}",
        "/hooks/...",
        "/hooks/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}/{j}/{k}/{l}/{m}/{n}/{o}",
    ] {
        assert!(Pattern::parse(path).is_ok(), "{path}");
    }
    let parameters =
        |count: usize| -> String { (0..count).map(|number| format!("/{{p{number}}}")).collect() };
    let segment = |text: &str| PathError::Segment(text.to_owned());
    let name = |text: &str| PathError::Name(text.to_owned());
    for (path, fault) in [
        ("", PathError::NoSlash),
        ("admin/things", PathError::NoSlash),
        ("*", PathError::NoSlash),
        ("/", PathError::EmptySegment),
        ("//", PathError::EmptySegment),
        ("/admin//things", PathError::EmptySegment),
        ("/admin/things/", PathError::EmptySegment),
        ("/admin/.", PathError::Dots(".".to_owned())),
        ("/admin/../auth", PathError::Dots("..".to_owned())),
        ("/admin/%2e%2e", segment("%2e%2e")),
        ("/%61uth/user", segment("%61uth")),
        ("/admin/a b", segment("a b")),
        ("/admin/a;b=c", segment("a;b=c")),
        ("/admin/a?b", segment("a?b")),
        ("/admin/a#b", segment("a#b")),
        ("/admin\\things", segment("admin\\\\things")),
        ("/admin/größe", segment("größe")),
        ("/admin/a\n", segment("a\\n")),
        ("/admin/a{b}", segment("a{b}")),
        ("/admin/{b}a", segment("{b}a")),
        ("/admin/{a", segment("{a")),
        ("/admin/a}", segment("a}")),
        ("/admin/{", segment("{")),
        ("/admin/{a}{b}", name("{a}{b}")),
        ("/admin/{{a}}", name("{{a}}")),
        ("/admin/{}", name("{}")),
        ("/admin/{*rest}", name("{*rest}")),
        ("/admin/{:a}", name("{:a}")),
        ("/admin/{a}/{b}/{a}", PathError::SameName("a".to_owned())),
        (
            &format!("/admin{}", parameters(16)),
            PathError::Segments(17),
        ),
        (
            &format!("/admin{}", parameters(26)),
            PathError::Segments(27),
        ),
        (&"/a".repeat(10_000), PathError::Segments(10_000)),
    ] {
        assert_eq!(Pattern::parse(path).unwrap_err(), fault, "{path}");
    }
    let long = format!("/admin/{{{}}}", "a".repeat(65));
    assert!(matches!(Pattern::parse(&long), Err(PathError::Name(shown)) if shown.len() < 110));
}

#[test]
fn paths_of_the_host_are_no_components_in_any_case() {
    for (path, root) in [
        ("/auth", "/auth"),
        ("/AUTH/user/emailpass", "/auth"),
        ("/auth/{x}", "/auth"),
        ("/_wares/modules", "/_wares"),
        ("/docs/index.html", "/docs"),
        ("/OpenAPI.json", "/openapi.json"),
        ("/health", "/health"),
        ("/metrics", "/metrics"),
        ("/app/anything/below", "/app"),
        ("/Admin/Users/me", "/admin/users"),
        ("/admin/api-keys/{id}/mine", "/admin/api-keys"),
    ] {
        let pattern = Pattern::parse(path).unwrap();
        let fault = Err(PathError::Host(root.to_owned()));
        assert_eq!(pattern.check_not_host(), fault, "{path}");
        assert!(belongs_to_host(path), "{path}");
    }
    for path in [
        "/admin",
        "/admin/{x}",
        "/admin/{x}/me",
        "/admin/user",
        "/admin/things/users",
        "/authors",
        "/store/auth",
        "/{x}/user/emailpass",
        "/healthy/metrics",
    ] {
        let pattern = Pattern::parse(path).unwrap();
        assert_eq!(pattern.check_not_host(), Ok(()), "{path}");
        assert!(!belongs_to_host(path), "{path}");
    }
}

#[test]
fn the_root_is_the_hosts_alone() {
    let root = Pattern::parse_of_host("/").unwrap();
    assert_eq!(root.check_not_host(), Err(PathError::Host("/".to_owned())));
    assert_eq!(Pattern::parse("/").unwrap_err(), PathError::EmptySegment);
    assert!(Pattern::parse_of_host("//").is_err() && PathPrefix::parse("/").is_err());
}

#[test]
fn a_path_of_the_hosts_is_known_in_any_encoding() {
    for path in [
        "/auth",
        "/auth/",
        "/auth//x",
        "/AUTH/%zz",
        "/%61uth/user/emailpass",
        "/%61%75%74%68",
        "/%41UTH",
        "/%5fwares/modules",
        "/%5Fwares/modules",
        "/openapi%2ejson",
        "/",
        "/admin/%61pi-keys",
        "/%61dmin/api%2Dkeys/x/revoke",
        "/admin/USER%53",
    ] {
        assert!(belongs_to_host(path), "{path}");
    }
    for path in [
        "",
        "//",
        "//auth",
        "*",
        "/%zzauth",
        "/%2561uth",
        "/admin%2fusers",
        "/admin/%",
        "/admin",
        "/admin/api-keys%00",
        "/./auth",
        "/authentication",
        "/aut",
    ] {
        assert!(!belongs_to_host(path), "{path}");
    }
}

#[test]
fn dots_are_known_in_any_encoding() {
    for segment in [".", "..", "%2e", "%2E%2e", ".%2e", "%2e."] {
        assert!(is_dots(segment), "{segment}");
    }
    for segment in ["", "...", "a", "%2", "%252e", "..;", "%2e%2e%2e"] {
        assert!(!is_dots(segment), "{segment}");
    }
}

#[test]
fn a_prefix_is_literal_and_not_the_hosts() {
    for (prefix, path, is_below) in [
        ("/admin", "/admin", true),
        ("/admin", "/ADMIN/things/{id}", true),
        ("/Shop/Hooks", "/shop/hooks/stripe", true),
        ("/shop/hooks", "/shop/{x}/stripe", false),
        ("/shop/hooks", "/shop", false),
        ("/shop", "/shopping", false),
        ("/shop", "/{x}", false),
    ] {
        let prefix = PathPrefix::parse(prefix).unwrap();
        let pattern = Pattern::parse(path).unwrap();
        assert_eq!(pattern.lies_below(&prefix), is_below, "{prefix} {path}");
    }
    for (prefix, fault) in [
        ("", PathError::NoSlash),
        ("shop", PathError::NoSlash),
        ("/", PathError::EmptySegment),
        ("/shop/", PathError::EmptySegment),
        ("/shop/{id}", PathError::Parameter("{id}".to_owned())),
        ("/%61uth", PathError::Segment("%61uth".to_owned())),
        ("/AUTH", PathError::Host("/auth".to_owned())),
        ("/app/mine", PathError::Host("/app".to_owned())),
        ("/admin/users", PathError::Host("/admin/users".to_owned())),
    ] {
        assert_eq!(PathPrefix::parse(prefix), Err(fault), "{prefix}");
    }
    let defaults: Vec<String> = PathPrefix::defaults()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(defaults, super::DEFAULT_PREFIXES);
}
