//! Values that endpoint rules work on, and the paths that lead into them.

use std::borrow::Cow;
use std::rc::Rc;

use super::partitions::Partition;

/// A value during an evaluation. Text is borrowed wherever it stands in the call or in the rule set.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'a> {
    Unset,
    Text(Cow<'a, str>),
    Flag(bool),
    List(Rc<[Cow<'a, str>]>),
    Partition(&'a Partition),
    Url(Rc<Url<'a>>),
    Arn(Rc<Arn<'a>>),
}

/// What `parseURL` gives.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Url<'a> {
    pub(super) scheme: Cow<'a, str>,
    pub(super) authority: Cow<'a, str>,
    pub(super) path: Cow<'a, str>,
    pub(super) normalized_path: Cow<'a, str>,
    pub(super) is_ip: bool,
}

/// What `aws.parseArn` gives.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Arn<'a> {
    pub(super) partition: Cow<'a, str>,
    pub(super) service: Cow<'a, str>,
    pub(super) region: Cow<'a, str>,
    pub(super) account_id: Cow<'a, str>,
    pub(super) resource_id: Rc<[Cow<'a, str>]>,
}

/// An attribute of a partition, a URL or an ARN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attribute {
    Name,
    DnsSuffix,
    DualStackDnsSuffix,
    ImplicitGlobalRegion,
    SupportsFips,
    SupportsDualStack,
    Scheme,
    Authority,
    Path,
    NormalizedPath,
    IsIp,
    Partition,
    Service,
    Region,
    AccountId,
    ResourceId,
}

const ATTRIBUTES: [(&str, Attribute); 16] = [
    ("name", Attribute::Name),
    ("dnsSuffix", Attribute::DnsSuffix),
    ("dualStackDnsSuffix", Attribute::DualStackDnsSuffix),
    ("implicitGlobalRegion", Attribute::ImplicitGlobalRegion),
    ("supportsFIPS", Attribute::SupportsFips),
    ("supportsDualStack", Attribute::SupportsDualStack),
    ("scheme", Attribute::Scheme),
    ("authority", Attribute::Authority),
    ("path", Attribute::Path),
    ("normalizedPath", Attribute::NormalizedPath),
    ("isIp", Attribute::IsIp),
    ("partition", Attribute::Partition),
    ("service", Attribute::Service),
    ("region", Attribute::Region),
    ("accountId", Attribute::AccountId),
    ("resourceId", Attribute::ResourceId),
];

/// One step of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Attribute(Attribute),
    /// Place in a list; a negative one counts from the end.
    Index(i32),
}

/// A path such as `resourceId[1]`, `region` or `[0]`.
pub(super) fn parse_path(path: &str) -> Option<Box<[Step]>> {
    let mut steps = Vec::new();
    for part in path.split('.') {
        let (name, indices) = part
            .find('[')
            .and_then(|at| part.split_at_checked(at))
            .unwrap_or((part, ""));
        if !name.is_empty() {
            let known = ATTRIBUTES.iter().find(|(known, _)| *known == name)?;
            steps.push(Step::Attribute(known.1));
        } else if indices.is_empty() {
            return None;
        }
        if !indices.is_empty() {
            let inner = indices.strip_prefix('[')?.strip_suffix(']')?;
            for index in inner.split("][") {
                steps.push(Step::Index(index.parse().ok()?));
            }
        }
    }
    Some(steps.into())
}

impl<'a> Value<'a> {
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }

    /// Whether a condition that gives this value holds.
    pub(super) fn holds(&self) -> bool {
        !matches!(self, Self::Unset | Self::Flag(false))
    }

    /// The value at the end of a path. What is not set has nothing set in it; `None` when the value's type has no
    /// such attribute.
    pub(super) fn at(&self, path: &[Step]) -> Option<Value<'a>> {
        let Some((first, rest)) = path.split_first() else {
            return Some(self.clone());
        };
        let value = match (self, first) {
            (Self::Unset, _) => return Some(Self::Unset),
            (Self::List(items), Step::Index(index)) => {
                let place = usize::try_from(*index).ok().or_else(|| {
                    let back = usize::try_from(index.unsigned_abs()).ok()?;
                    items.len().checked_sub(back)
                });
                place
                    .and_then(|place| items.get(place))
                    .map_or(Self::Unset, |item| Self::Text(item.clone()))
            }
            (_, Step::Attribute(attribute)) => self.attribute(*attribute)?,
            _ => return None,
        };
        value.at(rest)
    }

    fn attribute(&self, attribute: Attribute) -> Option<Value<'a>> {
        Some(match (self, attribute) {
            (Self::Partition(of), attribute) => match attribute {
                Attribute::Name => Self::text(of.id.as_str()),
                Attribute::DnsSuffix => Self::text(of.dns_suffix.as_str()),
                Attribute::DualStackDnsSuffix => Self::text(of.dual_stack_dns_suffix.as_str()),
                Attribute::ImplicitGlobalRegion => Self::text(of.implicit_global_region.as_str()),
                Attribute::SupportsFips => Self::Flag(of.supports_fips),
                Attribute::SupportsDualStack => Self::Flag(of.supports_dual_stack),
                _ => return None,
            },
            (Self::Url(url), attribute) => match attribute {
                Attribute::Scheme => Self::Text(url.scheme.clone()),
                Attribute::Authority => Self::Text(url.authority.clone()),
                Attribute::Path => Self::Text(url.path.clone()),
                Attribute::NormalizedPath => Self::Text(url.normalized_path.clone()),
                Attribute::IsIp => Self::Flag(url.is_ip),
                _ => return None,
            },
            (Self::Arn(arn), attribute) => match attribute {
                Attribute::Partition => Self::Text(arn.partition.clone()),
                Attribute::Service => Self::Text(arn.service.clone()),
                Attribute::Region => Self::Text(arn.region.clone()),
                Attribute::AccountId => Self::Text(arn.account_id.clone()),
                Attribute::ResourceId => Self::List(Rc::clone(&arn.resource_id)),
                _ => return None,
            },
            _ => return None,
        })
    }
}
