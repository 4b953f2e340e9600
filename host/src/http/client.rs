//! The address of a client, as far as it can be trusted.

use std::net::{IpAddr, SocketAddr};

use hyper::HeaderMap;

use super::HttpOptions;

/// The header in which a proxy reports for whom it asks.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The address of the client of a connection from `peer`.
pub(super) fn address(peer: SocketAddr, headers: &HeaderMap, options: &HttpOptions) -> IpAddr {
    forwarded(headers, options).unwrap_or(peer.ip())
}

/// The same for the log: without the port of a proxy's connection.
pub(super) fn shown(peer: SocketAddr, headers: &HeaderMap, options: &HttpOptions) -> String {
    let forwarded = forwarded(headers, options);
    forwarded.map_or_else(|| peer.to_string(), |client| client.to_string())
}

/// The client that a trusted proxy says it speaks for.
fn forwarded(headers: &HeaderMap, options: &HttpOptions) -> Option<IpAddr> {
    if !options.trust_forwarded {
        return None;
    }
    // The last one is what the proxy before the host wrote.
    let value = headers.get_all(FORWARDED_FOR).iter().next_back()?;
    let last = value.to_str().ok()?.rsplit(',').next()?;
    last.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn a_client_is_named_by_a_trusted_proxy_alone() {
        let peer: SocketAddr = "127.0.0.1:5000".parse().unwrap();
        for (trusted, sent, client, in_log) in [
            (false, &["10.0.0.1"][..], "127.0.0.1", "127.0.0.1:5000"),
            (true, &[], "127.0.0.1", "127.0.0.1:5000"),
            (true, &["10.0.0.1"], "10.0.0.1", "10.0.0.1"),
            (true, &["10.0.0.1, 10.0.0.2"], "10.0.0.2", "10.0.0.2"),
            (
                true,
                &["10.0.0.1", "2001:db8::1"],
                "2001:db8::1",
                "2001:db8::1",
            ),
            (
                true,
                &["10.0.0.1", "unknown"],
                "127.0.0.1",
                "127.0.0.1:5000",
            ),
            (true, &["10.0.0.1:80"], "127.0.0.1", "127.0.0.1:5000"),
            (true, &["10.0.0.1,"], "127.0.0.1", "127.0.0.1:5000"),
            (true, &["gr\u{fc}n"], "127.0.0.1", "127.0.0.1:5000"),
        ] {
            let mut headers = HeaderMap::new();
            for value in sent {
                let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
                headers.append(FORWARDED_FOR, value);
            }
            let options = HttpOptions {
                trust_forwarded: trusted,
                ..HttpOptions::for_tests()
            };
            let address = address(peer, &headers, &options).to_string();
            assert_eq!(address, client, "{trusted} {sent:?}");
            assert_eq!(shown(peer, &headers, &options), in_log, "{sent:?}");
        }
    }
}
