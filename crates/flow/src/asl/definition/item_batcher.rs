//! Reading `ItemBatcher`: how many items go to one execution of a distributed Map.

use super::Language;
use super::distributed::{ItemBatcher, MAX_BATCH_BYTES, MAX_ITEMS};
use super::fields::Fields;
use super::mapping::{object, whole};

pub(super) fn item_batcher(fields: &mut Fields<'_, '_>, language: Language) -> Option<ItemBatcher> {
    let (map, at) = object(fields, "ItemBatcher")?;
    let mut own = Fields::new(map, &at, fields.problems);
    let mut known = vec!["MaxItemsPerBatch", "MaxInputBytesPerBatch", "BatchInput"];
    if language == Language::JsonPath {
        known.extend(["MaxItemsPerBatchPath", "MaxInputBytesPerBatchPath"]);
    }
    own.only(&known);
    let max_items = own.number_or_path("MaxItemsPerBatch", language);
    whole(&mut own, (&max_items, "MaxItemsPerBatch"), (1, MAX_ITEMS));
    let max_bytes = own.number_or_path("MaxInputBytesPerBatch", language);
    whole(
        &mut own,
        (&max_bytes, "MaxInputBytesPerBatch"),
        (1, MAX_BATCH_BYTES),
    );
    if !known
        .iter()
        .any(|name| *name != "BatchInput" && own.has(name))
    {
        let message = "One of these fields is required: [MaxItemsPerBatch, MaxInputBytesPerBatch]";
        own.refuse("", message);
    }
    let input = map
        .get("BatchInput")
        .map(|value| fields.filled(value, "ItemBatcher/BatchInput", language));
    Some(ItemBatcher {
        max_items,
        max_bytes,
        input,
    })
}
