//! Conditions of one path while they are gathered for its index.

use std::net::IpAddr;

use super::affixes::{Affixes, From};
use super::intervals::{Intervals, ordered};
use super::table::{NONE, TextTable};
use super::words::Words;
use super::{Asked, Chains, Guard, Left, Lists, PathIndex};
use crate::address::AddressRange;
use crate::condition::{Condition, IgnoreCase, Wildcard};

/// Words fewer than this are not worth an automaton: each is looked for on its own.
const FEW_WORDS: usize = 4;

/// Spellings tried for the beginning of a text beyond ASCII that is compared without case.
const MOST_SPELLINGS: usize = 8;

/// Conditions at one path while they are gathered.
#[derive(Default)]
pub(in super::super) struct Gathering {
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

impl Gathering {
    /// Files a condition, which is not [`Condition::Absent`].
    pub(in super::super) fn file(&mut self, condition: &Condition, chains: &mut impl Chains) {
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
    pub(in super::super) fn build(mut self, chains: &mut impl Chains) -> PathIndex {
        self.numbers.build(|one, other| chains.join(one, other));
        self.v4.build(|one, other| chains.join(one, other));
        self.v6.build(|one, other| chains.join(one, other));
        self.texts.finish();
        self.folded.finish();
        self.spelled.finish();
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
            prefixes: !self.prefixes.is_empty(),
            suffixes: !self.suffixes.is_empty(),
            words: words.as_ref().is_some_and(|words| !words.is_empty()) || !few_words.is_empty(),
            folded: !self.folded.is_empty(),
            folded_affixes: !(self.folded_prefixes.is_empty() && self.folded_suffixes.is_empty()),
            addresses: !(self.v4.is_empty() && self.v6.is_empty()),
            others: !self.others.is_empty(),
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
