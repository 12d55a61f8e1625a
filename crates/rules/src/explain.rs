//! Why an event matches a pattern, or why not: field by field, value by value, condition by condition.
//!
//! For a pattern with `$or` the answer is about the combination that holds, or else the one that came nearest. Nothing
//! here decides a match; that is the `search` module's. What is quoted of an event is data from outside: it is cut
//! short and written so that no terminal or page takes it for anything but text.

mod choice;
mod text;

use serde::Serialize;

use crate::event::{Event, Leaf};
use crate::pattern::{Field, Pattern};
use crate::search::{Search, wants_absence_only};
use choice::Choice;

/// Values of the event quoted for one field.
const MAX_VALUES: usize = 5;

/// The answer to "why did this rule fire, or not".
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Explanation {
    /// Whether the event matches.
    pub matches: bool,
    /// Every field of the combination that is explained, in path order.
    pub fields: Vec<FieldExplanation>,
    /// How many of these fields do not hold; 0 when the event matches.
    pub failed: usize,
    /// How many combinations of `$or` alternatives the pattern has.
    pub combinations: usize,
    /// Which of them is explained, from 0: the one that holds, or the first of those with the fewest failures.
    pub combination: usize,
}

/// One field of a pattern, and what an event has there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FieldExplanation {
    /// Dotted path of the field.
    pub path: String,
    /// Whether it holds, or what is wrong.
    pub verdict: Verdict,
    /// The conditions of which one must hold, as the pattern's author wrote them.
    pub wanted: Vec<String>,
    /// What the event has there: values that count first, then as they stand in the event.
    pub found: Vec<FoundValue>,
    /// How many more values the event has there.
    pub more: usize,
}

/// A value of the event, held against every condition of a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FoundValue {
    /// The value as JSON, cut short if it is long, without control and formatting characters.
    pub value: String,
    /// Elements of lists that the value lies in, outermost first: `detail.items[2]`. A plain value in a list of values
    /// lies in no element: it can be combined with anything.
    pub elements: Vec<String>,
    /// Whether it meets each condition, in the order of [`FieldExplanation::wanted`].
    pub meets: Vec<bool>,
    /// Whether the match rests on this value.
    pub used: bool,
}

/// Whether a field holds, or what is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Verdict {
    /// It holds.
    Holds,
    /// The event has no value at the path (an object or an empty list is no value).
    Missing,
    /// The event has values at the path, but none that is accepted.
    Different,
    /// The pattern wants no value at the path, but the event has one.
    Unwanted,
    /// It holds on its own, but not in the same element of a list as the others.
    OtherElement,
}

impl Explanation {
    /// The fields that do not hold.
    pub fn failures(&self) -> impl Iterator<Item = &FieldExplanation> {
        self.fields
            .iter()
            .filter(|field| field.verdict != Verdict::Holds)
    }
}

/// Says of each field what was wanted, what was found, and which condition each value meets.
///
/// ```
/// use rules::{Event, Pattern, Verdict};
/// let pattern = Pattern::parse(r#"{"source":["shop"],"detail":{"total":[{"numeric":[">",9]}]}}"#)?;
/// let event = Event::parse(r#"{"source":"shop","detail":{"total":5}}"#)?;
/// let explanation = rules::explain(&pattern, &event);
/// assert_eq!((explanation.matches, explanation.failed), (false, 1));
/// let total = &explanation.fields[0];
/// assert_eq!((total.path.as_str(), total.verdict), ("detail.total", Verdict::Different));
/// assert_eq!((total.found[0].value.as_str(), &total.found[0].meets[..]), ("5", &[false][..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn explain(pattern: &Pattern, event: &Event) -> Explanation {
    let mut search = Search::new(pattern, event);
    let mut nearest: Option<(usize, usize)> = None;
    for (combination, branch) in pattern.branches().iter().enumerate() {
        if search.holds(branch) {
            return matched(pattern, event, combination);
        }
        let verdicts = verdicts(pattern, event, branch, &mut search);
        let failed = verdicts
            .iter()
            .filter(|verdict| **verdict != Verdict::Holds)
            .count();
        if nearest.is_none_or(|(fewest, _)| failed < fewest) {
            nearest = Some((failed, combination));
        }
    }
    let (failed, combination) = nearest.unwrap_or_default();
    let branch = pattern.branches().get(combination);
    let branch = branch.map(Vec::as_slice).unwrap_or_default();
    let verdicts = verdicts(pattern, event, branch, &mut search);
    let nothing = Choice::default();
    Explanation {
        matches: false,
        fields: fields(pattern, branch)
            .zip(verdicts)
            .map(|((_, field), verdict)| told(field, event, verdict, (None, &nothing)))
            .collect(),
        failed,
        combinations: pattern.branches().len(),
        combination,
    }
}

fn matched(pattern: &Pattern, event: &Event, combination: usize) -> Explanation {
    let branch = pattern.branches().get(combination);
    let branch = branch.map(Vec::as_slice).unwrap_or_default();
    let choice = Choice::find(pattern, event, branch);
    Explanation {
        matches: true,
        fields: fields(pattern, branch)
            .map(|(index, field)| told(field, event, Verdict::Holds, (Some(index), &choice)))
            .collect(),
        failed: 0,
        combinations: pattern.branches().len(),
        combination,
    }
}

fn fields<'a>(
    pattern: &'a Pattern,
    branch: &'a [usize],
) -> impl Iterator<Item = (usize, &'a Field)> {
    branch
        .iter()
        .filter_map(|index| Some((*index, pattern.fields().get(*index)?)))
}

/// What is to be said of each field of a branch that does not hold.
fn verdicts(
    pattern: &Pattern,
    event: &Event,
    branch: &[usize],
    search: &mut Search<'_, Event>,
) -> Vec<Verdict> {
    let mut verdicts: Vec<Verdict> = fields(pattern, branch)
        .map(|(index, field)| {
            let leaves = event.leaves(field.parts());
            let alone = search
                .found(index)
                .is_some_and(|found| found.holds_alone(field.allows_absence()));
            match () {
                () if alone => Verdict::Holds,
                () if leaves.is_empty() => Verdict::Missing,
                () if wants_absence_only(field) => Verdict::Unwanted,
                () => Verdict::Different,
            }
        })
        .collect();
    // Fields in lists are to blame only when nothing fails by itself.
    if verdicts.iter().all(|verdict| *verdict == Verdict::Holds) {
        for ((_, field), verdict) in fields(pattern, branch).zip(&mut verdicts) {
            let leaves = event.leaves(field.parts());
            if leaves.iter().any(|leaf| in_element(event, leaf)) {
                *verdict = Verdict::OtherElement;
            }
        }
    }
    verdicts
}

fn in_element(event: &Event, leaf: &Leaf) -> bool {
    event.membership(leaf.element).next().is_some()
}

/// A field with its values; of a match, `chosen` says which field it is and what the match rests on.
fn told(
    field: &Field,
    event: &Event,
    verdict: Verdict,
    (index, choice): (Option<usize>, &Choice),
) -> FieldExplanation {
    let leaves = event.leaves(field.parts());
    let mut found: Vec<FoundValue> = Vec::new();
    let used = index.and_then(|index| choice.of(index));
    // What the match rests on is never among those left out.
    let first = used.and_then(|place| leaves.get(place).map(|leaf| (place, leaf)));
    let others = leaves.iter().enumerate();
    let others = others.filter(|(place, _)| Some(*place) != used);
    for (place, leaf) in first.into_iter().chain(others).take(MAX_VALUES) {
        found.push(FoundValue {
            value: text::shown(&leaf.value),
            elements: elements(field, event, leaf),
            meets: field
                .conditions
                .iter()
                .map(|condition| condition.is_met_by(leaf.value.borrow()))
                .collect(),
            used: Some(place) == used,
        });
    }
    FieldExplanation {
        path: text::plain(&field.path),
        verdict,
        wanted: field
            .wanted
            .iter()
            .map(|wanted| text::plain(wanted))
            .collect(),
        more: leaves.len().saturating_sub(found.len()),
        found,
    }
}

/// The list elements that a value lies in, outermost first, by the list's path and the place in it.
fn elements(field: &Field, event: &Event, leaf: &Leaf) -> Vec<String> {
    let mut elements: Vec<String> = event
        .membership(leaf.element)
        .map(|(array, index)| {
            let depth = event.depth_of(array, field.parts());
            let path: Vec<&str> = field.parts().take(depth).collect();
            format!("{}[{index}]", text::plain(&path.join(".")))
        })
        .collect();
    elements.reverse();
    elements
}
