//! What the conditions at one path have to say about a value.
//!
//! Each kind of condition has the structure that answers for all of its kind at once. An answer
//! is a *posting*: the head of a chain of places in rules, kept by whoever built the index. Some
//! postings only say that a condition may hold; their links name the check that is left.

mod affixes;
mod intervals;
mod table;
mod words;

use std::net::IpAddr;

use affixes::{Affixes, From};
use intervals::{Intervals, ordered};
pub(crate) use table::hash;
pub(super) use table::{NONE, TextTable};
use words::Words;

use crate::address::{AddressRange, parse_address};
use crate::condition::{Condition, IgnoreCase, Wildcard};
use crate::number;
use crate::scan::Kind;

/// Words fewer than this are not worth an automaton: each is looked for on its own.
const FEW_WORDS: usize = 4;

/// Spellings tried for the beginning of a text beyond ASCII that is compared without case.
const MOST_SPELLINGS: usize = 8;

/// Conditions at one path while they are gathered.
#[derive(Default)]
pub(super) struct Gathering {
    texts: TextTable,
    folded: TextTable,
    prefixes: TextTable,
    folded_prefixes: TextTable,
    suffixes: TextTable,
    folded_suffixes: TextTable,
    words: TextTable,
    spelled: TextTable,
    numbers: Intervals<u64>,
    v4: Intervals<u32>,
    v6: Intervals<u128>,
    lists: Lists,
    others: Vec<u32>,
}

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

impl Gathering {
    /// Files a condition, which is not [`Condition::Absent`].
    pub(super) fn file(&mut self, condition: &Condition, chains: &mut impl Chains) {
        let Condition::AnythingBut(excluded) = condition else {
            return self.file_plain(condition, chains);
        };
        let exception = u32::try_from(self.others.len()).unwrap_or(NONE);
        self.others.push(chains.place());
        for condition in excluded.conditions() {
            let mut chains = chains.except(exception, &condition);
            self.file_plain(&condition, &mut chains);
        }
    }

    /// Files a condition that is met by what it names.
    fn file_plain(&mut self, condition: &Condition, chains: &mut impl Chains) {
        let mut sure = |head: u32| chains.link(head, Left::Nothing);
        match condition {
            Condition::Exactly(text) => self.texts.update(text.as_bytes(), sure),
            Condition::Address(address) => self.file_addresses((*address, *address), sure(NONE)),
            Condition::Cidr(range) => self.file_range(range, sure(NONE)),
            Condition::Number { comparable, .. } => match comparable {
                Some(number) => {
                    let point = ordered(*number);
                    self.numbers.add(point, point, sure(NONE));
                }
                None => self.file_spelling(condition, sure),
            },
            Condition::Numeric(bounds) => {
                let low = bounds.low.map(|(low, with)| (ordered(low), with));
                let high = bounds.high.map(|(high, with)| (ordered(high), with));
                // Between two neighbours there is no double, so an open end is a closed one.
                let low = low.map_or(0, |(low, with)| if with { low } else { low + 1 });
                let high = high.map_or(u64::MAX, |(high, with)| if with { high } else { high - 1 });
                self.numbers.add(low, high, sure(NONE));
            }
            Condition::True => self.lists.yes = sure(self.lists.yes),
            Condition::False => self.lists.no = sure(self.lists.no),
            Condition::Null => self.lists.null = sure(self.lists.null),
            Condition::Present => self.lists.any_value = sure(self.lists.any_value),
            Condition::Prefix(text) => self.prefixes.update(text.as_bytes(), sure),
            Condition::Suffix(text) => self.suffixes.update(text.as_bytes(), sure),
            Condition::EqualsIgnoreCase(text)
            | Condition::PrefixIgnoreCase(text)
            | Condition::SuffixIgnoreCase(text) => self.file_folded(condition, text, chains),
            Condition::Wildcard(wildcard) => self.file_wildcard(wildcard, chains),
            Condition::AnythingBut(_) | Condition::Absent => {}
        }
    }

    fn file_spelling(&mut self, condition: &Condition, link: impl FnOnce(u32) -> u32) {
        if let Condition::Number { raw, .. } = condition {
            self.spelled.update(raw.as_bytes(), link);
        }
    }

    fn file_range(&mut self, range: &AddressRange, posting: u32) {
        let ends: (IpAddr, IpAddr) = match range {
            AddressRange::V4 { network, mask } => (
                IpAddr::V4((*network).into()),
                IpAddr::V4((network | !mask).into()),
            ),
            AddressRange::V6 { network, mask } => (
                IpAddr::V6((*network).into()),
                IpAddr::V6((network | !mask).into()),
            ),
        };
        self.file_addresses(ends, posting);
    }

    fn file_addresses(&mut self, ends: (IpAddr, IpAddr), posting: u32) {
        match ends {
            (IpAddr::V4(low), IpAddr::V4(high)) => self.v4.add(low.into(), high.into(), posting),
            (IpAddr::V6(low), IpAddr::V6(high)) => self.v6.add(low.into(), high.into(), posting),
            _ => {}
        }
    }

    fn file_folded(&mut self, condition: &Condition, text: &IgnoreCase, chains: &mut impl Chains) {
        if text.accepted().is_empty() {
            let folded = text.as_str().to_ascii_lowercase();
            let table = match condition {
                Condition::PrefixIgnoreCase(_) => &mut self.folded_prefixes,
                Condition::SuffixIgnoreCase(_) => &mut self.folded_suffixes,
                _ => &mut self.folded,
            };
            table.update(folded.as_bytes(), |head| chains.link(head, Left::Nothing));
            return;
        }
        let from = match condition {
            Condition::SuffixIgnoreCase(_) => From::Back,
            _ => From::Front,
        };
        for spelling in spellings(text, from) {
            let table = match from {
                From::Front => &mut self.folded_prefixes,
                From::Back => &mut self.folded_suffixes,
            };
            let left = Left::Check(Guard::default());
            table.update(spelling.as_bytes(), |head| chains.link(head, left));
        }
    }

    fn file_wildcard(&mut self, wildcard: &Wildcard, chains: &mut impl Chains) {
        let pieces: Vec<&str> = wildcard.pieces().iter().map(String::as_str).collect();
        let mut sure = |head: u32| chains.link(head, Left::Nothing);
        match pieces.as_slice() {
            [text] => return self.texts.update(text.as_bytes(), sure),
            ["", ""] => {
                self.lists.any_text = sure(self.lists.any_text);
                return;
            }
            [text, ""] => return self.prefixes.update(text.as_bytes(), sure),
            ["", text] => return self.suffixes.update(text.as_bytes(), sure),
            ["", text, ""] => return self.words.update(text.as_bytes(), sure),
            _ => {}
        }
        // The longest piece is the rarest.
        let longest = pieces
            .iter()
            .enumerate()
            .max_by_key(|(_, piece)| piece.len());
        let Some((at, piece)) = longest else { return };
        let table = if at == 0 {
            &mut self.prefixes
        } else if at + 1 == pieces.len() {
            &mut self.suffixes
        } else {
            &mut self.words
        };
        let left = Left::Check(Guard::of(wildcard));
        table.update(piece.as_bytes(), |head| chains.link(head, left));
    }

    /// Makes the structures that can be asked.
    pub(super) fn build(mut self, chains: &mut impl Chains) -> PathIndex {
        self.numbers.build(|one, other| chains.join(one, other));
        self.v4.build(|one, other| chains.join(one, other));
        self.v6.build(|one, other| chains.join(one, other));
        self.texts.shrink();
        self.folded.shrink();
        self.others.shrink_to_fit();
        let words = if self.words.len() < FEW_WORDS {
            None
        } else {
            Words::new(&self.words)
        };
        let few_words = if words.is_some() {
            TextTable::default()
        } else {
            self.words
        };
        let asked = Asked {
            texts: !self.texts.is_empty(),
            affixes: !(self.prefixes.is_empty() && self.suffixes.is_empty()),
            words: words.as_ref().is_some_and(|words| !words.is_empty()) || !few_words.is_empty(),
            folded: !(self.folded.is_empty()
                && self.folded_prefixes.is_empty()
                && self.folded_suffixes.is_empty()),
            addresses: !(self.v4.is_empty() && self.v6.is_empty()),
        };
        PathIndex {
            asked,
            texts: self.texts,
            folded: self.folded,
            prefixes: Affixes::new(self.prefixes, From::Front),
            folded_prefixes: Affixes::new(self.folded_prefixes, From::Front),
            suffixes: Affixes::new(self.suffixes, From::Back),
            folded_suffixes: Affixes::new(self.folded_suffixes, From::Back),
            words: words.unwrap_or_default(),
            few_words,
            spelled: self.spelled,
            numbers: self.numbers,
            v4: self.v4,
            v6: self.v6,
            lists: self.lists,
            others: self.others,
        }
    }
}

/// How a text may begin (or end), with ASCII letters in lower case: the characters beyond ASCII
/// at that end in all their spellings, as long as these are few.
fn spellings(text: &IgnoreCase, from: From) -> Vec<String> {
    let mut spellings = vec![String::new()];
    let accepted = text.accepted();
    for step in 0..accepted.len() {
        let at = match from {
            From::Front => step,
            From::Back => accepted.len() - 1 - step,
        };
        let Some((lower, upper)) = accepted.get(at) else {
            break;
        };
        let mut both = vec![lower.to_ascii_lowercase(), upper.to_ascii_lowercase()];
        both.dedup();
        if spellings.len() * both.len() > MOST_SPELLINGS {
            break;
        }
        spellings = spellings
            .iter()
            .flat_map(|known| {
                both.iter().map(move |one| match from {
                    From::Front => format!("{known}{one}"),
                    From::Back => format!("{one}{known}"),
                })
            })
            .collect();
    }
    spellings.sort_unstable();
    spellings.dedup();
    spellings
}

/// Which structures of a path's have anything in them.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "one for each structure")]
struct Asked {
    texts: bool,
    affixes: bool,
    words: bool,
    folded: bool,
    addresses: bool,
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

    /// The [hash] of the text.
    fn hash(&self) -> u64;

    /// The double nearest to a number.
    fn nearest(&self) -> Option<f64>;
}

/// Takes the postings that a value has.
pub(super) trait Postings {
    fn take(&mut self, head: u32);

    /// Whether a chain holds anything not yet settled; if not it need not be taken.
    fn is_news(&self, head: u32) -> bool;

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
        let others = self.others.as_slice();
        if !others.is_empty() {
            postings.expect(others.len());
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
        if !others.is_empty() {
            postings.take_others(others);
        }
    }

    fn look_up_text(&self, wanted: &impl Wanted, room: &mut Vec<u8>, postings: &mut impl Postings) {
        let text = wanted.text();
        let bytes = text.as_bytes();
        let asked = self.asked;
        if asked.texts
            && let Some(head) = self.texts.get_hashed(bytes, wanted.hash())
        {
            postings.take(head);
        }
        if asked.affixes {
            self.prefixes.of_front(bytes, |head| postings.take(head));
            self.suffixes.of_back(bytes, |head| postings.take(head));
        }
        if asked.words {
            self.words.within(bytes, |head| postings.take(head));
            for (word, head) in self.few_words.iter() {
                if memchr::memmem::find(bytes, word).is_some() {
                    postings.take(head);
                }
            }
        }
        if asked.folded {
            room.clear();
            room.extend(bytes.iter().map(u8::to_ascii_lowercase));
            if let Some(head) = self.folded.get(room) {
                postings.take(head);
            }
            self.folded_prefixes
                .of_front(room, |head| postings.take(head));
            self.folded_suffixes
                .of_back(room, |head| postings.take(head));
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
        if self.numbers.is_empty() {
            return;
        }
        let Some(number) = wanted.nearest() else {
            return;
        };
        // Whether the number may be compared at all is dear to find out, so only when it matters.
        let mut exact = None;
        self.numbers.of(ordered(number), |head| {
            if postings.is_news(head)
                && *exact.get_or_insert_with(|| number::is_exact(wanted.text(), number))
            {
                postings.take(head);
            }
        });
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
