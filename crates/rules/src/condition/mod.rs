//! One condition on one value: the meaning of every operator a pattern can use.
//!
//! A condition sees a single value. Paths, arrays and the absence of values are other modules'
//! affair.

mod ignore_case;
mod wildcard;

use std::net::IpAddr;

pub(crate) use ignore_case::IgnoreCase;
pub(crate) use wildcard::Wildcard;

use crate::address::{AddressRange, parse_address};
use crate::event::ValueRef;
use crate::number;

/// A condition that a value can meet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    Exactly(String),
    Address(IpAddr),
    Number {
        raw: String,
        comparable: Option<f64>,
    },
    True,
    False,
    Null,
    Prefix(String),
    Suffix(String),
    PrefixIgnoreCase(IgnoreCase),
    SuffixIgnoreCase(IgnoreCase),
    EqualsIgnoreCase(IgnoreCase),
    Wildcard(Wildcard),
    Numeric(Bounds),
    AnythingBut(Excluded),
    Present,
    /// Met by there being no value; no value meets it.
    Absent,
    Cidr(AddressRange),
}

/// An interval of numbers, each end with whether it belongs to the interval.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) low: Option<(f64, bool)>,
    pub(crate) high: Option<(f64, bool)>,
}

/// What an `anything-but` rules out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Excluded {
    Texts(Vec<String>),
    Numbers(Vec<f64>),
    IgnoreCase(Vec<IgnoreCase>),
    Prefixes(Vec<String>),
    Suffixes(Vec<String>),
    Wildcards(Vec<Wildcard>),
}

impl Condition {
    pub(crate) fn is_met_by(&self, value: ValueRef<'_>) -> bool {
        match (self, value) {
            (Condition::Present, _) => true,
            (Condition::Absent, _) => false,
            (Condition::AnythingBut(excluded), value) => !excluded.contains(value),
            (Condition::True, ValueRef::True)
            | (Condition::False, ValueRef::False)
            | (Condition::Null, ValueRef::Null) => true,
            (condition, ValueRef::Text(text)) => condition.is_met_by_text(text),
            (condition, ValueRef::Number { raw, nearest }) => {
                condition.is_met_by_number(raw, nearest)
            }
            _ => false,
        }
    }

    /// Bytes on the heap.
    pub(crate) fn memory(&self) -> usize {
        let of_texts = |texts: &[String]| {
            let lengths: usize = texts.iter().map(String::len).sum();
            size_of_val(texts) + lengths
        };
        match self {
            Condition::Exactly(text) | Condition::Prefix(text) | Condition::Suffix(text) => {
                text.len()
            }
            Condition::Number { raw, .. } => raw.len(),
            Condition::PrefixIgnoreCase(text)
            | Condition::SuffixIgnoreCase(text)
            | Condition::EqualsIgnoreCase(text) => text.memory(),
            Condition::Wildcard(wildcard) => of_texts(wildcard.pieces()),
            Condition::AnythingBut(excluded) => match excluded {
                Excluded::Texts(texts) | Excluded::Prefixes(texts) | Excluded::Suffixes(texts) => {
                    of_texts(texts)
                }
                Excluded::Numbers(numbers) => size_of_val(numbers.as_slice()),
                Excluded::IgnoreCase(texts) => {
                    let heap: usize = texts.iter().map(IgnoreCase::memory).sum();
                    size_of_val(texts.as_slice()) + heap
                }
                Excluded::Wildcards(wildcards) => {
                    let heap: usize = wildcards.iter().map(|w| of_texts(w.pieces())).sum();
                    size_of_val(wildcards.as_slice()) + heap
                }
            },
            _ => 0,
        }
    }

    fn is_met_by_text(&self, text: &str) -> bool {
        match self {
            Condition::Exactly(wanted) => wanted == text,
            Condition::Address(wanted) => parse_address(text) == Some(*wanted),
            Condition::Prefix(prefix) => text.starts_with(prefix.as_str()),
            Condition::Suffix(suffix) => text.ends_with(suffix.as_str()),
            Condition::PrefixIgnoreCase(folded) => folded.starts(text),
            Condition::SuffixIgnoreCase(folded) => folded.ends(text),
            Condition::EqualsIgnoreCase(folded) => folded.equals(text),
            Condition::Wildcard(wildcard) => wildcard.matches(text),
            Condition::Cidr(range) => {
                parse_address(text).is_some_and(|address| range.contains(address))
            }
            _ => false,
        }
    }

    fn is_met_by_number(&self, raw: &str, nearest: Option<f64>) -> bool {
        match self {
            Condition::Number {
                raw: wanted,
                comparable: exact,
            } => match exact {
                Some(_) => *exact == nearest && is_exact(raw, nearest),
                None => wanted == raw,
            },
            Condition::Numeric(bounds) => {
                nearest.is_some_and(|number| bounds.contain(number)) && is_exact(raw, nearest)
            }
            _ => false,
        }
    }
}

fn is_exact(raw: &str, nearest: Option<f64>) -> bool {
    nearest.is_some_and(|number| number::is_exact(raw, number))
}

impl Bounds {
    fn contain(&self, number: f64) -> bool {
        let above = self
            .low
            .is_none_or(|(low, inclusive)| number > low || (inclusive && number == low));
        let below = self
            .high
            .is_none_or(|(high, inclusive)| number < high || (inclusive && number == high));
        above && below
    }
}

impl Excluded {
    /// The conditions of which none may be met.
    pub(crate) fn conditions(&self) -> Vec<Condition> {
        match self {
            Excluded::Texts(texts) => texts.iter().cloned().map(Condition::Exactly).collect(),
            Excluded::Numbers(numbers) => {
                let number = |number: &f64| Condition::Number {
                    raw: String::new(),
                    comparable: Some(*number),
                };
                numbers.iter().map(number).collect()
            }
            Excluded::IgnoreCase(texts) => {
                let texts = texts.iter().cloned();
                texts.map(Condition::EqualsIgnoreCase).collect()
            }
            Excluded::Prefixes(texts) => texts.iter().cloned().map(Condition::Prefix).collect(),
            Excluded::Suffixes(texts) => texts.iter().cloned().map(Condition::Suffix).collect(),
            Excluded::Wildcards(wildcards) => {
                let wildcards = wildcards.iter().cloned();
                wildcards.map(Condition::Wildcard).collect()
            }
        }
    }

    fn contains(&self, value: ValueRef<'_>) -> bool {
        match (self, value) {
            (
                Excluded::Numbers(numbers),
                ValueRef::Number {
                    raw,
                    nearest: Some(number),
                },
            ) => numbers.contains(&number) && number::is_exact(raw, number),
            (Excluded::Texts(texts), ValueRef::Text(text)) => {
                texts.iter().any(|known| known == text)
            }
            (Excluded::IgnoreCase(folded), ValueRef::Text(text)) => {
                folded.iter().any(|folded| folded.equals(text))
            }
            (Excluded::Prefixes(prefixes), ValueRef::Text(text)) => prefixes
                .iter()
                .any(|prefix| text.starts_with(prefix.as_str())),
            (Excluded::Suffixes(suffixes), ValueRef::Text(text)) => suffixes
                .iter()
                .any(|suffix| text.ends_with(suffix.as_str())),
            (Excluded::Wildcards(wildcards), ValueRef::Text(text)) => {
                wildcards.iter().any(|wildcard| wildcard.matches(text))
            }
            _ => false,
        }
    }
}
