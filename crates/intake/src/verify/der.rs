//! The two things of a certificate that its validator does not tell: from when to when it holds, and its RSA key.
//!
//! A strict reader of DER (X.690): definite lengths in their shortest form, no depth. Source: RFC 5280, section 4.1.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const VERSION: u8 = 0xa0;
/// `rsaEncryption` with its NULL: what stands before the key in a SubjectPublicKeyInfo. Source: RFC 3279.
const RSA: [u8; 13] = [
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
];

/// What is read of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
    /// The key as PKCS#1 has it.
    pub(super) rsa_key: Vec<u8>,
}

/// Reads a certificate; `None` when it is malformed, or its key is no RSA key.
pub(super) fn facts(certificate: &[u8]) -> Option<Facts> {
    let (certificate, rest) = expect(certificate, SEQUENCE)?;
    if !rest.is_empty() {
        return None;
    }
    let (signed, _) = expect(certificate, SEQUENCE)?;
    let (tag, _, after) = element(signed)?;
    let signed = if tag == VERSION { after } else { signed };
    let (_, signed) = expect(signed, INTEGER)?;
    let (_, signed) = expect(signed, SEQUENCE)?;
    let (_, signed) = expect(signed, SEQUENCE)?;
    let (validity, signed) = expect(signed, SEQUENCE)?;
    let (_, signed) = expect(signed, SEQUENCE)?;
    let (key, _) = expect(signed, SEQUENCE)?;
    let (tag, from, validity) = element(validity)?;
    let not_before = time(tag, from)?;
    let (tag, to, _) = element(validity)?;
    let not_after = time(tag, to)?;
    let (algorithm, key) = expect(key, SEQUENCE)?;
    let (bits, _) = expect(key, BIT_STRING)?;
    if algorithm != RSA {
        return None;
    }
    Some(Facts {
        not_before,
        not_after,
        rsa_key: bits.strip_prefix(&[0])?.to_vec(),
    })
}

/// The content of an element of this kind, and what stands behind it.
fn expect(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = element(bytes)?;
    (found == tag).then_some((content, rest))
}

/// Tag, content and rest.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, bytes) = bytes.split_first()?;
    let (first, bytes) = bytes.split_first()?;
    let (length, bytes) = match first {
        0..=0x7f => (usize::from(*first), bytes),
        0x81..=0x83 => {
            let (digits, bytes) = bytes.split_at_checked(usize::from(first & 0x0f))?;
            let length = digits
                .iter()
                .fold(0_usize, |length, digit| (length << 8) | usize::from(*digit));
            let shortest = if digits.len() == 1 {
                0x80
            } else {
                1 << (8 * (digits.len() - 1))
            };
            (length >= shortest).then_some((length, bytes))?
        }
        _ => return None,
    };
    let (content, rest) = bytes.split_at_checked(length)?;
    Some((*tag, content, rest))
}

fn time(tag: u8, content: &[u8]) -> Option<Timestamp> {
    let digits = std::str::from_utf8(content).ok()?.strip_suffix('Z')?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let whole = match tag {
        // Two digits stand for 1950 to 2049.
        UTC_TIME if digits.len() == 12 => {
            let century = if digits < "5" { "20" } else { "19" };
            format!("{century}{digits}")
        }
        GENERALIZED_TIME if digits.len() == 14 => digits.to_owned(),
        _ => return None,
    };
    let number = |from: usize, to: usize| whole.get(from..to)?.parse::<i8>().ok();
    let date = DateTime::new(
        whole.get(..4)?.parse().ok()?,
        number(4, 6)?,
        number(6, 8)?,
        number(8, 10)?,
        number(10, 12)?,
        number(12, 14)?,
        0,
    );
    let zoned = date.ok()?.to_zoned(TimeZone::UTC).ok()?;
    Some(zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        for (tag, text, want) in [
            (UTC_TIME, "260301030000Z", Some("2026-03-01T03:00:00Z")),
            (UTC_TIME, "500101000000Z", Some("1950-01-01T00:00:00Z")),
            (
                GENERALIZED_TIME,
                "20500101000000Z",
                Some("2050-01-01T00:00:00Z"),
            ),
            (GENERALIZED_TIME, "260301030000Z", None),
            (UTC_TIME, "261301030000Z", None),
            (UTC_TIME, "2603010300Z", None),
            (UTC_TIME, "26030103000+Z", None),
            (INTEGER, "260301030000Z", None),
        ] {
            let want = want.map(|text| text.parse::<Timestamp>().expect("an instant"));
            assert_eq!(time(tag, text.as_bytes()), want, "{text}");
        }
    }

    #[test]
    fn lengths_are_in_their_shortest_form() {
        assert_eq!(element(&[4, 1, 9, 7]), Some((4, &[9][..], &[7][..])));
        let long = [&[4, 0x81, 0x80][..], &[0; 0x80]].concat();
        assert!(
            element(&long)
                .is_some_and(|(_, content, rest)| content.len() == 0x80 && rest.is_empty())
        );
        for bad in [
            &[][..],
            &[4],
            &[4, 2, 0],
            &[4, 0x80, 0],
            &[4, 0x81, 1, 0],
            &[4, 0x82, 0, 0x81],
            &[4, 0x84, 0, 0, 0, 1, 0],
            &[4, 0xff],
        ] {
            assert_eq!(element(bad), None, "{bad:?}");
        }
        assert_eq!(facts(&[0x30, 0]), None);
    }
}
