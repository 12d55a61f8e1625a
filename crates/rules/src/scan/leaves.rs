//! What a walk found: values at mentioned paths, with the array elements they lie in.
//!
//! All memory is kept for the next event.

use std::cell::Cell;

use crate::event::{Element, ElementId, Elements, ValueRef};
use crate::matcher::Literal;
use crate::number;

/// A value at a mentioned path.
#[derive(Clone, Debug)]
pub(crate) struct Leaf {
    pub(crate) path: u32,
    pub(crate) element: ElementId,
    pub(crate) kind: Kind,
    start: u32,
    /// Not behind `start` if it has not been looked for, as is usual for numbers.
    end: u32,
    /// The leaf after this one at the same path.
    next: u32,
    /// The nearest double of a number once it was asked for; [`UNKNOWN`] before, not a number if
    /// there is none.
    nearest: Cell<u64>,
    /// Whether the number is [exact](number::is_exact), if that was found out beside.
    exact: Cell<Option<bool>>,
    /// The hash of the text once it was asked for.
    hash: Cell<u64>,
}

/// No parsed number has these bits; a text whose hash is this is hashed again and again.
const UNKNOWN: u64 = u64::MAX;

/// What kind of value, and where its text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A string without escapes: a piece of the event.
    Text,
    /// A string that had escapes: a piece of the unescaped texts.
    Unescaped,
    Number,
    True,
    False,
    Null,
}

const NONE: u32 = u32::MAX;

/// First and last leaf at a path, if the stamp is the current one.
#[derive(Clone, Copy, Default)]
struct Chain {
    stamp: u32,
    first: u32,
    last: u32,
}

/// The values found in one event.
#[derive(Default)]
pub(crate) struct Leaves {
    list: Vec<Leaf>,
    chains: Vec<Chain>,
    stamp: u32,
    pub(crate) elements: Elements,
    unescaped: String,
}

impl Leaves {
    /// Forgets the event before; paths are below `paths`.
    pub(crate) fn clear(&mut self, paths: usize) {
        self.list.clear();
        self.elements.clear();
        self.unescaped.clear();
        if self.chains.len() < paths {
            self.chains.resize(paths, Chain::default());
        }
        self.stamp = self.stamp.wrapping_add(1);
        if self.stamp == 0 {
            self.chains.fill(Chain::default());
            self.stamp = 1;
        }
    }

    pub(crate) fn add_element(&mut self, parent: ElementId, array: u32, index: u32) -> ElementId {
        self.elements.add(Element {
            parent,
            array,
            index,
        })
    }

    /// Adds a value whose text is `start..end` of the event; the end of what is no string need
    /// not be known, and is then `start`.
    #[inline]
    pub(crate) fn add(&mut self, path: u32, element: ElementId, kind: Kind, at: (usize, usize)) {
        // An event is no longer than 1 MiB, so places and counts fit.
        let number = u32::try_from(self.list.len()).unwrap_or(NONE);
        self.list.push(Leaf {
            path,
            element,
            kind,
            start: u32::try_from(at.0).unwrap_or(NONE),
            end: u32::try_from(at.1).unwrap_or(NONE),
            next: NONE,
            nearest: Cell::new(UNKNOWN),
            exact: Cell::new(None),
            hash: Cell::new(UNKNOWN),
        });
        let Some(chain) = self.chains.get_mut(path as usize) else {
            return;
        };
        if chain.stamp != self.stamp {
            *chain = Chain {
                stamp: self.stamp,
                first: number,
                last: number,
            };
            return;
        }
        let last = std::mem::replace(&mut chain.last, number);
        if let Some(last) = self.list.get_mut(last as usize) {
            last.next = number;
        }
    }

    /// Adds a string with escapes.
    pub(crate) fn add_escaped(&mut self, path: u32, element: ElementId, escaped: &str) {
        let start = self.unescaped.len();
        unescape(escaped, &mut self.unescaped);
        self.add(
            path,
            element,
            Kind::Unescaped,
            (start, self.unescaped.len()),
        );
    }

    /// All values, in the order of the event.
    pub(crate) fn all(&self) -> &[Leaf] {
        &self.list
    }

    /// The values at one path, in the order of the event.
    #[inline]
    pub(crate) fn at(&self, path: u32) -> impl Iterator<Item = &Leaf> {
        let chain = self.chains.get(path as usize);
        let chain = chain.filter(|chain| chain.stamp == self.stamp);
        let mut next = chain.map_or(NONE, |chain| chain.first);
        std::iter::from_fn(move || {
            let leaf = self.list.get(next as usize)?;
            next = leaf.next;
            Some(leaf)
        })
    }

    /// Whether there is not more than one value at a path.
    #[inline]
    pub(crate) fn is_at_most_one(&self, path: u32) -> bool {
        let chain = self.chains.get(path as usize);
        chain.is_none_or(|chain| chain.stamp != self.stamp || chain.first == chain.last)
    }

    /// Where the text of a string or number is.
    #[inline]
    fn place<'a>(&'a self, leaf: &Leaf, event: &'a str) -> (&'a str, (usize, usize)) {
        let whole = match leaf.kind {
            Kind::Unescaped => &self.unescaped,
            _ => event,
        };
        let start = leaf.start as usize;
        let end = match leaf.kind {
            Kind::Number if leaf.end == leaf.start => end_of_word(event.as_bytes(), start),
            _ => leaf.end as usize,
        };
        (whole, (start, end))
    }

    /// The bytes of a string; none for other values.
    #[inline]
    pub(crate) fn string<'a>(&'a self, leaf: &Leaf, event: &'a str) -> &'a [u8] {
        let place = leaf.start as usize..leaf.end as usize;
        let bytes = match leaf.kind {
            Kind::Text => event.as_bytes().get(place),
            Kind::Unescaped => self.unescaped.as_bytes().get(place),
            _ => None,
        };
        bytes.unwrap_or_default()
    }

    /// The text of a string or number.
    #[inline]
    pub(crate) fn text<'a>(&'a self, leaf: &Leaf, event: &'a str) -> &'a str {
        let (whole, (start, end)) = self.place(leaf, event);
        whole.get(start..end).unwrap_or_default()
    }

    /// The same as tables compare it.
    #[inline]
    pub(crate) fn literal<'a>(&'a self, leaf: &Leaf, event: &'a str) -> Literal<'a> {
        let (whole, place) = self.place(leaf, event);
        Literal::within(whole.as_bytes(), place)
    }

    /// The [hash](Literal::hash) of the text, made once.
    #[inline]
    pub(crate) fn hash(&self, leaf: &Leaf, event: &str) -> u64 {
        if leaf.hash.get() == UNKNOWN {
            leaf.hash.set(self.literal(leaf, event).hash());
        }
        leaf.hash.get()
    }

    /// The double nearest to a number, read once.
    #[inline]
    pub(crate) fn nearest(&self, leaf: &Leaf, event: &str) -> Option<f64> {
        if leaf.nearest.get() == UNKNOWN {
            let front = event.as_bytes().get(leaf.start as usize..);
            let (nearest, exact) = match front.and_then(number::read_in_front) {
                Some((nearest, exact)) => (Some(nearest), exact),
                None => (number::nearest(self.text(leaf, event)), None),
            };
            leaf.nearest.set(nearest.unwrap_or(f64::NAN).to_bits());
            leaf.exact.set(exact);
        }
        Some(f64::from_bits(leaf.nearest.get())).filter(|number| !number.is_nan())
    }

    /// Whether a number is the decimal that its nearest double stands for.
    #[inline]
    pub(crate) fn is_exact(&self, leaf: &Leaf, event: &str) -> bool {
        let nearest = self.nearest(leaf, event);
        let exact = leaf.exact.get();
        exact.unwrap_or_else(|| {
            nearest.is_some_and(|nearest| number::is_exact(self.text(leaf, event), nearest))
        })
    }

    /// Whether a number surely lies between two others; it may, too, if this says no.
    #[inline]
    pub(crate) fn is_surely_between(&self, leaf: &Leaf, event: &str, low: f64, high: f64) -> bool {
        let front = event.as_bytes().get(leaf.start as usize..);
        front.is_some_and(|front| number::is_surely_between(front, low, high))
    }

    /// The value as conditions take it.
    pub(crate) fn value<'a>(&'a self, leaf: &Leaf, event: &'a str) -> ValueRef<'a> {
        match leaf.kind {
            Kind::Text | Kind::Unescaped => ValueRef::Text(self.text(leaf, event)),
            Kind::Number => ValueRef::Number {
                raw: self.text(leaf, event),
                nearest: self.nearest(leaf, event),
            },
            Kind::True => ValueRef::True,
            Kind::False => ValueRef::False,
            Kind::Null => ValueRef::Null,
        }
    }
}

/// Where a number or literal ends; at least one byte on.
#[inline]
pub(super) fn end_of_word(text: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while let Some(word) = text.get(end..).and_then(|rest| rest.first_chunk()) {
        let ends = ends_of_words(u64::from_le_bytes(*word));
        if ends != 0 {
            // The lowest of the marks is always right.
            return end + (ends.trailing_zeros() / 8) as usize;
        }
        end += 8;
    }
    while let Some(byte) = text.get(end) {
        if matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t') {
            break;
        }
        end += 1;
    }
    end
}

/// Marks what ends a number or literal among eight bytes; marks above the lowest may be wrong.
#[inline]
fn ends_of_words(word: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    let zeros = |word: u64| word.wrapping_sub(EACH) & !word & TOPS;
    let spaces = word.wrapping_sub(EACH * 0x21) & !word & TOPS;
    // `]` and `}` differ in one bit.
    spaces | zeros(word ^ (EACH * 0x2c)) | zeros((word | (EACH * 0x20)) ^ (EACH * 0x7d))
}

/// Appends the text that a valid string with escapes stands for.
pub(super) fn unescape(escaped: &str, into: &mut String) {
    let mut rest = escaped;
    while let Some((plain, after)) = rest.split_once('\\') {
        into.push_str(plain);
        let mut characters = after.chars();
        let known = match characters.next() {
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => {
                let (c, after) = unicode(characters.as_str());
                into.push(c);
                rest = after;
                continue;
            }
            Some(other) => other,
            None => return,
        };
        into.push(known);
        rest = characters.as_str();
    }
    into.push_str(rest);
}

/// The character of the hexadecimal digits after `\u`, and what follows them.
fn unicode(digits: &str) -> (char, &str) {
    let (unit, rest) = hex(digits);
    if !(0xd800..0xdc00).contains(&unit) {
        return (
            char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER),
            rest,
        );
    }
    let (low, rest) = hex(rest.strip_prefix("\\u").unwrap_or(rest));
    let code = 0x10000 + ((unit - 0xd800) << 10) + (low & 0x3ff);
    (
        char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER),
        rest,
    )
}

fn hex(digits: &str) -> (u32, &str) {
    let (four, rest) = digits.split_at_checked(4).unwrap_or((digits, ""));
    (u32::from_str_radix(four, 16).unwrap_or(0), rest)
}
