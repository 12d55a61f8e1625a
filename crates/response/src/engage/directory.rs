//! The contacts and channels that a decision may look at.

use std::collections::{BTreeMap, BTreeSet};

use model::contact::{Contact, ContactChannel};

/// Contacts and channels by ARN, as they are now.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Directory {
    /// Contacts by ARN.
    pub contacts: BTreeMap<String, Contact>,
    /// Channels by ARN.
    pub channels: BTreeMap<String, ContactChannel>,
}

impl Directory {
    /// ARNs of contacts and channels reachable from the contact `root` that are not here yet. Whoever loads the
    /// directory repeats: load what is missing, skip what does not exist, until nothing new is named (at most three
    /// rounds: escalation plan, people, channels).
    #[must_use]
    pub fn missing(&self, root: &str) -> BTreeSet<String> {
        let mut missing = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut open = vec![root.to_owned()];
        while let Some(arn) = open.pop() {
            if !seen.insert(arn.clone()) || self.channels.contains_key(&arn) {
                continue;
            }
            match self.contacts.get(&arn) {
                Some(contact) => open.extend(contact.targets().map(str::to_owned)),
                None => {
                    missing.insert(arn);
                }
            }
        }
        missing
    }
}
