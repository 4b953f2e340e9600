//! The addresses that the host listens on: one listener for each IP.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::Poll;

use rustix::io::Errno;
use rustix::net::sockopt::set_ipv6_v6only;
use tokio::net::{TcpListener, TcpSocket, TcpStream, lookup_host};

/// Connections that wait to be accepted, on each listener.
const BACKLOG: u32 = 1024;
/// Attempts to find a port that is free on all IPs.
const PORT_TRIES: usize = 16;

#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The setting is not `host:port`.
    #[error("cannot listen on {0}: write host:port, or :port for every interface")]
    Invalid(String),
    /// The host's name has no IP.
    #[error("cannot listen on {listen}: {source}")]
    NoIp { listen: String, source: io::Error },
    /// An address cannot be bound.
    #[error("cannot listen on {shown}: {source}", shown = shown(.listen, .address))]
    Unavailable {
        listen: String,
        /// The address, one of those of the setting.
        address: SocketAddr,
        source: io::Error,
    },
}

fn shown(listen: &str, address: &SocketAddr) -> String {
    let address = address.to_string();
    if listen == address {
        address
    } else {
        format!("{listen}: {address}")
    }
}

/// The sockets of all addresses of one setting, with one port, bound and not yet listening:
/// connections are refused.
#[derive(Debug)]
pub struct Bound {
    listen: String,
    sockets: Vec<TcpSocket>,
}

impl Bound {
    /// Takes `host:port`, on every IP of the host's name; with `:port` on every
    /// interface, IPv4 and IPv6. IPs that this machine does not have are left out if
    /// others remain. With port 0, all get the same one.
    ///
    /// # Errors
    /// When any other IP cannot be bound, or no IP is left.
    pub async fn take(listen: &str) -> Result<Self, ListenError> {
        let addresses = resolve(listen).await?;
        let any_port = addresses.iter().all(|address| address.port() == 0);
        let mut tries = if any_port { PORT_TRIES } else { 1 };
        loop {
            tries -= 1;
            match bind_all(listen, &addresses) {
                // Another process has the port on another IP than the one that it was found on.
                Err(ListenError::Unavailable { source, .. })
                    if tries > 0 && source.kind() == io::ErrorKind::AddrInUse => {}
                Ok(sockets) => {
                    let listen = listen.to_owned();
                    return Ok(Self { listen, sockets });
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Listens on all sockets.
    pub fn listen(self) -> Result<Listeners, ListenError> {
        let mut listeners = Vec::with_capacity(self.sockets.len());
        for socket in self.sockets {
            let address = socket.local_addr();
            let listener = socket.listen(BACKLOG).map_err(|source| match address {
                Ok(address) => ListenError::Unavailable {
                    listen: self.listen.clone(),
                    address,
                    source,
                },
                Err(source) => ListenError::NoIp {
                    listen: self.listen.clone(),
                    source,
                },
            })?;
            listeners.push(listener);
        }
        Ok(Listeners { listeners, turn: 0 })
    }
}

/// The listeners of one setting, with one port.
#[derive(Debug)]
pub struct Listeners {
    listeners: Vec<TcpListener>,
    /// The index of the listener that is polled first.
    turn: usize,
}

impl Listeners {
    /// Returns the addresses that it listens on.
    pub fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.listeners.iter().map(TcpListener::local_addr).collect()
    }

    /// Accepts the next connection of any listener. An IPv4 peer has an IPv4 address, also
    /// on an IPv6 socket.
    pub(super) async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, mut peer) = poll_fn(|context| {
            for _ in 0..self.listeners.len() {
                self.turn = (self.turn + 1) % self.listeners.len();
                let accepted = self.listeners[self.turn].poll_accept(context);
                if accepted.is_ready() {
                    return accepted;
                }
            }
            Poll::Pending
        })
        .await?;
        peer.set_ip(peer.ip().to_canonical());
        Ok((stream, peer))
    }
}

async fn resolve(listen: &str) -> Result<Vec<SocketAddr>, ListenError> {
    let invalid = || ListenError::Invalid(listen.to_owned());
    let (host, port) = listen.rsplit_once(':').ok_or_else(invalid)?;
    let port: u16 = port.parse().map_err(|_| invalid())?;
    if host.is_empty() {
        let every = [
            IpAddr::from(Ipv4Addr::UNSPECIFIED),
            Ipv6Addr::UNSPECIFIED.into(),
        ];
        return Ok(every.map(|ip| SocketAddr::new(ip, port)).into());
    }
    let failed = |source| ListenError::NoIp {
        listen: listen.to_owned(),
        source,
    };
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in lookup_host(listen).await.map_err(failed)? {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(failed(io::Error::from(io::ErrorKind::AddrNotAvailable)));
    }
    Ok(addresses)
}

fn bind_all(listen: &str, addresses: &[SocketAddr]) -> Result<Vec<TcpSocket>, ListenError> {
    let failed = |address: SocketAddr| {
        move |source| ListenError::Unavailable {
            listen: listen.to_owned(),
            address,
            source,
        }
    };
    let is_alone = addresses.len() == 1;
    let mut sockets: Vec<TcpSocket> = Vec::new();
    let mut left_out = None;
    let mut port = addresses.first().map_or(0, SocketAddr::port);
    for address in addresses {
        let address = SocketAddr::new(address.ip(), port);
        match bind_one(address, is_alone) {
            Ok(socket) => {
                port = socket.local_addr().map_err(failed(address))?.port();
                sockets.push(socket);
            }
            Err(error) if is_unavailable(&error) => left_out = Some(failed(address)(error)),
            Err(error) => return Err(failed(address)(error)),
        }
    }
    match left_out {
        Some(error) if sockets.is_empty() => Err(error),
        Some(error) => {
            tracing::info!("{error}: the others are listened on");
            Ok(sockets)
        }
        None => Ok(sockets),
    }
}

/// Binds one address. One of IPv6 beside others takes only IPv6; alone, it takes what the
/// system allows.
fn bind_one(address: SocketAddr, is_alone: bool) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // Do not wait for the connections of an earlier host.
    socket.set_reuseaddr(true)?;
    if address.is_ipv6() && !is_alone {
        set_ipv6_v6only(&socket, true)?;
    }
    socket.bind(address)?;
    Ok(socket)
}

/// Whether this machine lacks the IP, or its family.
fn is_unavailable(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
        || Errno::from_io_error(error) == Some(Errno::AFNOSUPPORT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build().unwrap()
    }

    #[test]
    fn an_address_is_host_and_port_and_nothing_else() {
        runtime().block_on(async {
            for listen in ["", "9001", "localhost", "localhost:", ":http", ":65536"] {
                let refused = Bound::take(listen).await.unwrap_err().to_string();
                let said = format!(
                    "cannot listen on {listen}: write host:port, or :port for every interface"
                );
                assert_eq!(refused, said);
            }
            let listeners = Bound::take("127.0.0.1:0").await.unwrap().listen().unwrap();
            let addresses = listeners.addresses().unwrap();
            assert!(addresses.len() == 1 && addresses[0].ip() == Ipv4Addr::LOCALHOST);
        });
    }

    #[test]
    fn an_ip_that_this_machine_does_not_have_is_left_out_beside_others() {
        runtime().block_on(async {
            // For documentation only (RFC 5737 and 3849): no machine has it.
            let none = |ip: &str| SocketAddr::new(ip.parse().unwrap(), 0);
            let (foreign, foreign_6) = (none("192.0.2.1"), none("2001:db8::1"));
            let both = bind_all("x:0", &[foreign, none("127.0.0.1"), foreign_6]).unwrap();
            assert_eq!(both.len(), 1);
            assert_eq!(both[0].local_addr().unwrap().ip(), Ipv4Addr::LOCALHOST);
            let refused = bind_all("x:0", &[foreign]).unwrap_err().to_string();
            assert!(
                refused.starts_with("cannot listen on x:0: 192.0.2.1:0: "),
                "{refused}"
            );
        });
    }

    #[test]
    fn all_have_one_port_and_a_busy_one_is_named() {
        runtime().block_on(async {
            let ips = ["127.0.0.1:0", "127.0.0.2:0"].map(|ip| ip.parse().unwrap());
            let all = bind_all("name:0", &ips).unwrap();
            let addresses: Vec<SocketAddr> =
                all.iter().map(|one| one.local_addr().unwrap()).collect();
            assert_eq!(addresses[0].port(), addresses[1].port());
            let port = addresses[0].port();
            let taken = SocketAddr::from(([127, 0, 0, 2], port));
            drop(all);
            let _busy = std::net::TcpListener::bind(taken).unwrap();
            let ips = ips.map(|ip: SocketAddr| SocketAddr::new(ip.ip(), port));
            let refused = bind_all("name", &ips).unwrap_err().to_string();
            let said = format!("cannot listen on name: 127.0.0.2:{port}: ");
            assert!(refused.starts_with(&said), "{refused}");
        });
    }
}
