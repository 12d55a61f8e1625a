//! Tells quickly that a text is an event.
//!
//! It only ever says "certainly" or "perhaps not": what it is not sure of is read in full, which
//! also finds the words for what is wrong. It allocates nothing.

use crate::event::{MAX_BYTES, MAX_NODES};
use crate::json::MAX_DEPTH;

/// What is certain of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Perhaps it is no event.
    Unsure,
    /// It is one JSON object within the limits.
    Event,
    /// Besides, no object in it has a key twice, and no key has a dot or a backslash: each path
    /// is spelled in one way and once, so that a value found need not be looked for again.
    Plain,
}

/// Looks at a text.
pub(super) fn verdict(text: &str) -> Verdict {
    if text.len() > MAX_BYTES {
        return Verdict::Unsure;
    }
    let mut check = Check {
        bytes: text.as_bytes(),
        at: 0,
        objects: 0,
        depth: 0,
        nodes: 0,
        keys: Keys::default(),
        serials: [0; MAX_DEPTH],
        plain: true,
    };
    if check.event().is_none() {
        return Verdict::Unsure;
    }
    // Each value, container and step of a key takes a byte at least.
    if text.len() > MAX_NODES && check.nodes_with_dots() > MAX_NODES {
        return Verdict::Unsure;
    }
    if check.plain {
        Verdict::Plain
    } else {
        Verdict::Event
    }
}

struct Check<'a> {
    bytes: &'a [u8],
    at: usize,
    /// What is open, a bit for each container, the innermost lowest: set for an object.
    objects: u64,
    depth: usize,
    nodes: usize,
    keys: Keys,
    /// The numbers of the open containers.
    serials: [u32; MAX_DEPTH],
    plain: bool,
}

/// Slots for keys; an event with more than three quarters of them is not called plain.
const SLOTS: usize = 512;

/// The keys met so far, as half a hash with the number of their object.
struct Keys {
    slots: [u64; SLOTS],
    count: usize,
    objects: u32,
}

impl Default for Keys {
    fn default() -> Self {
        Keys {
            slots: [0; SLOTS],
            count: 0,
            objects: 0,
        }
    }
}

impl Keys {
    /// Whether a key without dots is certainly new in its object.
    fn add(&mut self, key: &[u8], object: u32) -> bool {
        const FACTOR: u64 = 0xa076_1d64_78bd_642f;
        let mut hash = key.len() as u64;
        let (words, rest) = key.as_chunks::<8>();
        let last = rest
            .iter()
            .fold(0u64, |word, byte| (word << 8) | u64::from(*byte));
        for word in words
            .iter()
            .map(|word| u64::from_le_bytes(*word))
            .chain([last])
        {
            if zeros(word ^ (EACH * 0x2e)) != 0 {
                return false;
            }
            hash = (hash ^ word).wrapping_mul(FACTOR);
            hash ^= hash >> 32;
        }
        self.count += 1;
        if self.count > SLOTS / 4 * 3 {
            return false;
        }
        // Numbers of objects begin with one, so no entry is zero.
        let entry = (u64::from(object) << 32) | (hash & 0xffff_ffff);
        let mut at = (hash >> 7) as usize ^ object as usize;
        loop {
            match self.slots.get_mut(at % SLOTS) {
                Some(slot) if *slot == 0 => {
                    *slot = entry;
                    return true;
                }
                Some(slot) if *slot != entry => at += 1,
                _ => return false,
            }
        }
    }
}

const EACH: u64 = 0x0101_0101_0101_0101;
const TOPS: u64 = 0x8080_8080_8080_8080;

impl Check<'_> {
    fn event(&mut self) -> Option<()> {
        self.skip_space();
        if self.peek()? != b'{' {
            return None;
        }
        self.open(true)?;
        let mut first = true;
        while self.depth > 0 {
            self.skip_space();
            let object = self.objects & 1 == 1;
            if self.peek()? == if object { b'}' } else { b']' } {
                self.at += 1;
                self.depth -= 1;
                self.objects >>= 1;
                first = false;
                continue;
            }
            if !first {
                self.expect(b',')?;
                self.skip_space();
            }
            if object {
                self.key()?;
                self.skip_space();
                self.expect(b':')?;
                self.skip_space();
            }
            first = self.value()?;
        }
        self.skip_space();
        (self.at == self.bytes.len()).then_some(())
    }

    fn key(&mut self) -> Option<()> {
        self.expect(b'"')?;
        let start = self.at;
        let escaped = self.string()?;
        self.nodes += 1;
        if self.plain {
            let key = self.bytes.get(start..self.at - 1)?;
            let object = *self.serials.get(self.depth - 1)?;
            self.plain = !escaped && self.keys.add(key, object);
        }
        Some(())
    }

    /// Reads a value and says whether it is a container, which is then open.
    fn value(&mut self) -> Option<bool> {
        self.nodes += 1;
        match self.peek()? {
            b'"' => {
                self.at += 1;
                self.string()?;
            }
            b'{' => return self.open(true),
            b'[' => return self.open(false),
            b't' => self.word(b"true")?,
            b'f' => self.word(b"false")?,
            b'n' => self.word(b"null")?,
            _ => self.number()?,
        }
        Some(false)
    }

    fn open(&mut self, object: bool) -> Option<bool> {
        if self.depth >= MAX_DEPTH {
            return None;
        }
        self.keys.objects += 1;
        *self.serials.get_mut(self.depth)? = self.keys.objects;
        self.depth += 1;
        self.objects = (self.objects << 1) | u64::from(object);
        self.at += 1;
        Some(true)
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        let rest = self.bytes.get(self.at..)?;
        self.at += word.len();
        rest.starts_with(word).then_some(())
    }

    fn number(&mut self) -> Option<()> {
        if self.peek()? == b'-' {
            self.at += 1;
        }
        let start = self.at;
        let zero = self.peek()? == b'0';
        let digits = self.digits()?;
        if zero && digits > 1 {
            self.at = start;
            return None;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }

    /// How many digits were read; `None` if there is none.
    fn digits(&mut self) -> Option<usize> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        let count = self.at - start;
        (count > 0).then_some(count)
    }

    /// Reads a string from after its first quote to after its last; says whether it has escapes.
    fn string(&mut self) -> Option<bool> {
        let mut escaped = false;
        loop {
            while let Some(word) = self.bytes.get(self.at..)?.first_chunk::<8>() {
                let odd = odd_bytes(u64::from_le_bytes(*word));
                if odd != 0 {
                    // The lowest of the marks is always right.
                    self.at += (odd.trailing_zeros() / 8) as usize;
                    break;
                }
                self.at += 8;
            }
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Some(escaped);
                }
                b'\\' => {
                    escaped = true;
                    self.escape()?;
                }
                0..=0x1f => return None,
                _ => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        self.at += 2;
        match self.bytes.get(self.at - 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => {
                let unit = self.hex()?;
                if !(0xd800..0xe000).contains(&unit) {
                    return Some(());
                }
                // A pair is one character; half of one is none.
                self.expect(b'\\')?;
                self.expect(b'u')?;
                let low = self.hex()?;
                (unit < 0xdc00 && (0xdc00..0xe000).contains(&low)).then_some(())
            }
            _ => None,
        }
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.bytes.get(self.at..self.at + 4)?;
        self.at += 4;
        digits.iter().try_fold(0, |unit, digit| {
            Some(unit * 16 + char::from(*digit).to_digit(16)?)
        })
    }

    /// At least as many nodes as reading in full would count.
    fn nodes_with_dots(&self) -> usize {
        let dots = self.bytes.iter().filter(|byte| **byte == b'.').count();
        self.nodes + 1 + dots
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        let found = self.peek()?;
        self.at += 1;
        (found == byte).then_some(())
    }

    #[inline]
    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }
}

/// Marks bytes that are zero; marks above the lowest may be wrong.
#[inline]
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(EACH) & !word & TOPS
}

/// Marks quotes, backslashes and control characters among eight bytes; marks above the lowest
/// may be wrong.
#[inline]
fn odd_bytes(word: u64) -> u64 {
    let controls = word.wrapping_sub(EACH * 0x20) & !word & TOPS;
    zeros(word ^ (EACH * 0x22)) | zeros(word ^ (EACH * 0x5c)) | controls
}

#[cfg(test)]
mod tests {
    use super::{Verdict, verdict};
    use crate::event::Event;
    use proptest::prelude::*;

    fn is_certainly_event(text: &str) -> bool {
        verdict(text) != Verdict::Unsure
    }

    #[test]
    fn plain_only_without_repetition() {
        for (text, plain) in [
            (r#"{"a":{"b":1,"c":1},"b":[{"b":1},{"b":1}]}"#, true),
            (r#"{"a":1,"b":2,"a":1}"#, false),
            (r#"{"x":[{"a":1,"a":{}}]}"#, false),
            (r#"{"a.b":1}"#, false),
            (r#"{"long-name-with.dot":1}"#, false),
            (r#"{"\u0061":1,"a":1}"#, false),
            (r#"{"a":"x.y\\"}"#, true),
        ] {
            let expected = if plain {
                Verdict::Plain
            } else {
                Verdict::Event
            };
            assert_eq!(verdict(text), expected, "{text}");
        }
        let many: Vec<String> = (0..400).map(|n| format!("\"k{n}\":1")).collect();
        let some = |count: usize| format!("{{{}}}", many[..count].join(","));
        assert_eq!(verdict(&some(300)), Verdict::Plain);
        assert_eq!(verdict(&some(400)), Verdict::Event);
    }

    #[test]
    fn sure_of_what_is_common() {
        for text in [
            "{}",
            " { } ",
            r#"{"a":[1,-0,0.5,1e9,1E-2,true,false,null,"é\u00e9\ud83d\ude00\n"],"b":{"c":[]}}"#,
        ] {
            assert!(is_certainly_event(text), "{text}");
        }
        let deep = |depth: usize| format!(r#"{{"x":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
        assert!(is_certainly_event(&deep(63)) && !is_certainly_event(&deep(64)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn never_wrong_when_certain(
            pieces in prop::collection::vec(
                prop::sample::select(vec![
                    "{", "}", "[", "]", ",", ":", "\"", "\"a\"", "\"a.b\":", "\\", "\\u", "d83d",
                    "\\ude00", "00e9", "0", "-", "12", ".", "e", "+", "true", "false", "null",
                    " ", "\n", "é", "\u{1f}", "12345678", "\"abcdefgh\"",
                ]),
                0..12,
            ),
        ) {
            for text in [pieces.concat(), format!("{{\"k\":{}}}", pieces.concat())] {
                if is_certainly_event(&text) {
                    prop_assert!(Event::parse(&text).is_ok(), "{}", text);
                    let parsed = serde_json::from_str::<serde_json::Value>(&text);
                    // An event may have numbers that are greater than any double.
                    let is_good = parsed
                        .map_or_else(|e| e.to_string().starts_with("number out of range"), |_| true);
                    prop_assert!(is_good, "{}", text);
                } else if text.len() < 64 {
                    // Nothing small and good is sent the long way.
                    prop_assert!(Event::parse(&text).is_err(), "{}", text);
                }
            }
        }
    }
}
