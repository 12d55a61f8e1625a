//! How many runs of an account and region are under way at once, and which wait for their turn, first come, first served.
//!
//! Kept in memory: that a run waits is its own state, and that it is not over yet is a claim in the store, so a start
//! finds everything again. Parents of several executions have places of their own.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use flow::automation::{Input as RunInput, Status};
use jiff::Timestamp;
use model::report::StartRun;
use model::{AggregateId, Scope};
use ports::StoreError;
use ports::store::{Frames, Stored};
use serde_json::Value;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::dispatch::Mail;
use crate::engine::Shared;
use crate::input::Input;
use crate::lookup::{Lookup, Prepared};
use crate::machine;

/// Family of the claims that say which runs are not over.
pub(crate) const FAMILY: &str = "run-place";
/// Claims read at once.
const PAGE: usize = 1_000;

/// How many runs of one account and region may be under way and may wait. The defaults are SSM's own quotas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunLimits {
    /// Runs under way at once.
    pub concurrent: usize,
    /// Runs that wait, before further ones are refused to whoever asks for them by the API.
    pub queued: usize,
    /// Parents of executions for several resources or locations under way at once.
    pub concurrent_fleets: usize,
    /// Such parents that wait.
    pub queued_fleets: usize,
}

impl Default for RunLimits {
    fn default() -> Self {
        Self {
            concurrent: 100,
            queued: 1_000,
            concurrent_fleets: 25,
            queued_fleets: 1_000,
        }
    }
}

/// What becomes of a run that is to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It begins.
    Now,
    /// It waits for [`RunInput::Admitted`].
    Queued,
    /// There is no room to wait in.
    Full,
}

/// Runs that share their limits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Class {
    scope: Scope,
    fleet: bool,
}

#[derive(Debug, Default)]
struct Room {
    under_way: HashSet<Uuid>,
    waiting: VecDeque<Uuid>,
}

#[derive(Debug, Default)]
struct State {
    rooms: HashMap<Class, Room>,
    /// Where each run is.
    known: HashMap<Uuid, Class>,
}

/// All places.
#[derive(Debug)]
pub(crate) struct Places {
    limits: RunLimits,
    state: Mutex<State>,
}

impl Places {
    pub(crate) fn new(limits: RunLimits) -> Self {
        Self {
            limits,
            state: Mutex::default(),
        }
    }

    /// A run that is to begin. Asked again, the answer is the same. `refusable`: whether somebody waits for the answer
    /// who can be told that there is no room; what was accepted before is never refused.
    pub(crate) fn admit(
        &self,
        (scope, id): (&Scope, Uuid),
        request: &StartRun,
        refusable: bool,
    ) -> Admission {
        let class = Class {
            scope: scope.clone(),
            fleet: request.rate.is_asked() || !request.locations.is_empty(),
        };
        let (concurrent, queued) = self.limits.of(&class);
        let mut state = self.lock();
        let State { rooms, known } = &mut *state;
        let room = rooms.entry(class.clone()).or_default();
        let admission = if room.under_way.contains(&id) {
            Admission::Now
        } else if room.waiting.contains(&id) {
            Admission::Queued
        } else if !may_wait(request, class.fleet) || room.under_way.len() < concurrent {
            room.under_way.insert(id);
            Admission::Now
        } else if refusable && room.waiting.len() >= queued {
            return Admission::Full;
        } else {
            room.waiting.push_back(id);
            Admission::Queued
        };
        known.insert(id, class);
        admission
    }

    /// Whether the run has a place or waits for one.
    fn knows(&self, id: Uuid) -> bool {
        self.lock().known.contains_key(&id)
    }

    /// The run is over, or never came to be. Answers who may begin now.
    fn leave(&self, id: Uuid) -> Vec<(Uuid, Scope)> {
        let mut state = self.lock();
        let Some(class) = state.known.remove(&id) else {
            return Vec::new();
        };
        let Some(room) = state.rooms.get_mut(&class) else {
            return Vec::new();
        };
        room.under_way.remove(&id);
        room.waiting.retain(|waiting| *waiting != id);
        let next = room.fill(self.limits.of(&class).0);
        if room.under_way.is_empty() && room.waiting.is_empty() {
            state.rooms.remove(&class);
        }
        next.into_iter()
            .map(|id| (id, class.scope.clone()))
            .collect()
    }

    /// A run that was not over when the former process ended.
    fn restore(&self, scope: Scope, id: Uuid, (fleet, waits): (bool, bool)) {
        let class = Class { scope, fleet };
        let mut state = self.lock();
        state.known.insert(id, class.clone());
        let room = state.rooms.entry(class).or_default();
        if waits {
            room.waiting.push_back(id);
        } else {
            room.under_way.insert(id);
        }
    }

    /// Gives free places to whoever waits.
    fn fill(&self) -> Vec<(Uuid, Scope)> {
        let mut state = self.lock();
        let rooms = state.rooms.iter_mut();
        let next = rooms.flat_map(|(class, room)| {
            let next = room.fill(self.limits.of(class).0);
            next.into_iter().map(|id| (id, class.scope.clone()))
        });
        next.collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    fn fill(&mut self, concurrent: usize) -> Vec<Uuid> {
        let mut next = Vec::new();
        while self.under_way.len() < concurrent
            && let Some(id) = self.waiting.pop_front()
        {
            self.under_way.insert(id);
            next.push(id);
        }
        next
    }
}

impl RunLimits {
    fn of(&self, class: &Class) -> (usize, usize) {
        if class.fleet {
            (self.concurrent_fleets, self.queued_fleets)
        } else {
            (self.concurrent, self.queued)
        }
    }
}

/// A run whose parent holds a place of the same kind counts, but does not wait: its parent would wait with it, and when
/// all places are parents' none would ever become free.
fn may_wait(request: &StartRun, fleet: bool) -> bool {
    match &request.parent {
        None => true,
        Some(parent) => !fleet && !parent.holds_place,
    }
}

/// Asks for a place for a run that does not exist yet; the answer goes into what its decision is given.
pub(crate) fn admit(
    shared: &Shared,
    place: (&Scope, Uuid),
    prepared: &mut Prepared,
    refusable: bool,
) {
    if let (Input::StartRun(request), Lookup::Document(found)) =
        (&prepared.input, &mut prepared.lookup)
    {
        found.admission = shared.places.admit(place, request, refusable);
    }
}

/// A turn of a run ended, with this state as far as it is known: when the run is over, or never came to be, others may
/// begin.
pub(crate) fn after_turn(shared: &Shared, id: Uuid, state: Option<Option<&machine::State>>) {
    let over = match state {
        Some(Some(machine::State::Run(run))) => run.status().is_final(),
        Some(None) => true,
        _ => false,
    };
    if over {
        let next = shared.places.leave(id);
        admit_all(shared, next);
    }
}

/// Whether the end of this run would let others begin.
pub(crate) fn is_known(shared: &Shared, id: Uuid) -> bool {
    shared.places.knows(id)
}

/// Tells runs that they may begin. Nothing is lost when nobody hears it: a start tells them again.
fn admit_all(shared: &Shared, next: Vec<(Uuid, Scope)>) {
    for (id, scope) in next {
        let (answer, _) = oneshot::channel();
        let mail = Mail::Ask {
            input: Input::Run(Box::new(RunInput::Admitted)),
            claims: Vec::new(),
            answer,
        };
        shared.dispatcher.send(AggregateId::run(id), scope, mail);
    }
}

/// Finds the runs that the former process left, before anything new can begin.
pub(crate) async fn restore(shared: &Shared) -> Result<(), StoreError> {
    let mut waiting: Vec<(Timestamp, Uuid, Scope, bool)> = Vec::new();
    let mut after = String::new();
    loop {
        let store = &shared.ports.store;
        let page = store.lasting_claims(FAMILY.to_owned(), after.clone(), PAGE);
        let page = page.await?;
        let Some((last, _)) = page.last() else { break };
        after.clone_from(last);
        for (_, holder) in page {
            let root = store.load(holder, Frames::RootAnd(Vec::new())).await?;
            let Some(root) = root else { continue };
            match standing(&root) {
                None => {}
                Some((fleet, true)) => waiting.push((root.created, holder.id, root.scope, fleet)),
                Some(under_way) => shared.places.restore(root.scope, holder.id, under_way),
            }
        }
    }
    waiting.sort_by_key(|(created, id, _, _)| (*created, *id));
    for (_, id, scope, fleet) in waiting {
        shared.places.restore(scope, id, (fleet, true));
    }
    Ok(())
}

/// Lets begin what found places at the start.
pub(crate) fn begin(shared: &Shared) {
    let next = shared.places.fill();
    admit_all(shared, next);
}

/// Whether a stored run is a parent of several executions, and whether it waits; nothing when it is over.
fn standing(root: &Stored) -> Option<(bool, bool)> {
    let (_, body) = root.frames.iter().find(|(key, _)| key.is_empty())?;
    let status = Status::parse(body.get("status")?.as_str()?)?;
    let fleet = body.get("fleet").is_some_and(|fleet| *fleet != Value::Null);
    (!status.is_final()).then_some((fleet, status == Status::Pending))
}

#[cfg(test)]
mod tests {
    use model::fleet::ParentRun;

    use super::*;

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    fn places() -> (Places, Scope) {
        let limits = RunLimits {
            concurrent: 2,
            queued: 1,
            concurrent_fleets: 1,
            queued_fleets: 0,
        };
        (Places::new(limits), Scope::new("123456789012", "eu-west-1"))
    }

    #[test]
    fn who_comes_first_is_served_first() {
        let (places, scope) = places();
        let admit =
            |number, refusable| places.admit((&scope, id(number)), &StartRun::default(), refusable);
        assert_eq!(admit(1, true), Admission::Now);
        assert_eq!(admit(2, true), Admission::Now);
        assert_eq!(admit(3, true), Admission::Queued);
        assert_eq!(admit(4, true), Admission::Full);
        assert_eq!(
            admit(4, false),
            Admission::Queued,
            "what was accepted is never refused"
        );
        assert_eq!(
            (admit(1, true), admit(3, true)),
            (Admission::Now, Admission::Queued)
        );
        assert_eq!(places.leave(id(2)), [(id(3), scope.clone())]);
        assert_eq!(places.leave(id(4)), [], "one that waits may leave too");
        assert_eq!(places.leave(id(4)), [], "twice");
        let elsewhere = Scope::new("123456789012", "us-east-1");
        let other = places.admit((&elsewhere, id(9)), &StartRun::default(), true);
        assert_eq!(other, Admission::Now);
    }

    #[test]
    fn children_do_not_wait_for_places_that_their_parents_hold() {
        let (places, scope) = places();
        let child = |holds_place| StartRun {
            parent: Some(ParentRun {
                run: id(1),
                depth: 1,
                holds_place,
            }),
            ..StartRun::default()
        };
        for number in 1..=2 {
            places.admit((&scope, id(number)), &StartRun::default(), true);
        }
        assert_eq!(
            places.admit((&scope, id(3)), &child(true), false),
            Admission::Now
        );
        assert_eq!(
            places.admit((&scope, id(4)), &child(false), false),
            Admission::Queued
        );
        places.leave(id(3));
        assert!(places.leave(id(1)).contains(&(id(4), scope.clone())));
        let mut parent = StartRun::default();
        parent
            .locations
            .push(model::fleet::TargetLocation::default());
        assert_eq!(places.admit((&scope, id(5)), &parent, true), Admission::Now);
        assert_eq!(
            places.admit((&scope, id(6)), &parent, true),
            Admission::Full
        );
        parent.parent = child(false).parent;
        assert_eq!(
            places.admit((&scope, id(7)), &parent, false),
            Admission::Now
        );
    }
}
