//! Whether all fields of a branch can hold together, array by array.
//!
//! Values used for one branch must come from the same element of every array they share. Fields
//! are tried in path order, a value pins the elements it sits in, and a field whose values all
//! conflict with the pins sends the search back. The absence of a value is judged against what
//! is pinned at that moment, which is AWS's rule and makes the order of fields observable.
//!
//! The search knows nothing of operators: a condition only says yes or no to a value.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::condition::Condition;
use crate::event::{ElementId, Elements, Event, NO_ELEMENT, ValueRef};
use crate::pattern::{Field, Pattern};

/// Choices tried for one pattern and event before the search gives up and says "matches".
///
/// Only an event made for it (the same array written several times under one key) gets there.
/// Saying yes keeps such an event from slipping past a detection.
const MAX_CHOICES: usize = 200_000;

/// What one field finds in one event.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// Elements holding a value that meets a condition; distinct, in event order.
    pub(crate) meeting: BTreeSet<ElementId>,
    /// Elements holding any value at the path; filled only where absence is a way to hold.
    present: BTreeSet<ElementId>,
    allows_absence: bool,
}

impl Found {
    /// What a field finds among the values at its path.
    pub(crate) fn among<'v>(
        field: &Field,
        values: impl Iterator<Item = (ElementId, ValueRef<'v>)>,
    ) -> Found {
        let allows_absence = field.allows_absence();
        let mut found = Found {
            allows_absence,
            ..Found::default()
        };
        for (element, value) in values {
            if allows_absence {
                found.present.insert(element);
            }
            if !found.meeting.contains(&element) && field.is_met_by(value) {
                found.meeting.insert(element);
            }
        }
        found
    }

    /// Whether the field could hold if arrays were of no concern.
    pub(crate) fn holds_alone(&self, condition_met_by_absence: bool) -> bool {
        !self.meeting.is_empty() || (condition_met_by_absence && self.present.is_empty())
    }
}

/// Something that shows an event to the fields of one pattern.
pub(crate) trait Sight {
    /// What a field, given with its index, finds.
    fn look(&self, index: usize, field: &Field) -> Found;

    /// The elements that what was found lies in.
    fn elements(&self) -> &Elements;
}

impl Sight for Event {
    fn look(&self, _index: usize, field: &Field) -> Found {
        let leaves = self.leaves(field.parts()).iter();
        Found::among(
            field,
            leaves.map(|leaf| (leaf.element, leaf.value.borrow())),
        )
    }

    fn elements(&self) -> &Elements {
        self.elements()
    }
}

/// The search over one event, keeping what fields found for the next branch.
pub(crate) struct Search<'a, S> {
    pattern: &'a Pattern,
    event: &'a S,
    found: BTreeMap<usize, Found>,
    choices: usize,
}

impl<'a, S: Sight> Search<'a, S> {
    pub(crate) fn new(pattern: &'a Pattern, event: &'a S) -> Self {
        Search {
            pattern,
            event,
            found: BTreeMap::new(),
            choices: MAX_CHOICES,
        }
    }

    /// What a field finds in the event; `None` for an index the pattern does not have.
    pub(crate) fn found(&mut self, field: usize) -> Option<&Found> {
        let definition = self.pattern.fields().get(field)?;
        let event = self.event;
        Some(
            self.found
                .entry(field)
                .or_insert_with(|| event.look(field, definition)),
        )
    }

    /// Whether any branch holds.
    pub(crate) fn any_branch_holds(&mut self) -> bool {
        let pattern = self.pattern;
        pattern.branches().iter().any(|branch| self.holds(branch))
    }

    /// Whether all fields of the branch hold together.
    pub(crate) fn holds(&mut self, branch: &[usize]) -> bool {
        for &field in branch {
            let Some(found) = self.found(field) else {
                return false;
            };
            let can_hold = !found.meeting.is_empty() || found.allows_absence;
            if !can_hold {
                return false;
            }
        }
        let steps: Vec<&Found> = branch
            .iter()
            .filter_map(|field| self.found.get(field))
            .collect();
        let absence = steps.iter().any(|found| found.allows_absence);
        // Without absence in play fewer pins are never worse, so a field with a value outside all
        // arrays is settled at once.
        let steps: Vec<&Found> = steps
            .into_iter()
            .filter(|found| absence || !found.meeting.contains(&NO_ELEMENT))
            .collect();
        if steps.is_empty() {
            return true;
        }
        let mut placement = Placement::new(self.event.elements(), &steps, self.choices);
        let holds = placement.place(0);
        self.choices = placement.choices;
        holds
    }
}

/// The elements of one field, arranged by array and index from the outside in.
#[derive(Default)]
struct Choices {
    /// An element of the field ends here.
    element: Option<ElementId>,
    arrays: BTreeMap<u32, BTreeMap<u32, Choices>>,
}

impl Choices {
    fn arrange(all: &Elements, elements: &BTreeSet<ElementId>) -> Choices {
        let mut root = Choices::default();
        for &element in elements {
            let mut memberships: Vec<(u32, u32)> = all.membership(element).collect();
            memberships.reverse();
            let mut node = &mut root;
            for (array, index) in memberships {
                node = node
                    .arrays
                    .entry(array)
                    .or_default()
                    .entry(index)
                    .or_default();
            }
            node.element = Some(element);
        }
        root
    }

    /// Collects up to `limit` elements that agree with the pins.
    fn agreeing(&self, pins: &BTreeMap<u32, u32>, limit: usize, into: &mut Vec<ElementId>) {
        if into.len() >= limit {
            return;
        }
        into.extend(self.element);
        for (array, indexes) in &self.arrays {
            match pins.get(array) {
                Some(index) => {
                    if let Some(node) = indexes.get(index) {
                        node.agreeing(pins, limit, into);
                    }
                }
                None => {
                    for node in indexes.values() {
                        node.agreeing(pins, limit, into);
                    }
                }
            }
        }
    }
}

struct Step {
    meeting: Choices,
    present: Choices,
    allows_absence: bool,
}

struct Placement<'a> {
    elements: &'a Elements,
    steps: Vec<Step>,
    /// The last step that looks at an array; pins of an array are of no concern after it.
    last_use: BTreeMap<u32, usize>,
    pins: BTreeMap<u32, u32>,
    /// Steps known to fail, with the pins that mattered.
    failed: HashSet<(usize, Vec<(u32, u32)>)>,
    choices: usize,
}

impl<'a> Placement<'a> {
    fn new(elements: &'a Elements, found: &[&Found], choices: usize) -> Self {
        let mut last_use = BTreeMap::new();
        let mut steps = Vec::with_capacity(found.len());
        for (position, found) in found.iter().enumerate() {
            for &element in found.meeting.union(&found.present) {
                for (array, _) in elements.membership(element) {
                    last_use.insert(array, position);
                }
            }
            steps.push(Step {
                meeting: Choices::arrange(elements, &found.meeting),
                present: Choices::arrange(elements, &found.present),
                allows_absence: found.allows_absence,
            });
        }
        Placement {
            elements,
            steps,
            last_use,
            pins: BTreeMap::new(),
            failed: HashSet::new(),
            choices,
        }
    }

    // Recursion is bounded by the number of fields a pattern text can hold.
    fn place(&mut self, position: usize) -> bool {
        let Some(step) = self.steps.get(position) else {
            return true;
        };
        let relevant: Vec<(u32, u32)> = self
            .pins
            .iter()
            .filter(|(array, _)| {
                self.last_use
                    .get(array)
                    .is_some_and(|last| *last >= position)
            })
            .map(|(array, index)| (*array, *index))
            .collect();
        let state = (position, relevant);
        if self.failed.contains(&state) {
            return false;
        }
        let mut candidates = Vec::new();
        step.meeting
            .agreeing(&self.pins, usize::MAX, &mut candidates);
        let absent = step.allows_absence && {
            let mut present = Vec::new();
            step.present.agreeing(&self.pins, 1, &mut present);
            present.is_empty()
        };
        if absent && self.place(position + 1) {
            return true;
        }
        for element in candidates {
            if self.choices == 0 {
                return true;
            }
            self.choices -= 1;
            let pinned = self.pin(element);
            let holds = self.place(position + 1);
            for array in pinned {
                self.pins.remove(&array);
            }
            if holds {
                return true;
            }
        }
        self.failed.insert(state);
        false
    }

    /// Pins the arrays of an element that are not pinned yet and says which these are.
    fn pin(&mut self, element: ElementId) -> Vec<u32> {
        let mut pinned = Vec::new();
        for (array, index) in self.elements.membership(element) {
            if let std::collections::btree_map::Entry::Vacant(entry) = self.pins.entry(array) {
                entry.insert(index);
                pinned.push(array);
            }
        }
        pinned
    }
}

/// Whether nothing but the absence of a value satisfies the field.
pub(crate) fn wants_absence_only(field: &Field) -> bool {
    field
        .conditions
        .iter()
        .all(|condition| *condition == Condition::Absent)
}
