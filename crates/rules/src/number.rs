//! Which JSON numbers take part in comparisons, and as what.
//!
//! A number compares only when the nearest double prints back as the same decimal; otherwise two
//! different account numbers could be taken for the same value. It knows only the spelling.

/// Decimals of so many digits and no exponent are always exact.
const ALWAYS_EXACT: usize = 15;

/// Any with so many digits.
const ALWAYS_EXACT_BELOW: u64 = 1_000_000_000_000_000;

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
    if let Some(short) = Short::read(raw.as_bytes()) {
        return Some(short.nearest());
    }
    let value: f64 = raw.parse().ok()?;
    value
        .is_finite()
        .then_some(if value == 0.0 { 0.0 } else { value })
}

/// The double nearest to the number that a text begins with, if it is a [`Short`] one, and
/// whether it [is exact](is_exact), if that comes out beside.
#[inline]
pub(crate) fn read_in_front(text: &[u8]) -> Option<(f64, Option<bool>)> {
    Short::read(text).map(Short::value)
}

/// Whether the number that a text begins with surely lies between two others, as far as its first
/// digits tell.
#[inline]
pub(crate) fn is_surely_between(text: &[u8], low: f64, high: f64) -> bool {
    roughly(text).is_some_and(|(least, most)| low < least && most < high)
}

/// What the number is at least and at most that a text begins with, from its first digits.
#[inline]
fn roughly(text: &[u8]) -> Option<(f64, f64)> {
    /// More than what rounding may make of the first digits.
    const ROUNDING: f64 = 1e-14;
    let (negative, unsigned) = match text.split_first()? {
        (b'-', rest) => (true, rest),
        _ => (false, text),
    };
    let (whole, count) = digits_of_word(u64::from_le_bytes(*unsigned.first_chunk()?));
    let rest = unsigned.get(count..)?.strip_prefix(b".")?;
    let (fraction, decimals) = digits_of_word(u64::from_le_bytes(*rest.first_chunk()?));
    // What follows are more digits, or the number ends here.
    let after = rest.get(decimals..)?;
    let more = count_digits(u64::from_le_bytes(*after.first_chunk()?));
    if count == 0 || more == 8 || matches!(after.get(more), Some(b'e' | b'E')) {
        return None;
    }
    let unit = UNITS.get(decimals)?;
    let least = whole as f64 + fraction as f64 * unit;
    let rounding = least * ROUNDING;
    let (least, most) = (least - rounding, least + unit + rounding);
    Some(if negative {
        (-most, -least)
    } else {
        (least, most)
    })
}

/// Negative powers of ten.
const UNITS: [f64; 9] = [1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8];

/// Powers of ten below 2^64.
const TENS: [u64; 20] = {
    let (mut tens, mut ten, mut at) = ([0; 20], 1u64, 0);
    while at < 20 {
        tens[at] = ten;
        ten = ten.wrapping_mul(10);
        at += 1;
    }
    tens
};

/// A number of at most 19 digits without an exponent, which is what nearly all are.
#[derive(Clone, Copy)]
struct Short {
    negative: bool,
    digits: u64,
    /// How many of the digits are behind the point.
    decimals: usize,
}

impl Short {
    /// Reads the number that a text begins with; `None` for other numbers.
    #[inline]
    fn read(text: &[u8]) -> Option<Short> {
        const MOST: usize = 19;
        let (negative, unsigned) = match text.split_first()? {
            (b'-', rest) => (true, rest),
            _ => (false, text),
        };
        let (whole, count) = leading_digits(unsigned);
        let rest = unsigned.get(count..)?;
        let (digits, decimals, end) = match rest.split_first() {
            Some((b'.', fraction)) => {
                let (digits, decimals) = leading_digits(fraction);
                let whole = whole.wrapping_mul(*TENS.get(decimals)?);
                let end = fraction.get(decimals);
                (whole.wrapping_add(digits), decimals, end)
            }
            end => (whole, 0, end.map(|(byte, _)| byte)),
        };
        if count == 0 || count + decimals > MOST || matches!(end, Some(b'e' | b'E')) {
            return None;
        }
        Some(Short {
            negative,
            digits,
            decimals,
        })
    }

    /// The nearest double; zero is positive.
    fn nearest(self) -> f64 {
        self.value().0
    }

    /// The nearest double, and whether it prints back as these digits, if that comes out beside.
    #[inline]
    fn value(self) -> (f64, Option<bool>) {
        let Some(ten) = TENS.get(self.decimals).copied() else {
            return (0.0, None);
        };
        // Both are doubles (so are all powers of ten up to the 22nd), and division gives the
        // nearest double to their ratio; without rounding them it is near at least.
        let near = self.digits as f64 / ten as f64;
        let (value, exact) = if self.digits < ALWAYS_EXACT_BELOW {
            (near, Some(true))
        } else if let Some((value, exact)) = self.proven(ten, near) {
            (value, Some(exact))
        } else if self.digits < 1 << f64::MANTISSA_DIGITS {
            (near, None)
        } else {
            (self.divided(ten), None)
        };
        (
            if self.negative && value != 0.0 {
                -value
            } else {
                value
            },
            exact,
        )
    }

    /// The nearest double, from one that is near, and whether no other decimal would be printed
    /// for it; with whole numbers alone. `None` where more care is needed: beyond some size,
    /// around powers of two, and where something is as near as something else.
    #[inline]
    fn proven(self, ten: u64, near: f64) -> Option<(f64, bool)> {
        const FRACTION: u32 = f64::MANTISSA_DIGITS - 1;
        let bits = near.to_bits();
        let shift = (1023 + u64::from(FRACTION)).checked_sub(bits >> FRACTION)?;
        if shift > 63 {
            return None;
        }
        // Everything is counted in 2^-shift of the decimal's last place: then the distance of
        // doubles is `ten`, and that of decimals with as many places `unit`.
        let unit = 1i128 << shift;
        let mantissa = (bits & ((1 << FRACTION) - 1)) | (1 << FRACTION);
        let ten = i128::from(ten);
        // Below 2^127: the digits are below 2^64, and the double is not far from them.
        let beyond = (i128::from(self.digits) << shift) - i128::from(mantissa) * ten;
        let is_inner = |bits: u64| bits & ((1 << FRACTION) - 1) != 0;
        if !is_inner(bits) {
            return None;
        }
        let (bits, beyond) = match beyond * 2 {
            twice if twice > ten => (bits + 1, beyond - ten),
            twice if twice < -ten => (bits - 1, beyond + ten),
            _ => (bits, beyond),
        };
        if !is_inner(bits) || (beyond * 2).abs() >= ten {
            return None;
        }
        // It is printed if it is the nearest of its length, and none of fewer digits is the same
        // double.
        let last = i128::from(self.digits % 10);
        let below = (beyond - last * unit) * 2;
        let above = (beyond + (10 - last) * unit) * 2;
        let twice = beyond.abs() * 2;
        if last == 0 || twice == unit || below.abs() == ten || above.abs() == ten {
            return None;
        }
        let is_nearest = twice < unit;
        let is_shortest = below.abs() > ten && above.abs() > ten;
        Some((f64::from_bits(bits), is_nearest && is_shortest))
    }

    /// The digits, which are not zero, divided by a power of ten.
    fn divided(self, ten: u64) -> f64 {
        let (up, ten_up) = (self.digits.leading_zeros(), ten.leading_zeros());
        // Both have their highest bit set, so the quotient has 63 or 64 bits; a rest is told by
        // the lowest, which is far below what rounding looks at.
        let (dividend, divisor) = (
            u128::from(self.digits << up) << 63,
            u128::from(ten << ten_up),
        );
        let quotient = (dividend / divisor) as u64;
        let rest = u64::from(u128::from(quotient) * divisor != dividend);
        // The value is quotient / 2^63 * 2^(ten_up - up).
        let power = 1023 + u64::from(ten_up) - 63 - u64::from(up);
        (quotient | rest) as f64 * f64::from_bits(power << 52)
    }
}

/// The value of the digits that a text begins with, and how many they are. Of more than 19 digits
/// the value is wrong.
#[inline]
fn leading_digits(text: &[u8]) -> (u64, usize) {
    let (mut value, mut count) = (0u64, 0);
    loop {
        let rest = text.get(count..).unwrap_or_default();
        let word = match rest.first_chunk() {
            Some(word) => u64::from_le_bytes(*word),
            None => word_of_few(rest),
        };
        let (digits, found) = digits_of_word(word);
        let ten = TENS.get(found).copied().unwrap_or_default();
        value = value.wrapping_mul(ten).wrapping_add(digits);
        count += found;
        if found < 8 || count > 19 {
            return (value, count);
        }
    }
}

/// Fewer than eight bytes, filled up with zeros.
#[cold]
fn word_of_few(bytes: &[u8]) -> u64 {
    let shifted = bytes.iter().rev();
    shifted.fold(0, |word, byte| (word << 8) | u64::from(*byte))
}

const EACH: u64 = 0x0101_0101_0101_0101;
const ZEROS: u64 = EACH * 0x30;

/// How many digits eight bytes begin with.
#[inline]
fn count_digits(word: u64) -> usize {
    let values = word ^ ZEROS;
    // The highest bit of each byte tells what is no digit; above the lowest such byte it may be
    // wrong.
    let others = (values.wrapping_add(EACH * 0x76) | values) & (EACH * 0x80);
    (others.trailing_zeros() / 8) as usize
}

/// The value of the digits that eight bytes begin with, and how many they are.
#[inline]
fn digits_of_word(word: u64) -> (u64, usize) {
    let count = count_digits(word);
    if count == 0 {
        return (0, 0);
    }
    // Zeros in front, and then pairs, fours and eights of digits become one number each.
    let digits = (word ^ ZEROS) << (64 - 8 * count);
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    const EVERY_OTHER: u64 = 0x0000_00ff_0000_00ff;
    let odd = (pairs & EVERY_OTHER).wrapping_mul(0x000f_4240_0000_0064);
    let even = ((pairs >> 16) & EVERY_OTHER).wrapping_mul(0x0000_2710_0000_0001);
    (odd.wrapping_add(even) >> 32, count)
}

/// Whether `value`, the double nearest to `raw`, prints back as the same decimal.
pub(crate) fn is_exact(raw: &str, value: f64) -> bool {
    // Few digits without an exponent survive the way through a double and back.
    if raw.len() <= ALWAYS_EXACT && !raw.bytes().any(|byte| matches!(byte, b'e' | b'E')) {
        return true;
    }
    if let Some(exact) = read_in_front(raw.as_bytes()).and_then(|(_, exact)| exact) {
        return exact;
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
    use super::{Decimal, comparable, is_exact, nearest, read_in_front, roughly};
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

    /// As many as may and may not be told apart by doubles.
    const MANY_DIGITS: std::ops::Range<u64> = 1_000_000_000_000_000..1_000_000_000_000_000_000;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn short_decimals_are_read_as_by_the_standard_library(
            digits in prop_oneof![0u64..=u64::MAX, 0u64..1 << 54, MANY_DIGITS, 0u64..100_000],
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
        fn numbers_that_stand_alone_are_printed_back(
            digits in prop_oneof![0u64..=u64::MAX, 0u64..1 << 54, MANY_DIGITS, 0u64..100_000],
            point in 0usize..20,
        ) {
            let digits = digits.to_string();
            let (whole, fraction) = digits.split_at(digits.len().saturating_sub(point).max(1));
            let dot = if fraction.is_empty() { "" } else { "." };
            for raw in [format!("{whole}{dot}{fraction}"), format!("-0.0{digits}")] {
                let value = nearest(&raw).unwrap();
                let mut printed = zmij::Buffer::new();
                let back = Decimal::read(printed.format_finite(value));
                prop_assert_eq!(is_exact(&raw, value), Decimal::read(&raw) == back, "{}", raw);
            }
        }

        #[test]
        fn decimals_next_to_printed_ones_are_exact_only_if_printed(
            mantissa in 0u64..1 << 52,
            even in any::<bool>(),
            exponent in 1023u64 - 14..1023 + 53,
            by in -12i64..12,
        ) {
            // Around powers of two as well as between them.
            let mantissa = if even { mantissa & 3 } else { mantissa };
            let value = f64::from_bits(exponent << 52 | mantissa);
            let printed = format!("{value}");
            let (whole, fraction) = printed.split_once('.').unwrap_or((&printed, ""));
            let digits: i64 = format!("{whole}{fraction}").parse().unwrap();
            let digits = (digits + by).unsigned_abs().to_string();
            let zeros = "0".repeat((fraction.len() + 1).saturating_sub(digits.len()));
            let digits = format!("{zeros}{digits}");
            let (whole, fraction) = digits.split_at(digits.len() - fraction.len());
            let dot = if fraction.is_empty() { "" } else { "." };
            let raw = format!("{whole}{dot}{fraction}");
            let standard: f64 = raw.parse().unwrap();
            prop_assert_eq!(nearest(&raw), Some(standard), "{}", raw);
            let mut printed = zmij::Buffer::new();
            let back = Decimal::read(printed.format_finite(standard));
            prop_assert_eq!(is_exact(&raw, standard), Decimal::read(&raw) == back, "{}", raw);
        }

        #[test]
        fn the_front_of_a_text_is_read_as_alone(raw in "-?(0|[1-9][0-9]{0,20})([.][0-9]{1,20})?(e[0-9])?", after in "[,} ][0-9a-f]{0,10}") {
            let text = format!("{raw}{after}");
            prop_assert!(
                read_in_front(text.as_bytes()).is_none_or(|(value, _)| nearest(&raw) == Some(value))
            );
        }

        #[test]
        fn rough_numbers_hold_the_nearest(raw in "-?(0|[1-9][0-9]{0,9})([.][0-9]{1,20})?(e[0-9])?") {
            let text = format!("{raw},\"next\":12345678");
            if let Some((least, most)) = roughly(text.as_bytes()) {
                let number = nearest(&raw).unwrap();
                prop_assert!(least <= number && number <= most, "{} {} {}", least, raw, most);
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
