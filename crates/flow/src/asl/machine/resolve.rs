//! A person's word on a call whose outcome is unknown.

use model::Rejection;
use uuid::Uuid;

use super::turn::Turn;
use super::{capture, task};
use crate::asl::input::Settlement;

/// A person says what became of a call whose outcome is unknown.
pub(super) fn resolved(
    turn: &mut Turn<'_>,
    (state, call): (&str, Option<Uuid>),
    word: Settlement,
) -> Result<(), Rejection> {
    let unknown = turn.x.unknown().filter(|one| one.state == state);
    let meant: Vec<Uuid> = unknown
        .map(|one| one.call)
        .filter(|one| call.is_none_or(|call| call == *one))
        .collect();
    let [one] = meant.as_slice() else {
        return Err(unclear(state, (call, meant.len())));
    };
    if let Some(id) = task::waits_for(turn, *one) {
        capture::settled(turn, id, &word);
        task::settle(turn, id, word);
    }
    Ok(())
}

/// Why a person's word is not taken: it means no call, or more than one.
fn unclear(state: &str, (call, meant): (Option<Uuid>, usize)) -> Rejection {
    match call {
        Some(call) => {
            let message = format!("no call {call} of state `{state}` has an unknown outcome");
            Rejection::invalid("call", message)
        }
        None if meant == 0 => {
            let message = format!("no call of state `{state}` has an unknown outcome");
            Rejection::invalid("state", message)
        }
        None => {
            let message = format!(
                "{meant} calls of state `{state}` have an unknown outcome: say which one is meant by its id"
            );
            Rejection::invalid("call", message)
        }
    }
}
