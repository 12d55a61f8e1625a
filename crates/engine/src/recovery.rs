//! What happens to effects whose outcome is not known: the policy (pure) and the recovery at start.
//!
//! The classes and their rules: `docs/reference/recovery.md`. Never a blind repeat.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use model::effect::Intent;
use model::{AggregateId, Outcome, Recovery, Scope};
use ports::StoreError;
use ports::effects::Probe;
use ports::store::{EffectRow, InboxRow, Marks};

use crate::dispatch::Mail;
use crate::engine::Shared;
use crate::input::Input;

/// How often an effect of a repeatable class is tried again when its outcome stays unknown.
const REPEATS: u32 = 3;
/// Pause before a repeat.
const PAUSE: Duration = Duration::from_secs(1);
/// Rows taken up by one read at start.
const PAGE: usize = 500;

/// What to do with an effect whose outcome is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// Perform it (again), with the same token.
    Repeat,
    /// Look first.
    Probe,
    /// Leave it to a person.
    Ask,
}

/// The policy, by class and age of the intent.
pub(crate) fn remedy(recovery: Recovery, committed: Timestamp, now: Timestamp) -> Remedy {
    match recovery {
        Recovery::Repeat => Remedy::Repeat,
        Recovery::RepeatWithToken { lifetime_secs } => {
            let age = now.duration_since(committed).as_secs();
            if age < i64::from(lifetime_secs) {
                Remedy::Repeat
            } else {
                Remedy::Ask
            }
        }
        Recovery::Probe => Remedy::Probe,
        Recovery::Ask => Remedy::Ask,
    }
}

/// Starts an effect whose intent has just been committed.
pub(crate) fn start(shared: &Arc<Shared>, to: AggregateId, scope: Scope, intent: Intent) {
    let door = Arc::clone(shared);
    shared.tasks.spawn(async move {
        let effect = intent.id;
        let first = door.ports.effects.perform(intent.clone()).await;
        let outcome = settle(&door, &intent, first).await;
        door.dispatcher
            .send(to, scope, Mail::Settled { effect, outcome });
    });
}

/// Takes up an effect that a former process left without an outcome.
fn resume(shared: &Arc<Shared>, row: EffectRow) {
    let door = Arc::clone(shared);
    shared.tasks.spawn(async move {
        let effect = row.effect;
        let id = effect.id;
        let intent = Intent {
            id,
            command: effect.command,
            recovery: effect.recovery,
            at: row.at,
            repeat: true,
        };
        let reason =
            "the server stopped after the intent was committed and before the outcome was recorded"
                .to_owned();
        let outcome = settle(&door, &intent, Outcome::Unknown { reason }).await;
        door.dispatcher.send(
            row.aggregate,
            row.scope,
            Mail::Settled {
                effect: id,
                outcome,
            },
        );
    });
}

/// Turns an unknown outcome into a known one as far as the effect's class allows.
async fn settle(shared: &Shared, intent: &Intent, mut outcome: Outcome) -> Outcome {
    for _ in 0..REPEATS {
        let Outcome::Unknown { reason } = outcome else {
            return outcome;
        };
        match remedy(intent.recovery, intent.at, shared.ports.clock.now()) {
            Remedy::Ask => return Outcome::Unknown { reason },
            Remedy::Repeat => shared.ports.clock.sleep(PAUSE).await,
            Remedy::Probe => match look(shared, intent).await {
                Probe::Happened(result) => return Outcome::Done { result },
                Probe::Unclear(why) => {
                    return Outcome::Unknown {
                        reason: format!("{reason}; a look did not help: {why}"),
                    };
                }
                Probe::NotHappened => {}
            },
        }
        outcome = shared
            .ports
            .effects
            .perform(Intent {
                repeat: true,
                ..intent.clone()
            })
            .await;
    }
    outcome
}

/// Probes, and believes "not found" only after the consistency delay.
async fn look(shared: &Shared, intent: &Intent) -> Probe {
    match shared.ports.effects.probe(intent.clone()).await {
        Probe::NotHappened => {
            shared
                .ports
                .clock
                .sleep(shared.options.consistency_delay)
                .await;
            shared.ports.effects.probe(intent.clone()).await
        }
        other => other,
    }
}

/// Takes up everything that a former process accepted and did not finish: nothing above `marks`, which were read
/// before anything ran, since this process knows of its own rows already.
pub(crate) async fn take_up(shared: &Arc<Shared>, marks: Marks) -> Result<(), StoreError> {
    take_up_effects(shared, marks.effects).await?;
    take_up_inbox(shared, marks.inbox).await
}

async fn take_up_effects(shared: &Arc<Shared>, mark: u64) -> Result<(), StoreError> {
    let mut after = 0;
    while after < mark {
        let rows = shared.ports.store.effects(after, PAGE).await?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        after = last.seq;
        let former = rows.into_iter().filter(|row| row.seq <= mark);
        former.for_each(|row| resume(shared, row));
    }
    Ok(())
}

async fn take_up_inbox(shared: &Arc<Shared>, mark: u64) -> Result<(), StoreError> {
    let mut after = 0;
    while after < mark {
        let rows = shared.ports.store.inbox(after, PAGE).await?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        after = last.seq;
        let former = rows.into_iter().filter(|row| row.seq <= mark);
        former.for_each(|row| take_up_input(shared, row));
        while shared.dispatcher.waiting() > shared.options.max_waiting / 2 {
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}

fn take_up_input(shared: &Shared, row: InboxRow) {
    match Input::from_body(row.input.body) {
        Ok(input) => {
            let mail = Mail::Inbox {
                seq: row.seq,
                input,
            };
            shared
                .dispatcher
                .send(row.input.aggregate, row.input.scope, mail);
        }
        // Left in the inbox: a newer program may read it; this one must not drop it.
        Err(error) => {
            tracing::error!(
                inbox.seq = row.seq,
                error,
                "an accepted input cannot be read; it stays in the inbox"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blind_repeat_never_happens() {
        let committed: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let at = |secs: i64| {
            committed
                .checked_add(jiff::SignedDuration::from_secs(secs))
                .unwrap()
        };
        let token = Recovery::RepeatWithToken { lifetime_secs: 60 };
        for (recovery, age, expected) in [
            (Recovery::Repeat, 0, Remedy::Repeat),
            (Recovery::Repeat, 1_000_000, Remedy::Repeat),
            (token, 59, Remedy::Repeat),
            (token, 60, Remedy::Ask),
            (Recovery::Probe, 0, Remedy::Probe),
            (Recovery::Ask, 0, Remedy::Ask),
        ] {
            assert_eq!(
                remedy(recovery, committed, at(age)),
                expected,
                "{recovery:?} at {age} s"
            );
        }
    }
}
