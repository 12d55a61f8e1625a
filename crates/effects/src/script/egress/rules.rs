//! Which hosts a run may reach, and which of their addresses.

use std::net::IpAddr;

use crate::http::guard;

/// Domains of AWS's own endpoints, of all partitions (botocore's `partitions.json`).
const AWS_DOMAINS: [&str; 11] = [
    "amazonaws.com",
    "amazonaws.com.cn",
    "amazonaws.eu",
    "api.aws",
    "api.amazonwebservices.com.cn",
    "api.amazonwebservices.eu",
    "c2s.ic.gov",
    "sc2s.sgov.gov",
    "cloud.adc-e.uk",
    "csp.hci.ic.gov",
    "api.cloud-aws.adc-e.uk",
];
/// Labels of AWS's domains below which customers' own machines and code answer: instances, load balancers, gateways,
/// databases, clusters. As first labels they are services' own endpoints.
const CUSTOMERS: [&str; 13] = [
    "aoss",
    "cache",
    "compute",
    "compute-1",
    "docdb",
    "elb",
    "es",
    "execute-api",
    "lambda-url",
    "mq",
    "neptune",
    "rds",
    "redshift",
];
/// The host at which a run finds Quell's own services; no name server knows it.
pub(crate) const OWN_HOST: &str = "quell.internal";

/// What a run may reach.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Quell's own services, at [`OWN_HOST`].
    pub(crate) own: bool,
    /// AWS's endpoints over HTTPS.
    pub(crate) aws: bool,
    /// Whether names of AWS may lead to private addresses, as those of interface endpoints do.
    pub(crate) private: bool,
    /// Hosts that the operator named, with their ports.
    pub(crate) named: Vec<(String, u16)>,
}

/// Why a host may be reached, which decides about its addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Quell itself.
    Own,
    /// The operator named it.
    Named,
    /// It is AWS's.
    Aws,
}

impl Rules {
    /// Rules from the variables of a run: it may reach what they name. With `AWS_ENDPOINT_URL` nothing else of AWS.
    pub(crate) fn of_endpoints<'a>(
        variables: impl IntoIterator<Item = (&'a String, &'a String)>,
    ) -> Self {
        let mut rules = Self {
            aws: true,
            ..Self::default()
        };
        for (name, value) in variables {
            if !name.starts_with("AWS_ENDPOINT_URL") {
                continue;
            }
            rules.aws &= name != "AWS_ENDPOINT_URL";
            rules.named.extend(host_and_port(value));
        }
        rules
    }

    /// Decides about a host and port.
    ///
    /// # Errors
    /// Why not, for the author of the script.
    pub(crate) fn decide(&self, host: &str, port: u16) -> Result<Reach, String> {
        let host = canonical(host);
        if host == OWN_HOST {
            return match (self.own, port) {
                (true, 80) => Ok(Reach::Own),
                _ => Err(refusal(&host, port)),
            };
        }
        let is_named = |(name, open): &(String, u16)| *name == host && *open == port;
        if self.named.iter().any(is_named) {
            return Ok(Reach::Named);
        }
        if self.aws && port == 443 && is_of_aws(&host) {
            return Ok(Reach::Aws);
        }
        Err(refusal(&host, port))
    }

    /// Decides about an address that a name was resolved to.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn decide_address(
        &self,
        reach: Reach,
        host: &str,
        address: IpAddr,
    ) -> Result<(), String> {
        let refused = match reach {
            Reach::Own => Some("Quell itself"),
            // The operator may mean a neighbour; nobody means the cloud's metadata without writing its address.
            Reach::Named if canonical(host).parse() == Ok(address) => None,
            Reach::Named => guard::forbidden(address)
                .filter(|why| is_metadata(address) || why.starts_with("link-local")),
            Reach::Aws => {
                guard::forbidden(address).filter(|_| !(self.private && is_private(address)))
            }
        };
        match refused {
            None => Ok(()),
            Some(why) => Err(format!(
                "`{host}` leads to {address}, which a script may not reach: {why}"
            )),
        }
    }
}

/// Host and port of an `http(s)` address.
pub(crate) fn host_and_port(url: &str) -> Option<(String, u16)> {
    let uri: http::Uri = url.parse().ok()?;
    let default = match uri.scheme_str()? {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    Some((canonical(uri.host()?), uri.port_u16().unwrap_or(default)))
}

/// One spelling of a host: lower case, no brackets, no final dot.
fn canonical(host: &str) -> String {
    let host = host.strip_suffix('.').unwrap_or(host);
    let host = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host);
    host.to_ascii_lowercase()
}

fn is_of_aws(host: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    host.bytes().all(plain)
        && AWS_DOMAINS.iter().any(|domain| {
            host.strip_suffix(domain).is_some_and(|rest| {
                rest.len() > 1 && rest.ends_with('.') && !is_of_a_customer(rest)
            })
        })
}

fn is_of_a_customer(labels: &str) -> bool {
    labels
        .split('.')
        .skip(1)
        .any(|label| CUSTOMERS.contains(&label) || label.starts_with("vpce-svc-"))
}

fn is_metadata(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => v4.is_link_local(),
            // `fd00:ec2::/32` is the cloud's own.
            None => v6.is_unicast_link_local() || matches!(v6.segments(), [0xfd00, 0xec2, ..]),
        },
    }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || matches!(v4.octets(), [100, 64..=127, ..]),
        IpAddr::V6(v6) => v6.is_unique_local() && !is_metadata(address),
    }
}

fn refusal(host: &str, port: u16) -> String {
    format!(
        "a script may not reach `{host}` at port {port}: it may call AWS over HTTPS and the configured endpoints; the \
         operator can add hosts with `scripts.allow_hosts`"
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn aws_is_reached_by_its_own_names_over_https() {
        let rules = Rules::of_endpoints(&BTreeMap::new());
        for host in [
            "ec2.eu-west-1.amazonaws.com",
            "EC2.eu-west-1.AMAZONAWS.COM",
            "ec2.eu-west-1.amazonaws.com.",
            "bucket.s3.us-east-1.amazonaws.com",
            "ec2.cn-north-1.amazonaws.com.cn",
            "lambda.us-east-1.api.aws",
            "rds.eu-west-1.amazonaws.com",
            "vpce-0a-1b.ec2.us-east-1.vpce.amazonaws.com",
        ] {
            assert_eq!(rules.decide(host, 443), Ok(Reach::Aws), "{host}");
            assert!(rules.decide(host, 80).is_err(), "{host}");
        }
        for host in [
            "amazonaws.com",
            "evilamazonaws.com",
            "amazonaws.com.evil.example",
            "ec2.amazonaws.com@evil.example",
            "169.254.169.254",
            "[::ffff:169.254.169.254]",
            "127.0.0.1",
            "localhost",
            "evil.example",
            "",
            ".amazonaws.com",
            "evil.example/.amazonaws.com",
            "quell.internal",
            // Other customers' machines and code.
            "ec2-203-0-113-7.compute-1.amazonaws.com",
            "ec2-203-0-113-7.eu-west-1.compute.amazonaws.com",
            "a1b2.execute-api.eu-west-1.amazonaws.com",
            "a1b2.lambda-url.eu-west-1.on.aws",
            "x-1.eu-west-1.elb.amazonaws.com",
            "x-1.elb.eu-west-1.amazonaws.com.cn",
            "db.c1.eu-west-1.rds.amazonaws.com",
            "vpce-0a-1b.vpce-svc-0c.us-east-1.vpce.amazonaws.com",
        ] {
            assert!(rules.decide(host, 443).is_err(), "{host}");
        }
    }

    #[test]
    fn a_configured_endpoint_is_reached_at_its_port_and_instead_of_aws() {
        let rules = Rules::of_endpoints(&variables(&[
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:5000"),
            ("AWS_ENDPOINT_URL_STS", "https://sts.example.com/path"),
            ("OTHER", "http://10.0.0.1:1"),
        ]));
        assert_eq!(rules.decide("127.0.0.1", 5000), Ok(Reach::Named));
        assert_eq!(rules.decide("STS.example.com", 443), Ok(Reach::Named));
        for (host, port) in [
            ("127.0.0.1", 5001),
            ("localhost", 5000),
            ("10.0.0.1", 1),
            ("ec2.eu-west-1.amazonaws.com", 443),
        ] {
            assert!(rules.decide(host, port).is_err(), "{host}");
        }
        let one = Rules::of_endpoints(&variables(&[("AWS_ENDPOINT_URL_S3", "http://[::1]:9000")]));
        assert_eq!(one.decide("[::1]", 9000), Ok(Reach::Named));
        assert_eq!(
            one.decide("ec2.eu-west-1.amazonaws.com", 443),
            Ok(Reach::Aws)
        );
    }

    #[test]
    fn quell_is_reached_only_where_it_serves() {
        let own = Rules {
            own: true,
            ..Rules::default()
        };
        assert_eq!(own.decide(OWN_HOST, 80), Ok(Reach::Own));
        assert!(own.decide(OWN_HOST, 443).is_err());
    }

    #[test]
    fn addresses_are_judged_after_names() {
        let rules = Rules::default();
        let private = Rules {
            private: true,
            ..Rules::default()
        };
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        for inside in [
            "127.0.0.1",
            "169.254.169.254",
            "::1",
            "fd00:ec2::254",
            "::ffff:169.254.169.254",
            "0.0.0.0",
        ] {
            for rules in [&rules, &private] {
                let decided = rules.decide_address(Reach::Aws, "x.amazonaws.com", ip(inside));
                assert!(decided.is_err(), "{inside}");
            }
        }
        for neighbour in ["10.0.0.5", "172.16.3.4", "192.168.1.1", "fd12::1"] {
            assert!(
                rules
                    .decide_address(Reach::Aws, "x", ip(neighbour))
                    .is_err()
            );
            assert!(
                private
                    .decide_address(Reach::Aws, "x", ip(neighbour))
                    .is_ok()
            );
        }
        assert!(
            rules
                .decide_address(Reach::Aws, "x", ip("52.1.2.3"))
                .is_ok()
        );
    }

    #[test]
    fn a_named_host_leads_anywhere_but_to_the_clouds_metadata() {
        let rules = Rules::default();
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        for (name, neighbour) in [("moto.example", "10.0.0.1"), ("localhost", "127.0.0.1")] {
            let decided = rules.decide_address(Reach::Named, name, ip(neighbour));
            assert!(decided.is_ok(), "{name}");
        }
        for rebound in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "64:ff9b::169.254.169.254",
            "2002:a9fe:a9fe::1",
            "fe80::1",
            "fd00:ec2::254",
        ] {
            let decided = rules.decide_address(Reach::Named, "rebound.example", ip(rebound));
            assert!(decided.is_err(), "{rebound}");
        }
        assert!(
            rules
                .decide_address(Reach::Named, "169.254.169.254", ip("169.254.169.254"))
                .is_ok()
        );
    }
}
