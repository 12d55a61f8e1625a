//! The rules in memory: which rules of a bus match an event. The store's rule resources are the truth.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use model::Scope;
use model::bus::{Rule, RuleState};
use rules::{Event, Matcher, Pattern};
use serde_json::Value;

/// A bus: its owner (with region) and name.
type BusKey = (Scope, String);

#[derive(Default)]
struct BusRules {
    matcher: Matcher<String>,
    rules: HashMap<String, Arc<Rule>>,
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
        let mut buses = self.buses.write().unwrap_or_else(PoisonError::into_inner);
        let entry = buses.entry((scope.clone(), bus.to_owned())).or_default();
        entry.remove(rule_name);
        let Some(body) = body else { return };
        match serde_json::from_value::<Rule>(body) {
            Ok(rule) => entry.insert(rule),
            Err(error) => {
                tracing::error!(rule = name, error = %error, "a stored rule cannot be read; it is left out")
            }
        }
    }

    /// Whether a bus is one to count by its name: the default one, or one that has or had rules. Others may be names
    /// that clients made up.
    pub(crate) fn knows(&self, scope: &Scope, bus: &str) -> bool {
        bus == "default" || {
            let buses = self.buses.read().unwrap_or_else(PoisonError::into_inner);
            buses.contains_key(&(scope.clone(), bus.to_owned()))
        }
    }

    /// The enabled rules of a bus that match, in order of name.
    pub(crate) fn matching(&self, scope: &Scope, bus: &str, event: &Event) -> Vec<Arc<Rule>> {
        let buses = self.buses.read().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = buses.get(&(scope.clone(), bus.to_owned())) else {
            return Vec::new();
        };
        let mut names = entry.matcher.matching(event);
        names.sort();
        names
            .iter()
            .filter_map(|name| entry.rules.get(name).cloned())
            .collect()
    }
}

impl BusRules {
    fn remove(&mut self, name: &str) {
        if self.rules.remove(name).is_some() {
            self.matcher.remove(&name.to_owned());
        }
    }

    fn insert(&mut self, rule: Rule) {
        if rule.state == RuleState::Disabled {
            return;
        }
        let Some(text) = &rule.event_pattern else {
            return;
        };
        match Pattern::parse(text) {
            Ok(pattern) => {
                self.matcher.insert(rule.name.clone(), pattern);
                self.rules.insert(rule.name.clone(), Arc::new(rule));
            }
            Err(error) => {
                tracing::error!(rule = rule.name, error = %error, "a stored pattern is not valid; the rule is left out")
            }
        }
    }
}
