//! The rhythm of polling: at once, then after 2 s, growing to 20 s. Not documented by AWS; ours.

use super::{Memory, Phase, Progress};
use crate::automation::machine::Turn;

const FIRST_WAIT: u64 = 2;
const LONGEST_WAIT: u64 = 20;

/// Begins to poll.
pub(super) fn start(turn: &mut Turn<'_>, phase: Phase) {
    turn.remember(Memory::Poll {
        phase,
        wait: FIRST_WAIT,
    });
}

/// Begins a phase of following one thing: what it is, and what else must not be forgotten.
pub(super) fn follow(turn: &mut Turn<'_>, phase: Phase, subject: &str, rest: Vec<String>) {
    turn.remember(Memory::Follow {
        phase,
        wait: FIRST_WAIT,
        subject: subject.to_owned(),
        rest,
    });
}

/// What a following action is at.
pub(super) struct Followed {
    pub(super) phase: Phase,
    /// The thing that is followed: an id, an ARN.
    pub(super) subject: String,
    /// What else the action remembers.
    pub(super) rest: Vec<String>,
}

/// What the current action follows, if it is at that.
pub(super) fn followed(turn: &Turn<'_>) -> Option<Followed> {
    match turn.memory() {
        Some(Memory::Follow {
            phase,
            subject,
            rest,
            ..
        }) => Some(Followed {
            phase,
            subject,
            rest,
        }),
        _ => None,
    }
}

/// Looks again later.
pub(super) fn again(turn: &mut Turn<'_>) -> Progress {
    let mut wait = None;
    if let Some(Memory::Poll { wait: next, .. } | Memory::Follow { wait: next, .. }) =
        turn.current_mut().map(|current| &mut current.memory)
    {
        wait = Some(*next);
        *next = (*next * 2).min(LONGEST_WAIT);
    }
    if let Some(wait) = wait {
        turn.set_timer("poll", wait);
    }
    Progress::Waiting
}

/// Whether this phase was looked at so often that the waits no longer grow.
pub(super) fn is_long(turn: &Turn<'_>) -> bool {
    matches!(turn.memory(), Some(Memory::Poll { wait, .. } | Memory::Follow { wait, .. }) if wait >= LONGEST_WAIT)
}

/// Whether an error while polling ends the step: only what no later look can change.
pub(super) fn is_final(code: &str) -> bool {
    matches!(
        code,
        "ParamValidation" | "NotImplementedByTarget" | "UnknownService" | "UnknownOperation"
    )
}

/// Whether an error says that the caller may not look: an hour of asking again would not change that.
pub(super) fn is_refused(code: &str) -> bool {
    let lower = code.to_ascii_lowercase();
    is_final(code) || lower.contains("accessdenied") || lower.contains("unauthorized")
}
