//! From an event and the rules that match it to the inputs of all their targets, over as many buses as rules lead to.
//!
//! A bus of this server is reached in the same commit, with the same event under the same id. An event visits each bus
//! once, so that rules that lead in a circle end.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use bus::delivery::{self, Undeliverable};
use model::Scope;
use model::bus::{BUS, Rule, Target};
use ports::store::ArchivedEvent;

use crate::accept::Arrived;
use crate::deliver::{Arrival, Inputs, deliver, refused, rule_arn, undeliverable};
use crate::engine::Shared;
use crate::error::AskError;
use crate::input::Input;
use crate::metrics::Local;
use crate::targets::{Destination, destination};

/// The account's own bus, which always exists.
pub(crate) const DEFAULT_BUS: &str = "default";
/// Most buses that one event visits.
const MAX_BUSES: usize = 16;

/// A bus: its owner (with region) and name.
type BusKey = (Scope, String);

/// The way of one event over the buses.
struct Way {
    visited: BTreeSet<BusKey>,
    /// Rules that matched and whose targets have not been looked at.
    open: VecDeque<(Scope, Vec<Arc<Rule>>)>,
    /// What archives of the buses behind the first one keep.
    archived: Vec<ArchivedEvent>,
    /// Its arrivals at those buses.
    arrived: Vec<Arrived>,
}

/// What one event gives to the targets of the rules that match it: to be committed together.
#[derive(Debug, Default)]
pub(crate) struct Given {
    pub(crate) inputs: Inputs,
    /// Targets in this process, which will have the event with the commit.
    pub(crate) taken: Vec<Local>,
    /// What archives of further buses keep.
    pub(crate) archived: Vec<ArchivedEvent>,
    /// Its arrivals at further buses.
    pub(crate) arrived: Vec<Arrived>,
}

/// What one event gives to the targets of the rules that match it.
pub(crate) async fn deliveries(
    shared: &Shared,
    arrival: &Arrival<'_>,
    matching: &[Arc<Rule>],
) -> Result<Given, AskError> {
    let scope = arrival.scope;
    let buses = matching
        .iter()
        .map(|rule| (scope.clone(), rule.bus.clone()));
    let mut way = Way {
        visited: buses.collect(),
        open: VecDeque::from([(scope.clone(), matching.to_vec())]),
        archived: Vec::new(),
        arrived: Vec::new(),
    };
    let mut all = Given::default();
    while let Some((scope, rules)) = way.open.pop_front() {
        let arrival = Arrival {
            scope: &scope,
            ..*arrival
        };
        for rule in &rules {
            let rule_arn = rule_arn(&scope, rule);
            for target in rule.targets.values() {
                let given = match local_bus(&scope, target) {
                    None => deliver(shared, &arrival, (rule, &rule_arn), target).await?,
                    Some(bus) => match way.go_to(shared, &arrival, bus).await? {
                        Ok(()) => Vec::new(),
                        Err(why) => vec![refused(&arrival, &rule_arn, target, why)],
                    },
                };
                if !given.iter().any(|(.., input)| is_of(input, &rule_arn)) {
                    all.taken.push(Local {
                        scope: scope.clone(),
                        rule_arn: rule_arn.clone(),
                        target_id: target.id.clone(),
                    });
                }
                all.inputs.extend(given);
            }
        }
    }
    all.archived = way.archived;
    all.arrived = way.arrived;
    Ok(all)
}

/// Whether an input is a delivery of the rule's own; those of a topic's message are the topic's.
fn is_of(input: &Input, rule_arn: &str) -> bool {
    match input {
        Input::Delivery(input) => match input.as_ref() {
            delivery::Input::Start(start) => start.origin == rule_arn,
            _ => false,
        },
        _ => false,
    }
}

/// The bus that a target names, if it is this server's: of the same account, in any region.
fn local_bus(scope: &Scope, target: &Target) -> Option<BusKey> {
    let Destination::Bus(arn, name) = destination(&target.arn) else {
        return None;
    };
    let own = arn.account == scope.account && !arn.region.is_empty();
    own.then(|| {
        let scope = Scope {
            region: arn.region,
            ..scope.clone()
        };
        (scope, name)
    })
}

impl Way {
    /// Takes the event to another bus, unless it was there.
    async fn go_to(
        &mut self,
        shared: &Shared,
        arrival: &Arrival<'_>,
        bus: BusKey,
    ) -> Result<Result<(), Undeliverable>, AskError> {
        if self.visited.contains(&bus) {
            return Ok(Ok(()));
        }
        if self.visited.len() >= MAX_BUSES {
            let message = format!("an event visits at most {MAX_BUSES} buses");
            return Ok(Err(undeliverable("RESOURCE_LIMIT_EXCEEDED", message)));
        }
        let event = match rules::EventText::check(arrival.text) {
            Ok(event) => event,
            Err(error) => return Ok(Err(undeliverable("INVALID_JSON", error.to_string()))),
        };
        let matching = shared.rules.matching(&bus.0, &bus.1, event);
        if matching.is_empty() && !bus_exists(shared, &bus.0, &bus.1).await? {
            let message = format!("there is no event bus `{}` in {}", bus.1, bus.0.region);
            return Ok(Err(undeliverable("NO_RESOURCE", message)));
        }
        if let Ok(id) = arrival.event.id.parse() {
            self.arrived.push(Arrived {
                scope: bus.0.clone(),
                bus: bus.1.clone(),
                first: None,
                matching: matching.clone(),
                id,
                at: arrival.now,
                text: arrival.text.to_owned(),
            });
        }
        self.keep(shared, arrival, (&bus, event));
        self.visited.insert(bus.clone());
        self.open.push_back((bus.0, matching));
        Ok(Ok(()))
    }
}

impl Way {
    /// Keeps the event for the archives of a bus that it reaches.
    fn keep(
        &mut self,
        shared: &Shared,
        arrival: &Arrival<'_>,
        (bus, event): (&BusKey, rules::EventText<'_>),
    ) {
        // Whoever takes an event in writes both.
        let (Ok(id), Ok(at)) = (arrival.event.id.parse(), arrival.event.time.parse()) else {
            return;
        };
        let kept = (id, at, arrival.text);
        self.archived
            .extend(shared.archives.keep((&bus.0, &bus.1), event, kept));
    }
}

/// Whether a bus exists.
pub(crate) async fn bus_exists(
    shared: &Shared,
    scope: &Scope,
    bus: &str,
) -> Result<bool, AskError> {
    if bus == DEFAULT_BUS {
        return Ok(true);
    }
    let store = &shared.ports.store;
    let found = store.resource(scope.clone(), BUS.to_owned(), bus.to_owned());
    Ok(found.await?.is_some())
}
