//! A rule as the matcher keeps it, with what every index that holds it wants to know.
//!
//! Rules are indexed again whenever segments merge, and their patterns are spread over memory; so
//! what is asked of each field is noted once.

use super::program::hint_of;
use super::rank::{UNSHARED, key, share};
use crate::pattern::Pattern;

/// A pattern with the numbers of its paths; shared by every index that holds the rule.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) pattern: Pattern,
    /// In the order of the pattern's fields.
    pub(super) fields: Box<[FieldNote]>,
    /// Those of all fields.
    conditions: Box<[ConditionNote]>,
    /// Whether the only branch has all fields in their order.
    is_simple: bool,
    /// Whether the rule can be found by one field or another.
    pub(super) has_choice: bool,
    /// Bytes kept.
    pub(super) memory: usize,
}

/// What is noted of a field.
#[derive(Clone, Copy, Debug)]
pub(super) struct FieldNote {
    /// The number of its path.
    pub(super) path: u32,
    /// As [`hint_of`] has it.
    pub(super) hint: u32,
    first_condition: u32,
    conditions: u32,
}

/// What is noted of a condition.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConditionNote {
    /// Names a condition that other rules may have as well.
    pub(super) key: u64,
    /// Of a million values, how many it may accept; `None` if it is met by there being none.
    pub(super) share: Option<u32>,
}

/// The fields of most branches.
const ALL_FIELDS: [usize; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

impl Rule {
    /// A rule whose fields have paths with these numbers.
    pub(super) fn new(pattern: Pattern, paths: &[u32]) -> Rule {
        let has_choice = pattern.branches().iter().any(|branch| branch.len() > 1);
        let mut conditions = Vec::new();
        let mut fields = Vec::with_capacity(paths.len());
        // A pattern of 4096 characters has fewer conditions.
        let fits = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        for (field, path) in pattern.fields().iter().zip(paths) {
            fields.push(FieldNote {
                path: *path,
                hint: hint_of(field),
                first_condition: fits(conditions.len()),
                conditions: fits(field.conditions.len()),
            });
            conditions.extend(field.conditions.iter().map(|condition| ConditionNote {
                key: if has_choice {
                    key(condition, *path)
                } else {
                    UNSHARED
                },
                share: share(condition),
            }));
        }
        let simple = ALL_FIELDS.get(..fields.len());
        let is_simple = matches!(pattern.branches(), [only] if Some(only.as_slice()) == simple);
        let (fields, conditions) = (fields.into_boxed_slice(), conditions.into_boxed_slice());
        Rule {
            memory: pattern.memory()
                + size_of_val(&*fields)
                + size_of_val(&*conditions)
                + size_of::<Rule>(),
            pattern,
            fields,
            conditions,
            is_simple,
            has_choice,
        }
    }

    /// What is noted of all conditions.
    pub(super) fn conditions(&self) -> &[ConditionNote] {
        &self.conditions
    }

    /// What is noted of the conditions of a field.
    pub(super) fn conditions_of(&self, field: &FieldNote) -> &[ConditionNote] {
        let first = field.first_condition as usize;
        self.conditions
            .get(first..first + field.conditions as usize)
            .unwrap_or_default()
    }

    /// The number of a field's path.
    pub(super) fn path(&self, field: usize) -> Option<u32> {
        self.fields.get(field).map(|field| field.path)
    }

    /// The fields of each branch.
    pub(super) fn branches(&self) -> impl Iterator<Item = &[usize]> {
        let only = self.is_simple.then(|| ALL_FIELDS.get(..self.fields.len()));
        let others = if self.is_simple {
            &[]
        } else {
            self.pattern.branches()
        };
        only.flatten()
            .into_iter()
            .chain(others.iter().map(Vec::as_slice))
    }
}
