//! Any names and values as the headers of a request and of a component's answer:
//! only listed headers cross, and they can be sent.

#![no_main]

use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;
use wares::components::{Header, Response};
use wares::http::crossing::{answer_of, seen};

/// Parts of names that no component may see, and none may set.
const CREDENTIALS: [&str; 8] = [
    "auth", "cookie", "token", "secret", "session", "passw", "csrf", "jwt",
];
const PROXIES: [&str; 6] = [
    "x-forwarded", "x-real", "x-original", "x-rewrite", "x-client", "forwarded",
];
/// Headers that control a browser or a proxy.
const TREATMENT: [&str; 24] = [
    "set-cookie", "set-cookie2", "access-control", "clear-site-data", "service-worker",
    "content-encoding", "content-length", "transfer-encoding", "connection", "upgrade", "trailer",
    "te", "strict-transport-security", "cross-origin", "refresh", "report-to", "nel", "alt-svc",
    "www-authenticate", "proxy", "x-accel", "x-sendfile", "x-frame-options", "x-request-id",
];

fuzz_target!(|bytes: &[u8]| {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let status = lines.next().map_or(200, |line| {
        line.iter()
            .fold(0_u16, |status, byte| status.wrapping_mul(31).wrapping_add(u16::from(*byte)))
    });
    let pairs: Vec<(&[u8], &[u8])> = lines
        .map(|line| match line.iter().position(|byte| *byte == b':') {
            Some(at) => (&line[..at], &line[at + 1..]),
            None => (line, &b""[..]),
        })
        .collect();
    see(&pairs);
    answer(status % 700, &pairs);
});

/// A request with all headers, and a route that asks for each of them.
fn see(pairs: &[(&[u8], &[u8])]) {
    let mut headers = HeaderMap::new();
    let mut asked = Vec::new();
    for (name, value) in pairs {
        asked.push(String::from_utf8_lossy(name).into_owned());
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    for header in seen(&headers, &asked) {
        let name = &header.name;
        assert!(headers.get_all(name).iter().any(|value| value == header.value.as_str()), "{name}");
        assert_eq!(*name, name.to_ascii_lowercase());
        let name = name.replace('_', "-");
        let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
        assert!(!has(&CREDENTIALS), "{name} is seen");
        assert!(!begins(&name, &PROXIES), "{name} is seen");
    }
}

/// Whether a name is one of these, or one of these with a hyphen and more after it.
fn begins(name: &str, with: &[&str]) -> bool {
    with.iter().any(|word| {
        name.strip_prefix(word)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    })
}

fn answer(status: u16, pairs: &[(&[u8], &[u8])]) {
    let headers = pairs
        .iter()
        .map(|(name, value)| Header {
            name: String::from_utf8_lossy(name).into_owned(),
            value: String::from_utf8_lossy(value).into_owned(),
        })
        .collect();
    let response = Response {
        status,
        headers,
        body: b"{}".to_vec(),
    };
    let Ok(mut crossed) = answer_of(response) else {
        return;
    };
    crossed.keep_within(|path| {
        assert!(path.starts_with('/') && !path.starts_with("//") && !path.contains(['\\', '\t', ' ']), "{path}");
        assert!(!path.split('/').any(|segment| matches!(segment, "." | "..")), "{path}");
        true
    });
    let headers = &crossed.answer.headers;
    for (name, value) in headers {
        assert!(value.as_bytes().iter().all(|byte| *byte >= b' ' || *byte == b'\t'), "{name}");
        let own = ["x-content-type-options", "content-security-policy"].contains(&name.as_str());
        let text = name.as_str().replace('_', "-");
        assert!(own || !begins(&text, &TREATMENT), "{name} is set");
        assert!(!text.contains("cookie"), "{name} is set");
    }
    for name in ["content-type", "etag", "location", "x-content-type-options"] {
        assert!(headers.get_all(name).iter().count() <= 1, "{name}");
    }
    assert_eq!(headers["x-content-type-options"], "nosniff");
    let media = headers["content-type"].to_str().expect("a media type").to_ascii_lowercase();
    let essence = media.split(';').next().expect("one").trim();
    if essence != "application/json" && !essence.ends_with("+json") {
        assert_eq!(headers["content-security-policy"], "sandbox", "{media}");
    }
    assert!(!media.contains(','), "{media}");
}
