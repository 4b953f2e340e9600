//! Asks the host that serves a data folder to do something, as its operator; where
//! none does, this process does it itself, by the same code.

use anyhow::{Context, bail};
use serde_json::Value;
use tokio::net::TcpStream;

use super::Common;
use super::serve::Shop;
use super::workplace::Workplace;
use crate::server;
use crate::server::client::{self, Ask};

/// What is in flight between the two sides, where both are this process.
const PIPE_BYTES: usize = 64 * 1024;

/// Asks, and gives the answer's body.
///
/// # Errors
/// With what the host says, if it refuses.
pub(super) fn ask(common: &Common, ask: Ask) -> anyhow::Result<Value> {
    let workplace = Workplace::open(common)?;
    let folder = workplace.folder()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    if let Some(place) = folder.host()? {
        let token = workplace
            .directory(&folder)?
            .issue_operator_token(&operator());
        return runtime.block_on(async {
            let stream = TcpStream::connect(place).await.with_context(|| {
                format!("the host that serves this data folder does not answer at {place}")
            })?;
            read(client::exchange(stream, ask, &token).await)
        });
    }
    let shop = Shop::open(&workplace, &folder, false)?;
    let token = shop.directory.issue_operator_token(&operator());
    let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
    let app = shop.app.clone();
    let answer = runtime.block_on(async {
        let served = tokio::spawn(server::serve_one(theirs, app));
        let answer = read(client::exchange(ours, ask, &token).await);
        served.abort();
        let _ = served.await;
        answer
    });
    drop(runtime);
    shop.close();
    answer
}

/// The body of an answer, unless it is a refusal.
fn read(answer: Result<(u16, Vec<u8>), client::ClientError>) -> anyhow::Result<Value> {
    let (status, body) = answer?;
    let body: Value = serde_json::from_slice(&body)
        .with_context(|| format!("the host answered {status}, and not in JSON"))?;
    if (200..300).contains(&status) {
        return Ok(body);
    }
    match body["message"].as_str() {
        Some(message) => bail!("{message}"),
        None => bail!("the host answered {status}"),
    }
}

/// Who runs the command, for the audit log. Nothing depends on it.
pub(super) fn operator() -> String {
    let name = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
    name.ok()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()))
}
