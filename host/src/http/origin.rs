//! The origin of a request that changes something with a session cookie alone. A browser
//! sends the cookie with every request that a page of another port or of a sibling host
//! makes it send, but no `Authorization` header.

use hyper::header::{HOST, HeaderMap, HeaderValue, ORIGIN};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;
use hyper::{Method, StatusCode};

use super::HttpOptions;
use super::answer::{Answer, Refusal};
use super::cors::Cors;
use crate::identity::Proof;

/// The header in which browsers report the origin of a request.
const SEC_FETCH_SITE: &str = "sec-fetch-site";
const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// The scheme that a client spoke with the proxy before the host. The host itself
/// speaks no TLS: `None` without a trusted proxy.
pub(super) fn scheme<'a>(headers: &'a HeaderMap, options: &HttpOptions) -> Option<&'a str> {
    if !options.trust_forwarded {
        return None;
    }
    // The last one is what the proxy before the host wrote.
    let value = headers.get_all(FORWARDED_PROTO).iter().next_back()?;
    value.to_str().ok()?.rsplit(',').next().map(str::trim)
}

/// Whether a client spoke TLS with the proxy before the host.
pub(super) fn is_https(headers: &HeaderMap, options: &HttpOptions) -> bool {
    scheme(headers, options).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"))
}

/// Checks that a request that changes something may do so: it has more than the session
/// cookie, or comes from a page of the host's own or of a listed origin.
///
/// # Errors
/// A 403 that names what is missing.
pub(super) fn check(
    parts: &Parts,
    proof: Proof,
    cors: &Cors,
    options: &HttpOptions,
) -> Result<(), Refusal> {
    let only_reads = matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS);
    if only_reads || proof == Proof::Header {
        return Ok(());
    }
    let headers = &parts.headers;
    let (origin, site) = (
        only(headers, ORIGIN.as_str()),
        only(headers, SEC_FETCH_SITE),
    );
    let fault = match (origin, site) {
        (Sent::Once(origin), _) if cors.lists(origin) => return Ok(()),
        (_, Sent::Once(site)) if site == "same-origin" => return Ok(()),
        (_, Sent::Once(site)) => format!("it has 'Sec-Fetch-Site: {}'", shown(site)),
        (Sent::Once(origin), Sent::Never) if is_own(origin, parts, options) => return Ok(()),
        (Sent::Once(origin), Sent::Never) => format!("it has 'Origin: {}'", shown(origin)),
        (Sent::Never, Sent::Never) => {
            "it has neither 'Sec-Fetch-Site' nor 'Origin', one of which every browser sends; \
             a program sends 'Authorization' instead of the cookie"
                .to_owned()
        }
        _ => "it has 'Sec-Fetch-Site' or 'Origin' more than once".to_owned(),
    };
    Err(Box::new(Answer::error(
        StatusCode::FORBIDDEN,
        "forbidden",
        &format!(
            "A session cookie alone changes something only for a page of this host ('Sec-Fetch-Site: same-origin' \
             or 'Origin' with the host's own origin) or of an origin listed in cors.origins: {fault}"
        ),
    )))
}

/// How often a header was sent.
enum Sent<'a> {
    Never,
    Once(&'a HeaderValue),
    /// More than once: it is ambiguous which one is valid.
    Often,
}

fn only<'a>(headers: &'a HeaderMap, name: &str) -> Sent<'a> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Sent::Never,
        (Some(value), None) => Sent::Once(value),
        _ => Sent::Often,
    }
}

/// A value, as far as it fits into a message.
fn shown(value: &HeaderValue) -> String {
    crate::printable::cut(value.to_str().unwrap_or("?"), 100).into_owned()
}

/// Whether an origin is that of the host itself, by the caller's name for it.
fn is_own(origin: &HeaderValue, parts: &Parts, options: &HttpOptions) -> bool {
    let split = || {
        let (scheme, authority) = origin.to_str().ok()?.split_once("://")?;
        let default_port = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return None,
        };
        let origin = authority.parse::<Authority>().ok()?;
        let host = match (parts.uri.authority(), only(&parts.headers, HOST.as_str())) {
            (Some(authority), _) => authority.clone(),
            (None, Sent::Once(host)) => Authority::try_from(host.as_bytes()).ok()?,
            _ => return None,
        };
        Some((scheme, default_port, origin, host))
    };
    let Some((scheme, default_port, origin, host)) = split() else {
        return false;
    };
    let is_plain = |authority: &Authority| !authority.as_str().contains('@');
    let port = |authority: &Authority| authority.port_u16().unwrap_or(default_port);
    is_plain(&origin)
        && is_plain(&host)
        && origin.host().eq_ignore_ascii_case(host.host())
        && port(&origin) == port(&host)
        && self::scheme(&parts.headers, options)
            .is_none_or(|forwarded| forwarded.eq_ignore_ascii_case(scheme))
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn check_of(
        method: Method,
        proof: Proof,
        trust_forwarded: bool,
        headers: &[(&str, &str)],
    ) -> Result<(), (u16, String)> {
        let mut request = Request::builder().method(method).uri("/admin/things");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let options = HttpOptions {
            origins: vec!["https://admin.example".to_owned()],
            trust_forwarded,
            ..HttpOptions::for_tests()
        };
        let cors = Cors::new(&options.origins);
        check(&parts, proof, &cors, &options)
            .map_err(|refusal| (refusal.status.as_u16(), refusal.message()))
    }

    #[test]
    fn a_refusal_names_what_the_browser_sent() {
        for (headers, fault) in [
            (
                &[][..],
                "it has neither 'Sec-Fetch-Site' nor 'Origin', one of which every browser sends; \
                 a program sends 'Authorization' instead of the cookie",
            ),
            (
                &[("sec-fetch-site", "same-site")],
                "it has 'Sec-Fetch-Site: same-site'",
            ),
            (
                &[("origin", "https://evil.example")],
                "it has 'Origin: https://evil.example'",
            ),
            (
                &[("origin", "a"), ("origin", "b")],
                "it has 'Sec-Fetch-Site' or 'Origin' more than once",
            ),
        ] {
            let message = format!(
                "A session cookie alone changes something only for a page of this host ('Sec-Fetch-Site: \
                 same-origin' or 'Origin' with the host's own origin) or of an origin listed in cors.origins: {fault}"
            );
            let refused = check_of(Method::POST, Proof::Cookie, false, headers);
            assert_eq!(refused, Err((403, message)));
        }
    }

    fn post(headers: &[(&str, &str)]) -> bool {
        let mut all = vec![("host", "shop.example:9000")];
        all.extend_from_slice(headers);
        check_of(Method::POST, Proof::Cookie, false, &all).is_ok()
    }

    #[test]
    fn reads_and_requests_with_credentials_need_no_origin() {
        let foreign = [("host", "shop.example"), ("origin", "https://evil.example")];
        for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
            assert_eq!(check_of(method, Proof::Cookie, false, &foreign), Ok(()));
        }
        for method in [
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
            Method::TRACE,
        ] {
            assert_eq!(
                check_of(method.clone(), Proof::Header, false, &foreign),
                Ok(())
            );
            assert!(check_of(method, Proof::Cookie, false, &foreign).is_err());
        }
    }

    #[test]
    fn a_page_of_the_host_or_of_a_listed_origin_changes_something() {
        for headers in [
            &[("sec-fetch-site", "same-origin")][..],
            &[
                ("sec-fetch-site", "same-origin"),
                // A proxy before the host may call it by another name.
                ("origin", "https://shop.example"),
            ],
            &[("origin", "http://shop.example:9000")],
            &[("origin", "https://shop.example:9000")],
            &[("origin", "http://Shop.Example:9000")],
            &[("origin", "https://admin.example")],
            &[
                ("origin", "https://admin.example"),
                ("sec-fetch-site", "cross-site"),
            ],
        ] {
            assert!(post(headers), "{headers:?}");
        }
    }

    #[test]
    fn every_other_page_changes_nothing() {
        for headers in [
            &[][..],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "none")],
            &[("sec-fetch-site", "Same-Origin")],
            &[("sec-fetch-site", "same-origin, cross-site")],
            &[
                ("sec-fetch-site", "same-site"),
                ("origin", "http://shop.example:9000"),
            ],
            &[
                ("sec-fetch-site", "same-origin"),
                ("sec-fetch-site", "same-site"),
            ],
            &[("origin", "null")],
            &[("origin", "")],
            &[("origin", "http://shop.example:9001")],
            &[("origin", "http://shop.example")],
            &[("origin", "http://evil.shop.example:9000")],
            &[("origin", "http://shop.example:9000.evil.example")],
            &[("origin", "http://shop.example:9000@evil.example:9000")],
            &[("origin", "ftp://shop.example:9000")],
            &[("origin", "shop.example:9000")],
            &[("origin", "http://admin.example")],
            &[
                ("origin", "http://shop.example:9000"),
                ("origin", "http://evil.example"),
            ],
        ] {
            assert!(!post(headers), "{headers:?}");
        }
    }

    #[test]
    fn a_trusted_proxy_says_which_scheme_is_the_hosts_own() {
        let ok = |proto: &str, origin: &str, trusted| {
            let headers = [
                ("host", "shop.example"),
                ("x-forwarded-proto", proto),
                ("origin", origin),
            ];
            check_of(Method::POST, Proof::Cookie, trusted, &headers).is_ok()
        };
        assert!(ok("https", "https://shop.example", true));
        assert!(ok("https", "https://shop.example:443", true));
        assert!(!ok("https", "http://shop.example", true));
        assert!(!ok("http", "https://shop.example", true));
        assert!(ok("https", "http://shop.example", false));
    }
}
