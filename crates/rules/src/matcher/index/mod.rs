//! What the conditions at one path have to say about a value.
//!
//! Each kind of condition has the structure that answers for all of its kind at once. An answer
//! is a *posting*: the head of a chain of places in rules, kept by whoever built the index. Some
//! postings only say that a condition may hold; their links name the check that is left.

mod affixes;
mod gathering;
mod intervals;
mod literal;
mod slabs;
mod table;
mod words;

use std::net::IpAddr;

use affixes::Affixes;
pub(super) use gathering::Gathering;
use intervals::{Intervals, ordered};
pub(crate) use literal::{Literal, hash};
pub(super) use table::{NONE, TextTable};
use words::Words;

use crate::address::parse_address;
use crate::condition::{Condition, Wildcard};
use crate::scan::Kind;

/// Postings that need no looking up.
#[derive(Clone, Copy, Debug)]
struct Lists {
    any_text: u32,
    yes: u32,
    no: u32,
    null: u32,
    any_value: u32,
}

impl Default for Lists {
    fn default() -> Self {
        Lists {
            any_text: NONE,
            yes: NONE,
            no: NONE,
            null: NONE,
            any_value: NONE,
        }
    }
}

/// Makes chains of links; each condition that is gathered becomes a link.
pub(super) trait Chains {
    /// Puts a link before `head` and returns it.
    fn link(&mut self, head: u32, left: Left) -> u32;

    /// Joins two chains.
    fn join(&mut self, first: u32, second: u32) -> u32;

    /// The place in rules that links now lead to.
    fn place(&self) -> u32;

    /// Makes links which say that the `exception`th place for any value is not for this one.
    /// `condition` is what these links check.
    fn except<'c>(&'c mut self, exception: u32, condition: &'c Condition) -> impl Chains + 'c;
}

/// What is left to be checked where a posting leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    Nothing,
    /// The condition itself, if the text passes the guard.
    Check(Guard),
}

/// What a text must have at least: a quick look before the real one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Guard {
    /// Bytes, at most 255.
    length: u8,
    first: Option<u8>,
    last: Option<u8>,
}

impl Guard {
    fn of(wildcard: &Wildcard) -> Guard {
        let pieces = wildcard.pieces();
        let length: usize = pieces.iter().map(String::len).sum();
        Guard {
            length: u8::try_from(length).unwrap_or(u8::MAX),
            first: pieces.first().and_then(|p| p.as_bytes().first().copied()),
            last: pieces.last().and_then(|p| p.as_bytes().last().copied()),
        }
    }

    #[inline]
    pub(super) fn lets_pass(self, text: &[u8]) -> bool {
        text.len() >= usize::from(self.length)
            && (self.first.is_none() || self.first == text.first().copied())
            && (self.last.is_none() || self.last == text.last().copied())
    }
}

/// Which structures of a path's have anything in them.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "one for each structure")]
struct Asked {
    texts: bool,
    prefixes: bool,
    suffixes: bool,
    words: bool,
    folded: bool,
    folded_affixes: bool,
    addresses: bool,
    /// Places for any value that is no exception.
    others: bool,
}

/// All conditions at one path.
#[derive(Debug, Default)]
pub(super) struct PathIndex {
    asked: Asked,
    texts: TextTable,
    folded: TextTable,
    prefixes: Affixes,
    folded_prefixes: Affixes,
    suffixes: Affixes,
    folded_suffixes: Affixes,
    words: Words,
    few_words: TextTable,
    spelled: TextTable,
    numbers: Intervals<u64>,
    v4: Intervals<u32>,
    v6: Intervals<u128>,
    lists: Lists,
    /// The places for any value that is no exception.
    others: Vec<u32>,
}

/// A value that is looked up. What it is asked for may have to be found first.
pub(super) trait Wanted {
    fn kind(&self) -> Kind;

    /// The text of a string or number.
    fn text(&self) -> &str;

    /// The text as tables compare it.
    fn literal(&self) -> Literal<'_>;

    /// The [hash](Literal::hash) of the text.
    fn hash(&self) -> u64;

    /// The double nearest to a number.
    fn nearest(&self) -> Option<f64>;

    /// Whether the number is the decimal that its nearest double stands for, and so may be
    /// compared.
    fn is_exact(&self) -> bool;
}

/// Takes the postings that a value has.
pub(super) trait Postings {
    fn take(&mut self, head: u32);

    /// Whether a chain holds anything not yet settled; if not it need not be taken.
    fn is_news(&self, head: u32) -> bool;

    /// Whether a number surely lies between the ends last remembered for this path.
    fn is_like_before(&self) -> bool;

    /// Remembers between which ends numbers have nothing to add.
    fn remember(&mut self, ends: (f64, f64));

    /// Takes note that there are so many places for any value, and no exception yet.
    fn expect(&mut self, places: usize);

    /// Takes the places for any value of which no posting made an exception.
    fn take_others(&mut self, places: &[u32]);
}

impl PathIndex {
    /// Hands out the postings of a value. `room` is memory to be used.
    #[inline]
    pub(super) fn look_up(
        &self,
        wanted: &impl Wanted,
        room: &mut Vec<u8>,
        postings: &mut impl Postings,
    ) {
        if self.asked.others {
            postings.expect(self.others.len());
        }
        let list = match wanted.kind() {
            Kind::Text | Kind::Unescaped => {
                self.look_up_text(wanted, room, postings);
                self.lists.any_text
            }
            Kind::Number => {
                self.look_up_number(wanted, postings);
                NONE
            }
            Kind::True => self.lists.yes,
            Kind::False => self.lists.no,
            Kind::Null => self.lists.null,
        };
        for head in [list, self.lists.any_value] {
            if head != NONE {
                postings.take(head);
            }
        }
        if self.asked.others {
            postings.take_others(&self.others);
        }
    }

    #[inline]
    fn look_up_text(&self, wanted: &impl Wanted, room: &mut Vec<u8>, postings: &mut impl Postings) {
        let literal = wanted.literal();
        let asked = self.asked;
        if asked.texts
            && let Some(head) = self.texts.find(literal, || wanted.hash())
        {
            postings.take(head);
        }
        if asked.prefixes {
            self.prefixes.of_front(literal, |head| postings.take(head));
        }
        if asked.suffixes {
            let bytes = literal.text();
            self.suffixes.of_back(bytes, |head| postings.take(head));
        }
        if asked.folded
            && !asked.folded_affixes
            && let Some(folded) = literal.folded()
        {
            if let Some(head) = self.folded.find(folded, || folded.hash()) {
                postings.take(head);
            }
        } else if asked.folded || asked.folded_affixes {
            room.clear();
            room.extend(literal.text().iter().map(u8::to_ascii_lowercase));
            let folded = Literal::of(room);
            if let Some(head) = self.folded.find(folded, || folded.hash()) {
                postings.take(head);
            }
            self.folded_prefixes
                .of_front(folded, |head| postings.take(head));
            self.folded_suffixes
                .of_back(room, |head| postings.take(head));
        }
        if asked.words || asked.addresses {
            self.look_into_text(wanted.text(), postings);
        }
    }

    #[inline(never)]
    fn look_into_text(&self, text: &str, postings: &mut impl Postings) {
        let asked = self.asked;
        if asked.words {
            let bytes = text.as_bytes();
            self.words.within(bytes, |head| postings.take(head));
            for (word, head) in self.few_words.iter() {
                if memchr::memmem::find(bytes, word).is_some() {
                    postings.take(head);
                }
            }
        }
        if asked.addresses {
            match parse_address(text) {
                Some(IpAddr::V4(address)) => {
                    self.v4.of(address.into(), |head| postings.take(head));
                }
                Some(IpAddr::V6(address)) => {
                    self.v6.of(address.into(), |head| postings.take(head));
                }
                None => {}
            }
        }
    }

    fn look_up_number(&self, wanted: &impl Wanted, postings: &mut impl Postings) {
        if !self.spelled.is_empty()
            && let Some(head) = self.spelled.get(wanted.text().as_bytes())
        {
            postings.take(head);
        }
        // Values of a list are often alike.
        let each_counts = self.asked.others;
        if self.numbers.is_empty() || (!each_counts && postings.is_like_before()) {
            return;
        }
        let Some(number) = wanted.nearest() else {
            return;
        };
        // Whether the number may be compared at all is dear to find out, so only when it matters.
        let mut exact = None;
        let cell = self.numbers.around(ordered(number), |head| {
            if postings.is_news(head) && *exact.get_or_insert_with(|| wanted.is_exact()) {
                postings.take(head);
            }
        });
        if !each_counts && exact != Some(false) {
            postings.remember(cell.doubles());
        }
    }

    /// Bytes kept.
    pub(super) fn memory(&self) -> usize {
        size_of::<Self>()
            + [&self.texts, &self.folded, &self.spelled, &self.few_words]
                .into_iter()
                .map(TextTable::memory)
                .sum::<usize>()
            + [
                &self.prefixes,
                &self.folded_prefixes,
                &self.suffixes,
                &self.folded_suffixes,
            ]
            .into_iter()
            .map(Affixes::memory)
            .sum::<usize>()
            + self.words.memory()
            + self.numbers.memory()
            + self.v4.memory()
            + self.v6.memory()
            + self.others.capacity() * size_of::<u32>()
    }
}
