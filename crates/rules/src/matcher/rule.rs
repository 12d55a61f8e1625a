//! A rule as the matcher keeps it.

use crate::pattern::Pattern;

/// A pattern with the numbers of its paths; shared by every index that holds the rule.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) pattern: Pattern,
    /// For each field of the pattern, the number of its path.
    pub(super) paths: Box<[u32]>,
    /// Bytes kept.
    pub(super) memory: usize,
}

impl Rule {
    pub(super) fn new(pattern: Pattern, paths: Box<[u32]>) -> Rule {
        Rule {
            memory: pattern.memory() + size_of_val(&*paths) + size_of::<Rule>(),
            pattern,
            paths,
        }
    }
}
