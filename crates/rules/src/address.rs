//! IP addresses and address ranges as patterns write them.
//!
//! Reads literals only; it never resolves names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address range; both ends belong to the same family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddressRange {
    V4 { network: u32, mask: u32 },
    V6 { network: u128, mask: u128 },
}

/// Reads an IP literal: four decimal parts (leading zeros allowed) or IPv6 in hexadecimal.
///
/// IPv4-mapped IPv6 written in hexadecimal is the IPv4 address, as in Java.
pub(crate) fn parse_address(text: &str) -> Option<IpAddr> {
    if looks_like_v4(text) {
        parse_v4(text).map(IpAddr::V4)
    } else if looks_like_v6(text) {
        let address: Ipv6Addr = text.parse().ok()?;
        Some(
            address
                .to_ipv4_mapped()
                .map_or(IpAddr::V6(address), IpAddr::V4),
        )
    } else {
        None
    }
}

fn looks_like_v4(text: &str) -> bool {
    let mut parts = 0;
    for part in text.split('.') {
        parts += 1;
        if part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit()) {
            return false;
        }
    }
    parts == 4
}

fn looks_like_v6(text: &str) -> bool {
    text.contains(':') && text.bytes().all(|b| b == b':' || b.is_ascii_hexdigit())
}

fn parse_v4(text: &str) -> Option<Ipv4Addr> {
    // Java reads no longer text as a literal.
    if text.len() > 15 {
        return None;
    }
    let mut parts = text.split('.').map(|part| part.parse::<u8>().ok());
    Some(Ipv4Addr::new(
        parts.next()??,
        parts.next()??,
        parts.next()??,
        parts.next()??,
    ))
}

impl AddressRange {
    /// Reads `address/bits`; the error is AWS's reason.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parts: Vec<&str> = text.split('/').collect();
        // Java's split drops empty parts at the end.
        while parts.last().is_some_and(|part| part.is_empty()) {
            parts.pop();
        }
        let [address, bits] = parts.as_slice() else {
            return Err("Malformed CIDR, one '/' required".to_owned());
        };
        let bits: i32 = bits
            .parse()
            .map_err(|_| "Malformed CIDR, mask bits must be an integer".to_owned())?;
        let bits = u32::try_from(bits)
            .map_err(|_| "Malformed CIDR, mask bits must not be negative".to_owned())?;
        match parse_address(address) {
            Some(IpAddr::V4(_)) if bits > 31 => Err("IPv4 mask bits must be < 32".to_owned()),
            Some(IpAddr::V4(address)) => {
                let mask = !(u32::MAX >> bits);
                Ok(AddressRange::V4 {
                    network: u32::from(address) & mask,
                    mask,
                })
            }
            Some(IpAddr::V6(_)) if bits > 127 => Err("IPv6 mask bits must be < 128".to_owned()),
            Some(IpAddr::V6(address)) => {
                let mask = !(u128::MAX >> bits);
                Ok(AddressRange::V6 {
                    network: u128::from(address) & mask,
                    mask,
                })
            }
            None if looks_like_v4(address) || looks_like_v6(address) => {
                Err(format!("Invalid IP address: {address}"))
            }
            None => Err(format!("Nonstandard IP address: {address}")),
        }
    }

    /// Whether the address lies in the range. Families never mix: the reference library lets
    /// `0.0.0.0/0` match IPv6 text and even numbers, which no rule author can mean.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        match (self, address) {
            (AddressRange::V4 { network, mask }, IpAddr::V4(address)) => {
                u32::from(address) & mask == *network
            }
            (AddressRange::V6 { network, mask }, IpAddr::V6(address)) => {
                u128::from(address) & mask == *network
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AddressRange, parse_address};

    #[test]
    fn literals() {
        assert_eq!(parse_address("010.0.0.01"), parse_address("10.0.0.1"));
        assert_eq!(
            parse_address("2001:DB8::1"),
            parse_address("2001:0db8:0:0:0:0:0:1")
        );
        assert_eq!(parse_address("::ffff:a00:1"), parse_address("10.0.0.1"));
        for text in [
            "",
            "10",
            "10.0.0",
            "10.0.0.256",
            "10.0.0.1 ",
            "1.2.3.4.5",
            ":",
            "a",
            "::g",
            "::ffff:10.0.0.1",
        ] {
            assert_eq!(parse_address(text), None, "{text}");
        }
    }

    #[test]
    fn ranges() {
        let inside = |range: &str, address: &str| {
            AddressRange::parse(range)
                .unwrap()
                .contains(parse_address(address).unwrap())
        };
        assert!(inside("10.0.0.5/24", "10.0.0.255"));
        assert!(!inside("10.0.0.5/24", "10.0.1.0"));
        assert!(inside("0.0.0.0/0", "255.255.255.255"));
        assert!(!inside("0.0.0.0/0", "::1"));
        assert!(inside("::/0", "ffff::"));
        assert!(!inside("::/0", "10.0.0.1"));
        assert!(inside("2001:db8::/127", "2001:db8::1"));
    }

    #[test]
    fn refusals() {
        for (text, reason) in [
            ("10.0.0.0", "Malformed CIDR, one '/' required"),
            ("10.0.0.0/", "Malformed CIDR, one '/' required"),
            ("10.0.0.0/8/2", "Malformed CIDR, one '/' required"),
            ("10.0.0.0/x", "Malformed CIDR, mask bits must be an integer"),
            (
                "10.0.0.0/-1",
                "Malformed CIDR, mask bits must not be negative",
            ),
            ("10.0.0.0/32", "IPv4 mask bits must be < 32"),
            ("::/128", "IPv6 mask bits must be < 128"),
            ("300.0.0.0/8", "Invalid IP address: 300.0.0.0"),
            ("host/8", "Nonstandard IP address: host"),
            ("/8", "Nonstandard IP address: "),
        ] {
            assert_eq!(AddressRange::parse(text).unwrap_err(), reason, "{text}");
        }
    }
}
