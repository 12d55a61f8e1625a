//! Which JSON numbers take part in comparisons, and as what.
//!
//! A number compares only when the nearest double prints back as the same decimal; otherwise two
//! different account numbers could be taken for the same value. It knows only the spelling.

/// Decimals of so many digits and no exponent are always exact.
const ALWAYS_EXACT: usize = 15;

/// No double needs more digits to be told from all others.
const MOST_DIGITS: usize = 17;

/// The double a JSON number stands for, or `None` when the double is not exactly that decimal
/// (too many digits, too large, too small).
///
/// Zero is always positive zero, so that `-0` and `0` are one value.
pub(crate) fn comparable(raw: &str) -> Option<f64> {
    nearest(raw).filter(|value| is_exact(raw, *value))
}

/// The double nearest to a JSON number; infinite ones are none. Zero is positive.
pub(crate) fn nearest(raw: &str) -> Option<f64> {
    if let Some(value) = short_decimal(raw.as_bytes()) {
        return Some(value);
    }
    let value: f64 = raw.parse().ok()?;
    value
        .is_finite()
        .then_some(if value == 0.0 { 0.0 } else { value })
}

/// Powers of ten below 2^64, moved up to their highest bit.
const TENS: [u64; 20] = {
    let (mut tens, mut ten, mut at) = ([0; 20], 1u64, 0);
    while at < 20 {
        tens[at] = ten << ten.leading_zeros();
        ten = ten.wrapping_mul(10);
        at += 1;
    }
    tens
};

/// The double nearest to a number of at most 19 digits without an exponent, which is what nearly
/// all are; `None` for others.
fn short_decimal(raw: &[u8]) -> Option<f64> {
    const MOST: usize = 19;
    let (negative, unsigned) = match raw.split_first()? {
        (b'-', rest) => (true, rest),
        _ => (false, raw),
    };
    if unsigned.len() > MOST + 1 {
        return None;
    }
    let (mut digits, mut point) = (0u64, None);
    for (at, byte) in unsigned.iter().enumerate() {
        match byte {
            b'0'..=b'9' => digits = digits.wrapping_mul(10).wrapping_add(u64::from(byte - b'0')),
            b'.' if point.is_none() => point = Some(at),
            _ => return None,
        }
    }
    let decimals = point.map_or(0, |point| unsigned.len() - point - 1);
    if unsigned.len() - usize::from(point.is_some()) > MOST {
        return None;
    }
    if digits == 0 {
        return Some(0.0);
    }
    let ten = *TENS.get(decimals)?;
    let up = digits.leading_zeros();
    // Both have their highest bit set, so the quotient has 63 or 64 bits; a rest is told by the
    // lowest, which is far below what rounding looks at.
    let dividend = u128::from(digits << up) << 63;
    let quotient = (dividend / u128::from(ten)) as u64;
    let rest = u64::from(u128::from(quotient) * u128::from(ten) != dividend);
    let scale = TEN_BITS.get(decimals)?;
    // Up to here the value is quotient / 2^63 * 2^(64 - up) / 2^(bits of the power of ten).
    let exponent = 64 - i64::from(up) - i64::from(*scale) - 63;
    let power = f64::from_bits(u64::try_from(1023 + exponent).ok()? << 52);
    let value = (quotient | rest) as f64 * power;
    Some(if negative { -value } else { value })
}

/// How many bits each of the powers has.
const TEN_BITS: [u32; 20] = {
    let (mut bits, mut ten, mut at) = ([0; 20], 1u64, 0);
    while at < 20 {
        bits[at] = 64 - ten.leading_zeros();
        ten = ten.wrapping_mul(10);
        at += 1;
    }
    bits
};

/// Whether `value`, the double nearest to `raw`, prints back as the same decimal.
pub(crate) fn is_exact(raw: &str, value: f64) -> bool {
    // Few digits without an exponent survive the way through a double and back.
    if raw.len() <= ALWAYS_EXACT && !raw.bytes().any(|byte| matches!(byte, b'e' | b'E')) {
        return true;
    }
    let mut printed = zmij::Buffer::new();
    let printed = printed.format_finite(value);
    printed == raw
        || Decimal::read(raw)
            .is_some_and(|written| Decimal::read(printed).is_some_and(|exact| exact == written))
}

/// Sign, significant digits without zeros at either end, and the power of ten of the last digit.
#[derive(Clone, Copy, Default, PartialEq)]
struct Decimal {
    negative: bool,
    digits: [u8; MOST_DIGITS],
    count: u8,
    power: i64,
}

impl Decimal {
    /// `None` for more digits than any double has, and for an exponent beyond all counting.
    fn read(raw: &str) -> Option<Decimal> {
        let (negative, unsigned) = match raw.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, raw),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, Some(exponent)),
            None => (unsigned, None),
        };
        let mut decimal = Decimal {
            negative,
            ..Decimal::default()
        };
        // Zeros count only once a digit follows them.
        let (mut zeros, mut after_point, mut in_fraction) = (0usize, 0i64, false);
        for byte in mantissa.bytes() {
            if byte == b'.' {
                in_fraction = true;
                continue;
            }
            after_point += i64::from(in_fraction);
            if byte == b'0' {
                zeros += usize::from(decimal.count > 0);
                continue;
            }
            decimal.push(byte, std::mem::take(&mut zeros))?;
        }
        let exponent = match exponent {
            Some(exponent) => exponent.parse::<i64>().ok()?,
            None => 0,
        };
        if decimal.count == 0 {
            return Some(Decimal::default());
        }
        decimal.power = exponent
            .checked_sub(after_point)?
            .checked_add(i64::try_from(zeros).ok()?)?;
        Some(decimal)
    }

    fn push(&mut self, digit: u8, zeros_before: usize) -> Option<()> {
        let at = usize::from(self.count).checked_add(zeros_before)?;
        *self.digits.get_mut(at)? = digit;
        for zero in self.digits.get_mut(usize::from(self.count)..at)? {
            *zero = b'0';
        }
        self.count = u8::try_from(at + 1).ok()?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::{comparable, nearest};
    use proptest::prelude::*;

    #[test]
    fn equal_decimals_are_one_double() {
        for raw in ["7", "7.0", "7.00", "0.7e1", "70e-1", "7E0", "7e+0"] {
            assert_eq!(comparable(raw), Some(7.0), "{raw}");
        }
        for raw in ["0", "-0", "-0.0", "0e999999999999"] {
            let zero = comparable(raw).unwrap();
            assert!(zero == 0.0 && zero.is_sign_positive(), "{raw}");
        }
        assert_eq!(comparable("0.30000000000000004"), Some(0.30000000000000004));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100_000))]

        #[test]
        fn short_decimals_are_read_as_by_the_standard_library(
            digits in prop_oneof![0u64..=u64::MAX, 0u64..1 << 54, 0u64..100_000],
            point in 0usize..20,
            negative in any::<bool>(),
        ) {
            let digits = digits.to_string();
            let at = digits.len().saturating_sub(point).max(1);
            let (whole, fraction) = digits.split_at(at);
            let sign = if negative { "-" } else { "" };
            let dot = if fraction.is_empty() { "" } else { "." };
            for raw in [
                format!("{sign}{whole}{dot}{fraction}"),
                format!("{sign}0.{digits}"),
                format!("{sign}0.000{digits}"),
            ] {
                let standard: f64 = raw.parse().unwrap();
                prop_assert_eq!(nearest(&raw), Some(standard + 0.0), "{}", raw);
            }
        }

        #[test]
        fn halfway_decimals_round_to_even(half in (1u64 << 53)..(1 << 54), by in 0u32..9) {
            // Halfway between two doubles, and next to it.
            for odd in [2 * half - 1, 2 * half, 2 * half + 1] {
                let Some(whole) = odd.checked_mul(1 << by) else { continue };
                let raw = whole.to_string();
                prop_assert_eq!(nearest(&raw), Some(whole as f64), "{}", raw);
            }
        }
    }

    #[test]
    fn inexact_numbers_do_not_compare() {
        for raw in [
            "9007199254740993",
            "12345678901234567890",
            "0.10000000000000000555",
            "1e400",
            "1e-400",
            "1e99999999999999999999",
        ] {
            assert_eq!(comparable(raw), None, "{raw}");
        }
    }
}
