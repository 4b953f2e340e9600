//! The settings of requests: `server.…` and `cors.…`.

use std::time::Duration;

use super::HttpOptions;
use crate::config::Reader;

impl HttpOptions {
    /// `head_timeout` is that of connections, `component_bytes_max` that of compiling.
    pub(crate) fn read(
        head_timeout: Duration,
        component_bytes_max: usize,
        reader: &mut Reader,
    ) -> Self {
        Self {
            head_timeout,
            component_bytes_max,
            body_bytes_max: reader.bytes(
                "server.body_bytes_max",
                1 << 10..=64 << 20,
                102_400,
                "the largest body of a request, unpacked",
            ),
            body_timeout: reader.duration(
                "server.body_timeout_ms",
                30_000,
                "until a request's body must have arrived, and how long a client may take nothing of its answers",
            ),
            idle_timeout: reader.duration(
                "server.idle_timeout_ms",
                75_000,
                "how long a connection stays open on which nothing is asked",
            ),
            trust_forwarded: reader.flag(
                "server.trust_forwarded",
                false,
                "believe a proxy's X-Forwarded-For and X-Forwarded-Proto",
            ),
            docs: reader.flag(
                "server.docs",
                true,
                "describe the API at /openapi.json and /docs",
            ),
            origins: reader
                .list(
                    "cors.origins",
                    "a list of origins, each scheme://host or scheme://host:port",
                    "",
                    "origins whose pages may use the host, like https://shop.example",
                    |origins| origins.iter().all(|origin| is_origin(origin)).then_some(origins),
                )
                .unwrap_or_default(),
        }
    }
}

/// Whether a text is an origin as browsers send it: no path, not even `/`.
fn is_origin(text: &str) -> bool {
    let scheme = |name: &str| text.strip_prefix(name);
    scheme("https://")
        .or_else(|| scheme("http://"))
        .is_some_and(|host| {
            !host.is_empty()
                && host
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b".:-[]".contains(&byte))
        })
}
