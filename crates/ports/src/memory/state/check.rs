//! What does not hold in a turn, found before anything of it is applied.

use std::collections::{HashMap, HashSet};

use model::AggregateId;
use model::resource::Expect;

use super::{Claimed, ResourceKey, State, claimed};
use crate::limits::{body_size, frame_size, instant, json_size};
use crate::store::{CommitError, ResourceWrite, Turn};

impl State {
    pub(super) fn check(&self, turn: &Turn) -> Result<(), CommitError> {
        turn.check()
            .and_then(|()| check_sizes(turn))
            .map_err(CommitError::Refused)?;
        self.check_revision(turn)?;
        self.check_claims(turn)?;
        self.check_resources(&turn.resources)?;
        self.check_effects(turn)
    }

    fn check_revision(&self, turn: &Turn) -> Result<(), CommitError> {
        let Some(write) = &turn.aggregate else {
            return Ok(());
        };
        let found = self
            .aggregates
            .get(&write.id)
            .map_or(0, |aggregate| aggregate.revision);
        if found == write.expect_revision {
            return Ok(());
        }
        Err(CommitError::Stale {
            id: write.id,
            expected: write.expect_revision,
        })
    }

    fn check_claims(&self, turn: &Turn) -> Result<(), CommitError> {
        let at = turn.at().map(instant);
        let own = turn.aggregate.as_ref().map(|write| write.id);
        let released: HashSet<Claimed> = turn.releases.iter().map(claimed).collect();
        let mut taken: HashMap<Claimed, AggregateId> = HashMap::new();
        for new in &turn.claims {
            let key = claimed(&new.claim);
            let stored = || {
                self.holder(&new.claim, at)
                    .filter(|holder| Some(*holder) != own || !released.contains(&key))
            };
            if let Some(holder) = taken.get(&key).copied().or_else(stored)
                && holder != new.holder
            {
                return Err(CommitError::Claimed {
                    claim: Box::new(new.claim.clone()),
                    holder,
                });
            }
            taken.insert(key, new.holder);
        }
        Ok(())
    }

    fn check_resources(&self, writes: &[ResourceWrite]) -> Result<(), CommitError> {
        let mut changed: HashMap<ResourceKey, Option<u64>> = HashMap::new();
        for write in writes {
            let key = (write.kind.clone(), write.scope.clone(), write.name.clone());
            let stored = || self.resources.get(&key).map(|resource| resource.revision);
            let found = changed.get(&key).copied().unwrap_or_else(stored);
            let holds = match write.expect {
                Expect::Any => true,
                Expect::Absent => found.is_none(),
                Expect::Revision(revision) => found == Some(revision),
            };
            if !holds {
                return Err(CommitError::ResourceConflict {
                    kind: write.kind.clone(),
                    name: write.name.clone(),
                    found,
                });
            }
            changed.insert(key, write.body.is_some().then(|| found.unwrap_or(0) + 1));
        }
        Ok(())
    }

    fn check_effects(&self, turn: &Turn) -> Result<(), CommitError> {
        let mut ids = HashSet::new();
        for effect in &turn.effects_new {
            if self.effect_ids.contains_key(&effect.id) || !ids.insert(effect.id) {
                return Err(CommitError::Refused(format!(
                    "an effect with the id {} is open already",
                    effect.id
                )));
            }
        }
        Ok(())
    }
}

fn check_sizes(turn: &Turn) -> Result<(), String> {
    if let Some(write) = &turn.aggregate {
        for body in write.frames.iter().filter_map(|frame| frame.body.as_ref()) {
            body_size("frame", frame_size(body))?;
        }
        body_size(
            "journal",
            json_size(&(&write.journal.inputs, &write.journal.facts)),
        )?;
    }
    turn.inbox_new
        .iter()
        .try_for_each(|input| body_size("input", json_size(&input.body)))?;
    turn.effects_new
        .iter()
        .try_for_each(|effect| body_size("effect", json_size(&effect.command)))?;
    turn.effects_settled
        .iter()
        .try_for_each(|settled| body_size("outcome", json_size(&settled.outcome)))?;
    turn.resources
        .iter()
        .filter_map(|write| write.body.as_ref())
        .try_for_each(|body| body_size("resource", json_size(body)))
}
