//! The headers that cross between HTTP and a component: those of a request that a
//! component may see, and those of its answer that it may set. All others are dropped.
//! Names are compared as HTTP compares them, without regard to case.

use std::borrow::Cow;

/// Request headers that a component may see, beside those below `x-`.
const SEEN: [&str; 23] = [
    "accept",
    "accept-language",
    "content-digest",
    "content-language",
    "content-type",
    "date",
    "digest",
    "idempotency-key",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-unmodified-since",
    "origin",
    "prefer",
    "repr-digest",
    "signature",
    "signature-input",
    "svix-id",
    "svix-timestamp",
    "traceparent",
    "user-agent",
    "webhook-id",
    "webhook-timestamp",
];

/// Names below `x-` that only look like a credential.
const NO_CREDENTIALS: [&str; 1] = ["x-idempotency-key"];

/// Words that mark a credential anywhere in a name.
const CREDENTIALS: [&str; 14] = [
    "accesskey",
    "apikey",
    "assertion",
    "auth",
    "bearer",
    "cookie",
    "credential",
    "csrf",
    "jwt",
    "passw",
    "principal",
    "secret",
    "session",
    "token",
];

/// Words that mark a credential as a whole part of a name between hyphens.
const CREDENTIAL_PARTS: [&str; 9] = [
    "key", "keys", "mfa", "otp", "pass", "pin", "pwd", "sid", "xsrf",
];

/// First words after `x-` of headers between proxies and the servers behind them, alone or
/// with a hyphen and more after them.
const PROXIES: [&str; 47] = [
    "accel",
    "amz",
    "amzn",
    "appengine",
    "archive",
    "arr",
    "azure",
    "cache",
    "cdn",
    "client",
    "clientip",
    "cluster",
    "envoy",
    "fastly",
    "forwarded",
    "goog",
    "host",
    "http",
    "kong",
    "lighttpd",
    "litespeed",
    "method",
    "middleware",
    "ms",
    "nf",
    "original",
    "originating",
    "port",
    "proto",
    "protocol",
    "proxy",
    "real",
    "remote",
    "reproxy",
    "rewrite",
    "scheme",
    "sendfile",
    "server",
    "ssl",
    "sucuri",
    "tls",
    "true",
    "url",
    "varnish",
    "vercel",
    "waf",
    "wares",
];

/// Response headers that a component may set, beside those below `x-`.
const SET: [&str; 9] = [
    "cache-control",
    "content-disposition",
    "content-language",
    "content-type",
    "etag",
    "last-modified",
    "link",
    "location",
    "retry-after",
];

/// First words after `x-` of headers that tell the host or a browser how to treat an
/// answer, alone or with a hyphen and more after them.
const TREATMENT: [&str; 16] = [
    "content-security-policy",
    "content-type-options",
    "csrf",
    "dns-prefetch-control",
    "download-options",
    "firefox-spdy",
    "frame-options",
    "permitted-cross-domain-policies",
    "pingback",
    "powered-by",
    "request-id",
    "sourcemap",
    "ua-compatible",
    "webkit-csp",
    "xsrf",
    "xss-protection",
];

/// Headers that one route may ask for.
const ASKED_MAX: usize = 64;
/// The shown part of a refused name, in bytes.
const SHOWN_BYTES_MAX: usize = 100;

/// Whether a component may see this header of a request.
pub(crate) fn may_be_seen(name: &str) -> bool {
    let name = normal(name);
    if SEEN.contains(&&*name) || NO_CREDENTIALS.contains(&&*name) {
        return true;
    }
    let carries_credential = CREDENTIALS.iter().any(|word| name.contains(word))
        || name.split('-').any(|part| CREDENTIAL_PARTS.contains(&part));
    if carries_credential {
        return false;
    }
    match name.strip_prefix("x-") {
        Some(rest) => !rest.is_empty() && !begins(rest, &PROXIES) && !begins(rest, &["request-id"]),
        // Senders of webhooks sign them in a header of their own.
        None => {
            name.ends_with("-signature") && !begins(&name, &["wares", "proxy", "sec", "cf", "via"])
        }
    }
}

/// Whether a component may set this header of its answer.
pub(crate) fn may_be_set(name: &str) -> bool {
    let name = normal(name);
    if SET.contains(&&*name) {
        return true;
    }
    name.strip_prefix("x-").is_some_and(|rest| {
        !rest.is_empty()
            && !begins(rest, &PROXIES)
            && !begins(rest, &TREATMENT)
            && !["auth", "cookie"].iter().any(|word| rest.contains(word))
    })
}

/// Lower-cases the names of the headers that a route asks for.
///
/// # Errors
/// A sentence about the route if it asks for a header that no component may see, for one
/// header twice, or for too many.
pub(crate) fn asked(names: &mut [String]) -> Result<(), String> {
    if names.len() > ASKED_MAX {
        return Err(format!(
            "asks for {} headers, more than {ASKED_MAX}",
            names.len()
        ));
    }
    for index in 0..names.len() {
        names[index].make_ascii_lowercase();
        let (before, name) = (&names[..index], &names[index]);
        let shown = || {
            crate::printable::cut(name, SHOWN_BYTES_MAX)
                .escape_debug()
                .to_string()
        };
        if !is_token(name) || !may_be_seen(name) {
            return Err(format!(
                "asks for the header '{}', which no component sees: a route may ask for {}, for names that end in \
                 -signature, and for names that begin with x-, but for none that carries a credential or that \
                 proxies set",
                shown(),
                SEEN.join(", "),
            ));
        }
        if before.contains(name) {
            return Err(format!("asks for the header '{}' twice", shown()));
        }
    }
    Ok(())
}

/// A name as it is compared. Some servers take `_` for `-`, so the two are alike.
fn normal(name: &str) -> Cow<'_, str> {
    if name
        .bytes()
        .any(|byte| byte.is_ascii_uppercase() || byte == b'_')
    {
        Cow::Owned(name.to_ascii_lowercase().replace('_', "-"))
    } else {
        Cow::Borrowed(name)
    }
}

/// Whether a text is one of these, or one of these with a hyphen and more behind it.
fn begins(text: &str, with: &[&str]) -> bool {
    with.iter().any(|word| {
        text.strip_prefix(word)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    })
}

/// Whether a text can be the name of a header (RFC 9110, 5.6.2).
pub(crate) fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_sees_no_header_of_credentials_or_proxies() {
        for name in [
            "Accept",
            "ACCEPT-LANGUAGE",
            "content-type",
            "If-None-Match",
            "Idempotency-Key",
            "Origin",
            "Stripe-Signature",
            "Webhook-Signature",
            "x-hub-signature-256",
            "X-Shopify-Hmac-SHA256",
            "x-idempotency-key",
            "x-reader",
        ] {
            assert!(may_be_seen(name), "{name}");
        }
        for name in [
            "",
            "x-",
            "Authorization",
            "authorization",
            "Proxy-Authorization",
            "proxy-signature",
            "Cookie",
            "cookie2",
            "Set-Cookie",
            "X-API-Key",
            "x_api_key",
            "x-api_key",
            "X-ApiKey",
            "x-access-key",
            "X-Auth-Token",
            "x-auth-request-user",
            "X-Authorization",
            "x-amz-security-token",
            "x-amzn-oidc-data",
            "x-medusa-access-token",
            "x-publishable-api-key",
            "X-CSRF-Token",
            "x-xsrf",
            "x-secret",
            "x-session-id",
            "x-sid",
            "x-jwt-assertion",
            "x-goog-iap-jwt-assertion",
            "x-ms-client-principal",
            "X-Forwarded-For",
            "X-Forwarded",
            "x-forwarded_for",
            "X-Real-IP",
            "X-Original-URL",
            "X-Rewrite-URL",
            "X-Client-IP",
            "X-ClientIP",
            "x-true-client-ip",
            "x-http-method-override",
            "x-request-id",
            "x-wares-anything",
            "wares-signature",
            "Forwarded",
            "Via",
            "Host",
            "Connection",
            "Keep-Alive",
            "Transfer-Encoding",
            "TE",
            "Upgrade",
            "Trailer",
            "Referer",
            "Sec-Fetch-Site",
            "Range",
            "auth-signature",
        ] {
            assert!(!may_be_seen(name), "{name}");
        }
    }

    #[test]
    fn a_component_sets_only_headers_that_describe_its_answer() {
        for name in [
            "Content-Type",
            "content-disposition",
            "Content-Language",
            "CACHE-CONTROL",
            "ETag",
            "Last-Modified",
            "Location",
            "Retry-After",
            "Link",
            "X-Total-Count",
            "x-robots-tag",
        ] {
            assert!(may_be_set(name), "{name}");
        }
        for name in [
            "",
            "x-",
            "Set-Cookie",
            "Set-Cookie2",
            "Access-Control-Allow-Origin",
            "Clear-Site-Data",
            "Service-Worker-Allowed",
            "Content-Encoding",
            "Content-Length",
            "Content-Location",
            "Content-Security-Policy",
            "Content-Security-Policy-Report-Only",
            "Cross-Origin-Opener-Policy",
            "Strict-Transport-Security",
            "Public-Key-Pins",
            "Alt-Svc",
            "Refresh",
            "Report-To",
            "Reporting-Endpoints",
            "NEL",
            "SourceMap",
            "Timing-Allow-Origin",
            "Transfer-Encoding",
            "Connection",
            "Upgrade",
            "Trailer",
            "Vary",
            "Server",
            "Date",
            "Via",
            "WWW-Authenticate",
            "Proxy-Authenticate",
            "X-Request-Id",
            "X-Content-Type-Options",
            "X-Frame-Options",
            "X-XSS-Protection",
            "X-Powered-By",
            "X-Accel-Redirect",
            "x_accel_redirect",
            "x-accel_redirect",
            "X-Sendfile",
            "X-Sendfile-Temporary",
            "X-LIGHTTPD-send-file",
            "X-Reproxy-URL",
            "X-Forwarded-Host",
            "X-Permitted-Cross-Domain-Policies",
            "X-DNS-Prefetch-Control",
            "X-Set-Cookie",
            "X-Auth-Token",
            "X-CSRF-Token",
            "X-WebKit-CSP",
            "X-SourceMap",
            "X-Wares-Anything",
        ] {
            assert!(!may_be_set(name), "{name}");
        }
    }

    #[test]
    fn the_guide_names_all_listed_headers() {
        let guide = include_str!("../../docs/modules.md");
        for name in SEEN.iter().chain(&SET) {
            assert!(guide.contains(&format!("`{name}`")), "{name}");
        }
    }

    #[test]
    fn requested_headers_are_normalised_or_refused() {
        let ask = |names: &[&str]| {
            let mut names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            asked(&mut names).map(|()| names)
        };
        assert_eq!(
            ask(&["Accept", "X-Reader"]),
            Ok(vec!["accept".to_owned(), "x-reader".to_owned()])
        );
        let refused = ask(&["accept", "AUTHORIZATION"]).unwrap_err();
        assert!(
            refused.starts_with("asks for the header 'authorization', which no component sees"),
            "{refused}"
        );
        let refused = ask(&["x-two\r\nlines"]).unwrap_err();
        assert!(
            refused.contains("'x-two\\r\\nlines'"),
            "what is no name is refused as such: {refused}"
        );
        assert_eq!(
            ask(&["x-a", "X-A"]),
            Err("asks for the header 'x-a' twice".to_owned())
        );
        assert_eq!(
            ask(&["x-a"; ASKED_MAX + 1]),
            Err("asks for 65 headers, more than 64".to_owned())
        );
    }
}
