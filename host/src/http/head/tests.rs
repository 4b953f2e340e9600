//! Heads, as tables of cases.

use hyper::Request;

use super::*;

fn checked(
    version: Version,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
) -> Result<(), Refusal> {
    let mut request = Request::builder()
        .version(version)
        .method(method)
        .uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (parts, ()) = request.body(()).unwrap().into_parts();
    check(&parts)
}

fn status(version: Version, method: &str, target: &str, headers: &[(&str, &str)]) -> u16 {
    let checked = checked(version, method, target, headers);
    checked.map_or_else(|refusal| refusal.status.as_u16(), |()| 200)
}

#[test]
fn a_refusal_names_what_is_wrong_with_the_head() {
    const ONE: Version = Version::HTTP_11;
    const TWO: Version = Version::HTTP_2;
    let host = ("host", "x");
    let long = "a".repeat(SHOWN_BYTES_MAX + 1) + "/";
    let cut = format!(
        "The Host header is no host, or host:port: '{}'",
        shown(&long)
    );
    for (version, method, target, headers, message) in [
        (
            ONE,
            "GET",
            "/",
            &[][..],
            "A request of HTTP/1.1 needs a Host header",
        ),
        (
            ONE,
            "GET",
            "/",
            &[host, host],
            "The request has more than one Host header",
        ),
        (
            ONE,
            "GET",
            "/",
            &[("host", "a b")],
            "The Host header is no host, or host:port: 'a b'",
        ),
        (ONE, "GET", "/", &[("host", &long)], &cut),
        (
            TWO,
            "GET",
            "/",
            &[],
            "A request of HTTP/2 needs an :authority, or a Host header",
        ),
        (
            TWO,
            "GET",
            "http://y/",
            &[host],
            "The Host header and :authority differ",
        ),
        (
            ONE,
            "GET",
            "*",
            &[host],
            "The target '*' is for OPTIONS alone",
        ),
        (
            ONE,
            "GET",
            "http://me@y/",
            &[host],
            "A target names no user",
        ),
        (
            ONE,
            "GET",
            "y:80",
            &[host],
            "The target 'y:80' is neither a path nor a URI",
        ),
        (
            ONE,
            "GET",
            "ftp://y/",
            &[host],
            "The target's scheme is 'ftp', neither http nor https",
        ),
        (
            ONE,
            "POST",
            "/",
            &[host, ("transfer-encoding", "chunked, gzip")],
            "In Transfer-Encoding, nothing comes after chunked",
        ),
        (
            ONE,
            "POST",
            "/",
            &[host, ("transfer-encoding", "gzip, chunked")],
            "The transfer coding 'gzip' is not supported: send chunked alone",
        ),
    ] {
        let refusal = checked(version, method, target, headers).unwrap_err();
        assert_eq!(refusal.message(), message);
    }
    assert!(cut.len() < long.len() + 50 && !cut.ends_with("/'"), "{cut}");
}

#[test]
fn a_host_is_named_once_and_in_its_form() {
    let host = |host: &str| status(Version::HTTP_11, "GET", "/", &[("host", host)]);
    for good in [
        "",
        "x",
        "localhost:9000",
        "shop.example",
        "SHOP.example:",
        "my_shop-1.example:65535",
        "127.0.0.1:9000",
        "[::1]:9000",
        "[::1]",
        "[v1.a:b]",
        "a%20b",
        "a!$&'()*+,;=~b",
    ] {
        assert_eq!(host(good), 200, "{good}");
    }
    for bad in [
        "a b",
        "a/b",
        "http://a",
        "user@a",
        "a:b",
        "a:80:80",
        "a?b",
        "a#b",
        "[::1",
        "::1",
        "[::1]9000",
        "[shop]",
        "[v.a]",
        "[v1.]",
        "a%2",
        "a%zz",
        "a\\b",
        "a\"b",
        "<a>",
        "a:-1",
    ] {
        assert_eq!(host(bad), 400, "{bad}");
    }
    let twice = [("host", "x"), ("host", "x")];
    for (version, headers, wanted) in [
        (Version::HTTP_11, &[][..], 400),
        (Version::HTTP_10, &[], 200),
        (Version::HTTP_10, &twice, 400),
        (Version::HTTP_10, &[("host", "a b")], 400),
        (Version::HTTP_11, &twice, 400),
        (Version::HTTP_2, &[], 400),
        (Version::HTTP_2, &[("host", "x")], 200),
        (Version::HTTP_2, &twice, 400),
    ] {
        let status = status(version, "GET", "/", headers);
        assert_eq!(status, wanted, "{version:?} {headers:?}");
    }
}

#[test]
fn a_target_is_a_path_or_a_uri_of_http() {
    let host = [("host", "x")];
    for (method, target, wanted) in [
        ("GET", "/a?b", 200),
        ("GET", "http://y/a", 200),
        ("GET", "https://y:443/a", 200),
        ("GET", "ftp://y/a", 400),
        ("GET", "http://user@y/a", 400),
        ("GET", "y:80", 400),
        ("GET", "y", 400),
        ("CONNECT", "y:80", 200),
        ("OPTIONS", "*", 200),
        ("GET", "*", 400),
    ] {
        let status = status(Version::HTTP_11, method, target, &host);
        assert_eq!(status, wanted, "{method} {target}");
    }
    // A URI does not replace the header.
    let without = status(Version::HTTP_11, "GET", "http://y/a", &[]);
    assert_eq!(without, 400);
}

#[test]
fn an_authority_and_a_host_of_http_2_name_one_place() {
    for (target, host, wanted) in [
        ("http://x/", None, 200),
        ("http://x/", Some("x"), 200),
        ("http://x/", Some("X:80"), 200),
        ("https://x:443/", Some("x"), 200),
        ("http://[::1]:9000/", Some("[::1]:9000"), 200),
        ("http://x/", Some("y"), 400),
        ("http://x/", Some("x:81"), 400),
        ("http://x:443/", Some("x"), 400),
        ("http://user@x/", None, 400),
    ] {
        let headers: Vec<_> = host.map(|host| ("host", host)).into_iter().collect();
        let status = status(Version::HTTP_2, "GET", target, &headers);
        assert_eq!(status, wanted, "{target} {host:?}");
    }
}

#[test]
fn a_body_comes_in_chunks_and_in_no_other_coding() {
    for (codings, wanted) in [
        (&["chunked"][..], 200),
        (&["Chunked"], 200),
        (&[" ,chunked, "], 200),
        (&["gzip, chunked"], 501),
        (&["gzip", "chunked"], 501),
        (&["identity, chunked"], 501),
        (&["chunked, chunked"], 400),
        (&["chunked", "chunked"], 400),
        (&["chunked, gzip"], 400),
    ] {
        let mut headers = vec![("host", "x")];
        headers.extend(codings.iter().map(|coding| ("transfer-encoding", *coding)));
        let status = status(Version::HTTP_11, "POST", "/", &headers);
        assert_eq!(status, wanted, "{codings:?}");
    }
}
