//! A turn in the making: inputs folded one after the other into one transaction.

use jiff::Timestamp;
use model::effect::Intent;
use model::ids::{self, Entropy};
use model::{AggregateId, AggregateKind, FrameWrite, Outcome, Scope};
use ports::Effects;
use ports::store::{
    AggregateWrite, ClaimKey, JournalEntry, NewClaim, NewEffect, NewInput, SettledEffect,
    TimerWrite, Turn,
};
use serde_json::Value;
use uuid::Uuid;

use crate::accept::{Accepted, Arrived, PutEntry};
use crate::input::Input;
use crate::machine::{Decided, Order, State};
use crate::machines::delivery::{self, Measured};
use crate::metrics::Local;

/// What is gathered while inputs are folded.
pub(crate) struct Batch {
    id: AggregateId,
    scope: Scope,
    pub(crate) at: Timestamp,
    entropy: Entropy,
    accepted: u32,
    inputs: Vec<Value>,
    frames: Vec<FrameWrite>,
    facts: Vec<model::Fact>,
    index: Vec<model::IndexEntry>,
    turn: Turn,
    sends: Vec<(AggregateId, Scope, Input)>,
    intents: Vec<Intent>,
    announced: Vec<PutEntry>,
    taken: Vec<Local>,
    arrived: Vec<Arrived>,
    changed: bool,
    delete: bool,
}

/// A finished batch: the transaction, and what to do once it is committed.
pub(crate) struct Ready {
    pub(crate) turn: Turn,
    pub(crate) after: After,
}

/// What follows a commit, in memory.
pub(crate) struct After {
    pub(crate) sends: Vec<(AggregateId, Scope, Input)>,
    pub(crate) intents: Vec<Intent>,
    pub(crate) timers: Vec<TimerWrite>,
    pub(crate) claims: Vec<ClaimKey>,
    /// What is to be counted of a delivery.
    pub(crate) measured: Vec<Measured>,
    /// Events that were put on buses.
    pub(crate) arrived: Vec<Arrived>,
    /// Targets in this process that have such an event, and since when they might have had it.
    pub(crate) taken: (Vec<Local>, Timestamp),
    pub(crate) changed: bool,
    pub(crate) deleted: bool,
}

impl Batch {
    pub(crate) fn new(id: AggregateId, scope: Scope, at: Timestamp, entropy: Entropy) -> Self {
        Self {
            id,
            scope,
            at,
            entropy,
            accepted: 0,
            inputs: Vec::new(),
            frames: Vec::new(),
            facts: Vec::new(),
            index: Vec::new(),
            turn: Turn::default(),
            sends: Vec::new(),
            intents: Vec::new(),
            announced: Vec::new(),
            taken: Vec::new(),
            arrived: Vec::new(),
            changed: false,
            delete: false,
        }
    }

    /// The entropy of the next input: derived from the turn's, so that the inputs of one turn do not share theirs.
    pub(crate) fn next_entropy(&self) -> Entropy {
        ids::secret(&self.entropy, &format!("input/{}", self.accepted))
    }

    /// Takes in the decision for `journaled`; answers the new state and the reply.
    pub(crate) fn fold(
        &mut self,
        decided: Decided,
        journaled: Value,
        effects: &dyn Effects,
    ) -> (State, Value) {
        self.accepted += 1;
        self.changed |=
            !decided.frames.is_empty() || !decided.facts.is_empty() || !decided.orders.is_empty();
        self.inputs.push(journaled);
        for frame in decided.frames {
            // A root that goes takes the aggregate with it, unless a later input of the turn puts it anew.
            if frame.key.is_empty() {
                self.delete = frame.body.is_none();
            }
            match self
                .frames
                .iter_mut()
                .find(|earlier| earlier.key == frame.key)
            {
                Some(earlier) => *earlier = frame,
                None => self.frames.push(frame),
            }
        }
        self.facts.extend(decided.facts);
        self.index.extend(decided.index);
        for wish in decided.claims {
            self.claim(wish);
        }
        for (family, key) in decided.releases {
            // A claim taken and given back within one turn was never there.
            self.turn
                .claims
                .retain(|claim| claim.claim.family != family || claim.claim.key != key);
            self.turn.releases.push(ClaimKey {
                scope: self.scope.clone(),
                family,
                key,
            });
        }
        for order in decided.orders {
            self.order(order, effects);
        }
        (decided.state, decided.reply)
    }

    /// Takes a claim for the turn's aggregate.
    pub(crate) fn claim(&mut self, wish: model::ClaimWish) {
        let claim = ClaimKey {
            scope: self.scope.clone(),
            family: wish.scope,
            key: wish.key,
        };
        self.turn.claims.push(NewClaim {
            claim,
            holder: self.id,
            expires: wish.expires,
        });
    }

    /// Notes a consumed inbox row.
    pub(crate) fn consume(&mut self, seq: u64) {
        self.turn.inbox_done.push(seq);
    }

    /// Notes an effect's outcome.
    pub(crate) fn settle(&mut self, effect: Uuid, outcome: &Outcome) {
        self.turn.effects_settled.push(SettledEffect {
            id: effect,
            outcome: outcome.clone(),
        });
    }

    /// Notes a fired timer: its row goes unless the decision sets it anew.
    pub(crate) fn fired(&mut self, key: &str) {
        self.timer(TimerWrite {
            key: key.to_owned(),
            due: None,
        });
    }

    /// Passes an input on to another aggregate in this transaction.
    pub(crate) fn forward(&mut self, to: AggregateId, scope: Scope, input: Input) {
        self.sends.push((to, scope, input));
    }

    /// The events that the decisions put on buses: who wants them is still to be found out.
    pub(crate) fn announced(&mut self) -> Vec<PutEntry> {
        std::mem::take(&mut self.announced)
    }

    /// An announced event reaches its targets with this transaction.
    pub(crate) fn reach(&mut self, accepted: Accepted) {
        self.arrived.extend(accepted.arrived);
        self.sends.extend(accepted.inputs);
        self.turn.archived.extend(accepted.archived);
        self.taken.extend(accepted.taken);
    }

    fn order(&mut self, order: Order, effects: &dyn Effects) {
        match order {
            Order::Perform {
                effect,
                command,
                recovery,
            } => {
                let recovery = recovery.unwrap_or_else(|| effects.recovery(&command));
                self.turn.effects_new.push(NewEffect {
                    id: effect,
                    command: command.clone(),
                    recovery,
                });
                self.intents.push(Intent {
                    id: effect,
                    command,
                    recovery,
                    at: self.at,
                    repeat: false,
                });
            }
            Order::SetTimer { key, due } => self.timer(TimerWrite {
                key,
                due: Some(due),
            }),
            Order::CancelTimer { key } => self.timer(TimerWrite { key, due: None }),
            Order::Send { to, scope, input } => self.sends.push((to, scope, *input)),
            Order::Keep(events) => self.turn.archived.extend(events),
            Order::Announce(entry) => self.announced.push(*entry),
            Order::Continue(go_on) => {
                self.sends.push((self.id, self.scope.clone(), *go_on));
            }
        }
    }

    fn timer(&mut self, write: TimerWrite) {
        self.turn.timers.retain(|earlier| earlier.key != write.key);
        self.turn.timers.push(write);
    }

    /// The transaction for an aggregate found at `revision`; `None` when there is nothing to write.
    pub(crate) fn finish(mut self, revision: u64) -> Option<Ready> {
        let at = self.at;
        self.turn.inbox_new = self
            .sends
            .iter()
            .map(|(to, scope, input)| NewInput {
                aggregate: *to,
                scope: scope.clone(),
                body: input.to_body(),
                at,
            })
            .collect();
        let timers = self.turn.timers.clone();
        let claims = self.turn.claims.iter();
        let claims = claims.map(|new| new.claim.clone()).collect();
        let measured = match self.id.kind {
            AggregateKind::Delivery => delivery::measured(&self.facts),
            _ => Vec::new(),
        };
        let writes_aggregate = self.changed || !self.turn.claims.is_empty() || !timers.is_empty();
        if writes_aggregate {
            self.turn.aggregate = Some(AggregateWrite {
                id: self.id,
                scope: self.scope,
                expect_revision: revision,
                at,
                frames: self.frames,
                index: self.index,
                journal: JournalEntry {
                    entropy: self.entropy,
                    inputs: self.inputs,
                    facts: self.facts,
                },
                delete: self.delete,
            });
        }
        let empty = !writes_aggregate
            && self.turn.inbox_done.is_empty()
            && self.turn.effects_settled.is_empty()
            && self.turn.inbox_new.is_empty();
        let after = After {
            sends: self.sends,
            intents: self.intents,
            timers,
            claims,
            measured,
            arrived: self.arrived,
            taken: (self.taken, at),
            changed: writes_aggregate,
            deleted: writes_aggregate && self.delete,
        };
        (!empty).then_some(Ready {
            turn: self.turn,
            after,
        })
    }
}
