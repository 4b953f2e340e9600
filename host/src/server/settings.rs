//! The settings of connections: `server.…`.

use super::ServerLimits;
use crate::config::Reader;

/// Where the host listens, and the bounds on its connections.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Host and port.
    pub listen: String,
    /// The bounds.
    pub limits: ServerLimits,
}

impl ServerSettings {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        Self {
            listen: reader.text(
                "server.listen",
                "127.0.0.1:9000",
                "host:port to serve on, every IP of the host's name; :port is every interface, IPv4 and IPv6",
            ),
            limits: ServerLimits {
                connections_max: reader.count(
                    "server.connections_max",
                    10_000,
                    "connections at the same time; fewer where the limit on open files of the process is lower",
                ),
                head_bytes_max: reader.bytes(
                    "server.head_bytes_max",
                    8 << 10..=1 << 20,
                    16 * 1024,
                    "the longest request line and headers together",
                ),
                head_timeout: reader.duration(
                    "server.head_timeout_ms",
                    10_000,
                    "until a request's head must have arrived",
                ),
                drain: reader.duration_or_none(
                    "server.drain_ms",
                    10_000,
                    "how long open requests may take after the signal to stop",
                ),
            },
        }
    }
}
