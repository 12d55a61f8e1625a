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
    let value: f64 = raw.parse().ok()?;
    value
        .is_finite()
        .then_some(if value == 0.0 { 0.0 } else { value })
}

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
    use super::comparable;

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
