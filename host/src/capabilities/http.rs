//! `wares:platform/http`: requests to other servers, to the destinations that the operator
//! granted the component.

mod address;
mod client;
mod destination;
mod error;
mod secrets;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use ureq::http::header::{HeaderName, HeaderValue};
use ureq::http::{Request, Uri};
use url::Url;
use wasmtime::component::{HasData, Linker};

use super::bindings::wares::platform::http::{self as wit, Host};
use super::logging::Log;
use super::{CallContext, CallState, Capability, LimitSettings, PerCall};
use crate::config::{BYTES_MAX, Reader};
use crate::threads::permits::Waiting;
use client::{Bounds, Client};
use destination::METHODS;
use error::{Code, Failure};
use secrets::{Secrets, origin};

pub use client::Roots;
pub use destination::Destination;
pub use secrets::Secret;

pub(crate) const CAPABILITY: Capability = Capability {
    interfaces: &["wares:platform/http@1.3.0"],
    grant: Some(GRANT),
    is_inert: false,
    summary: "sends requests to every public server, by HTTPS",
    link,
};

/// The grant; one with a destination says where requests may go.
pub(crate) const GRANT: &str = "http";

/// Headers of a request that the host alone sets, and those of a connection.
const OF_HOST: [&str; 14] = [
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers of one request at most.
const HEADERS_MAX: usize = 100;

/// The limits of requests.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// In one call.
    pub requests_max: u32,
    /// At the same time, over all calls of the component.
    pub concurrent_max: u32,
    /// One of them, from the name's resolution to the last byte of the answer.
    pub timeout_ms: u64,
    /// The body that is sent.
    pub request_bytes_max: usize,
    /// The body of the answer, decompressed.
    pub response_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests_max: 10,
            concurrent_max: 4,
            timeout_ms: 10_000,
            request_bytes_max: 1 << 20,
            response_bytes_max: 4 << 20,
        }
    }
}

impl LimitSettings for Limits {
    fn read(section: &str, base: &Self, reader: &mut Reader) -> Self {
        let key = |limit: &str| format!("{section}.http_{limit}");
        Self {
            requests_max: reader.number32(
                &key("requests_max"),
                0..=u32::MAX,
                base.requests_max,
                "requests to other servers",
            ),
            concurrent_max: reader.number32(
                &key("concurrent_max"),
                0..=1024,
                base.concurrent_max,
                "requests to other servers at the same time, of all calls of the module",
            ),
            timeout_ms: reader.milliseconds(
                &key("timeout_ms"),
                base.timeout_ms,
                "one request to another server",
            ),
            request_bytes_max: reader.bytes(
                &key("request_bytes_max"),
                0..=BYTES_MAX,
                base.request_bytes_max,
                "the body of a request to another server",
            ),
            response_bytes_max: reader.bytes(
                &key("response_bytes_max"),
                0..=BYTES_MAX,
                base.response_bytes_max,
                "the body of another server's answer",
            ),
        }
    }
}

/// What the operator lets a component do with other servers.
#[derive(Debug, Default)]
pub struct OutboundOptions {
    /// Where requests may go.
    pub destinations: Vec<Destination>,
    /// Whether they are sent from calls that another component waits for.
    pub nested: bool,
    /// What the host puts into them.
    pub secrets: Vec<Secret>,
    /// Who vouches for servers, if not the public authorities.
    pub roots: Option<Roots>,
    /// The name of the component for servers.
    pub agent: String,
}

/// The way of one component to other servers, over all its calls.
#[derive(Debug)]
pub struct Outbound {
    options: OutboundOptions,
    secrets: Secrets,
    /// Made for the first request.
    client: OnceLock<Client>,
    under_way: AtomicU32,
}

impl Outbound {
    pub(crate) fn new(mut options: OutboundOptions) -> Self {
        Self {
            secrets: Secrets::new(std::mem::take(&mut options.secrets)),
            options,
            client: OnceLock::new(),
            under_way: AtomicU32::new(0),
        }
    }

    /// Of a component that is granted no destination.
    pub(crate) fn nowhere() -> Self {
        Self::new(OutboundOptions::default())
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| {
            let addresses = self.options.destinations.iter();
            let addresses = addresses.filter_map(Destination::address);
            Client::new(
                addresses.collect(),
                &self.options.agent,
                self.options.roots.as_ref(),
            )
        })
    }

    fn allows(&self, method: &str, url: &Url) -> bool {
        self.options
            .destinations
            .iter()
            .any(|one| one.has(method, url))
    }

    /// Takes a place among the component's requests that are under way.
    fn begin(&self, max: u32) -> Option<UnderWay<'_>> {
        let counted = self
            .under_way
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| {
                (count < max).then_some(count + 1)
            });
        counted.is_ok().then_some(UnderWay(&self.under_way))
    }
}

/// A request that is under way, until dropped.
struct UnderWay<'a>(&'a AtomicU32);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a call has of the component's way to other servers.
pub(crate) struct State {
    outbound: Arc<Outbound>,
    /// Whether another component waits for the call.
    is_nested: bool,
    /// Whether the component is only asked about itself.
    is_asked: bool,
    /// Whether the component is tested: nothing leaves the machine then.
    is_tested: bool,
    requests_left: u32,
    limits: Limits,
}

impl PerCall for State {
    fn begin(context: &mut CallContext, _: &Log) -> Self {
        let limits = context.limits.capabilities.http;
        Self {
            outbound: context.outbound.clone(),
            is_nested: !context.nesting.components.is_empty(),
            is_asked: !context.nesting.reaches_others,
            is_tested: context.trial.is_some(),
            requests_left: limits.requests_max,
            limits,
        }
    }
}

impl State {
    /// Checks a request by all rules but those of addresses, and makes it ready to be sent.
    fn prepare(
        &mut self,
        request: wit::Request,
        in_transaction: bool,
    ) -> Result<Request<Vec<u8>>, Failure> {
        self.check_place(in_transaction)?;
        let (method, url) = checked(&request)?;
        if !self.outbound.allows(method, &url) {
            return Err(self.not_granted(method, &url));
        }
        let max = self.limits.request_bytes_max;
        if request.body.len() > max {
            let why = format!(
                "the request has {} bytes, and {max} are allowed (http_request_bytes_max)",
                request.body.len()
            );
            return Err(Failure::new(Code::TooLarge, why));
        }
        let Some(left) = self.requests_left.checked_sub(1) else {
            let why = format!(
                "the call has sent {} requests (http_requests_max)",
                self.limits.requests_max
            );
            return Err(Failure::new(Code::TooMany, why));
        };
        self.requests_left = left;
        self.built(method, url, request)
    }

    /// Whether requests are sent from this call, as it is.
    fn check_place(&self, in_transaction: bool) -> Result<(), Failure> {
        let why = if self.is_tested {
            "no request is sent where a component is tested"
        } else if self.is_asked {
            "no request is sent while a component describes itself or is verified"
        } else if in_transaction {
            "no request is sent while a transaction is open: other writers would wait for it"
        } else if self.is_nested && !self.outbound.options.nested {
            "no request is sent from a call that another component waits for, unless the operator grants http-in-hooks"
        } else {
            return Ok(());
        };
        Err(Failure::new(Code::NotHere, why.to_owned()))
    }

    fn not_granted(&self, method: &str, url: &Url) -> Failure {
        let granted: Vec<String> = self
            .outbound
            .options
            .destinations
            .iter()
            .map(ToString::to_string)
            .collect();
        let granted = match granted.is_empty() {
            true => "nothing".to_owned(),
            false => granted.join(", "),
        };
        let origin = origin(url);
        Failure::new(
            Code::NotGranted,
            format!(
                "{method} {origin}{} is not granted, which is {granted}: grant http={origin}",
                url.path()
            ),
        )
    }

    /// The request with the secrets in it.
    fn built(
        &self,
        method: &str,
        mut url: Url,
        request: wit::Request,
    ) -> Result<Request<Vec<u8>>, Failure> {
        let headers = request.headers.into_iter();
        let mut headers: Vec<(String, String)> =
            headers.map(|header| (header.name, header.value)).collect();
        let mut body = request.body;
        self.outbound
            .secrets
            .reveal(method, &mut url, &mut headers, &mut body)?;
        let uri: Uri = url
            .as_str()
            .parse()
            .map_err(|_| invalid("the URL is no URI of HTTP"))?;
        let mut built = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            let name = HeaderName::try_from(&name)
                .map_err(|_| invalid(format!("a header has the name {name:?}")))?;
            // Without the value, which may be a secret.
            let value = HeaderValue::try_from(&value).map_err(|_| {
                invalid(format!(
                    "the value of the header {name} has a character that none may have"
                ))
            })?;
            built = built.header(name, value);
        }
        built.body(body).map_err(|error| invalid(error.to_string()))
    }

    /// Waits for the answer, without what other calls need.
    fn send(
        &mut self,
        request: wit::Request,
        in_transaction: bool,
        left: Duration,
    ) -> Result<wit::Response, Failure> {
        let own = request
            .timeout_ms
            .map(|time| Duration::from_millis(time.into()));
        let max = Duration::from_millis(self.limits.timeout_ms).min(left);
        let bounds = Bounds {
            time: own.map_or(max, |own| own.min(max)),
            body_bytes_max: self.limits.response_bytes_max as u64,
        };
        let request = self.prepare(request, in_transaction)?;
        let Some(_under_way) = self.outbound.begin(self.limits.concurrent_max) else {
            let why = format!(
                "{} requests of this component are under way (http_concurrent_max)",
                self.limits.concurrent_max
            );
            return Err(Failure::new(Code::TooMany, why));
        };
        let _waiting = Waiting::begin();
        let answer = self.outbound.client().send(request, bounds)?;
        let (head, body) = answer.into_parts();
        let header = |(name, value): (&HeaderName, &HeaderValue)| {
            let value = self.outbound.secrets.conceal(value.as_bytes().to_vec());
            wit::Header {
                name: name.as_str().to_owned(),
                value: String::from_utf8_lossy(&value).into_owned(),
            }
        };
        let shown = head
            .headers
            .iter()
            .filter(|(name, _)| !OF_HOST.contains(&name.as_str()) || *name == "content-length");
        Ok(wit::Response {
            status: head.status.as_u16(),
            headers: shown.map(header).collect(),
            body: self.outbound.secrets.conceal(body),
        })
    }
}

fn invalid(why: impl Into<String>) -> Failure {
    Failure::new(Code::Invalid, why.into())
}

/// The method and the URL of a request that is well-formed.
fn checked(request: &wit::Request) -> Result<(&'static str, Url), Failure> {
    let method = METHODS.iter().find(|method| **method == request.method);
    let Some(method) = method else {
        return Err(invalid(format!(
            "{:?} is no method of a request: {}",
            request.method,
            METHODS.join(", ")
        )));
    };
    if request
        .url
        .chars()
        .any(|letter| letter.is_control() || letter.is_whitespace())
    {
        return Err(invalid("the URL has a space or a control character"));
    }
    let url = Url::parse(&request.url)
        .map_err(|error| invalid(format!("the URL is malformed: {error}")))?;
    if !["http", "https"].contains(&url.scheme()) || url.host().is_none() {
        return Err(invalid("the URL does not begin with https:// or http://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid(
            "the URL has the name of a user: send credentials in a header",
        ));
    }
    if request.headers.len() > HEADERS_MAX {
        return Err(invalid(format!("it has more than {HEADERS_MAX} headers")));
    }
    for header in &request.headers {
        let name = header.name.to_ascii_lowercase();
        if OF_HOST.contains(&&*name) {
            return Err(invalid(format!("the host alone sets the header {name}")));
        }
    }
    Ok((method, url))
}

impl Host for CallState {
    fn send(
        &mut self,
        request: wit::Request,
    ) -> wasmtime::Result<Result<wit::Response, wit::Error>> {
        let in_transaction = self.states.sql.is_in_transaction();
        let (left, started) = (self.usage.call_time_left(), Instant::now());
        // Without the query and the body, where secrets may be.
        let place = Url::parse(&request.url).map_or_else(|_| String::new(), |url| origin(&url));
        let method = request.method.clone();
        let sent = self.states.http.send(request, in_transaction, left);
        let took = started.elapsed().as_millis();
        match &sent {
            Ok(answer) => {
                let line = format!("{method} {place}: {} in {took} ms", answer.status);
                self.log.lines(tracing::Level::DEBUG, GRANT, &line);
            }
            Err(failure) => {
                let line = format!(
                    "{method} {place} is not answered: {failure} ({})",
                    failure.code.name()
                );
                self.log.lines(tracing::Level::WARN, GRANT, &line);
            }
        }
        Ok(sent.map_err(|failure| wit::Error {
            code: failure.code.name().to_owned(),
            message: failure.message,
            may_have_arrived: failure.may_have_arrived,
        }))
    }

    fn secret(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        let secrets = &self.states.http.outbound.secrets;
        Ok(secrets.placeholder(&name).map(str::to_owned))
    }

    fn sign(&mut self, name: String, message: Vec<u8>) -> wasmtime::Result<Option<Vec<u8>>> {
        Ok(self.states.http.outbound.secrets.sign(&name, &message))
    }
}

struct HasHttp;

impl HasData for HasHttp {
    type Data<'a> = &'a mut CallState;
}

fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    wit::add_to_linker::<_, HasHttp>(linker, |state| state)
}

#[cfg(test)]
mod tests;
