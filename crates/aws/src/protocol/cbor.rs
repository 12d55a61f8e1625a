//! CBOR (RFC 8949) as far as Smithy's RPC v2 uses it: a writer of the preferred forms, and a reader of any form.
//!
//! Reading trusts no length: what a head announces must be there before anything is made for it, and nesting is
//! bounded. Knows nothing of models.

mod reader;

pub(crate) use reader::Reader;

/// Deepest nesting that is read, skipped parts included.
const MAX_NESTING: usize = 128;

/// Kind of an item, the upper three bits of its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Major {
    Unsigned = 0,
    Negative = 1,
    Bytes = 2,
    Text = 3,
    Array = 4,
    Map = 5,
    Tag = 6,
}

/// Tag of seconds since 1970.
pub(super) const EPOCH: u64 = 1;

const FALSE: u8 = 0xf4;
const TRUE: u8 = 0xf5;
const NULL: u8 = 0xf6;
const BREAK: u8 = 0xff;

/// Writes the head of an item in its shortest form.
pub(super) fn head(out: &mut Vec<u8>, major: Major, argument: u64) {
    let kind = (major as u8) << 5;
    let [.., d, c, b, a] = argument.to_be_bytes();
    if argument < 24 {
        out.push(kind | a);
    } else if argument <= 0xff {
        out.extend([kind | 24, a]);
    } else if argument <= 0xffff {
        out.extend([kind | 25, b, a]);
    } else if argument <= 0xffff_ffff {
        out.extend([kind | 26, d, c, b, a]);
    } else {
        out.push(kind | 27);
        out.extend(argument.to_be_bytes());
    }
}

/// Writes text.
pub(super) fn text(out: &mut Vec<u8>, text: &str) {
    head(out, Major::Text, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Writes bytes.
pub(super) fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    head(out, Major::Bytes, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Writes a whole number.
pub(super) fn integer(out: &mut Vec<u8>, number: i64) {
    match u64::try_from(number) {
        Ok(number) => head(out, Major::Unsigned, number),
        // -1 - n, without an overflow.
        Err(_) => head(out, Major::Negative, !number as u64),
    }
}

/// Writes a double-precision number.
pub(super) fn double(out: &mut Vec<u8>, number: f64) {
    out.push(0xfb);
    out.extend(number.to_be_bytes());
}

/// Writes a single-precision number.
pub(super) fn single(out: &mut Vec<u8>, number: f32) {
    out.push(0xfa);
    out.extend(number.to_be_bytes());
}

/// Writes a truth value.
pub(super) fn boolean(out: &mut Vec<u8>, flag: bool) {
    out.push(if flag { TRUE } else { FALSE });
}

/// Writes null.
pub(super) fn null(out: &mut Vec<u8>) {
    out.push(NULL);
}

#[cfg(test)]
mod tests {
    use serde::Deserialize as _;
    use serde_json::{Value, json};

    use super::*;

    fn read(hex: &str) -> Result<Value, String> {
        let body = hex::decode(hex).expect("hex");
        let mut reader = Reader::new(&body);
        let value = Value::deserialize(&mut reader).map_err(|fault| fault.to_string())?;
        reader.finish().map_err(|fault| fault.to_string())?;
        Ok(value)
    }

    /// Examples of RFC 8949, appendix A.
    #[test]
    fn the_examples_of_the_standard() {
        for (hex, expected) in [
            ("00", json!(0)),
            ("17", json!(23)),
            ("1818", json!(24)),
            ("1903e8", json!(1000)),
            ("1a000f4240", json!(1_000_000)),
            ("1bffffffffffffffff", json!(u64::MAX)),
            ("20", json!(-1)),
            ("3863", json!(-100)),
            ("3b7fffffffffffffff", json!(i64::MIN)),
            ("f90001", json!(5.960464477539063e-8)),
            ("f90400", json!(0.00006103515625)),
            ("f93e00", json!(1.5)),
            ("f97bff", json!(65504.0)),
            ("f9c400", json!(-4.0)),
            ("fa47c35000", json!(100_000.0)),
            ("fb3ff199999999999a", json!(1.1)),
            ("f4", json!(false)),
            ("f5", json!(true)),
            ("f6", json!(null)),
            ("f7", json!(null)),
            ("c11a514b67b0", json!(1_363_896_240)),
            ("60", json!("")),
            ("6161", json!("a")),
            ("62c3bc", json!("\u{fc}")),
            ("83010203", json!([1, 2, 3])),
            ("a26161016162820203", json!({"a": 1, "b": [2, 3]})),
            ("7f657374726561646d696e67ff", json!("streaming")),
            ("9fff", json!([])),
            ("9f01820203ff", json!([1, [2, 3]])),
            ("bf61610161629f0203ffff", json!({"a": 1, "b": [2, 3]})),
        ] {
            assert_eq!(read(hex), Ok(expected), "{hex}");
        }
    }

    #[test]
    fn hostile_bodies_are_refused() {
        let deep = "81".repeat(200) + "00";
        let deep_indefinite = "9f".repeat(200);
        for bad in [
            "",
            "18",
            "19ff",
            "1c",
            "1f",
            "3f",
            "5bffffffffffffffff",
            "7bffffffffffffffff61",
            "61",
            "61ff",
            "9bffffffffffffffff",
            "9b000000007fffffff00",
            "bb00ffffffffffffff6161",
            "8201",
            "a16161",
            "9f",
            "bf6161",
            "bf6161ff",
            "5f6161ff",
            "7f4161ff",
            "7f7f6161ffff",
            "ff",
            "f8ff",
            "fc",
            "0000",
            "c1",
            "dfff",
            "c1c1c1c1c1c1c1c100",
            "a10000",
            &deep,
            &deep_indefinite,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for number in [
            0,
            1,
            23,
            24,
            255,
            256,
            65_535,
            65_536,
            -1,
            -24,
            -25,
            -256,
            -257,
            i64::MAX,
            i64::MIN,
        ] {
            let mut out = Vec::new();
            integer(&mut out, number);
            assert_eq!(read(&hex::encode(out)), Ok(json!(number)));
        }
        let mut out = Vec::new();
        head(&mut out, Major::Array, 5);
        text(&mut out, "\u{fc}");
        boolean(&mut out, true);
        null(&mut out);
        double(&mut out, 0.1);
        single(&mut out, 7.625);
        assert_eq!(
            read(&hex::encode(out)),
            Ok(json!(["\u{fc}", true, null, 0.1, 7.625]))
        );
    }
}
