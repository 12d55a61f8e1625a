//! What still counts of a planned run's state at a step: two ways that arrive at it with the same of that go on alike.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::plan::digest;
use crate::automation::document::references::resolved_texts;
use crate::automation::document::{Body, Document, OnFailure, Step};
use crate::expr::reference::{Reference, find};

/// Digest of the values that steps from this one on refer to.
pub(crate) fn state(
    document: &Document,
    at: usize,
    lookup: &dyn Fn(&Reference) -> Result<Value, String>,
) -> String {
    let mut values: BTreeMap<String, Value> = BTreeMap::new();
    for at in reachable(document, at) {
        resolved_texts(document, at, &mut |_, text| {
            for found in find(text) {
                note(&mut values, &found.reference, lookup);
            }
        });
    }
    for name in &document.outputs {
        if let Some((step, output)) = name.split_once('.') {
            let reference = Reference::Output {
                step: step.to_owned(),
                output: output.to_owned(),
                index: None,
            };
            note(&mut values, &reference, lookup);
        }
    }
    digest(&json!(values))
}

fn note(
    values: &mut BTreeMap<String, Value>,
    reference: &Reference,
    lookup: &dyn Fn(&Reference) -> Result<Value, String>,
) {
    let changes = matches!(
        reference,
        Reference::Output { .. } | Reference::Variable { .. }
    );
    let name = reference.to_string();
    if changes && !values.contains_key(&name) {
        values.insert(name, lookup(reference).unwrap_or_default());
    }
}

/// The step and all that may come behind it.
fn reachable(document: &Document, at: usize) -> BTreeSet<usize> {
    let mut seen = BTreeSet::new();
    let mut open = vec![at];
    while let Some(at) = open.pop() {
        let Some(step) = document.steps.get(at).filter(|_| seen.insert(at)) else {
            continue;
        };
        open.extend(after(document, step));
    }
    seen
}

fn after(document: &Document, step: &Step) -> Vec<usize> {
    let named = |name: &String| document.by_name.get(name).copied();
    let mut next: Vec<usize> = Vec::new();
    match &step.next_step {
        Some(name) => next.extend(named(name)),
        None if !step.is_end => next.extend(step.following),
        None => {}
    }
    if let OnFailure::Step(name) = &step.on_failure {
        next.extend(named(name));
    }
    match &step.body {
        Body::Branch { choices, default } => {
            next.extend(choices.iter().filter_map(|(_, target)| named(target)));
            next.extend(default.iter().filter_map(named));
            next.extend(step.following);
        }
        Body::Loop { first, .. } => next.push(*first),
        _ => {}
    }
    // The end of a pass: round again, or behind the loop. The loop's own condition counts as well.
    next.extend(step.parent);
    next
}
