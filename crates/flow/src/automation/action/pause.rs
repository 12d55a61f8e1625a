//! `aws:pause`: waits for the signal Resume.
//!
//! No time limit is documented; ours is that of an approval, seven days.

use super::Progress;
use crate::automation::document::Step;
use crate::automation::machine::Turn;

const DEFAULT_TIMEOUT: u64 = 604_800;

pub(super) fn begin(turn: &mut Turn<'_>, step: &Step) -> Progress {
    turn.set_timeout(step.timeout_seconds.unwrap_or(DEFAULT_TIMEOUT));
    Progress::Waiting
}
