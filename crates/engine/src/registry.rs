//! The rules in memory: which rules of a bus match an event. The store's rule resources are the truth.

use std::borrow::Borrow;
use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use model::Scope;
use model::bus::{Rule, RuleState};
use rules::{EventText, Matcher, Pattern, Scratch};
use serde_json::Value;

/// A bus: its owner (with region) and name.
type BusKey = (Scope, String);

/// The enabled rules of one bus that have a pattern.
type BusRules = Arc<Matcher<ByName>>;

/// A rule, ordered by its name.
#[derive(Clone, Debug)]
struct ByName(Arc<Rule>);

thread_local! {
    /// Memory that this thread matches with.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Every bus with its rules.
#[derive(Default)]
pub(crate) struct RuleRegistry {
    buses: RwLock<HashMap<BusKey, BusRules>>,
}

impl RuleRegistry {
    /// Takes in a rule resource (`<bus>/<rule>`) as committed; `None` removes it.
    pub(crate) fn apply(&self, scope: &Scope, name: &str, body: Option<Value>) {
        let Some((bus, rule_name)) = name.split_once('/') else {
            tracing::error!(
                rule = name,
                "a stored rule's name has no bus; it is left out"
            );
            return;
        };
        let rule = body.and_then(|body| match serde_json::from_value::<Rule>(body) {
            Ok(rule) => matched_by(rule),
            Err(error) => {
                tracing::error!(rule = name, error = %error, "a stored rule cannot be read; it is left out");
                None
            }
        });
        let matcher = {
            let mut buses = self.buses.write().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(buses.entry((scope.clone(), bus.to_owned())).or_default())
        };
        // One call each, so that an event sees the earlier rule or the later one, never none.
        match rule {
            Some((rule, pattern)) => matcher.insert(ByName(Arc::new(rule)), pattern),
            None => matcher.remove(rule_name),
        };
    }

    /// Whether a bus is one to count by its name: the default one, or one that has or had rules. Others may be names
    /// that clients made up.
    pub(crate) fn knows(&self, scope: &Scope, bus: &str) -> bool {
        bus == "default" || {
            let buses = self.buses.read().unwrap_or_else(PoisonError::into_inner);
            buses.contains_key(&(scope.clone(), bus.to_owned()))
        }
    }

    /// The enabled rules of a bus that match, in order of name. No lock is held meanwhile.
    pub(crate) fn matching(
        &self,
        scope: &Scope,
        bus: &str,
        event: EventText<'_>,
    ) -> Vec<Arc<Rule>> {
        let matcher = {
            let buses = self.buses.read().unwrap_or_else(PoisonError::into_inner);
            buses.get(&(scope.clone(), bus.to_owned())).cloned()
        };
        let mut matching = Vec::new();
        if let Some(matcher) = matcher {
            SCRATCH.with_borrow_mut(|scratch| {
                matcher.each_match(event, scratch, |rule| matching.push(Arc::clone(&rule.0)));
            });
        }
        matching.sort_by(|one, other| one.name.cmp(&other.name));
        matching
    }
}

/// A rule with its pattern, if events are to be matched against it.
fn matched_by(rule: Rule) -> Option<(Rule, Pattern)> {
    if rule.state == RuleState::Disabled {
        return None;
    }
    match Pattern::parse(rule.event_pattern.as_ref()?) {
        Ok(pattern) => Some((rule, pattern)),
        Err(error) => {
            tracing::error!(rule = rule.name, error = %error, "a stored pattern is not valid; the rule is left out");
            None
        }
    }
}

impl Borrow<str> for ByName {
    fn borrow(&self) -> &str {
        &self.0.name
    }
}

impl Ord for ByName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.name.cmp(&other.0.name)
    }
}

impl PartialOrd for ByName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ByName {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for ByName {}
