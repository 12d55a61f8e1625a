//! The maps of the reference store: a turn is checked whole, then applied by steps that cannot fail.

mod archived;
mod check;
mod measured;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use model::resource::Resource;
use model::{AggregateId, IndexEntry, Outcome, Scope};
use serde_json::Value;
use uuid::Uuid;

use crate::limits::{instant, page};
use crate::store::{
    AggregateWrite, ClaimKey, CommitError, Committed, EffectRow, Frames, JournalRow, NewClaim,
    NewEffect, NewInput, Query, ResourceQuery, ResourceWrite, Retention, Stored, TimerRow, Turn,
};

/// `(kind, scope, name)`: the order of [`ResourceQuery`].
type ResourceKey = (String, Scope, String);
/// `(tenant, account, family, key)`.
type Claimed = (String, String, String, String);

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) commits: u64,
    pub(super) refusals: u64,
    pub(super) inbox: BTreeMap<u64, Input>,
    pub(super) effects: BTreeMap<u64, Effect>,
    pub(super) journal: BTreeMap<u64, JournalRow>,
    pub(super) resources: BTreeMap<ResourceKey, Resource>,
    aggregates: BTreeMap<AggregateId, Aggregate>,
    /// Of the effects without an outcome.
    effect_ids: HashMap<Uuid, u64>,
    claims: BTreeMap<Claimed, Held>,
    pub(super) archived: archived::Archived,
    pub(super) measured: measured::Measured,
    last: Last,
}

/// The last sequence numbers given: they grow even when the newest rows are pruned.
#[derive(Debug, Default)]
struct Last {
    inbox: u64,
    effect: u64,
    journal: u64,
}

#[derive(Debug)]
pub(super) struct Input {
    pub(super) input: NewInput,
    pub(super) done: bool,
}

#[derive(Debug)]
pub(super) struct Effect {
    pub(super) row: EffectRow,
    pub(super) outcome: Option<Outcome>,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    holder: AggregateId,
    expires: Option<Timestamp>,
}

#[derive(Debug)]
struct Aggregate {
    scope: Scope,
    revision: u64,
    created: Timestamp,
    frames: BTreeMap<String, Value>,
    index: BTreeSet<(String, String)>,
    timers: BTreeMap<String, Timestamp>,
}

impl State {
    pub(super) fn commit(&mut self, turn: Turn) -> Result<Committed, CommitError> {
        match self.check(&turn) {
            Ok(()) => {
                self.commits += 1;
                Ok(self.apply(turn))
            }
            Err(error) => {
                self.refusals += 1;
                Err(error)
            }
        }
    }

    fn apply(&mut self, turn: Turn) -> Committed {
        let own = turn
            .aggregate
            .as_ref()
            .map(|write| (write.id, write.scope.clone(), instant(write.at)));
        self.apply_claims(own.as_ref().map(|own| own.0), &turn.releases, turn.claims);
        let resources = turn.resources.into_iter();
        let resources = resources.map(|write| self.write_resource(write)).collect();
        let effects = self.apply_effects(own, turn.effects_new);
        for settled in turn.effects_settled {
            let seq = self.effect_ids.remove(&settled.id);
            if let Some(kept) = seq.and_then(|seq| self.effects.get_mut(&seq)) {
                kept.outcome = Some(settled.outcome);
            }
        }
        for seq in turn.inbox_done {
            if let Some(row) = self.inbox.get_mut(&seq) {
                row.done = true;
            }
        }
        let mut inbox = Vec::new();
        for mut input in turn.inbox_new {
            input.at = instant(input.at);
            self.last.inbox += 1;
            let row = Input { input, done: false };
            self.inbox.insert(self.last.inbox, row);
            inbox.push(self.last.inbox);
        }
        turn.archived
            .into_iter()
            .for_each(|event| self.archived.add(event));
        turn.measured
            .into_iter()
            .for_each(|minute| self.measured.add(minute));
        if let Some(write) = turn.aggregate {
            self.write_aggregate(write, &turn.timers);
        }
        Committed {
            inbox,
            effects,
            resources,
        }
    }

    fn apply_claims(&mut self, own: Option<AggregateId>, back: &[ClaimKey], taken: Vec<NewClaim>) {
        for key in back {
            let key = claimed(key);
            let held = self.claims.get(&key).map(|held| held.holder);
            if held.is_some() && held == own {
                self.claims.remove(&key);
            }
        }
        for new in taken {
            let held = Held {
                holder: new.holder,
                expires: new.expires.map(instant),
            };
            self.claims.insert(claimed(&new.claim), held);
        }
    }

    fn apply_effects(
        &mut self,
        own: Option<(AggregateId, Scope, Timestamp)>,
        effects: Vec<NewEffect>,
    ) -> Vec<u64> {
        // Without an aggregate there are no effects: the check saw to that.
        let Some((aggregate, scope, at)) = own else {
            return Vec::new();
        };
        let mut seqs = Vec::new();
        for effect in effects {
            self.last.effect += 1;
            let seq = self.last.effect;
            self.effect_ids.insert(effect.id, seq);
            let row = EffectRow {
                seq,
                effect,
                aggregate,
                scope: scope.clone(),
                at,
            };
            self.effects.insert(seq, Effect { row, outcome: None });
            seqs.push(seq);
        }
        seqs
    }

    fn write_resource(&mut self, write: ResourceWrite) -> u64 {
        let key = (write.kind, write.scope, write.name);
        let Some(body) = write.body else {
            self.resources.remove(&key);
            return 0;
        };
        let at = instant(write.at);
        if let Some(resource) = self.resources.get_mut(&key) {
            resource.revision += 1;
            resource.body = body;
            resource.updated = at;
            return resource.revision;
        }
        let (kind, scope, name) = key.clone();
        self.resources.insert(
            key,
            Resource {
                scope,
                kind,
                name,
                revision: 1,
                body,
                created: at,
                updated: at,
            },
        );
        1
    }

    fn write_aggregate(&mut self, write: AggregateWrite, timers: &[crate::store::TimerWrite]) {
        let at = instant(write.at);
        let aggregate = self
            .aggregates
            .entry(write.id)
            .or_insert_with(|| Aggregate {
                scope: write.scope,
                revision: 0,
                created: at,
                frames: BTreeMap::new(),
                index: BTreeSet::new(),
                timers: BTreeMap::new(),
            });
        aggregate.revision += 1;
        for frame in write.frames {
            match frame.body {
                Some(body) => drop(aggregate.frames.insert(frame.key, body.into_value())),
                None => drop(aggregate.frames.remove(&frame.key)),
            }
        }
        aggregate.index.extend(
            write
                .index
                .into_iter()
                .map(|entry| (entry.name, entry.value)),
        );
        for timer in timers {
            match timer.due {
                Some(due) => drop(aggregate.timers.insert(timer.key.clone(), instant(due))),
                None => drop(aggregate.timers.remove(&timer.key)),
            }
        }
        let revision = aggregate.revision;
        if write.delete {
            self.aggregates.remove(&write.id);
        }
        self.last.journal += 1;
        let seq = self.last.journal;
        self.journal.insert(
            seq,
            JournalRow {
                seq,
                aggregate: write.id,
                revision,
                at,
                entry: write.journal,
            },
        );
    }

    pub(super) fn load(&self, id: AggregateId, frames: &Frames) -> Option<Stored> {
        let aggregate = self.aggregates.get(&id)?;
        let wanted = |key: &str| match frames {
            Frames::All => true,
            Frames::RootAnd(keys) => key.is_empty() || keys.iter().any(|wanted| wanted == key),
            Frames::Prefix(prefix) => !key.is_empty() && key.starts_with(prefix.as_str()),
            Frames::Range { from, until } => {
                !key.is_empty() && (from.as_str()..until.as_str()).contains(&key)
            }
            Frames::Without(prefix) => !key.starts_with(prefix.as_str()),
        };
        let frames = aggregate.frames.iter().filter(|(key, _)| wanted(key));
        let frames = frames
            .map(|(key, body)| (key.clone(), body.clone()))
            .collect();
        Some(aggregate.stored(id, frames))
    }

    pub(super) fn list(&self, query: &Query) -> Vec<Stored> {
        let before = query.before.map(|(created, id)| (instant(created), id));
        let wanted = |id: &AggregateId, aggregate: &Aggregate| {
            id.kind == query.kind
                && aggregate.scope.tenant == query.scope.tenant
                && aggregate.scope.account == query.scope.account
                && (query.scope.region.is_empty() || aggregate.scope.region == query.scope.region)
                && query
                    .index
                    .as_ref()
                    .is_none_or(|entry| aggregate.has(entry))
                && before.is_none_or(|before| (aggregate.created, id.id) < before)
        };
        let mut found: Vec<_> = self
            .aggregates
            .iter()
            .filter(|(id, aggregate)| wanted(id, aggregate))
            .collect();
        found.sort_by_key(|(id, aggregate)| std::cmp::Reverse((aggregate.created, id.id)));
        let page = found.into_iter().take(page(query.limit));
        page.map(|(id, aggregate)| {
            let root = aggregate.frames.get_key_value("");
            aggregate.stored(
                *id,
                root.map(|(key, body)| (key.clone(), body.clone()))
                    .into_iter()
                    .collect(),
            )
        })
        .collect()
    }

    pub(super) fn timers(&self, until: Timestamp, limit: usize) -> Vec<TimerRow> {
        let mut due: Vec<TimerRow> = Vec::new();
        for (id, aggregate) in &self.aggregates {
            for (key, at) in aggregate.timers.iter().filter(|(_, at)| **at <= until) {
                let (scope, key) = (aggregate.scope.clone(), key.clone());
                due.push(TimerRow {
                    due: *at,
                    aggregate: *id,
                    scope,
                    key,
                });
            }
        }
        due.sort_by(|a, b| (a.due, a.aggregate, &a.key).cmp(&(b.due, b.aggregate, &b.key)));
        due.truncate(limit);
        due
    }

    /// Who holds a claim at `at`; without an instant no claim has lapsed.
    pub(super) fn holder(&self, key: &ClaimKey, at: Option<Timestamp>) -> Option<AggregateId> {
        let held = self.claims.get(&claimed(key))?;
        let lapsed = held
            .expires
            .zip(at)
            .is_some_and(|(expires, at)| expires <= at);
        (!lapsed).then_some(held.holder)
    }

    pub(super) fn lasting_claims(
        &self,
        family: &str,
        after: &str,
        limit: usize,
    ) -> Vec<(String, AggregateId)> {
        let lasting = self
            .claims
            .iter()
            .filter(|(_, held)| held.expires.is_none());
        let mut found: Vec<_> = lasting
            .filter(|((_, _, of, key), _)| of == family && key.as_str() > after)
            .map(|((_, _, _, key), held)| (key.clone(), held.holder))
            .collect();
        found.sort();
        found.truncate(limit);
        found
    }

    pub(super) fn resources(&self, query: &ResourceQuery) -> Vec<Resource> {
        let wanted = |resource: &&Resource| {
            let behind = match (&query.scope, &query.after) {
                (_, None) => true,
                (Some(_), Some((_, name))) => resource.name > *name,
                (None, Some((scope, name))) => (&resource.scope, &resource.name) > (scope, name),
            };
            behind
                && resource.kind == query.kind
                && query
                    .scope
                    .as_ref()
                    .is_none_or(|scope| *scope == resource.scope)
                && resource.name.starts_with(&query.prefix)
        };
        self.resources
            .values()
            .filter(wanted)
            .take(page(query.limit))
            .cloned()
            .collect()
    }

    pub(super) fn prune(&mut self, retention: &Retention, limit: usize) -> u64 {
        let old = |before: Option<Timestamp>, at: Timestamp| {
            before.is_some_and(|before| at < instant(before))
        };
        let inbox = take(&mut self.inbox, limit, |row| {
            row.done && old(retention.inbox_before, row.input.at)
        });
        let settled =
            |kept: &Effect| kept.outcome.is_some() && old(retention.effects_before, kept.row.at);
        let effects = take(&mut self.effects, limit, settled);
        let journal = take(&mut self.journal, limit, |row| {
            old(retention.journal_before, row.at)
        });
        let lapsed = |held: &Held| {
            held.expires
                .is_some_and(|expires| old(retention.claims_before, expires))
        };
        let claims = take(&mut self.claims, limit, lapsed);
        let measured = self.measured.prune(retention, limit);
        (inbox.len() + effects.len() + journal.len() + claims.len() + measured) as u64
    }
}

impl Aggregate {
    fn has(&self, entry: &IndexEntry) -> bool {
        self.index
            .contains(&(entry.name.clone(), entry.value.clone()))
    }

    fn stored(&self, id: AggregateId, frames: Vec<(String, Value)>) -> Stored {
        Stored {
            id,
            scope: self.scope.clone(),
            revision: self.revision,
            created: self.created,
            frames,
        }
    }
}

fn claimed(key: &ClaimKey) -> Claimed {
    (
        key.scope.tenant.clone(),
        key.scope.account.clone(),
        key.family.clone(),
        key.key.clone(),
    )
}

/// Takes out at most `limit` values that `goes` picks, lowest key first.
fn take<K: Ord + Clone, V>(
    map: &mut BTreeMap<K, V>,
    limit: usize,
    goes: impl Fn(&V) -> bool,
) -> Vec<V> {
    let keys: Vec<K> = map
        .iter()
        .filter(|(_, value)| goes(value))
        .take(limit)
        .map(|(key, _)| key.clone())
        .collect();
    keys.iter().filter_map(|key| map.remove(key)).collect()
}
