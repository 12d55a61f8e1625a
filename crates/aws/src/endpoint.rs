//! Where a call goes and for which region and service it is signed.
//!
//! The standard host pattern, services with one endpoint for a partition, and the partitions' domains. The full
//! rule sets (FIPS, dual-stack, access points) are not interpreted here.

use crate::Error;
use crate::model::Service;

/// Partitions by the beginning of their region names; the first that fits is taken.
/// Source: botocore's `partitions.json`.
const PARTITIONS: [(&str, &str, &str); 8] = [
    ("us-gov-", "aws-us-gov", "amazonaws.com"),
    ("us-isob-", "aws-iso-b", "sc2s.sgov.gov"),
    ("us-isof-", "aws-iso-f", "csp.hci.ic.gov"),
    ("us-iso-", "aws-iso", "c2s.ic.gov"),
    ("eu-isoe-", "aws-iso-e", "cloud.adc-e.uk"),
    ("eusc-", "aws-eusc", "amazonaws.eu"),
    ("cn-", "aws-cn", "amazonaws.com.cn"),
    ("", "aws", "amazonaws.com"),
];

/// Partition of a region: `aws`, `aws-cn`, `aws-us-gov`, ...
#[must_use]
pub fn partition(region: &str) -> &'static str {
    partition_entry(region).1
}

fn partition_entry(region: &str) -> (&'static str, &'static str, &'static str) {
    let fits = |entry: &&(&str, &str, &str)| region.starts_with(entry.0);
    PARTITIONS
        .iter()
        .find(fits)
        .copied()
        .unwrap_or(("", "aws", "amazonaws.com"))
}

/// A place to send a call to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `https` or `http`.
    pub scheme: String,
    /// Host with its port.
    pub authority: String,
    /// Path before that of the operation, without a final `/`; mostly empty.
    pub path: String,
    /// Region to sign for.
    pub signing_region: String,
    /// Service name to sign for.
    pub signing_name: String,
    /// The caller named it: host prefixes and virtual-host addressing are off.
    pub custom: bool,
}

/// Parts of an absolute URL without query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UrlParts {
    pub(crate) scheme: String,
    pub(crate) authority: String,
    pub(crate) path: String,
}

/// Splits `http(s)://host[:port][/path]`; `None` for anything else.
pub(crate) fn split_url(url: &str) -> Option<UrlParts> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    if !matches!(scheme.as_str(), "http" | "https") || url.len() > 2048 {
        return None;
    }
    let (authority, path) = rest
        .find('/')
        .and_then(|at| rest.split_at_checked(at))
        .unwrap_or((rest, ""));
    let host_fits = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    if authority.is_empty() || !authority.chars().all(host_fits) {
        return None;
    }
    if !path
        .chars()
        .all(|c| c.is_ascii_graphic() && !matches!(c, '?' | '#'))
    {
        return None;
    }
    Some(UrlParts {
        scheme,
        authority: authority.to_owned(),
        path: path.to_owned(),
    })
}

/// Chooses the endpoint of a service: `endpoint_url` if given, else AWS's own for the region.
///
/// # Errors
/// [`Error::Endpoint`] when the URL or the region cannot be one.
pub fn resolve(
    service: &Service,
    region: &str,
    endpoint_url: Option<&str>,
) -> Result<Endpoint, Error> {
    let (_, partition, suffix) = partition_entry(region);
    let global = service
        .global_endpoints
        .iter()
        .find(|global| global.partition == partition);
    let signing_region = global.and_then(|global| global.region).unwrap_or(region);
    if region.is_empty()
        || region.len() > 64
        || !region
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-')
    {
        return Err(Error::Endpoint {
            what: "region",
            value: region.to_owned(),
            reason: "give a region name such as `eu-west-1`",
        });
    }
    let parts = match endpoint_url {
        Some(url) => split_url(url).ok_or_else(|| Error::Endpoint {
            what: "endpoint_url",
            value: url.to_owned(),
            reason: "give `http://` or `https://`, a host, perhaps a port and a path, no query",
        })?,
        None => UrlParts {
            scheme: "https".to_owned(),
            authority: global
                .map(|global| global.hostname.to_string())
                .unwrap_or_else(|| format!("{}.{region}.{suffix}", service.endpoint_prefix)),
            path: String::new(),
        },
    };
    Ok(Endpoint {
        scheme: parts.scheme,
        authority: parts.authority,
        path: parts.path.trim_end_matches('/').to_owned(),
        signing_region: signing_region.to_owned(),
        signing_name: service.signing_name.to_string(),
        custom: endpoint_url.is_some(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::catalog;

    const HOSTS: &[(&str, &str, &str, &str)] = &[
        (
            "ec2",
            "eu-west-1",
            "ec2.eu-west-1.amazonaws.com",
            "eu-west-1",
        ),
        (
            "ec2",
            "cn-north-1",
            "ec2.cn-north-1.amazonaws.com.cn",
            "cn-north-1",
        ),
        ("iam", "eu-west-1", "iam.amazonaws.com", "us-east-1"),
        (
            "iam",
            "us-gov-east-1",
            "iam.us-gov.amazonaws.com",
            "us-gov-west-1",
        ),
        (
            "iam",
            "cn-northwest-1",
            "iam.cn-north-1.amazonaws.com.cn",
            "cn-north-1",
        ),
        (
            "sts",
            "eu-west-1",
            "sts.eu-west-1.amazonaws.com",
            "eu-west-1",
        ),
        ("route53", "eu-west-1", "route53.amazonaws.com", "us-east-1"),
        (
            "organizations",
            "eu-west-1",
            "organizations.us-east-1.amazonaws.com",
            "us-east-1",
        ),
        (
            "cloudfront",
            "eu-west-1",
            "cloudfront.amazonaws.com",
            "us-east-1",
        ),
        (
            "support",
            "eu-west-1",
            "support.us-east-1.amazonaws.com",
            "us-east-1",
        ),
        (
            "ssm-incidents",
            "eu-west-1",
            "ssm-incidents.eu-west-1.amazonaws.com",
            "eu-west-1",
        ),
        (
            "stepfunctions",
            "eu-west-1",
            "states.eu-west-1.amazonaws.com",
            "eu-west-1",
        ),
    ];

    #[test]
    fn hosts_and_signing_regions() {
        for &(service, region, host, signed_for) in HOSTS {
            let service = catalog().service(service).unwrap();
            let endpoint = resolve(&service, region, None).unwrap();
            assert_eq!(
                (
                    endpoint.authority.as_str(),
                    endpoint.signing_region.as_str()
                ),
                (host, signed_for)
            );
        }
    }

    #[test]
    fn own_endpoint_keeps_the_signing_region() {
        let iam = catalog().service("iam").unwrap();
        let endpoint = resolve(&iam, "eu-west-1", Some("http://127.0.0.1:5555/base/")).unwrap();
        assert_eq!(
            (endpoint.authority.as_str(), endpoint.path.as_str()),
            ("127.0.0.1:5555", "/base")
        );
        assert_eq!(endpoint.signing_region, "us-east-1");
        for bad in [
            "127.0.0.1:5555",
            "ftp://x",
            "http://",
            "http://a b",
            "http://x?y",
            "http://u@x",
        ] {
            assert!(resolve(&iam, "eu-west-1", Some(bad)).is_err(), "{bad}");
        }
        for bad in ["", "eu west", "evil.example.com/"] {
            assert!(resolve(&iam, bad, None).is_err(), "{bad}");
        }
    }
}
