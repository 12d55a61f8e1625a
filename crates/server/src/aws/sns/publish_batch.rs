//! `PublishBatch`: up to ten messages; one that is refused fails alone, the others are committed together.

use std::collections::BTreeSet;

use engine::views::topics::{MAX_MESSAGE_BYTES, Message};
use serde_json::{Value, json};

use super::names;
use super::publish;
use crate::call::{Answer, Call, Reply};
use crate::decode::{Fields, Text, is_word};
use crate::error::ApiError;

/// Most entries.
const MAX_ENTRIES: usize = 10;
/// Longest id of an entry, in characters.
const MAX_ID: usize = 80;

pub(super) async fn handle(call: Call) -> Answer {
    let topic = names::topic(&call, "TopicArn")?;
    let fields = call.fields();
    let entries = fields.objects("PublishBatchRequestEntries", 0, 1_000)?;
    let entries = entries.unwrap_or_default();
    let ids = check(&entries)?;
    let read = entries.iter().map(publish::message);
    let (mut good, mut failed): (Vec<(&str, Message)>, Vec<Value>) = (Vec::new(), Vec::new());
    for (id, read) in ids.into_iter().zip(read) {
        match read {
            Ok(message) => good.push((id, message)),
            Err(error) => failed.push(json!({
                "Id": id,
                "Code": error.code(super::SERVICE.words),
                "Message": error.message(),
                "SenderFault": true,
            })),
        }
    }
    let size: usize = good.iter().map(|(_, message)| message.size()).sum();
    if size > MAX_MESSAGE_BYTES {
        let message = "The length of all the messages put together is more than the limit.";
        return Err(ApiError::new("BatchRequestTooLong", message));
    }
    let (ids, messages): (Vec<&str>, Vec<Message>) = good.into_iter().unzip();
    let published = call.handle().publish(&call.scope, &topic, &messages).await;
    let published = published.map_err(names::failed)?;
    let published = published.ok_or_else(|| names::not_found("Topic"))?;
    let successful: Vec<Value> = ids
        .into_iter()
        .zip(published)
        .map(|(id, message)| json!({ "Id": id, "MessageId": message }))
        .collect();
    Ok(Reply::ok(
        json!({ "Successful": successful, "Failed": failed }),
    ))
}

/// The entries' ids, which tell them apart.
fn check<'a>(entries: &[Fields<'a>]) -> Result<Vec<&'a str>, ApiError> {
    let refuse = |code: &'static str, message: &str| Err(ApiError::new(code, message));
    if entries.is_empty() {
        return refuse(
            "EmptyBatchRequest",
            "The batch request doesn't contain any entries.",
        );
    }
    if entries.len() > MAX_ENTRIES {
        return refuse(
            "TooManyEntriesInBatchRequest",
            "The batch request contains more entries than permissible.",
        );
    }
    let mut ids = Vec::new();
    let mut seen = BTreeSet::new();
    for entry in entries {
        let id = entry.required_text("Id", Text::length(0, usize::MAX))?;
        if id.is_empty() || id.len() > MAX_ID || !is_word(id, "-_") {
            return refuse(
                "InvalidBatchEntryId",
                "The Id of a batch entry in a batch request doesn't abide by the specification.",
            );
        }
        if !seen.insert(id) {
            return refuse(
                "BatchEntryIdsNotDistinct",
                "Two or more batch entries in the request have the same Id.",
            );
        }
        ids.push(id);
    }
    Ok(ids)
}
