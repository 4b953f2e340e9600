//! Asks the host that serves a data folder to do something, as its operator; where
//! none does, this process does it itself, by the same code.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use serde_json::Value;
use tokio::net::TcpStream;

use super::Common;
use super::folder::announced;
use super::serve::Host;
use super::setup::Setup;
use crate::identity::IdentityService;
use crate::server;
use crate::server::client::{Ask, ClientError, Connection};

/// The bytes in flight between the two sides, where both are this process.
const PIPE_BYTES: usize = 64 * 1024;

/// How long a program that listens at the host's address has to prove that it is the host.
const PROOF_WAIT: Duration = Duration::from_secs(5);

/// Sends a request to the host, and returns the body of the answer.
///
/// # Errors
/// With what the host says, if it refuses.
pub(super) fn ask(common: &Common, ask: Ask) -> anyhow::Result<Value> {
    let setup = Setup::open(common)?;
    let folder = setup.folder()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    if let Some(address) = folder.host()? {
        let identity = setup.identity(folder.host_database()?)?;
        return runtime.block_on(async {
            let mut host = Session::reach(address, folder.data().path(), identity).await?;
            host.ask(ask).await
        });
    }
    let host = Host::open(&setup, &folder, false)?;
    let token = host.identity.issue_operator_token(&operator());
    let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
    let app = host.app.clone();
    let answer = runtime.block_on(async {
        let served = tokio::spawn(server::serve_one(theirs, app));
        let answer = match Connection::begin(ours).await {
            Ok(mut host) => read(host.ask(ask, &token).await),
            Err(error) => Err(error.into()),
        };
        served.abort();
        let _ = served.await;
        answer
    });
    drop(runtime);
    host.close();
    answer
}

/// A connection to the host that serves a data folder, for requests one after another.
pub(super) struct Session {
    host: Connection,
    identity: IdentityService,
}

impl Session {
    /// Connects to the host that serves the data folder; `None` where none does.
    pub(super) async fn begin(setup: &Setup) -> anyhow::Result<Option<Self>> {
        let folder = setup.folder()?;
        let Some(address) = folder.host()? else {
            return Ok(None);
        };
        let identity = setup.identity(folder.host_database()?)?;
        let session = Self::reach(address, folder.data().path(), identity).await?;
        Ok(Some(session))
    }

    /// Connects anew to the host that serves the folder, and returns whether one does. The
    /// lock of the folder is left to a host that starts.
    pub(super) async fn renew(&mut self, setup: &Setup) -> anyhow::Result<bool> {
        let data = setup.settings.data.folder();
        let Some(address) = announced(&data)? else {
            return Ok(false);
        };
        self.host = reach(address, data.path(), &self.identity).await?;
        Ok(true)
    }

    async fn reach(
        address: SocketAddr,
        data: &Path,
        identity: IdentityService,
    ) -> anyhow::Result<Self> {
        let host = reach(address, data, &identity).await?;
        Ok(Self { host, identity })
    }

    /// Sends a request to the host as its operator, and returns the body of the answer.
    ///
    /// # Errors
    /// With what the host says, if it refuses, or a [`ClientError`] where it is gone.
    pub(super) async fn ask(&mut self, ask: Ask) -> anyhow::Result<Value> {
        let token = self.identity.issue_operator_token(&operator());
        read(self.host.ask(ask, &token).await)
    }
}

/// Connects to the host that serves a data folder. Another program may listen
/// at its address by now, so it has to prove first, on this very connection, that it has the
/// folder and listens at this address.
async fn reach(
    address: SocketAddr,
    data: &Path,
    identity: &IdentityService,
) -> anyhow::Result<Connection> {
    let proved = tokio::time::timeout(PROOF_WAIT, prove(address, identity)).await;
    let proved = proved.unwrap_or_else(|_| {
        let waited = PROOF_WAIT.as_secs();
        Err(anyhow!("it proved nothing within {waited} s"))
    });
    proved.map_err(|error| {
        anyhow!(
            "the program at {address} does not answer as the host that serves the data folder {}: {error:#}. \
             Nothing was sent there but a challenge. Find the program; if it is that host, it is stuck \
             or of an earlier version: stop it and start it again",
            data.display()
        )
    })
}

async fn prove(address: SocketAddr, identity: &IdentityService) -> anyhow::Result<Connection> {
    let mut connection = Connection::begin(TcpStream::connect(address).await?).await?;
    let challenge = IdentityService::challenge();
    let proof = connection.challenge(&challenge).await?;
    if !identity.is_proof(&proof, &challenge, &address.to_string()) {
        bail!("its proof is not that of this folder at this address");
    }
    Ok(connection)
}

/// The body of an answer, unless it is a refusal.
fn read(answer: Result<(u16, Vec<u8>), ClientError>) -> anyhow::Result<Value> {
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

/// The text of a member; empty without one.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// The items of a list; none of anything else.
pub(super) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A text as one segment of a path, or one value of a query.
pub(super) fn segment(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
