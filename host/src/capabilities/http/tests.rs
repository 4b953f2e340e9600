use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::super::fixture::{self, Fixture, begin};
use super::super::{Nesting, sql};
use super::*;
use crate::trial::Trial;

/// A server on this machine, which does the same with every connection.
struct Server {
    port: u16,
    /// The requests, each from its first byte to the end of its body.
    requests: Receiver<String>,
}

impl Server {
    fn new(answer: impl Fn(&mut TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, requests) = mpsc::channel();
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let Some(request) = received(&stream) else {
                    continue;
                };
                if sender.send(request).is_err() {
                    return;
                }
                answer(&mut stream);
            }
        });
        Self { port, requests }
    }

    /// One that sends these bytes and closes the connection.
    fn sends(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::new(move |stream| {
            let _ = stream.write_all(&answer);
        })
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn grant(&self) -> Vec<Destination> {
        destinations(&[&self.url("")])
    }
}

fn received(stream: &TcpStream) -> Option<String> {
    let mut reader = BufReader::new(stream);
    let (mut request, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        request.push_str(&line);
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(request + &String::from_utf8(body).unwrap())
}

fn destinations(granted: &[&str]) -> Vec<Destination> {
    let granted = granted.iter();
    granted
        .map(|text| Destination::parse(text).unwrap())
        .collect()
}

/// A call that may send requests there.
fn call(destinations: Vec<Destination>) -> CallState {
    call_with(
        OutboundOptions {
            destinations,
            agent: "Wares/1 (tested/1)".to_owned(),
            ..OutboundOptions::default()
        },
        |_, _| (),
    )
}

fn call_with(
    options: OutboundOptions,
    change: impl FnOnce(&mut super::Limits, &mut Nesting),
) -> CallState {
    let mut limits = super::super::Limits::default();
    let mut nesting = Nesting {
        reaches_others: true,
        ..Nesting::default()
    };
    change(&mut limits.capabilities.http, &mut nesting);
    let context = CallContext {
        outbound: Arc::new(Outbound::new(options)),
        nesting,
        ..fixture::context(None, limits)
    };
    CallState::new(context, Arc::default())
}

fn get(url: &str) -> wit::Request {
    wit::Request {
        method: "GET".to_owned(),
        url: url.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        timeout_ms: None,
    }
}

fn header(name: &str, value: &str) -> wit::Header {
    wit::Header {
        name: name.to_owned(),
        value: value.to_owned(),
    }
}

fn send(call: &mut CallState, request: wit::Request) -> Result<wit::Response, wit::Error> {
    call.send(request).unwrap()
}

/// The code and the message of a request that gets no answer.
#[track_caller]
fn refused(call: &mut CallState, request: wit::Request) -> (String, String) {
    let error = send(call, request).unwrap_err();
    (error.code, error.message)
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-own: a\r\nconnection: close\r\n\r\nhi";

#[test]
fn a_request_is_sent_whole_and_its_answer_returned_whole() {
    let server = Server::sends(OK);
    let mut call = call(server.grant());
    let request = wit::Request {
        method: "POST".to_owned(),
        headers: vec![header("X-Mine", "1"), header("x-mine", "2")],
        body: b"{}".to_vec(),
        ..get(&server.url("/hook?a=b"))
    };
    let answer = send(&mut call, request).unwrap();
    assert_eq!((answer.status, &*answer.body), (200, &b"hi"[..]));
    let headers: Vec<_> = answer
        .headers
        .iter()
        .map(|one| (&*one.name, &*one.value))
        .collect();
    assert_eq!(headers, [("content-length", "2"), ("x-own", "a")]);
    let sent = server.requests.recv().unwrap().to_lowercase();
    let mut lines: Vec<&str> = sent.lines().collect();
    assert_eq!(lines.remove(0), "post /hook?a=b http/1.1");
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "",
            "accept-encoding: gzip, deflate",
            "content-length: 2",
            &format!("host: 127.0.0.1:{}", server.port),
            "user-agent: wares/1 (tested/1)",
            "x-mine: 1",
            "x-mine: 2",
            "{}",
        ]
    );
}

#[test]
fn a_request_goes_to_granted_destinations_alone() {
    let server = Server::sends(OK);
    let mut call = call(destinations(&[&format!("GET:{}", server.url("/v1"))]));
    assert!(send(&mut call, get(&server.url("/v1/x"))).is_ok());
    let port = server.port;
    let granted = format!("GET to http://127.0.0.1:{port}/v1");
    for (method, url, shown) in [
        (
            "GET",
            server.url("/v2?key=1"),
            format!("GET http://127.0.0.1:{port}/v2"),
        ),
        (
            "POST",
            server.url("/v1"),
            format!("POST http://127.0.0.1:{port}/v1"),
        ),
        (
            "GET",
            "https://api.example/".to_owned(),
            "GET https://api.example/".to_owned(),
        ),
        // Forms of addresses that are the same one, or another.
        (
            "GET",
            format!("http://2130706434:{port}/v1"),
            format!("GET http://127.0.0.2:{port}/v1"),
        ),
        (
            "GET",
            format!("http://0x7f.2:{port}/v1"),
            format!("GET http://127.0.0.2:{port}/v1"),
        ),
        (
            "GET",
            format!("http://[::ffff:127.0.0.1]:{port}/v1"),
            format!("GET http://[::ffff:7f00:1]:{port}/v1"),
        ),
        (
            "GET",
            "http://169.254.169.254/latest".to_owned(),
            "GET http://169.254.169.254/latest".to_owned(),
        ),
    ] {
        let request = wit::Request {
            method: method.to_owned(),
            ..get(&url)
        };
        let origin = shown.split_once(' ').unwrap().1;
        let origin = Url::parse(origin).unwrap().origin().ascii_serialization();
        let message = format!("{shown} is not granted, which is {granted}: grant http={origin}");
        assert_eq!(
            refused(&mut call, request),
            ("not-granted".to_owned(), message)
        );
    }
}

#[test]
fn a_name_leads_to_public_addresses_alone() {
    let server = Server::sends(OK);
    let named = format!("http://localhost:{}", server.port);
    let mut by_name = call(destinations(&[&named]));
    let (code, message) = refused(&mut by_name, get(&named));
    assert_eq!(code, "address-refused");
    // It may have both kinds of addresses.
    let says = |address: &str, shown: &str| {
        message
            == format!(
                "localhost is at {address}, which belongs to this machine: grant http=http://{shown} as well"
            )
    };
    let port = server.port;
    assert!(
        says("127.0.0.1", &format!("127.0.0.1:{port}")) || says("::1", &format!("[::1]:{port}")),
        "{message}"
    );
    let both = [&*named, &server.url(""), &format!("http://[::1]:{port}")];
    assert!(send(&mut call(destinations(&both)), get(&named)).is_ok());
}

#[test]
fn a_request_that_is_malformed_is_not_sent() {
    let server = Server::sends(OK);
    let mut call = call(server.grant());
    let with = |change: &dyn Fn(&mut wit::Request)| {
        let mut request = get(&server.url("/"));
        change(&mut request);
        request
    };
    let url = |text: &'static str| with(&|request| request.url = text.to_owned());
    let named = |name: &'static str, value: &'static str| {
        with(&|request| request.headers = vec![header(name, value)])
    };
    for (request, message) in [
        (
            with(&|request| request.method = "get".to_owned()),
            "\"get\" is no method of a request: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
        ),
        (
            url("127.0.0.1/x"),
            "the URL is malformed: relative URL without a base",
        ),
        (
            url("ftp://127.0.0.1/"),
            "the URL does not begin with https:// or http://",
        ),
        (
            url("http://a:b@127.0.0.1/"),
            "the URL has the name of a user: send credentials in a header",
        ),
        (
            url("http://127.0.0.1/a b"),
            "the URL has a space or a control character",
        ),
        (
            url("http://127.0.0.1/\r\nx: y"),
            "the URL has a space or a control character",
        ),
        (
            named("Host", "evil.example"),
            "the host alone sets the header host",
        ),
        (
            named("transfer-encoding", "chunked"),
            "the host alone sets the header transfer-encoding",
        ),
        (named("x y", "1"), "a header has the name \"x y\""),
        (
            named("x-a", "1\r\nx-b: 2"),
            "the value of the header x-a has a character that none may have",
        ),
        (
            with(&|request| request.headers = vec![header("x", "y"); 101]),
            "it has more than 100 headers",
        ),
    ] {
        assert_eq!(
            refused(&mut call, request),
            ("invalid".to_owned(), message.to_owned())
        );
    }
    assert!(server.requests.try_recv().is_err());
}

#[test]
fn a_redirect_is_an_answer() {
    let server = Server::sends(
        "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    );
    let answer = send(&mut call(server.grant()), get(&server.url("/"))).unwrap();
    assert_eq!(answer.status, 302);
    assert_eq!(answer.headers[0].value, "http://169.254.169.254/");
    assert_eq!(server.requests.iter().take(1).count(), 1);
    assert!(server.requests.try_recv().is_err());
}

#[test]
fn an_answer_is_bounded() {
    let zipped = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        let body = encoder.finish().unwrap();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        [head.into_bytes(), body].concat()
    };
    let ask = |server: &Server| {
        let options = OutboundOptions {
            destinations: server.grant(),
            ..OutboundOptions::default()
        };
        let mut call = call_with(options, |limits, _| limits.response_bytes_max = 1_000);
        let request = wit::Request {
            timeout_ms: Some(200),
            ..get(&server.url("/"))
        };
        send(&mut call, request)
            .map_err(|error| (error.code, error.message, error.may_have_arrived))
    };
    let too_large = (
        "too-large".to_owned(),
        "the answer has more than 1000 bytes".to_owned(),
        true,
    );
    let whole = ask(&Server::sends(zipped(&[b'a'; 1_000]))).unwrap();
    assert_eq!(whole.body, [b'a'; 1_000]);
    assert!(whole.headers.is_empty(), "{:?}", whole.headers);
    assert_eq!(
        ask(&Server::sends(zipped(&[b'a'; 100_000]))).unwrap_err(),
        too_large
    );
    // Of a server that never ends.
    let endless = Server::new(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
        while stream.write_all(&[b'a'; 4096]).is_ok() {}
    });
    assert_eq!(ask(&endless).unwrap_err(), too_large);
    let silent = Server::new(|_| {
        loop {
            thread::park();
        }
    });
    let late = (
        "timeout".to_owned(),
        "there was no whole answer after 200 ms".to_owned(),
        true,
    );
    assert_eq!(ask(&silent).unwrap_err(), late);
    let dripping = Server::new(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n");
        while stream.write_all(b"a").is_ok() {
            thread::sleep(Duration::from_millis(20));
        }
    });
    assert_eq!(ask(&dripping).unwrap_err(), late);
    let (code, _, arrived) = ask(&Server::sends(
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi",
    ))
    .unwrap_err();
    assert_eq!((&*code, arrived), ("protocol", true));
    let (code, ..) = ask(&Server::sends("SSH-2.0\r\n")).unwrap_err();
    assert_eq!(code, "protocol");
    let heads = "x: 1\r\n".repeat(20_000);
    let (code, ..) = ask(&Server::sends(format!("HTTP/1.1 200 OK\r\n{heads}\r\n"))).unwrap_err();
    assert!(["too-large", "protocol"].contains(&&*code), "{code}");
}

#[test]
fn a_server_that_is_not_there_is_told() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("http://{free}/");
    let error = send(&mut call(destinations(&[&url])), get(&url)).unwrap_err();
    assert_eq!(
        (&*error.code, error.may_have_arrived),
        ("unreachable", false)
    );
    let url = "https://no.such.name.invalid/";
    let error = send(&mut call(destinations(&[url])), get(url)).unwrap_err();
    assert_eq!(
        (&*error.code, error.may_have_arrived),
        ("unreachable", false)
    );
}

/// A server that shows this certificate, and what vouches for it.
fn with_certificate(name: &str) -> (u16, Roots) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let roots = Roots::read(made.cert.pem().as_bytes()).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut session = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut stream = rustls::Stream::new(&mut session, &mut stream);
            let mut request = [0; 1024];
            if stream.read(&mut request).is_ok() {
                let _ = stream.write_all(OK.as_bytes());
            }
        }
    });
    (port, roots)
}

#[test]
fn a_server_has_to_show_a_certificate_of_its_name() {
    let (port, roots) = with_certificate("localhost");
    let (_, others) = with_certificate("localhost");
    let (misnamed, its_roots) = with_certificate("other.example");
    for (port, roots, code) in [
        (port, Some(roots), None),
        (port, Some(others), Some("certificate")),
        (port, None, Some("certificate")),
        (misnamed, Some(its_roots), Some("certificate")),
    ] {
        let url = format!("https://localhost:{port}");
        let addresses = [
            format!("https://127.0.0.1:{port}"),
            format!("https://[::1]:{port}"),
        ];
        let options = OutboundOptions {
            destinations: destinations(&[&url, &addresses[0], &addresses[1]]),
            roots,
            ..OutboundOptions::default()
        };
        let sent = send(&mut call_with(options, |_, _| ()), get(&url));
        let failed = sent.err().map(|error| (error.code, error.may_have_arrived));
        assert_eq!(failed, code.map(|code| (code.to_owned(), false)));
    }
    assert!(Roots::read(b"no certificate").is_err());
}

#[test]
fn requests_of_a_call_and_of_a_component_are_counted() {
    let server = Server::sends(OK);
    let options = || OutboundOptions {
        destinations: server.grant(),
        ..OutboundOptions::default()
    };
    let mut call = call_with(options(), |limits, _| limits.requests_max = 1);
    assert!(send(&mut call, get(&server.url("/"))).is_ok());
    let refusal = refused(&mut call, get(&server.url("/")));
    let said = "the call has sent 1 requests (http_requests_max)";
    assert_eq!(refusal, ("too-many".to_owned(), said.to_owned()));
    let mut call = call_with(options(), |limits, _| {
        limits.concurrent_max = 0;
        limits.request_bytes_max = 1;
    });
    let said = "0 requests of this component are under way (http_concurrent_max)";
    let refusal = refused(&mut call, get(&server.url("/")));
    assert_eq!(refusal, ("too-many".to_owned(), said.to_owned()));
    let request = wit::Request {
        body: b"ab".to_vec(),
        ..get(&server.url("/"))
    };
    let said = "the request has 2 bytes, and 1 are allowed (http_request_bytes_max)";
    assert_eq!(
        refused(&mut call, request),
        ("too-large".to_owned(), said.to_owned())
    );
}

#[test]
fn no_request_is_sent_where_others_wait_for_it() {
    let server = Server::sends(OK);
    let options = |nested| OutboundOptions {
        destinations: server.grant(),
        nested,
        ..OutboundOptions::default()
    };
    let within =
        |_: &mut super::Limits, nesting: &mut Nesting| nesting.components = vec!["notes".into()];
    let (code, message) = refused(
        &mut call_with(options(false), within),
        get(&server.url("/")),
    );
    assert_eq!(code, "not-here");
    assert!(
        message.ends_with("unless the operator grants http-in-hooks"),
        "{message}"
    );
    assert!(send(&mut call_with(options(true), within), get(&server.url("/"))).is_ok());
    let asked = |_: &mut super::Limits, nesting: &mut Nesting| nesting.reaches_others = false;
    let (code, _) = refused(&mut call_with(options(true), asked), get(&server.url("/")));
    assert_eq!(code, "not-here");
    // With a trial.
    let tested = CallContext {
        outbound: Arc::new(Outbound::new(options(true))),
        trial: Some(Arc::new(Trial::new(1))),
        ..fixture::context(None, super::super::Limits::default())
    };
    let mut tested = CallState::new(tested, Arc::default());
    let (code, message) = refused(&mut tested, get(&server.url("/")));
    let said = "no request is sent where a component is tested";
    assert_eq!((&*code, &*message), ("not-here", said));
    // With a transaction.
    let fixture = Fixture::new();
    let limits = super::super::Limits::default();
    let context = CallContext {
        outbound: Arc::new(Outbound::new(options(true))),
        nesting: Nesting {
            reaches_others: true,
            ..Nesting::default()
        },
        ..fixture::context(
            Some(fixture.database.session(&limits.capabilities.sql)),
            limits,
        )
    };
    let mut call = CallState::new(context, Arc::default());
    assert!(send(&mut call, get(&server.url("/"))).is_ok());
    begin(&mut sql::view(&mut call));
    let (code, message) = refused(&mut call, get(&server.url("/")));
    let said = "no request is sent while a transaction is open: other writers would wait for it";
    assert_eq!((&*code, &*message), ("not-here", said));
}

#[test]
fn a_secret_is_seen_by_its_server_alone() {
    let server = Server::sends(
        "HTTP/1.1 200 OK\r\nx-echo: the secret itself\r\ncontent-length: 17\r\nconnection: close\r\n\r\nthe secret itself",
    );
    let elsewhere = Server::sends(OK);
    let options = OutboundOptions {
        destinations: [server.grant(), elsewhere.grant()].concat(),
        secrets: vec![Secret {
            name: "token".to_owned(),
            value: "the secret itself".to_owned(),
            destinations: server.grant(),
        }],
        ..OutboundOptions::default()
    };
    let mut call = call_with(options, |_, _| ());
    assert_eq!(call.secret("other".to_owned()).unwrap(), None);
    let placeholder = call.secret("token".to_owned()).unwrap().unwrap();
    let with = |url: String| wit::Request {
        headers: vec![header("authorization", &format!("Bearer {placeholder}"))],
        ..get(&url)
    };
    let answer = send(&mut call, with(server.url("/"))).unwrap();
    assert!(
        server
            .requests
            .recv()
            .unwrap()
            .contains("Bearer the secret itself\r\n")
    );
    assert_eq!(answer.headers[0].value, placeholder);
    assert_eq!(answer.body, placeholder.as_bytes());
    let refusal = refused(&mut call, with(elsewhere.url("/")));
    let said = format!("the secret 'token' is not for {}", elsewhere.url(""));
    assert_eq!(refusal, ("not-granted".to_owned(), said));
    assert!(elsewhere.requests.try_recv().is_err());
}
