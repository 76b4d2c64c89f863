//! Which addresses may be dialled: pure, a table of ranges.
//!
//! A name that an attacker controls can resolve to anything: this machine, the cluster's network, the cloud's metadata service.
//! So only global unicast addresses are dialled; everything else is refused with the name of its range, unless the operator
//! listed the network for the instance. Ranges: IANA's special-purpose address registries (RFC 6890 and its updates).

use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Reachable from anywhere, and nothing special.
    Global,
    /// Inside some network: dialled only if the operator listed that network. The text names the range.
    Inside(&'static str),
    /// Never dialled, whatever is listed: not one host, or a service that gives keys to whoever asks.
    Never(&'static str),
}

const SPECIAL_V4: &[([u8; 4], u8, Class)] = &[
    // The metadata services of the large clouds: a request there yields the machine's own credentials.
    ([169, 254, 169, 254], 32, Class::Never("a cloud's metadata service")),
    ([169, 254, 170, 2], 32, Class::Never("a cloud's metadata service")),
    ([169, 254, 170, 23], 32, Class::Never("a cloud's metadata service")),
    ([100, 100, 100, 200], 32, Class::Never("a cloud's metadata service")),
    ([168, 63, 129, 16], 32, Class::Never("a cloud's metadata service")),
    ([0, 0, 0, 0], 8, Class::Never("this network")),
    ([10, 0, 0, 0], 8, Class::Inside("private")),
    ([100, 64, 0, 0], 10, Class::Inside("shared (carrier-grade NAT)")),
    ([127, 0, 0, 0], 8, Class::Inside("loopback")),
    ([169, 254, 0, 0], 16, Class::Inside("link-local")),
    ([172, 16, 0, 0], 12, Class::Inside("private")),
    ([192, 0, 0, 0], 24, Class::Inside("protocol assignments")),
    ([192, 0, 2, 0], 24, Class::Inside("documentation")),
    ([192, 31, 196, 0], 24, Class::Inside("AS112")),
    ([192, 52, 193, 0], 24, Class::Inside("AMT")),
    ([192, 88, 99, 0], 24, Class::Inside("6to4 relay")),
    ([192, 168, 0, 0], 16, Class::Inside("private")),
    ([192, 175, 48, 0], 24, Class::Inside("AS112")),
    ([198, 18, 0, 0], 15, Class::Inside("benchmarking")),
    ([198, 51, 100, 0], 24, Class::Inside("documentation")),
    ([203, 0, 113, 0], 24, Class::Inside("documentation")),
    ([224, 0, 0, 0], 4, Class::Never("multicast")),
    ([240, 0, 0, 0], 4, Class::Never("reserved")),
];

const SPECIAL_V6: &[([u16; 8], u8, Class)] = &[
    ([0, 0, 0, 0, 0, 0, 0, 0], 128, Class::Never("unspecified")),
    ([0, 0, 0, 0, 0, 0, 0, 1], 128, Class::Inside("loopback")),
    (
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254],
        128,
        Class::Never("a cloud's metadata service"),
    ),
    (
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23],
        128,
        Class::Never("a cloud's metadata service"),
    ),
    (
        [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254],
        128,
        Class::Never("a cloud's metadata service"),
    ),
    ([0, 0, 0, 0, 0, 0xffff, 0, 0], 96, Class::Inside("an IPv4 address mapped into IPv6")),
    (
        [0, 0, 0, 0, 0xffff, 0, 0, 0],
        96,
        Class::Inside("an IPv4 address translated into IPv6"),
    ),
    ([0, 0, 0, 0, 0, 0, 0, 0], 96, Class::Inside("an IPv4-compatible IPv6 address")),
    ([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96, Class::Inside("NAT64")),
    ([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48, Class::Inside("local NAT64")),
    ([0x100, 0, 0, 0, 0, 0, 0, 0], 64, Class::Never("discard-only")),
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 32, Class::Inside("Teredo")),
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, Class::Inside("protocol assignments")),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, Class::Inside("documentation")),
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, Class::Inside("6to4")),
    ([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48, Class::Inside("AS112")),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, Class::Inside("documentation")),
    ([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16, Class::Inside("segment routing")),
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, Class::Inside("unique local")),
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, Class::Inside("link-local")),
    ([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, Class::Inside("site-local")),
    ([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, Class::Never("multicast")),
];

/// What this address is. An IPv6 address that carries an IPv4 address is never global: no honest upstream publishes one.
#[must_use]
pub fn classify(address: IpAddr) -> Class {
    match address {
        IpAddr::V4(address) => classify_v4(address),
        IpAddr::V6(address) => classify_v6(address),
    }
}

fn classify_v4(address: Ipv4Addr) -> Class {
    let bits = address.to_bits();
    SPECIAL_V4
        .iter()
        .find(|(base, length, _)| (bits ^ u32::from_be_bytes(*base)).checked_shr(32 - u32::from(*length)).unwrap_or(0) == 0)
        .map_or(Class::Global, |(_, _, class)| *class)
}

fn classify_v6(address: Ipv6Addr) -> Class {
    let bits = address.to_bits();
    let special = SPECIAL_V6
        .iter()
        .find(|(base, length, _)| {
            let base = Ipv6Addr::from(*base).to_bits();
            (bits ^ base).checked_shr(128 - u32::from(*length)).unwrap_or(0) == 0
        })
        .map(|(_, _, class)| *class);
    match special {
        Some(class) => class,
        // Only 2000::/3 is assigned for global unicast; the rest is for others to define.
        None if address.segments()[0] & 0xe000 == 0x2000 => Class::Global,
        None => Class::Never("unassigned"),
    }
}

/// Why this address may not be dialled, or `None` if it may: it is global, or the operator listed its network. What is
/// [`Class::Never`] stays refused, also inside an IPv6 form that was listed.
#[must_use]
pub fn refusal(address: IpAddr, networks: &[IpNet]) -> Option<&'static str> {
    match classify(address) {
        Class::Global => None,
        Class::Never(range) => Some(range),
        Class::Inside(range) if !networks.iter().any(|network| network.contains(&address)) => Some(range),
        Class::Inside(_) => embedded(address).and_then(|inner| match classify_v4(inner) {
            Class::Global => None,
            Class::Never(range) => Some(range),
            Class::Inside(range) => (!networks.iter().any(|network| network.contains(&IpAddr::V4(inner)))).then_some(range),
        }),
    }
}

/// The IPv4 address that an IPv6 address leads to, where its form says so.
fn embedded(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(address) = address else { return None };
    let [a, b, c, d, e, f, g, h] = address.segments();
    let pair = |high: u16, low: u16| Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    match (a, b, c, d, e, f) {
        // ::1 is no IPv4-compatible address.
        (0, 0, 0, 0, 0, 0) if g == 0 && h <= 1 => None,
        (0, 0, 0, 0, 0, 0 | 0xffff) | (0, 0, 0, 0, 0xffff, 0) | (0x64, 0xff9b, _, _, _, _) => pair(g, h),
        (0x2002, ..) => pair(b, c),
        // Teredo stores the client's address with every bit turned.
        (0x2001, 0, ..) => pair(!g, !h),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn class(text: &str) -> Class {
        classify(text.parse().unwrap())
    }

    #[test]
    fn honest_upstreams_are_global() {
        for address in [
            "140.82.121.6",
            "1.1.1.1",
            "172.32.0.1",
            "172.15.255.255",
            "100.63.255.255",
            "100.128.0.0",
            "192.0.1.0",
        ] {
            assert_eq!(class(address), Class::Global, "{address}");
        }
        for address in [
            "11.0.0.0",
            "126.255.255.255",
            "223.255.255.255",
            "2606:50c0:8000::153",
            "2a00:1450:4001:81c::200e",
            "2001:200::1",
        ] {
            assert_eq!(class(address), Class::Global, "{address}");
        }
    }

    #[test]
    fn the_inside_is_not_global_in_any_spelling() {
        for (address, range) in [
            ("10.0.0.1", "private"),
            ("172.16.0.1", "private"),
            ("172.31.255.255", "private"),
            ("192.168.1.1", "private"),
            ("127.0.0.1", "loopback"),
            ("127.255.255.254", "loopback"),
            ("100.64.0.1", "shared (carrier-grade NAT)"),
            ("100.127.255.255", "shared (carrier-grade NAT)"),
            ("169.254.1.1", "link-local"),
            ("192.0.0.192", "protocol assignments"),
            ("198.19.255.255", "benchmarking"),
            ("203.0.113.9", "documentation"),
            ("::1", "loopback"),
            ("::ffff:127.0.0.1", "an IPv4 address mapped into IPv6"),
            ("::ffff:8.8.8.8", "an IPv4 address mapped into IPv6"),
            ("::ffff:0:8.8.8.8", "an IPv4 address translated into IPv6"),
            ("::127.0.0.1", "an IPv4-compatible IPv6 address"),
            ("64:ff9b::7f00:1", "NAT64"),
            ("64:ff9b::a9fe:a9fe", "NAT64"),
            ("64:ff9b:1::a00:1", "local NAT64"),
            ("2002:7f00:1::", "6to4"),
            ("2002:a9fe:a9fe::1", "6to4"),
            ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "Teredo"),
            ("2001:2::1", "protocol assignments"),
            ("2001:db8::1", "documentation"),
            ("3fff::1", "documentation"),
            ("fc00::1", "unique local"),
            ("fdff::1", "unique local"),
            ("fe80::1", "link-local"),
            ("febf::1", "link-local"),
            ("fec0::1", "site-local"),
        ] {
            assert_eq!(class(address), Class::Inside(range), "{address}");
        }
    }

    #[test]
    fn what_is_never_dialled_cannot_be_listed() {
        let everything = ["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()];
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "169.254.170.2",
            "100.100.100.200",
            "168.63.129.16",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "ff02::1",
            "fd00:ec2::254",
            "100::1",
            "4000::1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "::169.254.169.254",
        ] {
            assert!(refusal(address.parse().unwrap(), &everything).is_some(), "{address}");
        }
    }

    #[test]
    fn a_listed_network_opens_itself_and_nothing_beside_it() {
        let listed = ["10.1.0.0/16".parse().unwrap(), "fd12::/16".parse().unwrap()];
        assert_eq!(refusal("10.1.2.3".parse().unwrap(), &listed), None);
        assert_eq!(refusal("fd12::5".parse().unwrap(), &listed), None);
        assert_eq!(refusal("10.2.0.1".parse().unwrap(), &listed), Some("private"));
        assert_eq!(refusal("127.0.0.1".parse().unwrap(), &listed), Some("loopback"));
        assert_eq!(refusal("8.8.8.8".parse().unwrap(), &listed), None);
        assert_eq!(
            refusal("::ffff:10.1.2.3".parse().unwrap(), &listed),
            Some("an IPv4 address mapped into IPv6")
        );
    }

    #[test]
    fn behind_nat64_the_inner_address_counts_too() {
        let listed = ["64:ff9b::/96".parse().unwrap()];
        assert_eq!(refusal("64:ff9b::808:808".parse().unwrap(), &listed), None);
        assert_eq!(refusal("64:ff9b::a00:1".parse().unwrap(), &listed), Some("private"));
    }

    proptest! {
        #[test]
        fn v4_agrees_with_the_standard_library(bits: u32) {
            let address = Ipv4Addr::from_bits(bits);
            let special = address.is_private() || address.is_loopback() || address.is_link_local() || address.is_multicast()
                || address.is_broadcast() || address.is_documentation() || address.is_unspecified();
            if special {
                prop_assert_ne!(classify_v4(address), Class::Global);
            }
        }

        #[test]
        fn an_inside_address_stays_inside_in_every_ipv6_form(bits: u32) {
            let inner = Ipv4Addr::from_bits(bits);
            let [high, low] = [(bits >> 16) as u16, (bits & 0xffff) as u16];
            for form in [
                Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, high, low),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
                Ipv6Addr::new(0x2001, 0, 1, 2, 3, 4, !high, !low),
            ] {
                prop_assert_ne!(classify_v6(form), Class::Global);
                let listed = [IpNet::from(IpAddr::V6(form))];
                let refused = refusal(IpAddr::V6(form), &listed).is_some();
                prop_assert_eq!(refused, classify_v4(inner) != Class::Global, "{} in {}", inner, form);
            }
        }

        #[test]
        fn outside_2000_slash_3_nothing_is_global(bits: u128) {
            if bits >> 125 != 1 {
                prop_assert_ne!(classify_v6(Ipv6Addr::from_bits(bits)), Class::Global);
            }
        }
    }
}
