//! Sends requests: resolves a name once, checks every address, connects to a checked one,
//! follows no redirect, and reads an answer within bounds.

use std::io::Read;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use flate2::read::{MultiGzDecoder, ZlibDecoder};
use ureq::config::{AutoHeaderValue, Config};
use ureq::http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap, HeaderValue,
};
use ureq::http::{Request, Response, Uri};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Timeout};

use super::address;
use super::error::{Code, Failure};

/// What an answer's status line and headers may take.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// How long a connection may take to come about.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// Connections that a component keeps for later requests.
const IDLE_MAX: usize = 4;

/// How a request may be answered.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    /// From the name's resolution to the last byte.
    pub(super) time: Duration,
    /// The body, decompressed.
    pub(super) body_bytes_max: u64,
}

/// Authorities that vouch for servers.
#[derive(Clone, Debug)]
pub struct Roots(Vec<Certificate<'static>>);

impl Roots {
    /// Reads the certificates of a file in the format PEM.
    ///
    /// # Errors
    /// If it has none, or a malformed one; the error says so.
    pub fn read(pem: &[u8]) -> Result<Self, String> {
        let mut certificates = Vec::new();
        for item in parse_pem(pem) {
            if let PemItem::Certificate(certificate) = item.map_err(|error| error.to_string())? {
                certificates.push(certificate);
            }
        }
        match certificates.is_empty() {
            true => Err("it has no certificate in the format PEM".to_owned()),
            false => Ok(Self(certificates)),
        }
    }
}

/// The connections of one component.
#[derive(Debug)]
pub(super) struct Client {
    agent: Agent,
}

impl Client {
    /// A client that connects to public addresses, and to these others. Without `roots`, the
    /// public authorities vouch for servers.
    pub(super) fn new(granted: Vec<SocketAddr>, agent: &str, roots: Option<&Roots>) -> Self {
        let roots = roots.map_or(RootCerts::WebPki, |roots| {
            RootCerts::new_with_certs(&roots.0)
        });
        let config = Config::builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            // Not those of the environment: what is checked is what is connected to.
            .proxy(None)
            .user_agent(AutoHeaderValue::Provided(agent.to_owned().into()))
            .accept(AutoHeaderValue::None)
            .accept_encoding(AutoHeaderValue::None)
            .max_response_header_size(HEAD_BYTES_MAX)
            .max_idle_connections(IDLE_MAX)
            .max_idle_connections_per_host(IDLE_MAX)
            .timeout_connect(Some(CONNECT_MAX))
            .timeout_resolve(Some(CONNECT_MAX))
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .build();
        let resolver = Checked {
            granted,
            system: DefaultResolver::default(),
        };
        let agent = Agent::with_parts(config, DefaultConnector::default(), resolver);
        Self { agent }
    }

    /// Sends a request, and reads its answer.
    ///
    /// # Errors
    /// When no whole answer comes within the bounds.
    pub(super) fn send(
        &self,
        mut request: Request<Vec<u8>>,
        bounds: Bounds,
    ) -> Result<Response<Vec<u8>>, Failure> {
        let encodings = HeaderValue::from_static("gzip, deflate");
        request.headers_mut().insert(ACCEPT_ENCODING, encodings);
        let request = self
            .agent
            .configure_request(request)
            .timeout_global(Some(bounds.time))
            .build();
        let answer = self
            .agent
            .run(request)
            .map_err(|error| failure(&error, bounds))?;
        let (mut head, body) = answer.into_parts();
        let mut bytes = Vec::new();
        let reader = body.into_with_config().limit(u64::MAX).reader();
        read_within(reader, bounds, &mut bytes)?;
        let body = decompressed(&mut head.headers, bytes, bounds)?;
        Ok(Response::from_parts(head, body))
    }
}

/// Reads a body. One byte more tells one that ends at the bound from one that goes on.
fn read_within(reader: impl Read, bounds: Bounds, into: &mut Vec<u8>) -> Result<(), Failure> {
    let read = reader.take(bounds.body_bytes_max + 1).read_to_end(into);
    if into.len() as u64 > bounds.body_bytes_max {
        return Err(too_large(bounds));
    }
    read.map(drop).map_err(|error| {
        let inner = error
            .get_ref()
            .and_then(|error| error.downcast_ref::<ureq::Error>());
        match inner {
            Some(error) => failure(error, bounds),
            None => Failure::new(Code::Protocol, format!("the answer breaks off: {error}")).sent(),
        }
    })
}

/// The body as it was before it was compressed. Its headers tell of it afterwards.
fn decompressed(
    headers: &mut HeaderMap,
    bytes: Vec<u8>,
    bounds: Bounds,
) -> Result<Vec<u8>, Failure> {
    let Some(encoding) = headers.remove(CONTENT_ENCODING) else {
        return Ok(bytes);
    };
    headers.remove(CONTENT_LENGTH);
    let mut body = Vec::new();
    let broken = |error: Failure| match error.code {
        Code::TooLarge => error,
        _ => Failure::new(
            Code::Protocol,
            "the answer is not compressed as it says".to_owned(),
        )
        .sent(),
    };
    match encoding.as_bytes().to_ascii_lowercase().as_slice() {
        b"identity" => return Ok(bytes),
        b"gzip" | b"x-gzip" => {
            read_within(MultiGzDecoder::new(&*bytes), bounds, &mut body).map_err(broken)?
        }
        b"deflate" => read_within(ZlibDecoder::new(&*bytes), bounds, &mut body).map_err(broken)?,
        other => {
            let other = String::from_utf8_lossy(other);
            let why = format!("the answer is compressed by '{other}', which was not asked for");
            return Err(Failure::new(Code::Protocol, why).sent());
        }
    }
    Ok(body)
}

fn too_large(bounds: Bounds) -> Failure {
    let why = format!("the answer has more than {} bytes", bounds.body_bytes_max);
    Failure::new(Code::TooLarge, why).sent()
}

/// What went wrong, for the component and the log.
fn failure(error: &ureq::Error, bounds: Bounds) -> Failure {
    use ureq::Error as From;
    match error {
        From::Timeout(Timeout::Resolve) => Failure::new(
            Code::Unreachable,
            "its name was not resolved in time".to_owned(),
        ),
        From::Timeout(Timeout::Connect) => Failure::new(
            Code::Unreachable,
            "no connection came about in time".to_owned(),
        ),
        From::Timeout(_) => {
            let why = format!(
                "there was no whole answer after {} ms",
                bounds.time.as_millis()
            );
            Failure::new(Code::Timeout, why).sent()
        }
        From::HostNotFound => Failure::new(Code::Unreachable, "no server has this name".to_owned()),
        From::Rustls(error) => Failure::new(Code::Certificate, error.to_string()),
        From::Tls(error) => Failure::new(Code::Certificate, (*error).to_owned()),
        From::LargeResponseHeader(..) => {
            let why = format!("the headers of the answer have more than {HEAD_BYTES_MAX} bytes");
            Failure::new(Code::TooLarge, why).sent()
        }
        From::Protocol(error) => Failure::new(Code::Protocol, error.to_string()).sent(),
        From::Io(error) => of_io(error),
        From::Other(error) => match error.downcast_ref::<Failure>() {
            Some(refused) => refused.clone(),
            None => Failure::new(Code::Unreachable, error.to_string()),
        },
        error => Failure::new(Code::Protocol, error.to_string()).sent(),
    }
}

fn of_io(error: &std::io::Error) -> Failure {
    use std::io::ErrorKind as Kind;
    match error.kind() {
        Kind::ConnectionRefused
        | Kind::HostUnreachable
        | Kind::NetworkUnreachable
        | Kind::AddrNotAvailable => Failure::new(Code::Unreachable, error.to_string()),
        // What the library of TLS says is inside.
        Kind::InvalidData => Failure::new(Code::Certificate, error.to_string()),
        _ => Failure::new(Code::Protocol, error.to_string()).sent(),
    }
}

/// Resolves names, and lets none through that has an address which is not allowed.
#[derive(Debug)]
struct Checked {
    /// Addresses that are not public, and granted by themselves.
    granted: Vec<SocketAddr>,
    system: DefaultResolver,
}

impl Checked {
    fn check(&self, address: SocketAddr, uri: &Uri) -> Result<(), Failure> {
        let Some(what) = address::special(address.ip()) else {
            return Ok(());
        };
        let is_granted = self.granted.iter().any(|granted| {
            let same = |ip: IpAddr| ip.to_canonical() == address.ip().to_canonical();
            granted.port() == address.port() && same(granted.ip())
        });
        if is_granted {
            return Ok(());
        }
        let name = uri.host().unwrap_or_default();
        let why = format!(
            "{name} is at {}, which belongs to {what}: grant http={}://{address} as well",
            address.ip(),
            uri.scheme_str().unwrap_or_default(),
        );
        Err(Failure::new(Code::AddressRefused, why))
    }
}

impl Resolver for Checked {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self
            .system
            .resolve(uri, config, timeout)
            .map_err(|error| match error {
                // A name that the system does not find.
                ureq::Error::Io(error) => {
                    ureq::Error::Other(Box::new(Failure::new(Code::Unreachable, error.to_string())))
                }
                error => error,
            })?;
        for address in found.iter() {
            self.check(*address, uri)
                .map_err(|refused| ureq::Error::Other(Box::new(refused)))?;
        }
        Ok(found)
    }
}
