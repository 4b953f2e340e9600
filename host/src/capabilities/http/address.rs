//! Addresses that no request goes to unless the operator grants the address itself: those of
//! this machine, of its networks, and of no single server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Ranges of IPv4: first address, length of the prefix, what the range is. Of IANA's registry
/// of special-purpose addresses, those that are not globally reachable.
const IPV4: &[(Ipv4Addr, u32, &str)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8, "this network"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "a private network"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "a carrier's network"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "this machine"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "the local link"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "a private network"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "protocol assignments"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "documentation"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "relays to IPv6"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "a private network"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "benchmarks"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved addresses"),
];

/// The same of IPv6, below the ranges that carry an address of IPv4.
const IPV6: &[(Ipv6Addr, u32, &str)] = &[
    (Ipv6Addr::LOCALHOST, 128, "this machine"),
    (Ipv6Addr::UNSPECIFIED, 128, "this machine"),
    (
        Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0),
        48,
        "a private network",
    ),
    (
        Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0),
        64,
        "discarded packets",
    ),
    (
        Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0),
        23,
        "protocol assignments",
    ),
    (
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0),
        32,
        "documentation",
    ),
    (
        Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0),
        20,
        "documentation",
    ),
    (
        Ipv6Addr::new(0x5f00, 0, 0, 0, 0, 0, 0, 0),
        16,
        "segment routing",
    ),
    (
        Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0),
        7,
        "a private network",
    ),
    (
        Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0),
        10,
        "the local link",
    ),
    (
        Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0),
        10,
        "a private network",
    ),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, "multicast"),
];

/// What an address belongs to, where that is no single server that all reach.
pub(super) fn special(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => special_v4(address),
        IpAddr::V6(address) => match carried(address) {
            Some(carried) => special_v4(carried),
            None => special_v6(address),
        },
    }
}

fn special_v4(address: Ipv4Addr) -> Option<&'static str> {
    let is_in = |first: Ipv4Addr, length: u32| {
        (u32::from(address) ^ u32::from(first)).leading_zeros() >= length
    };
    let found = IPV4
        .iter()
        .find(|(first, length, _)| is_in(*first, *length));
    found.map(|(_, _, what)| *what)
}

fn special_v6(address: Ipv6Addr) -> Option<&'static str> {
    let is_in = |first: Ipv6Addr, length: u32| {
        (u128::from(address) ^ u128::from(first)).leading_zeros() >= length
    };
    let found = IPV6
        .iter()
        .find(|(first, length, _)| is_in(*first, *length));
    match found {
        Some((_, _, what)) => Some(what),
        // Nothing else is given out: the globally reachable ones begin with 001.
        None if address.segments()[0] >> 13 != 1 => Some("reserved addresses"),
        None => None,
    }
}

/// The address of IPv4 that a packet to this one ends at: mapped, compatible, translated
/// (NAT64) or tunnelled (6to4).
fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let of = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0] if (g, h) > (0, 1) => Some(of(g, h)),
        [0, 0, 0, 0, 0, 0xffff] | [0, 0, 0, 0, 0xffff, 0] => Some(of(g, h)),
        [0x64, 0xff9b, 0, 0, 0, 0] => Some(of(g, h)),
        [0x2002, high, low, ..] => Some(of(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::special;

    #[test]
    fn addresses_that_are_no_public_server_are_told_by_what_they_are() {
        for (address, what) in [
            ("0.0.0.0", Some("this network")),
            ("10.255.255.255", Some("a private network")),
            ("100.64.0.1", Some("a carrier's network")),
            ("100.127.255.255", Some("a carrier's network")),
            ("100.128.0.0", None),
            ("127.0.0.1", Some("this machine")),
            ("127.255.255.254", Some("this machine")),
            ("169.254.169.254", Some("the local link")),
            ("172.15.255.255", None),
            ("172.16.0.1", Some("a private network")),
            ("172.31.255.255", Some("a private network")),
            ("172.32.0.0", None),
            ("192.0.0.8", Some("protocol assignments")),
            ("192.0.1.1", None),
            ("192.168.1.1", Some("a private network")),
            ("198.19.255.255", Some("benchmarks")),
            ("224.0.0.1", Some("multicast")),
            ("255.255.255.255", Some("reserved addresses")),
            ("8.8.8.8", None),
            ("::", Some("this machine")),
            ("::1", Some("this machine")),
            ("::127.0.0.1", Some("this machine")),
            ("::ffff:127.0.0.1", Some("this machine")),
            ("::ffff:0:10.0.0.1", Some("a private network")),
            ("::ffff:8.8.8.8", None),
            ("64:ff9b::10.0.0.1", Some("a private network")),
            ("64:ff9b::8.8.8.8", None),
            ("64:ff9b:1::1", Some("a private network")),
            ("2002:7f00:1::", Some("this machine")),
            ("2002:808:808::1", None),
            ("2001::1", Some("protocol assignments")),
            ("2001:db8::1", Some("documentation")),
            ("fc00::1", Some("a private network")),
            ("fdff::1", Some("a private network")),
            ("fe80::1", Some("the local link")),
            ("fec0::1", Some("a private network")),
            ("ff02::1", Some("multicast")),
            ("4000::1", Some("reserved addresses")),
            ("2a00:1450:4001:830::200e", None),
            ("2606:4700::1111", None),
        ] {
            assert_eq!(special(address.parse().unwrap()), what, "{address}");
        }
    }
}
