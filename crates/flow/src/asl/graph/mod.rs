//! A state machine as a picture: of its definition, or of what became of one of its executions.
//!
//! [`mermaid`] writes the text that many tools draw; [`svg`] draws by itself. Both are deterministic: the same machine
//! gives the same picture. Names are written by whoever wrote the definition, so in both they are data, never markup.

mod arrange;
mod label;
mod layout;
mod marks;
mod mermaid;
mod svg;

pub use marks::{Mark, Marks, Outcome};
pub use mermaid::mermaid;
pub use svg::svg;

use std::collections::HashMap;

use super::definition::{Kind, State};

/// An arrow within a block.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Arrow {
    /// State that it begins at.
    pub(super) from: usize,
    /// State that it leads to.
    pub(super) to: usize,
    /// When it is taken, unless always.
    pub(super) label: Option<String>,
    /// Whether an error takes it.
    pub(super) catches: bool,
}

/// The arrows that leave a state, in the order of the definition.
pub(super) fn arrows_of(from: usize, state: &State) -> Vec<Arrow> {
    let arrow = |to: usize, label: Option<String>, catches: bool| Arrow {
        from,
        to,
        label,
        catches,
    };
    let mut arrows: Vec<Arrow> = Vec::new();
    if let Kind::Choice { rules, default } = &state.kind {
        for rule in rules {
            arrows.push(arrow(
                rule.next,
                Some(label::condition(&rule.condition)),
                false,
            ));
        }
        arrows.extend(default.map(|to| arrow(to, Some("Default".to_owned()), false)));
    }
    arrows.extend(state.next.map(|to| arrow(to, None, false)));
    for catcher in &state.catch {
        arrows.push(arrow(
            catcher.next,
            Some(label::errors(&catcher.errors)),
            true,
        ));
    }
    merged(arrows)
}

/// Arrows to the same state as one, with all that takes it in its label.
fn merged(arrows: Vec<Arrow>) -> Vec<Arrow> {
    let mut kept: Vec<Arrow> = Vec::with_capacity(arrows.len());
    let mut of_target: HashMap<(usize, bool), usize> = HashMap::new();
    for arrow in arrows {
        let at = *of_target
            .entry((arrow.to, arrow.catches))
            .or_insert(kept.len());
        match (kept.get_mut(at), arrow.label) {
            (Some(known), Some(label)) => {
                let before = known.label.take();
                let all = before.map_or(label.clone(), |before| format!("{before} | {label}"));
                known.label = Some(label::short(&all));
            }
            (Some(_), None) => {}
            (None, label) => kept.push(Arrow { label, ..arrow }),
        }
    }
    kept
}

/// Whether the block ends with this state, if no error does.
pub(super) fn ends_block(state: &State) -> bool {
    state.next.is_none() && !matches!(state.kind, Kind::Choice { .. })
}

/// Blocks within a state, each with what it is called.
pub(super) fn blocks_of(state: &State) -> Vec<usize> {
    match &state.kind {
        Kind::Parallel { branches, .. } => branches.clone(),
        Kind::Map(map) => vec![map.processor],
        _ => Vec::new(),
    }
}

/// What a state is, in a few words.
pub(super) fn kind_of(state: &State) -> String {
    match &state.kind {
        Kind::Task(task) => format!("Task · {}", label::resource(&task.resource)),
        Kind::Map(map) if map.distributed.is_some() => {
            "Map · an execution for each item".to_owned()
        }
        Kind::Map(_) => "Map · for each item".to_owned(),
        Kind::Parallel { branches, .. } => format!("Parallel · {} branches", branches.len()),
        kind => kind.as_str().to_owned(),
    }
}
