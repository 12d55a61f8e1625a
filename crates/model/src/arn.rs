//! Amazon Resource Names: parse, and build the ones that Quell owns.

use std::fmt;

/// A parsed ARN. Parts are opaque text except that the first is `arn` and there are six.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Arn {
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
    /// Service, e.g. `ssm-incidents`.
    pub service: String,
    /// Region or empty.
    pub region: String,
    /// Account or empty.
    pub account: String,
    /// All behind the fifth colon.
    pub resource: String,
}

impl Arn {
    /// Parses `arn:partition:service:region:account:resource`; at most 2,048 bytes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > 2048 {
            return None;
        }
        let mut parts = text.splitn(6, ':');
        if parts.next()? != "arn" {
            return None;
        }
        let arn = Self {
            partition: parts.next()?.to_owned(),
            service: parts.next()?.to_owned(),
            region: parts.next()?.to_owned(),
            account: parts.next()?.to_owned(),
            resource: parts.next()?.to_owned(),
        };
        let known = matches!(arn.partition.as_str(), "aws" | "aws-cn" | "aws-us-gov");
        (known && !arn.service.is_empty() && !arn.resource.is_empty()).then_some(arn)
    }

    /// The part of the resource behind `<family>/`, if the resource is of that family.
    #[must_use]
    pub fn tail(&self, family: &str) -> Option<&str> {
        self.resource.strip_prefix(family)?.strip_prefix('/')
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "arn:{}:{}:{}:{}:{}",
            self.partition, self.service, self.region, self.account, self.resource
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_and_refuses() {
        let text = "arn:aws:ssm-incidents::123456789012:incident-record/rp1/abc";
        let arn = Arn::parse(text).expect("valid");
        assert_eq!(arn.to_string(), text);
        assert_eq!(arn.tail("incident-record"), Some("rp1/abc"));
        assert_eq!(arn.tail("incident"), None);
        for bad in [
            "",
            "arn:",
            "arn:aws:x",
            "arn:other:ssm::1:x/y",
            "urn:aws:s:r:a:b",
        ] {
            assert!(Arn::parse(bad).is_none(), "{bad}");
        }
    }
}
