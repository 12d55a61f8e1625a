//! Which values a match rests on: one for each field, no two from different elements of one list.

use std::collections::BTreeMap;

use crate::event::Event;
use crate::pattern::Pattern;

/// Values tried before the question is given up; the match itself is not in doubt.
const MAX_STEPS: usize = 1_000_000;

/// The value of each field, by the field's index: its place among the values at the field's path.
#[derive(Debug, Default)]
pub(super) struct Choice(BTreeMap<usize, usize>);

/// A field's values that meet a condition.
struct Candidates {
    field: usize,
    /// Place among the leaves, and the `(array, index)` pairs it lies in.
    places: Vec<(usize, Vec<(u32, u32)>)>,
    allows_absence: bool,
}

impl Choice {
    /// The place of the value that a field rests on; `None` where its absence is what holds.
    pub(super) fn of(&self, field: usize) -> Option<usize> {
        self.0.get(&field).copied()
    }

    /// Finds one choice for a branch that holds.
    pub(super) fn find(pattern: &Pattern, event: &Event, branch: &[usize]) -> Choice {
        let mut candidates: Vec<Candidates> = branch
            .iter()
            .filter_map(|index| Candidates::of(pattern, event, *index))
            .collect();
        // Who has the fewest values decides first: few of the others are then tried in vain.
        candidates.sort_by_key(|one| one.places.len());
        let mut choice = Choice::default();
        let mut steps = MAX_STEPS;
        if !choice.place(&candidates, &BTreeMap::new(), &mut steps) {
            // Too many to try, or absence within an element is what holds: each field's first value says most.
            for one in &candidates {
                if let Some((place, _)) = one.places.first() {
                    choice.0.insert(one.field, *place);
                }
            }
        }
        choice
    }

    // Recursion is bounded by the number of fields a pattern text can hold.
    fn place(&mut self, left: &[Candidates], pins: &BTreeMap<u32, u32>, steps: &mut usize) -> bool {
        let Some((next, rest)) = left.split_first() else {
            return true;
        };
        for (place, lies_in) in &next.places {
            let Some(fewer) = steps.checked_sub(1) else {
                return false;
            };
            *steps = fewer;
            let conflicts = lies_in
                .iter()
                .any(|(array, index)| pins.get(array).is_some_and(|pinned| pinned != index));
            if conflicts {
                continue;
            }
            let mut pinned = pins.clone();
            pinned.extend(lies_in.iter().copied());
            if self.place(rest, &pinned, steps) {
                self.0.insert(next.field, *place);
                return true;
            }
        }
        next.allows_absence && self.place(rest, pins, steps)
    }
}

impl Candidates {
    fn of(pattern: &Pattern, event: &Event, index: usize) -> Option<Candidates> {
        let field = pattern.fields().get(index)?;
        let mut places: Vec<(usize, Vec<(u32, u32)>)> = Vec::new();
        for (place, leaf) in event.leaves(field.parts()).iter().enumerate() {
            let met = field
                .conditions
                .iter()
                .any(|condition| condition.is_met_by(leaf.value.borrow()));
            if met {
                places.push((place, event.membership(leaf.element).collect()));
            }
        }
        Some(Candidates {
            field: index,
            places,
            allows_absence: field.allows_absence(),
        })
    }
}
