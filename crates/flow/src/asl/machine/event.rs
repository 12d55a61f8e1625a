//! One event of an execution's history, as the service shows it.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

/// An event. It becomes JSON where the store writes it.
#[derive(Debug)]
pub(super) struct Event {
    /// Milliseconds since 1970.
    pub(super) timestamp: i64,
    pub(super) kind: String,
    /// From 1, without gaps.
    pub(super) id: u64,
    pub(super) previous: u64,
    pub(super) details: Option<Details>,
}

/// What an event says besides. Those of the states that need nobody have shapes of their own: an execution may have
/// thousands of them in one turn.
#[derive(Debug)]
pub(super) enum Details {
    /// Of any other event: the member's name, and its value.
    Other(String, Value),
    /// A state was entered.
    Entered {
        /// The state's name.
        name: String,
        /// JSON text.
        input: String,
    },
    /// A state was left.
    Exited {
        /// The state's name.
        name: String,
        /// JSON text.
        output: String,
        /// Variables with the JSON text of each.
        assigned: Map<String, Value>,
    },
}

impl Event {
    /// The event as a JSON value.
    pub(super) fn value(&self) -> Value {
        // Plain data with text keys, which serde_json always writes.
        serde_json::to_value(self).unwrap_or_default()
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let members = 4 + usize::from(self.details.is_some());
        let mut map = serializer.serialize_map(Some(members))?;
        map.serialize_entry("timestamp", &self.timestamp)?;
        map.serialize_entry("type", &self.kind)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("previousEventId", &self.previous)?;
        match &self.details {
            None => {}
            Some(Details::Other(name, value)) => map.serialize_entry(name, value)?,
            Some(details @ Details::Entered { .. }) => {
                map.serialize_entry("stateEnteredEventDetails", details)?;
            }
            Some(details @ Details::Exited { .. }) => {
                map.serialize_entry("stateExitedEventDetails", details)?;
            }
        }
        map.end()
    }
}

impl Serialize for Details {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let whole = json!({"truncated": false});
        match self {
            Self::Other(_, value) => value.serialize(serializer),
            Self::Entered { name, input } => {
                let mut map = serializer.serialize_map(Some(3))?;
                map.serialize_entry("name", name)?;
                map.serialize_entry("input", input)?;
                map.serialize_entry("inputDetails", &whole)?;
                map.end()
            }
            Self::Exited {
                name,
                output,
                assigned,
            } => {
                let mut map = serializer.serialize_map(None)?;
                map.serialize_entry("name", name)?;
                map.serialize_entry("output", output)?;
                map.serialize_entry("outputDetails", &whole)?;
                if !assigned.is_empty() {
                    map.serialize_entry("assignedVariables", assigned)?;
                    map.serialize_entry("assignedVariablesDetails", &whole)?;
                }
                map.end()
            }
        }
    }
}
