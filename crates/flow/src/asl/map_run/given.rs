//! What the executions of a map run are given: an item, as `ItemSelector` makes it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::asl::context::ContextObject;
use crate::asl::definition::Map;
use crate::asl::document::Document;
use crate::asl::fault::Fault;
use crate::asl::intrinsic::Randomness;
use crate::asl::template::{States, View};

/// What the Map's fields were filled from when it was entered: it stays the same for all items.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Given {
    /// The effective input.
    pub(crate) input: Document,
    /// The context object.
    pub(crate) context: Value,
    /// Variables in sight.
    pub(crate) variables: BTreeMap<String, Value>,
    /// `$states`; empty where the state is written with paths.
    pub(crate) states: States,
    /// When.
    pub(crate) at: Timestamp,
}

impl Given {
    /// What an execution gets for one item.
    pub(crate) fn selected(
        &self,
        map: &Map,
        item: &Value,
        random: &mut Randomness,
    ) -> Result<Value, Fault> {
        let Some(selector) = &map.item_selector else {
            return Ok(item["Value"].clone());
        };
        let mut context = ContextObject::kept(self.context.clone());
        context.show_item(item);
        let view = View {
            document: &self.input,
            context: &context,
            variables: &self.variables,
            at: self.at,
            states: &self.states,
            open: false,
        };
        selector.fill(&view, random)
    }
}
