//! Which of many words occur anywhere in a text?

use aho_corasick::{AhoCorasick, AhoCorasickKind, Input, MatchKind, automaton::OverlappingState};

use super::table::TextTable;

/// A set of words, each with a number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words {
    automaton: Option<AhoCorasick>,
    values: Vec<u32>,
}

impl Words {
    /// Builds the automaton; gives the table back if it is too large for one.
    pub(crate) fn new(words: &TextTable) -> Option<Words> {
        if words.is_empty() {
            return Some(Words::default());
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .prefilter(false)
            .build(words.iter().map(|(word, _)| word))
            .ok()?;
        Some(Words {
            automaton: Some(automaton),
            values: words.iter().map(|(_, value)| value).collect(),
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.automaton.is_none()
    }

    /// Tells the number of every word in the text, once for each place.
    #[inline]
    pub(crate) fn within(&self, text: &[u8], mut tell: impl FnMut(u32)) {
        let Some(automaton) = &self.automaton else {
            return;
        };
        let mut state = OverlappingState::start();
        loop {
            automaton.find_overlapping(Input::new(text), &mut state);
            let Some(found) = state.get_match() else {
                return;
            };
            if let Some(value) = self.values.get(found.pattern().as_usize()) {
                tell(*value);
            }
        }
    }

    /// Bytes kept.
    pub(crate) fn memory(&self) -> usize {
        let automaton = self.automaton.as_ref().map_or(0, AhoCorasick::memory_usage);
        automaton + self.values.capacity() * size_of::<u32>()
    }
}
