//! What is counted of buses, rules and targets while events pass: a few additions per event, in memory.
//!
//! A series is a bus, a rule or a target. Each keeps the minute that runs and its sum since the start of the process;
//! minutes that are over are written by [`flush`]. A process that is killed loses the minute that ran, nothing else.

mod flush;
mod read;

pub(crate) use flush::{flush_all, run};
pub use read::Figures;
pub(crate) use read::{figures, minutes};

use flush::Minutes;

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bus::measures::{Measures, Outcome};
use jiff::Timestamp;
use model::Scope;
use model::arn::Arn;
use model::bus::Rule;
use ports::Clock;
use ports::store::Series;

/// Locks: enough that two events hardly ever want the same one.
const SHARDS: usize = 64;
/// Series in memory. A further one is counted in its bus's and everybody's sums only.
const MAX_SERIES: usize = 50_000;
/// Minutes that one series keeps until they are collected: the oldest go first.
const MAX_OVER: usize = 60;

/// Every series.
pub(crate) struct Metrics {
    clock: Arc<dyn Clock>,
    hasher: RandomState,
    shards: Vec<Mutex<Shard>>,
    series: AtomicUsize,
    /// Outcomes of series that were one too many.
    uncounted: AtomicU64,
    /// Turns that the store took.
    commits: AtomicU64,
    /// Minutes that are over, summed up and not written yet. Held while they move to the store, so that a reader finds
    /// each of them in one place.
    unwritten: tokio::sync::RwLock<Minutes>,
}

/// Series by the hash of their name; the rare second one of a hash stands behind the first.
type Shard = HashMap<u64, Vec<Counted>>;

/// One series.
struct Counted {
    series: Series,
    /// The minute that runs, since 1970.
    minute: i64,
    current: Measures,
    /// Minutes that are over and not written yet, oldest first.
    over: Vec<(i64, Measures)>,
    total: Measures,
}

/// A target of a rule, as deliveries name it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Destination<'a> {
    pub(crate) scope: &'a Scope,
    pub(crate) rule_arn: &'a str,
    pub(crate) target_id: &'a str,
}

/// A target in this process that has an event with the commit.
#[derive(Debug, Clone)]
pub(crate) struct Local {
    pub(crate) scope: Scope,
    pub(crate) rule_arn: String,
    pub(crate) target_id: String,
}

/// The parts of a series' name, borrowed.
#[derive(Clone, Copy)]
struct Name<'a> {
    scope: &'a Scope,
    bus: &'a str,
    rule: &'a str,
    target: &'a str,
}

impl Metrics {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            series: AtomicUsize::new(0),
            uncounted: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            unwritten: tokio::sync::RwLock::default(),
        }
    }

    /// Counts a turn if the store took it.
    pub(crate) fn committed<T, E>(&self, committed: Result<T, E>) -> Result<T, E> {
        self.commits
            .fetch_add(u64::from(committed.is_ok()), Ordering::Relaxed);
        committed
    }

    /// Counts an event with the rules that matched it. `bus` is empty for a bus that has no rules: names that clients
    /// make up are not series.
    pub(crate) fn arrived(&self, scope: &Scope, bus: &str, matching: &[Arc<Rule>]) {
        let name = |rule| Name {
            scope,
            bus,
            rule,
            target: "",
        };
        let matched = u64::from(!matching.is_empty());
        self.count(name(""), |of| {
            of.events += 1;
            of.matched += matched;
        });
        for rule in matching {
            self.count(name(&rule.name), |of| {
                of.matched += 1;
                of.triggered += 1;
            });
        }
    }

    /// Counts a firing of a rule's schedule: its event is for that rule's targets and reaches no bus.
    pub(crate) fn fired(&self, scope: &Scope, rule: &Rule) {
        let name = Name {
            scope,
            bus: &rule.bus,
            rule: &rule.name,
            target: "",
        };
        self.count(name, |of| of.triggered += 1);
    }

    /// Counts what became of an event for a target. What comes of no rule (a topic's message) is left alone.
    pub(crate) fn note(&self, destination: Destination<'_>, outcome: Outcome) {
        let Some((bus, rule)) = bus_and_rule(destination.rule_arn) else {
            return;
        };
        let name = Name {
            scope: destination.scope,
            bus: &bus,
            rule: &rule,
            target: destination.target_id,
        };
        self.count(name, |of| of.note(outcome));
    }

    /// Counts events that targets of this process took with the commit: they started and ended there.
    pub(crate) fn taken(&self, targets: &[Local], since: Timestamp) {
        for target in targets {
            let destination = Destination {
                scope: &target.scope,
                rule_arn: &target.rule_arn,
                target_id: &target.target_id,
            };
            let waited = self.waited(since);
            self.note(destination, Outcome::Started { waited });
            self.note(destination, Outcome::Delivered { waited });
        }
    }

    /// Microseconds since an event was taken in.
    pub(crate) fn waited(&self, since: Timestamp) -> u64 {
        let waited = self.clock.now().duration_since(since).as_micros();
        u64::try_from(waited.max(0)).unwrap_or(u64::MAX)
    }

    fn count(&self, name: Name<'_>, count: impl Fn(&mut Measures)) {
        let hash = self
            .hasher
            .hash_one((name.scope, name.bus, name.rule, name.target));
        let minute = minute(self.clock.now());
        let mut shard = self.shard(hash);
        let same = shard.entry(hash).or_default();
        let place = match same.iter().position(|counted| counted.is(name)) {
            Some(place) => place,
            None if self.series.fetch_add(1, Ordering::Relaxed) >= MAX_SERIES => {
                self.series.fetch_sub(1, Ordering::Relaxed);
                self.uncounted.fetch_add(1, Ordering::Relaxed);
                return;
            }
            None => {
                same.push(Counted::new(name, minute));
                same.len() - 1
            }
        };
        if let Some(counted) = same.get_mut(place) {
            counted.turn_to(minute);
            count(&mut counted.current);
            count(&mut counted.total);
        }
    }

    fn shard(&self, hash: u64) -> MutexGuard<'_, Shard> {
        // INVARIANT: the remainder is below SHARDS, the length of the list.
        let place = usize::try_from(hash % SHARDS as u64).unwrap_or(0);
        self.shards[place]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `look` with every series; one lock at a time is held.
    fn each(&self, mut look: impl FnMut(&mut Counted)) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.values_mut().flatten().for_each(&mut look);
        }
    }

    /// Lets series go, from memory only.
    fn forget(&self, gone: &[Series]) {
        for series in gone {
            let name = Name {
                scope: &series.scope,
                bus: &series.bus,
                rule: &series.rule,
                target: &series.target,
            };
            let hash = self
                .hasher
                .hash_one((name.scope, name.bus, name.rule, name.target));
            let mut shard = self.shard(hash);
            let Some(same) = shard.get_mut(&hash) else {
                continue;
            };
            let before = same.len();
            same.retain(|counted| !counted.is(name) || counted.has_unwritten());
            self.series
                .fetch_sub(before - same.len(), Ordering::Relaxed);
            if same.is_empty() {
                shard.remove(&hash);
            }
        }
    }
}

impl Counted {
    fn new(name: Name<'_>, minute: i64) -> Self {
        Self {
            series: Series {
                scope: name.scope.clone(),
                bus: name.bus.to_owned(),
                rule: name.rule.to_owned(),
                target: name.target.to_owned(),
            },
            minute,
            current: Measures::default(),
            over: Vec::new(),
            total: Measures::default(),
        }
    }

    fn is(&self, name: Name<'_>) -> bool {
        let Series {
            scope,
            bus,
            rule,
            target,
        } = &self.series;
        target == name.target && rule == name.rule && bus == name.bus && scope == name.scope
    }

    /// Closes the minute that ran if a later one has begun. A clock that was set back changes nothing.
    fn turn_to(&mut self, minute: i64) {
        if minute <= self.minute {
            return;
        }
        if !self.current.is_empty() {
            if self.over.len() >= MAX_OVER {
                self.over.remove(0);
            }
            self.over
                .push((self.minute, std::mem::take(&mut self.current)));
        }
        self.minute = minute;
    }

    /// Takes out the minutes before `until`.
    fn take(&mut self, until: i64) -> Vec<(i64, Measures)> {
        let mut taken = std::mem::take(&mut self.over);
        if self.minute < until && !self.current.is_empty() {
            taken.push((self.minute, std::mem::take(&mut self.current)));
        }
        taken
    }

    fn has_unwritten(&self) -> bool {
        !self.current.is_empty() || !self.over.is_empty()
    }
}

/// The minute of an instant, since 1970.
pub(crate) fn minute(at: Timestamp) -> i64 {
    at.as_second().div_euclid(60)
}

/// Bus and rule of a rule's ARN: rules of the default bus stand without the bus.
fn bus_and_rule(arn: &str) -> Option<(String, String)> {
    let arn = Arn::parse(arn).filter(|arn| arn.service == "events")?;
    let place = arn.tail("rule")?;
    let (bus, rule) = place.rsplit_once('/').unwrap_or(("default", place));
    Some((bus.to_owned(), rule.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ports::ManualClock;

    use super::*;

    pub(super) fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_040 + second).expect("in range")
    }

    fn destination(scope: &Scope) -> Destination<'_> {
        Destination {
            scope,
            rule_arn: "arn:aws:events:eu-central-1:123456789012:rule/own/r",
            target_id: "t",
        }
    }

    #[test]
    fn a_minute_closes_when_the_next_begins() {
        let clock = ManualClock::new(at(0));
        let metrics = Metrics::new(Arc::new(clock.clone()));
        let scope = Scope::new("123456789012", "eu-central-1");
        metrics.note(destination(&scope), Outcome::Failed);
        let taken = Local {
            scope: scope.clone(),
            rule_arn: destination(&scope).rule_arn.to_owned(),
            target_id: "t".to_owned(),
        };
        metrics.taken(&[taken], at(-2));
        clock.advance(Duration::from_secs(60));
        metrics.note(destination(&scope), Outcome::Failed);
        let mut seen = Vec::new();
        metrics.each(|counted| {
            let over: Vec<_> = counted
                .over
                .iter()
                .map(|(minute, of)| (*minute, of.failed, of.delivered, of.done.sum_micros()))
                .collect();
            seen.push((
                counted.series.rule.clone(),
                over,
                counted.current.failed,
                counted.total.failed,
            ));
        });
        let minute = minute(at(0));
        assert_eq!(
            seen,
            [("r".to_owned(), vec![(minute, 1, 1, 2_000_000)], 1, 2)]
        );
    }

    #[test]
    fn only_rules_of_buses_are_series() {
        assert_eq!(
            bus_and_rule("arn:aws:events:eu-central-1:123456789012:rule/r"),
            Some(("default".to_owned(), "r".to_owned()))
        );
        assert_eq!(
            bus_and_rule("arn:aws:sns:eu-central-1:123456789012:topic"),
            None
        );
        assert_eq!(bus_and_rule("x"), None);
    }

    #[test]
    fn series_are_bounded_and_can_go() {
        let clock = ManualClock::new(at(0));
        let metrics = Metrics::new(Arc::new(clock));
        let scope = Scope::new("123456789012", "eu-central-1");
        for number in 0..MAX_SERIES + 5 {
            metrics.arrived(&scope, &format!("b{number}"), &[]);
        }
        assert_eq!(metrics.series.load(Ordering::Relaxed), MAX_SERIES);
        assert_eq!(metrics.uncounted.load(Ordering::Relaxed), 5);
        let mut all = Vec::new();
        metrics.each(|counted| all.push(counted.series.clone()));
        metrics.forget(&all);
        assert_eq!(
            metrics.series.load(Ordering::Relaxed),
            MAX_SERIES,
            "what is not written yet stays"
        );
        metrics.each(|counted| counted.current = Measures::default());
        metrics.forget(&all);
        assert_eq!(metrics.series.load(Ordering::Relaxed), 0);
    }
}
