//! What can be said of a machine as a graph: arrows lead to states, and states are led to.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Block, Kind, Problem, StateMachine, TRANSITION};

/// Notes an arrow that leads nowhere.
pub(super) fn missing_target(
    problems: &mut Vec<Problem>,
    field: &str,
    value: Option<&Value>,
    at: &str,
) {
    let shown = match value {
        Some(Value::String(name)) => name.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    problems.push(Problem {
        code: TRANSITION,
        message: format!("Missing '{field}' target: {shown}"),
        location: Some(format!("{at}/{field}")),
    });
}

/// Checks each block: every state is reached, and some state ends it.
pub(super) fn graph(machine: &StateMachine, places: &[String]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (block, at) in machine.blocks.iter().zip(places) {
        let reached = reached(block);
        for (n, state) in block.states.iter().enumerate() {
            if !reached.contains(&n) {
                problems.push(Problem {
                    code: TRANSITION,
                    message: format!("State \"{}\" is not reachable.", state.name),
                    location: Some(format!("{at}/States/{}", state.name)),
                });
            }
        }
        if !block.states.iter().any(|state| arrows(state).is_empty()) {
            problems.push(Problem {
                code: "NO_TERMINAL_STATE",
                message: "A block must have a state that ends it".to_owned(),
                location: Some(format!("{at}/States")),
            });
        }
    }
    problems
}

fn reached(block: &Block) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut waiting = vec![block.start];
    while let Some(at) = waiting.pop() {
        if reached.insert(at) {
            waiting.extend(block.states.get(at).map(arrows).unwrap_or_default());
        }
    }
    reached
}

/// The states that one leads to.
pub(crate) fn arrows(state: &super::State) -> Vec<usize> {
    let mut arrows: Vec<usize> = state.next.into_iter().collect();
    arrows.extend(state.catch.iter().map(|catcher| catcher.next));
    if let Kind::Choice { rules, default } = &state.kind {
        arrows.extend(rules.iter().map(|rule| rule.next));
        arrows.extend(default);
    }
    arrows
}
