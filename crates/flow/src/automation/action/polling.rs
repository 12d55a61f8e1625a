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

/// Looks again later.
pub(super) fn again(turn: &mut Turn<'_>) -> Progress {
    if let Some(Memory::Poll { phase, wait }) = turn.memory() {
        turn.remember(Memory::Poll {
            phase,
            wait: (wait * 2).min(LONGEST_WAIT),
        });
        turn.set_timer("poll", wait);
    }
    Progress::Waiting
}

/// Whether an error while polling ends the step: only what no later look can change.
pub(super) fn is_final(code: &str) -> bool {
    matches!(
        code,
        "ParamValidation" | "NotImplementedByTarget" | "UnknownService" | "UnknownOperation"
    )
}
