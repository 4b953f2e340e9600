//! Where a component may send requests: the destinations that the operator granted, as
//! `POST:https://api.mail.example/v1`.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use percent_encoding::percent_decode_str;

use url::{Host, Url};

/// The methods that a request may have, and a destination may name.
pub(super) const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// One destination of a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The methods; all of them where it names none.
    methods: Vec<&'static str>,
    is_https: bool,
    host: Servers,
    port: u16,
    /// What a path begins with; it ends with a slash, or it is the whole path.
    prefix: String,
}

/// The servers of a destination.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Servers {
    /// Every public one.
    All,
    /// Those whose names end with this: a dot and a domain.
    Below(String),
    /// The one of this name.
    Named(String),
    /// The one at this address, which may be a private one.
    At(IpAddr),
}

/// Why a text is no destination.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{text}' is no destination of requests: {why}; one is [METHOD+METHOD:]http[s]://HOST[:PORT][/PATH]"
)]
pub struct NoDestination {
    text: String,
    why: String,
}

impl Destination {
    /// Every public server, by HTTPS at its standard port.
    pub(crate) fn public() -> Self {
        Self {
            methods: Vec::new(),
            is_https: true,
            host: Servers::All,
            port: 443,
            prefix: "/".to_owned(),
        }
    }

    /// Reads the text of a grant.
    ///
    /// # Errors
    /// If it is none; the error says why.
    pub(crate) fn parse(text: &str) -> Result<Self, NoDestination> {
        let no = |why: String| NoDestination {
            text: text.to_owned(),
            why,
        };
        let (methods, place) = match text.split_once(':') {
            Some((scheme, rest)) if rest.starts_with("http") => {
                (methods(scheme).map_err(no)?, rest)
            }
            _ => (Vec::new(), text),
        };
        let bad = |byte: u8| !byte.is_ascii_graphic() || b",\"\\".contains(&byte);
        if let Some(byte) = place.bytes().find(|byte| bad(*byte)) {
            return Err(no(format!("it has the character {:?}", char::from(byte))));
        }
        // The parser of URLs takes no star in a name.
        let (starred, place) = match place.split_once("://*") {
            Some((scheme, rest)) if rest.starts_with('.') => {
                (Some("."), format!("{scheme}://{}", &rest[1..]))
            }
            Some((scheme, rest)) => (Some(""), format!("{scheme}://every.invalid{rest}")),
            None => (None, place.to_owned()),
        };
        let url = Url::parse(&place).map_err(|error| no(error.to_string()))?;
        if !["http", "https"].contains(&url.scheme()) {
            return Err(no(format!("its scheme is '{}'", url.scheme())));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(no("it has the name of a user".to_owned()));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(no("it has a query or a fragment".to_owned()));
        }
        let host = match (starred, url.host()) {
            (Some(""), Some(Host::Domain("every.invalid"))) => Servers::All,
            (Some("."), Some(Host::Domain(name))) => Servers::Below(format!(".{name}")),
            (None, Some(Host::Domain(name))) => Servers::Named(name.to_owned()),
            (None, Some(Host::Ipv4(address))) => Servers::At(address.into()),
            (None, Some(Host::Ipv6(address))) => Servers::At(address.into()),
            _ => {
                return Err(no(
                    "a star stands for a whole host or for what is below a domain".to_owned(),
                ));
            }
        };
        Ok(Self {
            methods,
            is_https: url.scheme() == "https",
            host,
            port: url.port_or_known_default().unwrap_or_default(),
            prefix: url.path().to_owned(),
        })
    }

    /// Whether a request with this method and URL goes here.
    pub(super) fn has(&self, method: &str, url: &Url) -> bool {
        let host = match (&self.host, url.host()) {
            (Servers::All, Some(Host::Domain(_))) => true,
            (Servers::Below(domain), Some(Host::Domain(name))) => name.ends_with(&**domain),
            (Servers::Named(own), Some(Host::Domain(name))) => own == name,
            (Servers::At(own), Some(Host::Ipv4(address))) => *own == IpAddr::from(address),
            (Servers::At(own), Some(Host::Ipv6(address))) => *own == IpAddr::from(address),
            // Every public server has a name.
            _ => false,
        };
        host && (self.methods.is_empty() || self.methods.contains(&method))
            && self.is_https == (url.scheme() == "https")
            && url.port_or_known_default() == Some(self.port)
            && self.has_path(url.path())
    }

    /// Whether a path is the prefix, or below it.
    fn has_path(&self, path: &str) -> bool {
        let is_below = match path.strip_prefix(&*self.prefix) {
            Some(rest) => rest.is_empty() || self.prefix.ends_with('/') || rest.starts_with('/'),
            None => false,
        };
        is_below && (self.prefix == "/" || !goes_up(path))
    }

    /// The address and the port that it grants by themselves.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        match self.host {
            Servers::At(address) => Some(SocketAddr::new(address, self.port)),
            _ => None,
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.methods.is_empty() {
            write!(out, "{} to ", self.methods.join(" and "))?;
        }
        let scheme = if self.is_https { "https" } else { "http" };
        match &self.host {
            Servers::All => write!(out, "{scheme}://*")?,
            Servers::Below(domain) => write!(out, "{scheme}://*{domain}")?,
            Servers::Named(name) => write!(out, "{scheme}://{name}")?,
            Servers::At(IpAddr::V6(address)) => write!(out, "{scheme}://[{address}]")?,
            Servers::At(address) => write!(out, "{scheme}://{address}")?,
        }
        if self.port != if self.is_https { 443 } else { 80 } {
            write!(out, ":{}", self.port)?;
        }
        match &*self.prefix {
            "/" => Ok(()),
            prefix => out.write_str(prefix),
        }
    }
}

/// Whether a server that decodes a path may leave the prefix by it: the parser of URLs removes
/// the plain steps upwards, and leaves those whose slashes are encoded.
fn goes_up(path: &str) -> bool {
    let decoded: Vec<u8> = percent_decode_str(path).collect();
    decoded
        .split(|byte| b"/\\".contains(byte))
        .any(|step| step == b"..")
}

/// The methods of a text like `GET+POST`.
fn methods(text: &str) -> Result<Vec<&'static str>, String> {
    let method = |name: &str| {
        let known = METHODS.iter().find(|known| **known == name);
        known
            .copied()
            .ok_or_else(|| format!("'{name}' is no method ({})", METHODS.join(", ")))
    };
    text.split('+').map(method).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_goes_where_the_operator_granted() {
        for (granted, method, url, goes) in [
            (
                "https://api.mail.example",
                "POST",
                "https://api.mail.example/v1/send?x=1",
                true,
            ),
            (
                "https://api.mail.example",
                "GET",
                "https://API.MAIL.EXAMPLE:443/",
                true,
            ),
            (
                "https://api.mail.example",
                "GET",
                "http://api.mail.example/",
                false,
            ),
            (
                "https://api.mail.example",
                "GET",
                "https://api.mail.example:8443/",
                false,
            ),
            (
                "https://api.mail.example",
                "GET",
                "https://api.mail.example./",
                false,
            ),
            (
                "https://api.mail.example",
                "GET",
                "https://mail.example/",
                false,
            ),
            (
                "https://api.mail.example",
                "GET",
                "https://evil.api.mail.example/",
                false,
            ),
            (
                "https://api.mail.example:8443/v1",
                "GET",
                "https://api.mail.example:8443/v1",
                true,
            ),
            (
                "https://api.mail.example:8443/v1",
                "GET",
                "https://api.mail.example:8443/v1/x",
                true,
            ),
            (
                "https://api.mail.example:8443/v1",
                "GET",
                "https://api.mail.example:8443/v10",
                false,
            ),
            (
                "https://api.mail.example/v1/",
                "GET",
                "https://api.mail.example/v1/../v2",
                false,
            ),
            (
                "https://api.mail.example/v1/",
                "GET",
                "https://api.mail.example/v1/%2e%2e/v2",
                false,
            ),
            (
                "https://api.mail.example/v1/",
                "GET",
                "https://api.mail.example/v1/..%2fv2",
                false,
            ),
            (
                "https://api.mail.example",
                "GET",
                "https://api.mail.example/v1/..%2fv2",
                true,
            ),
            (
                "https://api.mail.example/v1/",
                "GET",
                "https://api.mail.example/v1/x",
                true,
            ),
            (
                "https://api.mail.example/v1/",
                "GET",
                "https://api.mail.example/v1",
                false,
            ),
            (
                "GET+POST:https://a.example",
                "POST",
                "https://a.example/",
                true,
            ),
            (
                "GET+POST:https://a.example",
                "DELETE",
                "https://a.example/",
                false,
            ),
            (
                "https://*.mail.example",
                "GET",
                "https://api.mail.example/",
                true,
            ),
            (
                "https://*.mail.example",
                "GET",
                "https://mail.example/",
                false,
            ),
            (
                "https://*.mail.example",
                "GET",
                "https://evilmail.example/",
                false,
            ),
            ("https://*", "GET", "https://any.example/", true),
            ("https://*:8443", "GET", "https://any.example:8443/", true),
            ("https://*", "GET", "https://8.8.8.8/", false),
            (
                "http://127.0.0.1:8080",
                "GET",
                "http://127.0.0.1:8080/x",
                true,
            ),
            (
                "http://127.0.0.1:8080",
                "GET",
                "http://2130706433:8080/x",
                true,
            ),
            (
                "http://127.0.0.1:8080",
                "GET",
                "http://localhost:8080/x",
                false,
            ),
            (
                "http://127.0.0.1:8080",
                "GET",
                "http://[::ffff:127.0.0.1]:8080/x",
                false,
            ),
            (
                "http://[::1]:8080",
                "GET",
                "http://[0:0:0:0:0:0:0:1]:8080/",
                true,
            ),
        ] {
            let destination = Destination::parse(granted).unwrap();
            let url = Url::parse(url).unwrap();
            assert_eq!(
                destination.has(method, &url),
                goes,
                "{granted}: {method} {url}"
            );
        }
    }

    #[test]
    fn a_destination_is_shown_as_it_is_read() {
        for text in [
            "https://*",
            "https://*.mail.example",
            "http://127.0.0.1:8080",
            "https://[2606:4700::1111]/v1",
            "https://api.mail.example:8443/v1/",
        ] {
            assert_eq!(Destination::parse(text).unwrap().to_string(), text);
        }
        let with_methods = Destination::parse("GET+POST:https://a.example").unwrap();
        assert_eq!(
            with_methods.to_string(),
            "GET and POST to https://a.example"
        );
        assert_eq!(
            Destination::public(),
            Destination::parse("https://*").unwrap()
        );
    }

    #[test]
    fn what_is_no_destination_is_refused_with_the_reason() {
        for (text, why) in [
            ("", "relative URL without a base"),
            ("api.mail.example", "relative URL without a base"),
            ("ftp://a.example", "its scheme is 'ftp'"),
            ("https://user@a.example", "it has the name of a user"),
            ("https://a.example/?x", "it has a query or a fragment"),
            ("https://a.example/#x", "it has a query or a fragment"),
            (
                "get:https://a.example",
                "'get' is no method (GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS)",
            ),
            ("https://a.example/ x", "it has the character ' '"),
            ("https://a,b.example", "it has the character ','"),
            (
                "https://*a.example",
                "a star stands for a whole host or for what is below a domain",
            ),
            (
                "https://*.127.0.0.1",
                "a star stands for a whole host or for what is below a domain",
            ),
            ("https://", "empty host"),
        ] {
            assert_eq!(Destination::parse(text).unwrap_err().why, why, "{text}");
        }
    }
}
