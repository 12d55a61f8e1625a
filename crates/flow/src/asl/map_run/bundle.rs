//! What one execution of a map run is given: an item or a batch of them, as the Map's fields make it.

use serde_json::{Value, json};

use super::state::MapRun;
use super::work::Turn;
use crate::asl::dataset::batch::{self, BatchLimits};
use crate::asl::fault::{self, Fault, MAX_PAYLOAD};

/// `Map.Item.Source` of items that were not read (the service's developer guide).
pub(crate) const STATE_DATA: &str = "STATE_DATA";

/// What an execution is given.
pub(super) struct Taken {
    /// How many items that is.
    pub(super) count: u32,
    /// JSON text of its input.
    pub(super) input: String,
    /// `Map.Item` of its context object.
    pub(super) item: Value,
}

impl Turn<'_> {
    /// What execution `index` is given, whose items begin at position `first`: one item, or a batch; `count` says how many it
    /// had when it was begun before.
    pub(super) fn taken(
        &mut self,
        (index, first): (u32, u64),
        count: Option<u32>,
    ) -> Result<Taken, Fault> {
        let origin = std::sync::Arc::clone(&self.run.origin);
        let machine = std::sync::Arc::clone(&self.run.machine);
        let Some(map) = MapRun::map(&machine, origin.block) else {
            return Err(Fault::runtime("The Map state is not there any more."));
        };
        let (run, random) = (&self.run, &mut self.random);
        let mut select = |at: u64| {
            let (value, source) = run.item(at)?;
            let source = source.unwrap_or(STATE_DATA);
            let item = json!({"Index": at, "Value": value, "Source": source});
            Some(
                origin
                    .given
                    .selected(map, &item, random)
                    .map(|given| (given, item)),
            )
        };
        // An execution must not act on nothing.
        let gone = || Fault::runtime("An item of the Map Run is not there any more.");
        let (count, input, item) = match &origin.supply.batching {
            None => {
                let (input, item) = select(first).unwrap_or_else(|| Err(gone()))?;
                (1, input, item)
            }
            Some(batching) => {
                let limits = count.map_or(batching.limits, |count| BatchLimits {
                    items: Some(count.into()),
                    bytes: None,
                });
                let items = (first..).map_while(|at| Some(select(at)?.map(|(given, _)| given)));
                let batch = batch::batch(limits, batching.input.as_ref(), items)?;
                if batch.count == 0 || count.is_some_and(|count| count != batch.count) {
                    return Err(gone());
                }
                let item = json!({"Index": index, "Value": batch.input});
                (batch.count, batch.input, item)
            }
        };
        let text = input.to_string();
        if text.len() > MAX_PAYLOAD {
            return Err(fault::too_large(&origin.parent.state));
        }
        Ok(Taken {
            count,
            input: text,
            item,
        })
    }
}
