//! Which JSON numbers take part in comparisons, and as what.
//!
//! A number compares only when the nearest double prints back as the same decimal; otherwise two
//! different account numbers could be taken for the same value. It knows only the spelling.

/// The double a JSON number stands for, or `None` when the double is not exactly that decimal
/// (too many digits, too large, too small).
///
/// Zero is always positive zero, so that `-0` and `0` are one value.
pub(crate) fn comparable(raw: &str) -> Option<f64> {
    let value: f64 = raw.parse().ok()?;
    if !value.is_finite() {
        return None;
    }
    let written = decimal(raw)?;
    let nearest = decimal(&format!("{value:e}"))?;
    if written != nearest {
        return None;
    }
    Some(if value == 0.0 { 0.0 } else { value })
}

/// Sign, significant digits without zeros at either end, and the power of ten of the last digit.
fn decimal(raw: &str) -> Option<(bool, String, i64)> {
    let (negative, unsigned) = match raw.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, raw),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all: String = [whole, fraction].concat();
    let trimmed_end = all.trim_end_matches('0');
    let digits = trimmed_end.trim_start_matches('0').to_owned();
    if digits.is_empty() {
        return Some((false, digits, 0));
    }
    let dropped = i64::try_from(all.len() - trimmed_end.len()).ok()?;
    let fraction_digits = i64::try_from(fraction.len()).ok()?;
    let power = exponent
        .checked_sub(fraction_digits)?
        .checked_add(dropped)?;
    Some((negative, digits, power))
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
