//! One aggregate's worker: load, fold, commit, then let the world know. Never two at a time for one aggregate.
//!
//! `mail ─► load ─► look up ─► fold into a batch ─► commit ─► timers, sends, effects, answers`

mod refuse;

use std::collections::VecDeque;
use std::sync::Arc;

use model::{AggregateId, AggregateKind, Rejection, Scope};
use ports::CommitError;
use ports::store::Turn;
use serde_json::Value;

use crate::accept::accept;
use crate::batch::{After, Batch};
use crate::dispatch::{Answer, Mail};
use crate::engine::Shared;
use crate::error::AskError;
use crate::input::Input;
use crate::lookup::{self, Lookup, Prepared};
use crate::machine::{self, Context, State};
use crate::machines::delivery;
use crate::{places, recovery};

/// How often a turn is decided again because the aggregate was found at another revision.
const STALE_TRIES: u32 = 3;

/// Works until the mailbox is empty, then parks the state for the next mail.
pub(crate) async fn run(shared: Arc<Shared>, id: AggregateId, scope: Scope) {
    let parked = shared.dispatcher.unpark(id);
    let (scope, loaded) = match parked {
        Some(Parked { scope, loaded }) => (scope, Some(loaded)),
        None => (scope, None),
    };
    let mut actor = Actor {
        shared,
        id,
        scope,
        loaded,
    };
    let shared = Arc::clone(&actor.shared);
    let _watch = Watch {
        shared: &shared,
        id,
    };
    while let Some(mails) = shared.dispatcher.take(id, || actor.park()) {
        actor.turn(mails).await;
    }
}

/// Sees to it that a bug in one turn costs that turn and no more: without an actor, a mailbox would fill for ever.
struct Watch<'a> {
    shared: &'a Shared,
    id: AggregateId,
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(aggregate = %self.id, "a turn panicked; what was accepted is in the store and taken up at the next start");
            self.shared.dispatcher.abandon(self.id);
        }
    }
}

struct Actor {
    shared: Arc<Shared>,
    id: AggregateId,
    scope: Scope,
    /// State and revision as last committed; `None` until loaded, and after any doubt.
    loaded: Option<Loaded>,
}

/// A state as last committed.
pub(crate) struct Loaded {
    state: Option<State>,
    revision: u64,
}

/// What an actor leaves for the next one of its aggregate.
pub(crate) struct Parked {
    scope: Scope,
    loaded: Loaded,
}

/// A mail with what its decision needs.
struct Item {
    origin: Origin,
    prepared: Prepared,
}

/// Where an input came from: what has to be noted or answered.
enum Origin {
    Ask {
        claims: Vec<model::ClaimWish>,
        answer: Answer,
    },
    Inbox {
        seq: u64,
    },
    Timer,
    Settled,
}

/// How an attempt to commit a batch ended.
enum Attempt {
    /// The batch is committed, or everybody was told why not.
    Done,
    /// These are left to be tried again, together.
    Again(Vec<Item>),
    /// These are left to be tried again, each alone.
    OneByOne(Vec<Item>),
}

impl Actor {
    fn park(&mut self) -> Option<Parked> {
        let loaded = self.loaded.take()?;
        Some(Parked {
            scope: self.scope.clone(),
            loaded,
        })
    }

    async fn turn(&mut self, mails: Vec<Mail>) {
        let items: Vec<Item> = mails
            .into_iter()
            .filter_map(|mail| self.item(mail))
            .collect();
        let mut turns = VecDeque::from([items]);
        let mut stale = 0;
        while let Some(mut items) = turns.pop_front() {
            if items.is_empty() {
                continue;
            }
            let rest = items.split_off(one_turn(&items));
            turns.push_front(rest);
            match self.attempt(items, &mut stale).await {
                Attempt::Done => stale = 0,
                Attempt::Again(others) => turns.push_front(others),
                Attempt::OneByOne(others) => {
                    others
                        .into_iter()
                        .rev()
                        .for_each(|item| turns.push_front(vec![item]));
                }
            }
        }
        self.leave_place().await;
    }

    /// A run that is over, or never came to be, leaves its place to others.
    async fn leave_place(&mut self) {
        if self.id.kind != AggregateKind::Run || !places::is_known(&self.shared, self.id.id) {
            return;
        }
        if self.loaded.is_none() {
            self.loaded = self.load_stored().await.ok();
        }
        let state = self.loaded.as_ref().map(|loaded| loaded.state.as_ref());
        places::after_turn(&self.shared, self.id.id, state);
    }

    /// What a mail brings; nothing for a timer that is no longer set.
    fn item(&self, mail: Mail) -> Option<Item> {
        let (origin, input) = match mail {
            Mail::Ask {
                input,
                claims,
                answer,
            } => (Origin::Ask { claims, answer }, input),
            Mail::Inbox { seq, input } => (Origin::Inbox { seq }, input),
            Mail::Timer { key, due } => {
                if !self.shared.timers.is_current(self.id, &key, due) {
                    return None;
                }
                (Origin::Timer, Input::Timer { key })
            }
            Mail::Settled { effect, outcome } => {
                (Origin::Settled, Input::Settled { effect, outcome })
            }
        };
        Some(Item {
            origin,
            prepared: Prepared {
                input,
                lookup: Lookup::Nothing,
            },
        })
    }

    /// Folds all items into one transaction and commits it. Items that cannot be part of it come back.
    async fn attempt(&mut self, mut items: Vec<Item>, stale: &mut u32) -> Attempt {
        let loaded = match self.load(&mut items, *stale > 0).await {
            Ok(loaded) => loaded,
            Err(error) => {
                broken(items.into_iter().map(|item| item.origin), &error);
                return Attempt::Done;
            }
        };
        let revision = loaded.revision;
        let (at, entropy) = (
            self.shared.ports.clock.now(),
            self.shared.ports.entropy.draw(),
        );
        let mut batch = Batch::new(self.id, self.scope.clone(), at, entropy);
        let mut state = loaded.state;
        let mut replies = Vec::with_capacity(items.len());
        for index in 0..items.len() {
            match self.fold(&mut batch, state.take(), &items[index]) {
                Ok((next, reply)) => {
                    state = Some(next);
                    replies.push(reply);
                }
                Err(rejection) => {
                    // The state went into the refused decision: what was folded is decided again without it.
                    let refused = items.remove(index);
                    self.refuse(refused, rejection).await;
                    return Attempt::Again(items);
                }
            }
        }
        if let Err(error) = self.announce(&mut batch).await {
            broken(items.into_iter().map(|item| item.origin), &error);
            return Attempt::Done;
        }
        self.commit(batch, Loaded { state, revision }, items, (replies, stale))
            .await
    }

    /// The state to decide on, with what the items' decisions look up. What begins something is decided as if there
    /// were nothing yet, without a look: the commit finds out, and then it is decided again, `doubted`.
    async fn load(&mut self, items: &mut [Item], doubted: bool) -> Result<Loaded, String> {
        // What stands behind it could be refused for a state that is not the true one: then a look is worth its time.
        let begins = matches!(items, [only] if lookup::begins(&only.prepared.input));
        let loaded = match self.loaded.take() {
            Some(loaded) => loaded,
            None if begins && !doubted => Loaded {
                state: None,
                revision: 0,
            },
            None => self.load_stored().await?,
        };
        for item in items {
            let asked = (&mut item.prepared.input, loaded.state.as_ref());
            let found = lookup::find(&self.shared, &self.scope, self.id, asked).await;
            item.prepared.lookup = found.map_err(|error| error.to_string())?;
            let refusable = matches!(item.origin, Origin::Ask { .. });
            let place = (&self.scope, self.id.id);
            if loaded.state.is_none() {
                places::admit(&self.shared, place, &mut item.prepared, refusable);
            }
        }
        Ok(loaded)
    }

    async fn load_stored(&mut self) -> Result<Loaded, String> {
        let frames = machine::held_frames(self.id.kind);
        let stored = self
            .shared
            .ports
            .store
            .load(self.id, frames)
            .await
            .map_err(|error| error.to_string())?;
        let Some(stored) = stored else {
            return Ok(Loaded {
                state: None,
                revision: 0,
            });
        };
        // What is stored says whose it is; the first mail only guessed.
        self.scope = stored.scope;
        let state = machine::restore(self.id.kind, stored.frames, &self.shared.definitions)?;
        Ok(Loaded {
            state: Some(state),
            revision: stored.revision,
        })
    }

    fn fold(
        &self,
        batch: &mut Batch,
        state: Option<State>,
        item: &Item,
    ) -> Result<(State, Value), Rejection> {
        let cx = Context {
            id: self.id,
            scope: self.scope.clone(),
            at: batch.at,
            entropy: batch.next_entropy(),
            step_budget: self.shared.options.step_budget,
            throttle_retry_secs: self.shared.options.throttle_retry_secs,
            definitions: Arc::clone(&self.shared.definitions),
            keep_previews: self.shared.options.keep_previews,
        };
        let journaled = item.prepared.journaled();
        match &item.origin {
            Origin::Ask { claims, .. } => claims.iter().cloned().for_each(|wish| batch.claim(wish)),
            Origin::Inbox { seq } => batch.consume(*seq),
            Origin::Timer => {
                if let Input::Timer { key } = &item.prepared.input {
                    batch.fired(key);
                }
            }
            Origin::Settled => {
                if let Input::Settled { effect, outcome } = &item.prepared.input {
                    batch.settle(*effect, outcome);
                }
            }
        }
        let decided = machine::decide(state, item.prepared.clone(), &cx)?;
        Ok(batch.fold(decided, journaled, self.shared.ports.effects.as_ref()))
    }

    /// Finds out who wants the events that the turn puts on buses: they have them with its commit.
    async fn announce(&self, batch: &mut Batch) -> Result<(), String> {
        for entry in batch.announced() {
            let accepted = accept(&self.shared, &self.scope, &entry, batch.at).await;
            match accepted.map_err(|error| error.to_string())? {
                Ok(accepted) => batch.reach(accepted),
                Err(reason) => {
                    tracing::error!(aggregate = %self.id, reason, "an announcement is no event")
                }
            }
        }
        Ok(())
    }

    async fn commit(
        &mut self,
        batch: Batch,
        next: Loaded,
        items: Vec<Item>,
        (replies, stale): (Vec<Value>, &mut u32),
    ) -> Attempt {
        let Some(ready) = batch.finish(next.revision) else {
            self.loaded = Some(next);
            answer(items, replies);
            return Attempt::Done;
        };
        let changed = ready.after.changed;
        match commit(&self.shared, ready.turn).await {
            Ok(committed) => {
                let revision = next.revision + u64::from(changed);
                self.loaded = Some(if ready.after.deleted {
                    Loaded {
                        state: None,
                        revision: 0,
                    }
                } else {
                    Loaded {
                        state: next.state,
                        revision,
                    }
                });
                self.release(ready.after, &committed.inbox);
                answer(items, replies);
                Attempt::Done
            }
            Err(CommitError::Claimed { claim, holder }) => {
                self.claimed(items, (&claim.family, &claim.key), holder)
                    .await
            }
            Err(CommitError::Stale { .. }) if *stale < STALE_TRIES => {
                *stale += 1;
                Attempt::Again(items)
            }
            Err(error) => {
                broken(
                    items.into_iter().map(|item| item.origin),
                    &error.to_string(),
                );
                Attempt::Done
            }
        }
    }

    /// The turn is committed: only now may anything of it be seen outside.
    fn release(&self, after: After, seqs: &[u64]) {
        for timer in after.timers {
            match timer.due {
                Some(due) => self
                    .shared
                    .timers
                    .set(self.id, &self.scope, &timer.key, due),
                None => self.shared.timers.remove(self.id, &timer.key),
            }
        }
        let (taken, since) = &after.taken;
        self.shared.metrics.taken(taken, *since);
        for event in after.arrived {
            event.note(&self.shared);
        }
        delivery::count(&self.shared.metrics, &self.scope, &after.measured);
        for claim in &after.claims {
            self.shared.routes.forget(claim);
        }
        for ((to, scope, input), seq) in after.sends.into_iter().zip(seqs) {
            self.shared
                .dispatcher
                .send(to, scope, Mail::Inbox { seq: *seq, input });
        }
        self.shared.watches.committed(self.id);
        for intent in after.intents {
            recovery::start(&self.shared, self.id, self.scope.clone(), intent);
        }
    }

    /// Somebody else holds a claim. A client's token ends the ask that brought it; any other claim means that the
    /// whole batch belongs to the holder.
    async fn claimed(
        &mut self,
        mut items: Vec<Item>,
        (family, key): (&str, &str),
        holder: AggregateId,
    ) -> Attempt {
        let bringer = items.iter().position(|item| match &item.origin {
            Origin::Ask { claims, .. } => claims
                .iter()
                .any(|wish| wish.scope == family && wish.key == key),
            _ => false,
        });
        if let Some(index) = bringer {
            if let Origin::Ask { answer, .. } = items.remove(index).origin {
                let _ = answer.send(Err(AskError::Replayed { holder }));
            }
            return Attempt::Again(items);
        }
        if items.len() > 1 {
            // Only the input that wants the claim is at fault: the others get turns of their own.
            return Attempt::OneByOne(items);
        }
        for item in items {
            if lookup::is_trigger(&item.prepared.input) {
                self.pass_on(item, holder).await;
            } else {
                let message = format!("`{key}` belongs to {holder}");
                let code = String::new();
                self.refuse(item, Rejection::Conflict { code, message })
                    .await;
            }
        }
        Attempt::Done
    }
}

/// Commits within the room that the store's queue has.
async fn commit(shared: &Shared, turn: Turn) -> Result<ports::Committed, CommitError> {
    // INVARIANT: the semaphore is never closed, and has fewer permits than the store's queue has places.
    let _room = shared.commits.acquire().await;
    shared
        .metrics
        .committed(shared.ports.store.commit(turn).await)
}

/// How many of the items may share a turn: all, but for a second one that reads what the first would write.
fn one_turn(items: &[Item]) -> usize {
    let mut edits = items
        .iter()
        .enumerate()
        .filter(|(_, item)| lookup::edits_event(&item.prepared.input));
    edits.nth(1).map_or(items.len(), |(index, _)| index)
}

fn answer(items: Vec<Item>, replies: Vec<Value>) {
    for (item, reply) in items.into_iter().zip(replies) {
        if let Origin::Ask { answer, .. } = item.origin {
            // An asker that went away does not mind.
            let _ = answer.send(Ok(reply));
        }
    }
}

/// The store is broken: askers are told, everything else is still in the store and taken up at the next start.
fn broken(origins: impl Iterator<Item = Origin>, error: &str) {
    tracing::error!(error, "a turn could not be committed");
    for origin in origins {
        if let Origin::Ask { answer, .. } = origin {
            let _ = answer.send(Err(AskError::Broken(error.to_owned())));
        }
    }
}
