//! The functions of endpoint rules that look at text. Each is total: text that does not fit gives nothing.
//!
//! Source: the Smithy documentation of `smithy.rules#endpointRuleSet`, "Rules engine standard library" and "AWS
//! rules engine library functions".

use std::borrow::Cow;
use std::net::Ipv6Addr;
use std::rc::Rc;

use super::split_url;
use super::value::{Arn, Url};
use crate::percent;

/// Whether text is one label of a host name, or several with dots between them.
pub(super) fn is_valid_host_label(text: &str, allow_dots: bool) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if allow_dots {
        text.split('.').all(is_label)
    } else {
        is_label(text)
    }
}

/// Whether a bucket can stand in a host name.
pub(super) fn is_virtual_hostable_bucket(name: &str, allow_dots: bool) -> bool {
    name.len() >= 3
        && !name.bytes().any(|byte| byte.is_ascii_uppercase())
        && !is_ipv4(name)
        && is_valid_host_label(name, allow_dots)
}

/// Four groups of one to three digits. Their size is not looked at, as in the SDKs.
fn is_ipv4(host: &str) -> bool {
    let mut groups = 0;
    host.split('.').all(|group| {
        groups += 1;
        (1..=3).contains(&group.len()) && group.bytes().all(|byte| byte.is_ascii_digit())
    }) && groups == 4
}

pub(super) fn is_ip(authority: &str) -> bool {
    if let Some(rest) = authority.strip_prefix('[') {
        let host = rest.split(']').next().unwrap_or_default();
        let host = host.split('%').next().unwrap_or_default();
        return host.parse::<Ipv6Addr>().is_ok();
    }
    is_ipv4(authority.split(':').next().unwrap_or_default())
}

/// Characters from `start` to before `stop`, counted from the end with `reverse`. Nothing for text that is too short
/// or not ASCII.
pub(super) fn substring(text: &str, (start, stop): (usize, usize), reverse: bool) -> Option<&str> {
    if start >= stop || text.len() < stop || !text.is_ascii() {
        return None;
    }
    if reverse {
        text.get(text.len().checked_sub(stop)?..text.len().checked_sub(start)?)
    } else {
        text.get(start..stop)
    }
}

/// The parts of an `http` or `https` URL without a query.
pub(super) fn parse_url(text: &str) -> Option<Url<'static>> {
    let text = text.split('#').next().unwrap_or_default();
    let parts = split_url(text)?;
    let port = parts
        .authority
        .rsplit_once(':')
        .map(|(_, port)| port)
        .filter(|port| !port.ends_with(']'));
    if port.is_some_and(|port| !port.is_empty() && port.parse::<u16>().is_err()) {
        return None;
    }
    let mut normalized: String = percent::normal_path(&parts.path);
    if !normalized.ends_with('/') {
        normalized.push('/');
    }
    Some(Url {
        is_ip: is_ip(&parts.authority),
        scheme: parts.scheme.into(),
        authority: parts.authority.into(),
        path: parts.path.into(),
        normalized_path: normalized.into(),
    })
}

/// The parts of an ARN: `arn:partition:service:region:account:resource`.
pub(super) fn parse_arn<'a>(text: &Cow<'a, str>) -> Option<Arn<'a>> {
    match text {
        Cow::Borrowed(text) => arn_parts(text),
        Cow::Owned(text) => arn_parts(text).map(|arn| {
            let owned = |part: &Cow<'_, str>| Cow::Owned(part.clone().into_owned());
            Arn {
                partition: owned(&arn.partition),
                service: owned(&arn.service),
                region: owned(&arn.region),
                account_id: owned(&arn.account_id),
                resource_id: arn.resource_id.iter().map(owned).collect(),
            }
        }),
    }
}

fn arn_parts(text: &str) -> Option<Arn<'_>> {
    let mut parts = text.strip_prefix("arn:")?.splitn(5, ':');
    let (partition, service, region) = (parts.next()?, parts.next()?, parts.next()?);
    let (account, resource) = (parts.next()?, parts.next()?);
    if partition.is_empty() || service.is_empty() || resource.is_empty() {
        return None;
    }
    Some(Arn {
        partition: partition.into(),
        service: service.into(),
        region: region.into(),
        account_id: account.into(),
        resource_id: resource.split([':', '/']).map(Cow::Borrowed).collect(),
    })
}

/// Text cut at a delimiter: into all parts with `limit` 0, else into at most so many.
pub(super) fn split<'a>(
    text: &Cow<'a, str>,
    delimiter: &str,
    limit: usize,
) -> Option<Rc<[Cow<'a, str>]>> {
    if delimiter.is_empty() {
        return None;
    }
    let limit = if limit == 0 { usize::MAX } else { limit };
    Some(match text {
        Cow::Borrowed(text) => text.splitn(limit, delimiter).map(Cow::Borrowed).collect(),
        Cow::Owned(text) => text
            .splitn(limit, delimiter)
            .map(|part| Cow::Owned(part.to_owned()))
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_labels() {
        for (text, one, many) in [
            ("a", true, true),
            ("a-b", true, true),
            ("a.b", false, true),
            ("a..b", false, false),
            ("-a", false, false),
            ("a-", false, false),
            ("", false, false),
            ("a_b", false, false),
            ("\u{e9}", false, false),
            (&"x".repeat(63), true, true),
            (&"x".repeat(64), false, false),
        ] {
            assert_eq!(is_valid_host_label(text, false), one, "{text}");
            assert_eq!(is_valid_host_label(text, true), many, "{text}");
        }
    }

    #[test]
    fn buckets_in_hosts() {
        for (name, one, many) in [
            ("bucket-1", true, true),
            ("a.bucket", false, true),
            ("ab", false, false),
            ("Bucket", false, false),
            ("192.168.5.4", false, false),
            ("192.168.5", false, true),
            ("a.-b", false, false),
        ] {
            assert_eq!(is_virtual_hostable_bucket(name, false), one, "{name}");
            assert_eq!(is_virtual_hostable_bucket(name, true), many, "{name}");
        }
    }

    #[test]
    fn substrings() {
        assert_eq!(substring("abcdef", (0, 2), false), Some("ab"));
        assert_eq!(substring("abcdef", (0, 2), true), Some("ef"));
        assert_eq!(substring("abcdef", (2, 6), true), Some("abcd"));
        assert_eq!(substring("abc", (0, 4), false), None);
        assert_eq!(substring("abc", (2, 2), false), None);
        assert_eq!(substring("ab\u{e9}", (0, 2), false), None);
    }

    #[test]
    fn urls() {
        for (text, authority, path, normalized, is_ip) in [
            ("https://example.com", "example.com", "", "/", false),
            (
                "http://example.com:80/a/b",
                "example.com:80",
                "/a/b",
                "/a/b/",
                false,
            ),
            (
                "https://127.0.0.1:5000/a//b/../c/",
                "127.0.0.1:5000",
                "/a//b/../c/",
                "/a/c/",
                true,
            ),
            (
                "https://[2001:db8::1]:8443/",
                "[2001:db8::1]:8443",
                "/",
                "/",
                true,
            ),
            ("https://1.2.3", "1.2.3", "", "/", false),
        ] {
            let url = parse_url(text).unwrap();
            let found = (
                &*url.authority,
                &*url.path,
                &*url.normalized_path,
                url.is_ip,
            );
            assert_eq!(found, (authority, path, normalized, is_ip), "{text}");
        }
        for none in [
            "example.com",
            "ftp://x",
            "https://x?a=b",
            "https://x:port",
            "https://u:p@x",
            "",
        ] {
            assert!(parse_url(none).is_none(), "{none}");
        }
    }

    #[test]
    fn arns() {
        let arn = parse_arn(&Cow::Borrowed("arn:aws:s3::123:accesspoint:a/b")).unwrap();
        assert_eq!((&*arn.region, &*arn.account_id), ("", "123"));
        assert_eq!(&*arn.resource_id, ["accesspoint", "a", "b"]);
        let owned = parse_arn(&Cow::Owned("arn:aws:s3:r:1:b".to_owned())).unwrap();
        assert_eq!(&*owned.resource_id, ["b"]);
        for none in [
            "",
            "arn:",
            "arn:aws:s3:r:1",
            "arn:aws:s3:r:1:",
            "arn::s3:r:1:b",
            "x:aws:s3:r:1:b",
        ] {
            assert!(parse_arn(&Cow::Borrowed(none)).is_none(), "{none}");
        }
    }

    #[test]
    fn splits() {
        let parts = |text: &'static str, limit| split(&Cow::Borrowed(text), "--", limit).unwrap();
        assert_eq!(&*parts("a--b--c", 0), ["a", "b", "c"]);
        assert_eq!(&*parts("a--b--c", 2), ["a", "b--c"]);
        assert_eq!(&*parts("a--b", 1), ["a--b"]);
        assert_eq!(&*parts("", 0), [""]);
        assert!(split(&Cow::Borrowed("a"), "", 0).is_none());
    }
}
