//! AWS partitions: which one a region belongs to, and what endpoints look like there.
//!
//! Source: the `partitions.json` of the SDKs. A region that none of them lists is told by its shape.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::model::catalog;

static KNOWN: LazyLock<Partitions> =
    LazyLock::new(|| Partitions::parse(catalog().partitions()).unwrap_or_default());

/// Partition of a region: `aws`, `aws-cn`, `aws-us-gov`, ... A region that fits none is taken for one of `aws`.
#[must_use]
pub fn partition(region: &str) -> &'static str {
    &known().of(region).id
}

/// The partitions of this build's table.
pub(crate) fn known() -> &'static Partitions {
    &KNOWN
}

/// All partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partitions {
    /// Never empty; the first is that of every unknown region.
    first: Partition,
    others: Vec<Partition>,
}

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// `aws`, `aws-cn`, ...
    pub id: String,
    /// Last labels of endpoint hosts.
    pub dns_suffix: String,
    /// Last labels of dual-stack endpoint hosts.
    pub dual_stack_dns_suffix: String,
    /// Region that signs for services with one endpoint for the partition.
    pub implicit_global_region: String,
    /// Whether it has FIPS endpoints.
    pub supports_fips: bool,
    /// Whether it has dual-stack endpoints.
    pub supports_dual_stack: bool,
    regions: Vec<String>,
    shape: RegionShape,
}

/// Why a list of partitions cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the partitions cannot be read: {0}")]
pub struct PartitionsError(String);

#[derive(Deserialize)]
struct Document {
    partitions: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    id: String,
    region_regex: String,
    outputs: Outputs,
    regions: serde_json::Map<String, serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outputs {
    dns_suffix: String,
    dual_stack_dns_suffix: String,
    implicit_global_region: String,
    supports_dual_stack: bool,
    #[serde(rename = "supportsFIPS")]
    supports_fips: bool,
}

impl Partitions {
    /// Reads `partitions.json`.
    ///
    /// # Errors
    /// [`PartitionsError`] when it is not of that form, names no partition, or has a region pattern of an unknown
    /// kind.
    pub fn parse(text: &str) -> Result<Self, PartitionsError> {
        let document: Document =
            serde_json::from_str(text).map_err(|error| PartitionsError(error.to_string()))?;
        let mut all = Vec::new();
        for entry in document.partitions {
            let shape = RegionShape::parse(&entry.region_regex).ok_or_else(|| {
                PartitionsError(format!(
                    "region pattern `{}` of `{}` is of an unknown kind",
                    entry.region_regex, entry.id
                ))
            })?;
            all.push(Partition {
                id: entry.id,
                dns_suffix: entry.outputs.dns_suffix,
                dual_stack_dns_suffix: entry.outputs.dual_stack_dns_suffix,
                implicit_global_region: entry.outputs.implicit_global_region,
                supports_fips: entry.outputs.supports_fips,
                supports_dual_stack: entry.outputs.supports_dual_stack,
                regions: entry.regions.into_iter().map(|(name, _)| name).collect(),
                shape,
            });
        }
        let mut all = all.into_iter();
        let first = all
            .next()
            .ok_or_else(|| PartitionsError("there is none".to_owned()))?;
        Ok(Self {
            first,
            others: all.collect(),
        })
    }

    /// The partition of a region: the first that lists it or whose regions are of its shape, else the first of all.
    #[must_use]
    pub fn of(&self, region: &str) -> &Partition {
        let fits = |partition: &&Partition| {
            partition.shape.fits(region) || partition.regions.iter().any(|known| known == region)
        };
        std::iter::once(&self.first)
            .chain(&self.others)
            .find(fits)
            .unwrap_or(&self.first)
    }
}

impl Default for Partitions {
    /// The commercial partition alone.
    fn default() -> Self {
        Self {
            first: Partition {
                id: "aws".to_owned(),
                dns_suffix: "amazonaws.com".to_owned(),
                dual_stack_dns_suffix: "api.aws".to_owned(),
                implicit_global_region: "us-east-1".to_owned(),
                supports_fips: true,
                supports_dual_stack: true,
                regions: Vec::new(),
                shape: RegionShape(Vec::new()),
            },
            others: Vec::new(),
        }
    }
}

/// A region pattern as the list of partitions has them: `^(us|eu)\-\w+\-\d+$`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct RegionShape(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    OneOf(Vec<String>),
    Word,
    Digits,
}

impl RegionShape {
    /// `None` for what is not made of plain text, alternatives of plain text, `\w+` and `\d+`.
    fn parse(pattern: &str) -> Option<Self> {
        let mut rest = pattern.strip_prefix('^')?.strip_suffix('$')?;
        let mut pieces = Vec::new();
        let is_plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        while let Some(first) = rest.chars().next() {
            if let Some(after) = rest.strip_prefix(r"\w+") {
                pieces.push(Piece::Word);
                rest = after;
            } else if let Some(after) = rest.strip_prefix(r"\d+") {
                pieces.push(Piece::Digits);
                rest = after;
            } else if let Some(after) = rest.strip_prefix(r"\-") {
                pieces.push(Piece::Literal("-".to_owned()));
                rest = after;
            } else if let Some(after) = rest.strip_prefix('(') {
                let (choices, after) = after.split_once(')')?;
                let choices: Vec<String> = choices.split('|').map(str::to_owned).collect();
                if !choices.iter().all(|choice| is_plain(choice)) {
                    return None;
                }
                pieces.push(Piece::OneOf(choices));
                rest = after;
            } else if first.is_ascii_alphanumeric() || first == '-' {
                pieces.push(Piece::Literal(first.to_string()));
                rest = rest.get(1..)?;
            } else {
                return None;
            }
        }
        Some(Self(pieces))
    }

    fn fits(&self, region: &str) -> bool {
        !self.0.is_empty() && rest_fits(&self.0, region)
    }
}

fn rest_fits(pieces: &[Piece], text: &str) -> bool {
    let Some((piece, pieces)) = pieces.split_first() else {
        return text.is_empty();
    };
    // `\w+` and `\d+` take all they can: in these patterns what follows is never a word character.
    let run = |fits: fn(&u8) -> bool| {
        let length = text.bytes().take_while(fits).count();
        length > 0
            && text
                .get(length..)
                .is_some_and(|rest| rest_fits(pieces, rest))
    };
    match piece {
        Piece::Literal(literal) => text
            .strip_prefix(literal.as_str())
            .is_some_and(|rest| rest_fits(pieces, rest)),
        Piece::OneOf(choices) => choices.iter().any(|choice| {
            text.strip_prefix(choice.as_str())
                .is_some_and(|rest| rest_fits(pieces, rest))
        }),
        Piece::Word => run(|byte| byte.is_ascii_alphanumeric() || *byte == b'_'),
        Piece::Digits => run(u8::is_ascii_digit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_of_known_and_new_regions() {
        for (region, wanted) in [
            ("eu-west-1", "aws"),
            ("us-east-99", "aws"),
            ("aws-global", "aws"),
            ("cn-north-1", "aws-cn"),
            ("cn-new-7", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
            ("aws-us-gov-global", "aws-us-gov"),
            ("us-iso-east-1", "aws-iso"),
            ("us-isob-east-1", "aws-iso-b"),
            ("us-isof-south-1", "aws-iso-f"),
            ("eu-isoe-west-1", "aws-iso-e"),
            ("eusc-de-east-1", "aws-eusc"),
            ("moon-base-1", "aws"),
            ("", "aws"),
        ] {
            assert_eq!(partition(region), wanted, "{region}");
        }
    }

    #[test]
    fn patterns() {
        let shape = RegionShape::parse(r"^(us|eu)\-\w+\-\d+$").unwrap();
        for (region, fits) in [
            ("us-west-2", true),
            ("us-west-", false),
            ("us--2", false),
            ("usa-west-2", false),
            ("us-west-2-", false),
            ("us-gov-west-2", false),
        ] {
            assert_eq!(shape.fits(region), fits, "{region}");
        }
        for unknown in ["us-.*", "^us.*$", "^(a|b*)$", "^[a-z]$", "^(a$", "^\u{e9}$"] {
            assert_eq!(RegionShape::parse(unknown), None, "{unknown}");
        }
        assert!(Partitions::parse("{\"partitions\": []}").is_err());
        assert!(Partitions::parse("[]").is_err());
    }
}
