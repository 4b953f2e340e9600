//! Files and sockets with nothing behind them, for the runtimes of languages, which import
//! them whether or not a program uses them. No folder is there, no socket is made and no name
//! is looked up, so no descriptor and no socket ever exists: what their methods would do
//! cannot be reached.

use wasmtime::component::Linker;
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::sync::filesystem::types;
use wasmtime_wasi::p2::bindings::sync::sockets::{tcp, udp, udp_create_socket};
use wasmtime_wasi::p2::bindings::{filesystem::preopens, sockets};
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsView};

use super::{CallState, Capability};

pub(crate) const CAPABILITY: Capability = Capability {
    interfaces: &[
        "wasi:filesystem/preopens@0.2.12",
        "wasi:filesystem/types@0.2.12",
        "wasi:sockets/instance-network@0.2.12",
        "wasi:sockets/ip-name-lookup@0.2.12",
        "wasi:sockets/network@0.2.12",
        "wasi:sockets/tcp@0.2.12",
        "wasi:sockets/tcp-create-socket@0.2.12",
        "wasi:sockets/udp@0.2.12",
        "wasi:sockets/udp-create-socket@0.2.12",
    ],
    grant: None,
    is_inert: true,
    summary: "finds no folder, and makes no socket",
    link,
};

pub(crate) type State = ();
pub(crate) type Limits = ();

fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    types::add_to_linker::<_, WasiFilesystem>(linker, CallState::filesystem)?;
    preopens::add_to_linker::<_, WasiFilesystem>(linker, CallState::filesystem)?;
    let options = sockets::network::LinkOptions::default();
    sockets::network::add_to_linker::<_, WasiSockets>(linker, &options, CallState::sockets)?;
    sockets::instance_network::add_to_linker::<_, WasiSockets>(linker, CallState::sockets)?;
    sockets::ip_name_lookup::add_to_linker::<_, WasiSockets>(linker, CallState::sockets)?;
    sockets::tcp_create_socket::add_to_linker::<_, WasiSockets>(linker, CallState::sockets)?;
    tcp::add_to_linker::<_, WasiSockets>(linker, CallState::sockets)?;
    udp::add_to_linker::<_, WasiSockets>(linker, CallState::sockets)?;
    udp_create_socket::add_to_linker::<_, WasiSockets>(linker, CallState::sockets)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::asking;
    use super::*;

    use sockets::network::{ErrorCode, IpAddressFamily};
    use wasmtime_wasi::p2::SocketResult;

    fn refusal<T>(made: SocketResult<T>) -> ErrorCode {
        made.err().unwrap().downcast().unwrap()
    }

    #[test]
    fn a_guest_finds_no_folder() {
        use preopens::Host;
        let mut call = asking(|_| ());
        assert!(call.filesystem().get_directories().unwrap().is_empty());
    }

    #[test]
    fn a_guest_gets_no_socket_and_no_address() {
        use sockets::instance_network::Host as _;
        use sockets::ip_name_lookup::Host as _;
        use sockets::tcp_create_socket::Host as _;
        use udp_create_socket::Host as _;
        for family in [IpAddressFamily::Ipv4, IpAddressFamily::Ipv6] {
            let mut call = asking(|_| ());
            let mut sockets = call.sockets();
            let denied = ErrorCode::AccessDenied;
            assert_eq!(refusal(sockets.create_tcp_socket(family)), denied);
            assert_eq!(refusal(sockets.create_udp_socket(family)), denied);
        }
        // A name needs a look-up, and an address none.
        for name in ["localhost", "127.0.0.1", "::1"] {
            let mut call = asking(|_| ());
            let network = call.sockets().instance_network().unwrap();
            let found = call.sockets().resolve_addresses(network, name.to_owned());
            assert_eq!(refusal(found), ErrorCode::PermanentResolverFailure);
        }
    }
}
