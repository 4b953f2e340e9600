//! Attacks that cost a client nothing must not cost the host memory or time: answers that
//! are not read, bodies that do not end, frames and requests without work.

mod answers;
mod bodies;
mod frames;

use std::fs;
use std::time::Duration;

use h2::client::SendRequest;
use h2::{PingPong, RecvStream, SendStream};
use hyper::body::Bytes;
use hyper::{Request, Response};
use tokio::runtime::Runtime;

use crate::harness::Shop;

/// Streams that the host lets a connection have.
const STREAMS: usize = 100;

const MIB: u64 = 1 << 20;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// An HTTP/2 connection of a client that does what no client should.
struct Client {
    requests: SendRequest<Bytes>,
    pings: PingPong,
}

impl Client {
    /// Connects; of each answer so many bytes are taken.
    async fn connect(shop: &Shop, window: u32) -> Self {
        let stream = tokio::net::TcpStream::connect(("127.0.0.1", shop.server.port))
            .await
            .unwrap();
        let (requests, mut connection) = h2::client::Builder::new()
            .initial_window_size(window)
            .initial_connection_window_size(1 << 24)
            .handshake(stream)
            .await
            .unwrap();
        let pings = connection.ping_pong().unwrap();
        tokio::spawn(async move {
            // How it ends is what its requests see.
            let _ = connection.await;
        });
        Self { requests, pings }
    }

    /// Begins a request, whose body is to come or not.
    async fn begin(
        &mut self,
        shop: &Shop,
        request: hyper::http::request::Builder,
        path: &str,
        is_whole: bool,
    ) -> (h2::client::ResponseFuture, SendStream<Bytes>) {
        let request: Request<()> = request.uri(shop.url(path)).body(()).unwrap();
        self.requests = self.requests.clone().ready().await.unwrap();
        self.requests.send_request(request, is_whole).unwrap()
    }

    async fn get(&mut self, shop: &Shop, path: &str, token: &str) -> Response<RecvStream> {
        let request = Request::get("/").header("authorization", format!("Bearer {token}"));
        let (answer, _) = self.begin(shop, request, path, true).await;
        answer.await.unwrap()
    }

    /// Sends PINGs until the connection ends.
    async fn until_it_ends(mut self) {
        let pings = async {
            while self.pings.ping(h2::Ping::opaque()).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), pings)
            .await
            .expect("the connection ends");
    }
}

/// Sends a part of a body as the windows allow.
async fn send(
    body: &mut SendStream<Bytes>,
    mut data: Bytes,
    is_end: bool,
) -> Result<(), h2::Error> {
    body.reserve_capacity(data.len());
    while !data.is_empty() {
        let room = std::future::poll_fn(|context| body.poll_capacity(context)).await;
        let Some(room) = room else { break };
        let part = data.split_to(room?.min(data.len()));
        body.send_data(part, is_end && data.is_empty())?;
    }
    Ok(())
}

/// All of a body, taken as it comes.
async fn take(answer: Response<RecvStream>) -> Result<Vec<u8>, h2::Error> {
    let mut body = answer.into_body();
    let mut bytes = Vec::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

/// The server's memory, in bytes.
fn memory(shop: &Shop) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", shop.server.child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib: u64 = line
        .and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .unwrap();
    kib * 1024
}

#[track_caller]
fn grew_by_less(shop: &Shop, before: u64, mib: u64) {
    let now = memory(shop);
    assert!(
        now < before + mib * MIB,
        "{} MiB before, {} MiB now",
        before / MIB,
        now / MIB
    );
}

/// Begins requests whose bodies do not end, as far as the host takes them.
async fn unfinished(
    shop: &Shop,
    path: &str,
    bytes: usize,
) -> (Client, Vec<(h2::client::ResponseFuture, SendStream<Bytes>)>) {
    let mut client = Client::connect(shop, 65_535).await;
    let mut streams = Vec::new();
    for _ in 0..STREAMS {
        let request = Request::post("/").header("content-type", "application/json");
        let (answer, mut body) = client.begin(shop, request, path, false).await;
        // One that is refused by now takes no more.
        let _ = send(&mut body, Bytes::from(vec![b' '; bytes]), false).await;
        streams.push((answer, body));
    }
    (client, streams)
}

/// A stranger's body in two pieces that are not there at once.
async fn in_two_pieces(shop: &Shop) -> (u16, Vec<u8>) {
    let mut client = Client::connect(shop, 65_535).await;
    let request = Request::post("/").header("content-type", "application/json");
    let (answer, mut body) = client
        .begin(shop, request, "/auth/user/emailpass", false)
        .await;
    // It is refused meanwhile if the room is used up.
    let beginning = format!("{{{}", " ".repeat(60_000));
    let _ = send(&mut body, beginning.into(), false).await;
    client.pings.ping(h2::Ping::opaque()).await.unwrap();
    let _ = send(&mut body, Bytes::from_static(b"}"), true).await;
    let answer = answer.await.unwrap();
    (answer.status().as_u16(), take(answer).await.unwrap())
}
