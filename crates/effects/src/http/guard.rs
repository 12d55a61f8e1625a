//! Keeps webhooks outside: every resolved address is checked, and the connection goes to the checked address.
//!
//! An event or a subscriber names the address of a webhook, so the address is an attacker's input. Without the guard it
//! could name the cloud's metadata service, this server, or a neighbour in the private network.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll};
use std::vec;

use http::Uri;
use hyper_util::client::legacy::connect::dns::Name;
use ports::BoxFuture;
use tower::Service;

/// Why an address may not be called; `None` when it may.
///
/// Ranges: IANA special-purpose registries for IPv4 and IPv6. Addresses that embed an IPv4 address are judged by it.
pub(crate) fn forbidden(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => forbidden_v4(v4),
        IpAddr::V6(v6) => forbidden_v6(v6),
    }
}

fn forbidden_v4(address: Ipv4Addr) -> Option<&'static str> {
    match address.octets() {
        [0, ..] => Some("this network"),
        [10, ..] | [192, 168, ..] => Some("a private network"),
        [172, b, ..] if (16..32).contains(&b) => Some("a private network"),
        [100, b, ..] if (64..128).contains(&b) => Some("a carrier's shared network"),
        [127, ..] => Some("this machine"),
        [169, 254, ..] => Some("link-local, where cloud metadata lives"),
        [192, 0, 0 | 2, _] | [192, 88, 99, _] | [198, 51, 100, _] | [203, 0, 113, _] => {
            Some("reserved")
        }
        [198, 18 | 19, ..] => Some("reserved for benchmarks"),
        [224..=255, ..] => Some("multicast or reserved"),
        _ => None,
    }
}

fn forbidden_v6(address: Ipv6Addr) -> Option<&'static str> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let low = Ipv4Addr::from(((u32::from(g)) << 16) | u32::from(h));
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0) if address.is_loopback() => Some("this machine"),
        (0, 0, 0, 0, 0, 0) => Some("reserved"),
        // IPv4-mapped and the well-known NAT64 prefix lead to the IPv4 address they end with.
        (0, 0, 0, 0, 0, 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0) => forbidden_v4(low),
        // 6to4 carries its IPv4 address after the first 16 bits.
        (0x2002, ..) => forbidden_v4(Ipv4Addr::from((u32::from(b) << 16) | u32::from(c))),
        (0x2001, 0..=0x1ff, ..) => Some("reserved for protocols"),
        (0x2001, 0xdb8, ..) | (0x3fff, 0..=0xfff, ..) => Some("reserved for documentation"),
        (0x2000..=0x3fff, ..) => None,
        (0xfc00..=0xfdff, ..) => Some("a private network"),
        (0xfe80..=0xfebf, ..) => Some("link-local"),
        (0xff00..=0xffff, ..) => Some("multicast"),
        _ => Some("not a public address"),
    }
}

/// Refuses an address before anything is resolved: user info, odd ports, plain HTTP, a forbidden literal.
///
/// # Errors
/// The reason, in words for the person who wrote the address.
pub(crate) fn check_uri(uri: &Uri, allow_http: bool, allow_private: bool) -> Result<(), String> {
    match uri.scheme_str() {
        Some("https") => {}
        Some("http") if allow_http => {}
        Some("http") => {
            return Err("plain http is not allowed here: use an https:// address".to_owned());
        }
        _ => return Err("only https:// addresses can be called".to_owned()),
    }
    let authority = uri
        .authority()
        .ok_or_else(|| "the address has no host".to_owned())?;
    if authority.as_str().contains('@') {
        return Err(
            "the address carries a user name: remove it and send a header instead".to_owned(),
        );
    }
    if allow_private {
        return Ok(());
    }
    // Low ports other than the web's belong to services that could be made to misread a request.
    if let Some(port) = uri.port_u16()
        && port < 1024
        && port != 443
        && port != 80
    {
        return Err(format!(
            "port {port} is not allowed: use 443 or a port from 1024 up"
        ));
    }
    let host = authority.host();
    let literal = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host);
    match literal.parse::<IpAddr>() {
        Ok(address) => forbidden(address).map_or(Ok(()), |why| Err(refusal(literal, why))),
        // `0x7f.1` or `2130706433`: no name, but resolvers read it as an address.
        Err(_) if ends_in_number(host) => {
            Err(refusal(literal, "an address in an unusual spelling"))
        }
        Err(_) => Ok(()),
    }
}

/// Whether the last label is a number, which no top-level domain is (the URL standard's "ends in a number").
fn ends_in_number(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    host.rsplit('.')
        .next()
        .is_some_and(|label| label.starts_with(|c: char| c.is_ascii_digit()))
}

fn refusal(what: &str, why: &str) -> String {
    format!(
        "`{what}` is not a public address ({why}); the operator can allow private addresses for webhooks"
    )
}

/// The resolver's refusal, so that it is told apart from a name that does not resolve.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Forbidden(String);

/// The guard's reason, if it is the guard that refused a connection.
pub(crate) fn refused(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(cause) = next {
        let inner = cause
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        if let Some(forbidden) = inner.and_then(|inner| inner.downcast_ref::<Forbidden>()) {
            return Some(forbidden.0.clone());
        }
        next = cause.source();
    }
    None
}

/// Resolves a name and refuses it when any of its addresses is forbidden.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GuardedResolver {
    pub(crate) allow_private: bool,
}

impl Service<Name> for GuardedResolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if !allow_private {
                for address in &found {
                    if let Some(why) = forbidden(address.ip()) {
                        let what = format!("{name}` at `{}", address.ip());
                        return Err(io::Error::other(Forbidden(refusal(&what, why))));
                    }
                }
            }
            Ok(found.into_iter())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INSIDE: &[&str] = &[
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.9",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:a9fe:a9fe",
        "64:ff9b::169.254.169.254",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2002:a00:1::",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
        "3fff::1",
        "4000::1",
    ];
    const OUTSIDE: &[&str] = &[
        "1.1.1.1",
        "8.8.8.8",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "192.0.1.1",
        "198.17.0.1",
        "223.255.255.255",
        "2606:4700::1111",
        "2a00:1450::1",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "2002:808:808::1",
    ];

    #[test]
    fn inside_addresses_are_forbidden_in_every_spelling() {
        for inside in INSIDE {
            assert!(forbidden(inside.parse().unwrap()).is_some(), "{inside}");
        }
        for outside in OUTSIDE {
            assert_eq!(forbidden(outside.parse().unwrap()), None, "{outside}");
        }
    }

    #[test]
    fn addresses_are_refused_before_they_are_resolved() {
        for refused in [
            "http://example.com/",
            "ftp://example.com/",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:7f00:1]/",
            "https://user@example.com/",
            "https://user:pw@127.0.0.1/",
            "https://example.com:22/",
            "https://example.com:25/",
            "https://169.254.169.254/latest/meta-data/",
            "https://[fd00:ec2::254]/",
            "/relative",
        ] {
            assert!(
                check_uri(&refused.parse().unwrap(), false, false).is_err(),
                "{refused}"
            );
        }
        for allowed in [
            "https://example.com/",
            "https://example.com:8443/x",
            "https://8.8.8.8/",
            "https://[2606:4700::1111]/",
        ] {
            assert_eq!(
                check_uri(&allowed.parse().unwrap(), false, false),
                Ok(()),
                "{allowed}"
            );
        }
        assert_eq!(
            check_uri(&"http://127.0.0.1:99/".parse().unwrap(), true, true),
            Ok(())
        );
        assert!(check_uri(&"http://127.0.0.1:9999/".parse().unwrap(), true, false).is_err());
    }

    #[tokio::test]
    async fn names_that_lead_inside_are_refused_after_resolving() {
        // getaddrinfo reads these as 127.0.0.1 although they are no address literals to us.
        for name in ["localhost", "0x7f.1", "2130706433", "127.1", "017700000001"] {
            let mut resolver = GuardedResolver {
                allow_private: false,
            };
            let refused = resolver.call(name.parse().unwrap()).await;
            assert!(refused.is_err(), "{name}: {refused:?}");
        }
        let mut resolver = GuardedResolver {
            allow_private: true,
        };
        assert!(resolver.call("localhost".parse().unwrap()).await.is_ok());
    }
}
