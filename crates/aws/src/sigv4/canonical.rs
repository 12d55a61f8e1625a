//! The canonical form of a request, which both sides of a signature compute.

use super::sha256_hex;
use crate::percent::{decode_bytes, encode_bytes, normal_path};

/// What the signature says about the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload<'a> {
    /// The whole body.
    Bytes(&'a [u8]),
    /// Lower-case hex SHA-256 of the body, computed while it streamed.
    Digest(&'a str),
    /// A form whose parameters are signed as if they stood in the query, as AWS's test suite has it.
    Form(&'a [u8]),
    /// Not covered.
    Unsigned,
}

impl Payload<'_> {
    pub(super) fn hash(&self) -> String {
        match self {
            Self::Bytes(bytes) => sha256_hex(bytes),
            Self::Form(_) => sha256_hex(b""),
            Self::Digest(hex) => (*hex).to_owned(),
            Self::Unsigned => UNSIGNED_PAYLOAD.to_owned(),
        }
    }
}

pub(super) const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// A request as it stands on the wire.
#[derive(Debug, Clone, Copy)]
pub struct RawRequest<'a> {
    /// Method.
    pub method: &'a str,
    /// Path of the request line, not decoded.
    pub path: &'a str,
    /// Query of the request line, without the `?`, not decoded.
    pub query: &'a str,
    /// Headers in the order of their arrival; a name may occur more than once. Must include `host`.
    pub headers: &'a [(String, String)],
    /// Body.
    pub payload: Payload<'a>,
}

impl RawRequest<'_> {
    /// Values of a header, trimmed, inner runs of blanks made one, joined by `,`; `None` if absent.
    pub(super) fn canonical_header(&self, name: &str) -> Option<String> {
        let values: Vec<String> = self
            .headers
            .iter()
            .filter(|(have, _)| have.eq_ignore_ascii_case(name))
            .map(|(_, value)| {
                value
                    .split([' ', '\t', '\r', '\n'])
                    .filter(|word| !word.is_empty())
                    .collect::<Vec<_>>()
                    .join(" ")
            })
            .collect();
        (!values.is_empty()).then(|| values.join(","))
    }
}

/// The canonical request. `signed_headers` are in lower case and sorted; `None` if one of them is absent.
pub(super) fn request(
    raw: &RawRequest<'_>,
    signed_headers: &[&str],
    raw_path: bool,
    hash: &str,
) -> Option<String> {
    let form = match raw.payload {
        Payload::Form(form) => format!("&{}", std::str::from_utf8(form).ok()?),
        _ => String::new(),
    };
    let query = query(&format!("{}{form}", raw.query));
    let mut out = format!("{}\n{}\n{query}\n", raw.method, path(raw.path, raw_path));
    for name in signed_headers {
        out.push_str(&format!("{name}:{}\n", raw.canonical_header(name)?));
    }
    out.push_str(&format!("\n{}\n{hash}", signed_headers.join(";")));
    Some(out)
}

fn path(path: &str, raw: bool) -> String {
    if raw {
        return if path.is_empty() {
            "/".to_owned()
        } else {
            path.to_owned()
        };
    }
    normal_path(path)
}

/// Sorted and strictly encoded; the signature parameter of a presigned URL is left out. `+` is a blank, as every
/// server reads it.
fn query(query: &str) -> String {
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(|(name, _)| *name != "X-Amz-Signature")
        .map(|(name, value)| (recode(name), recode(value)))
        .collect();
    pairs.sort();
    pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect::<Vec<_>>()
        .join("&")
}

fn recode(text: &str) -> String {
    encode_bytes(&decode_bytes(&text.replace('+', "%20")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalised_and_encoded_again_except_for_s3() {
        for (given, normal) in [
            ("", "/"),
            ("/", "/"),
            ("//", "/"),
            ("/./", "/"),
            ("/./example", "/example"),
            ("/example/..", "/"),
            ("//example//", "/example/"),
            ("/../../a", "/a"),
            ("/tags/arn%3Aaws%3Assm", "/tags/arn%253Aaws%253Assm"),
        ] {
            assert_eq!(path(given, false), normal, "{given}");
        }
        assert_eq!(path("/a//b/../%3A", true), "/a//b/../%3A");
    }

    #[test]
    fn queries_are_sorted_and_encoded_once() {
        assert_eq!(
            query("b=2&a=x y&a=%2f&c&X-Amz-Signature=1&&d=+"),
            "a=%2F&a=x%20y&b=2&c=&d=%20"
        );
    }
}
