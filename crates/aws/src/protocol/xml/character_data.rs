//! Text and attribute values as XML means them: line ends, references.

use std::borrow::Cow;

use memchr::memchr2;

use super::{Fault, malformed};

/// Line ends as XML has them: `\r\n` and `\r` are `\n`.
pub(super) fn line_ends(text: &str) -> Cow<'_, str> {
    if text.contains('\r') {
        Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Text with its references resolved.
pub(super) fn plain(text: &str) -> Result<Cow<'_, str>, Fault> {
    if memchr2(b'&', b'\r', text.as_bytes()).is_none() {
        return Ok(Cow::Borrowed(text));
    }
    let text = line_ends(text);
    let mut out = String::with_capacity(text.len());
    let mut parts = text.split('&');
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (name, after) = part
            .split_once(';')
            .ok_or_else(|| malformed("a reference without its `;`"))?;
        out.push(resolve(name)?);
        out.push_str(after);
    }
    Ok(Cow::Owned(out))
}

pub(super) fn attribute_value(text: &str) -> Result<Cow<'_, str>, Fault> {
    if text.contains(['\t', '\n', '\r']) {
        let blanks = text.replace("\r\n", " ").replace(['\t', '\n', '\r'], " ");
        return plain(&blanks).map(|text| Cow::Owned(text.into_owned()));
    }
    plain(text)
}

/// The five predefined entities and character references; nothing else.
fn resolve(name: &str) -> Result<char, Fault> {
    Ok(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let Some(number) = name.strip_prefix('#') else {
                return Err(
                    "the answer uses an entity other than the five predefined ones".to_owned(),
                );
            };
            let code = match number.strip_prefix('x') {
                Some(hex) if hex.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                    u32::from_str_radix(hex, 16).ok()
                }
                None if number.bytes().all(|byte| byte.is_ascii_digit()) => number.parse().ok(),
                _ => None,
            };
            code.filter(|code| *code != 0)
                .and_then(char::from_u32)
                .ok_or_else(|| malformed("a character reference that names no character"))?
        }
    })
}
