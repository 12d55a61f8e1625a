//! JSON as text: how deep it is, what is half in it, how it is written, and the instants in it.

use std::borrow::Cow;

use jiff::Timestamp;
use model::incident::epoch;

/// Whether objects and lists in the text are nested deeper than `most`. Counts brackets outside strings only, so that it
/// also holds for text that proves to be no JSON.
pub(super) fn deeper_than(text: &str, most: usize) -> bool {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        if quoted {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => quoted = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => quoted = true,
            b'{' | b'[' => {
                depth += 1;
                if depth > most {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// The text with every escaped half of a surrogate pair replaced by `\ufffd`: such an escape stands for no character, and
/// readers differ in what they make of it. One that refuses the whole event would let a detection be evaded.
pub(super) fn mended(text: &str) -> Cow<'_, str> {
    if !text.contains("\\ud") && !text.contains("\\uD") {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut mended = String::new();
    let (mut kept, mut at) = (0, 0);
    while let Some(byte) = bytes.get(at) {
        if *byte != b'\\' {
            at += 1;
            continue;
        }
        let width = match (unit(bytes, at), unit(bytes, at + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => {
                mended.push_str(text.get(kept..at).unwrap_or_default());
                mended.push_str("\\ufffd");
                kept = at + 6;
                6
            }
            (Some(_), _) => 6,
            // An escape of two characters.
            (None, _) => 2,
        };
        at += width;
    }
    if kept == 0 {
        return Cow::Borrowed(text);
    }
    mended.push_str(text.get(kept..).unwrap_or_default());
    Cow::Owned(mended)
}

/// The unit that the escape at a place stands for, if it is one of four digits.
fn unit(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at.checked_add(6)?)?.strip_prefix(b"\\u")?;
    let digits = std::str::from_utf8(digits).ok()?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u16::from_str_radix(digits, 16).ok().filter(|_| plain)
}

/// The JSON text of a string.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// An object's text, built member by member from JSON texts.
#[derive(Debug, Default)]
pub(super) struct ObjectText {
    text: String,
}

impl ObjectText {
    /// Adds a member whose value is JSON text.
    pub(super) fn raw(&mut self, name: &str, raw: &str) -> &mut Self {
        self.text.push(if self.text.is_empty() { '{' } else { ',' });
        self.text.push_str(&quoted(name));
        self.text.push(':');
        self.text.push_str(raw);
        self
    }

    /// Adds a string.
    pub(super) fn string(&mut self, name: &str, value: &str) -> &mut Self {
        self.raw(name, &quoted(value))
    }

    /// Adds a member when there is one.
    pub(super) fn maybe_raw(&mut self, name: &str, raw: Option<&str>) -> &mut Self {
        match raw {
            Some(raw) => self.raw(name, raw),
            None => self,
        }
    }

    /// Adds a string when there is one.
    pub(super) fn maybe(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.string(name, value),
            None => self,
        }
    }

    /// The object.
    pub(super) fn finish(&self) -> String {
        if self.text.is_empty() {
            "{}".to_owned()
        } else {
            format!("{}}}", self.text)
        }
    }
}

/// An instant as formats write it: RFC 3339 (also with an offset `+0000`), or a number of seconds, milliseconds,
/// microseconds or nanoseconds since 1970, told apart by size.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if text.len() > 64 {
        return None;
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    let number: f64 = text
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite())?;
    // Seconds stay below 1e11 until the year 5138; the others are each a thousand times as much.
    let size = number.abs();
    if size < 1e11 {
        return epoch::parse(number);
    }
    let whole: i128 = text.split('.').next()?.parse().ok()?;
    let nanoseconds = match size {
        _ if size < 1e14 => whole.checked_mul(1_000_000)?,
        _ if size < 1e17 => whole.checked_mul(1_000)?,
        _ => whole,
    };
    Timestamp::from_nanosecond(nanoseconds).ok()
}

/// Whether an instant stands for "never", as Alertmanager's `0001-01-01T00:00:00Z` does.
pub(super) fn is_never(at: Timestamp) -> bool {
    at.as_second() < -86_400
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_brackets_outside_strings() {
        assert!(!deeper_than(r#"{"a":["[[[[","\"[[["]}"#, 2));
        assert!(deeper_than(r#"{"a":[[]]}"#, 2));
        assert!(!deeper_than("]]]][[", 2));
    }

    #[test]
    fn halves_of_pairs_are_mended() {
        for (text, wanted) in [
            (r#""\ud83d\ude00""#, r#""\ud83d\ude00""#),
            (r#""\uD83D\uDE00 \u0064""#, r#""\uD83D\uDE00 \u0064""#),
            (r#""a\ud800b""#, r#""a\ufffdb""#),
            (r#""\ude00\ud83d""#, r#""\ufffd\ufffd""#),
            (r#""\ud800\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\\ud800""#, r#""\\ud800""#),
            (r#""\\\ud800""#, r#""\\\ufffd""#),
            (r#""\ud8"#, r#""\ud8"#),
            ("\"\\ud8\u{e9}x", "\"\\ud8\u{e9}x"),
        ] {
            assert_eq!(mended(text), wanted, "{text}");
        }
    }

    #[test]
    fn instants_of_all_writings() {
        for text in [
            "2026-03-01T10:00:00Z",
            "2026-03-01T10:00:00.000+0000",
            "2026-03-01T11:00:00+01:00",
            "1772359200",
            "1772359200.0",
            "1772359200000",
            "1772359200000000",
            "1772359200000000000",
        ] {
            let at = instant(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(at.to_string(), "2026-03-01T10:00:00Z", "{text}");
        }
        for text in [
            "",
            "soon",
            "NaN",
            "1e400",
            "2026-03-01",
            "99999999999999999999999999999999999999999",
        ] {
            assert_eq!(instant(text), None, "{text}");
        }
        assert!(is_never(instant("0001-01-01T00:00:00Z").unwrap()));
        assert!(!is_never(Timestamp::UNIX_EPOCH));
    }

    #[test]
    fn objects_are_written_once_escaped() {
        let mut object = ObjectText::default();
        assert_eq!(object.finish(), "{}");
        object
            .string("a\"b", "c\n")
            .raw("n", "1.0")
            .maybe("x", None);
        assert_eq!(object.finish(), r#"{"a\"b":"c\n","n":1.0}"#);
    }
}
