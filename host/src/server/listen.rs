//! Where connections come in: one listener for each IP that is served.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::Poll;

use rustix::io::Errno;
use rustix::net::sockopt::set_ipv6_v6only;
use tokio::net::{TcpListener, TcpSocket, TcpStream, lookup_host};

/// Connections that wait to be accepted, on each listener.
const BACKLOG: u32 = 1024;
/// How often a port is looked for that is free everywhere.
const PORT_TRIES: usize = 16;

/// Why nothing can be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The setting is no place.
    #[error("cannot listen on {0}: write host:port, or :port for every interface")]
    NoPlace(String),
    /// The host's name leads nowhere.
    #[error("cannot listen on {listen}: {source}")]
    NoIp {
        /// What was to be listened on.
        listen: String,
        /// What the system says.
        source: io::Error,
    },
    /// A place is not to be had.
    #[error("cannot listen on {shown}: {source}", shown = shown(.listen, .place))]
    Place {
        /// What was to be listened on.
        listen: String,
        /// One of the places that it means.
        place: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

fn shown(listen: &str, place: &SocketAddr) -> String {
    let place = place.to_string();
    if listen == place {
        place
    } else {
        format!("{listen}: {place}")
    }
}

/// All that one setting means, with one port, taken and not listened on yet: whoever
/// connects is refused.
#[derive(Debug)]
pub struct Bound {
    listen: String,
    sockets: Vec<TcpSocket>,
}

impl Bound {
    /// Takes `host:port`, on every IP of the host's name; with `:port` on every
    /// interface, IPv4 and IPv6. IPs that this machine does not have are left out where
    /// others are there. With port 0, all have the same one.
    ///
    /// # Errors
    /// When any other IP is not to be had, or none is left.
    pub async fn take(listen: &str) -> Result<Self, ListenError> {
        let places = resolve(listen).await?;
        let any_port = places.iter().all(|place| place.port() == 0);
        let mut tries = if any_port { PORT_TRIES } else { 1 };
        loop {
            tries -= 1;
            match bind_all(listen, &places) {
                // Somebody else has the port on another IP than the one that it was found on.
                Err(ListenError::Place { source, .. })
                    if tries > 0 && source.kind() == io::ErrorKind::AddrInUse => {}
                Ok(sockets) => {
                    let listen = listen.to_owned();
                    return Ok(Self { listen, sockets });
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Listens on all of it.
    ///
    /// # Errors
    /// When the system does not let it.
    pub fn listen(self) -> Result<Listeners, ListenError> {
        let mut listeners = Vec::with_capacity(self.sockets.len());
        for socket in self.sockets {
            let place = socket.local_addr();
            let listener = socket.listen(BACKLOG).map_err(|source| match place {
                Ok(place) => ListenError::Place {
                    listen: self.listen.clone(),
                    place,
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

/// Listeners on all that one setting means, with one port.
#[derive(Debug)]
pub struct Listeners {
    listeners: Vec<TcpListener>,
    /// Which one is asked first.
    turn: usize,
}

impl Listeners {
    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not tell them.
    pub fn places(&self) -> io::Result<Vec<SocketAddr>> {
        self.listeners.iter().map(TcpListener::local_addr).collect()
    }

    /// The next connection, wherever it comes in. Who is on the other end of
    /// one is told in IPv4 where that is spoken.
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
    let no_place = || ListenError::NoPlace(listen.to_owned());
    let (host, port) = listen.rsplit_once(':').ok_or_else(no_place)?;
    let port: u16 = port.parse().map_err(|_| no_place())?;
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
    let mut places: Vec<SocketAddr> = Vec::new();
    for place in lookup_host(listen).await.map_err(failed)? {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    if places.is_empty() {
        return Err(failed(io::Error::from(io::ErrorKind::AddrNotAvailable)));
    }
    Ok(places)
}

fn bind_all(listen: &str, places: &[SocketAddr]) -> Result<Vec<TcpSocket>, ListenError> {
    let failed = |place: SocketAddr| {
        move |source| ListenError::Place {
            listen: listen.to_owned(),
            place,
            source,
        }
    };
    let is_alone = places.len() == 1;
    let mut sockets: Vec<TcpSocket> = Vec::new();
    let mut left_out = None;
    let mut port = places.first().map_or(0, SocketAddr::port);
    for place in places {
        let place = SocketAddr::new(place.ip(), port);
        match bind_one(place, is_alone) {
            Ok(socket) => {
                port = socket.local_addr().map_err(failed(place))?.port();
                sockets.push(socket);
            }
            Err(error) if is_unavailable(&error) => left_out = Some(failed(place)(error)),
            Err(error) => return Err(failed(place)(error)),
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

/// Takes one IP. One of IPv6 beside others takes nothing but IPv6; alone, it
/// takes what the system lets it.
fn bind_one(place: SocketAddr, is_alone: bool) -> io::Result<TcpSocket> {
    let socket = if place.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // Connections of a host that ended are no reason to wait.
    socket.set_reuseaddr(true)?;
    if place.is_ipv6() && !is_alone {
        set_ipv6_v6only(&socket, true)?;
    }
    socket.bind(place)?;
    Ok(socket)
}

/// Whether this machine has no such IP, or none of its kind.
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
    fn a_place_is_host_and_port_and_nothing_else() {
        runtime().block_on(async {
            for listen in ["", "9001", "localhost", "localhost:", ":http", ":65536"] {
                let refused = Bound::take(listen).await.unwrap_err().to_string();
                let said = format!(
                    "cannot listen on {listen}: write host:port, or :port for every interface"
                );
                assert_eq!(refused, said);
            }
            let listeners = Bound::take("127.0.0.1:0").await.unwrap().listen().unwrap();
            let places = listeners.places().unwrap();
            assert!(places.len() == 1 && places[0].ip() == Ipv4Addr::LOCALHOST);
        });
    }

    #[test]
    fn an_ip_that_this_machine_does_not_have_is_left_out_beside_others() {
        runtime().block_on(async {
            // For documentation alone (RFC 5737 and 3849): nobody has it.
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
            let places: Vec<SocketAddr> = all.iter().map(|one| one.local_addr().unwrap()).collect();
            assert_eq!(places[0].port(), places[1].port());
            let port = places[0].port();
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
