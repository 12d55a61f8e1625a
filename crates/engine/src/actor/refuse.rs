//! What becomes of inputs that an aggregate does not take: told, consumed, or given to another one.

use model::{AggregateId, Rejection, ids};
use ports::store::{SettledEffect, Turn};

use super::{Actor, Item, Origin, commit};
use crate::batch::Batch;
use crate::dispatch::Mail;
use crate::error::AskError;
use crate::input::Input;

impl Actor {
    /// Refuses an input: the asker is told; an accepted one is consumed, or routed anew if the incident is closed.
    pub(super) async fn refuse(&mut self, item: Item, rejection: Rejection) {
        if rejection == Rejection::Closed {
            let fresh = ids::random(&self.shared.ports.entropy.draw(), "incident");
            return self.pass_on(item, AggregateId::incident(fresh)).await;
        }
        let mut turn = Turn::default();
        match item.origin {
            Origin::Ask { answer, .. } => {
                let _ = answer.send(Err(AskError::Rejected(rejection)));
                return;
            }
            Origin::Inbox { seq } => turn.inbox_done.push(seq),
            Origin::Timer => {
                if let Input::Timer { key } = &item.prepared.input {
                    self.shared.timers.remove(self.id, key);
                }
            }
            Origin::Settled => {
                if let Input::Settled { effect, outcome } = item.prepared.input {
                    turn.effects_settled.push(SettledEffect {
                        id: effect,
                        outcome,
                    });
                }
            }
        }
        tracing::warn!(aggregate = %self.id, reason = %rejection, "an accepted input was refused by its machine");
        if let Err(error) = commit(&self.shared, turn).await {
            tracing::error!(error = %error, "the refusal of an input could not be recorded");
        }
    }

    /// Gives an input to another aggregate: an accepted one durably, an asked one in memory.
    pub(super) async fn pass_on(&self, item: Item, to: AggregateId) {
        let input = item.prepared.input;
        match item.origin {
            Origin::Ask { claims, answer } => {
                self.shared.dispatcher.send(
                    to,
                    self.scope.clone(),
                    Mail::Ask {
                        input,
                        claims,
                        answer,
                    },
                );
            }
            Origin::Inbox { seq } => {
                let mut batch = Batch::new(
                    to,
                    self.scope.clone(),
                    self.shared.ports.clock.now(),
                    [0; 32],
                );
                batch.consume(seq);
                batch.forward(to, self.scope.clone(), input);
                let Some(ready) = batch.finish(0) else { return };
                match commit(&self.shared, ready.turn).await {
                    Ok(committed) => self.release(ready.after, &committed.inbox),
                    Err(error) => {
                        tracing::error!(error = %error, "an input could not be passed on; it stays in the inbox")
                    }
                }
            }
            Origin::Timer | Origin::Settled => {}
        }
    }
}
