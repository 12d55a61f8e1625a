//! `UpdateRelatedItems`.

use model::incident::RelatedItemsUpdate;
use model::{Decision, Rejection};
use serde_json::json;

use super::Command;
use super::record::UPDATE;
use super::state::Incident;
use super::turn::Turn;
use crate::recall::Request;
use model::Context;

/// Who asks.
pub(super) struct Asker {
    /// ARN of the caller.
    pub(super) by: String,
    /// `clientToken`.
    pub(super) client_token: Option<String>,
}

/// Adds or removes an item. Adding what is there and removing what is not there succeed and write no event.
pub(super) fn update(
    state: &Incident,
    update: RelatedItemsUpdate,
    asker: Asker,
    cx: &Context,
) -> Result<Decision<Incident, Command>, Rejection> {
    let request = Request::new("UpdateRelatedItems", asker.client_token.as_deref(), &update);
    if let Some(reply) = state.recall.answer(&request)? {
        let mut decision = Decision::unchanged(state.clone());
        decision.reply = reply;
        return Ok(decision);
    }
    let mut turn = Turn::new(state.clone(), cx);
    turn.answer(&request, json!({}));
    let change = change(&mut turn, update)?;
    if let Some((value, items)) = change {
        turn.state.record.last_modified_by.clone_from(&asker.by);
        turn.state.record.last_modified_time = turn.at;
        let data = json!({
            "modifiedBy": asker.by,
            "modifiedAttributes": [{ "attributeName": "relatedItems", "newValue": value }],
            "incidentTitle": turn.state.record.title,
        });
        turn.event(UPDATE, &data, &items);
        turn.fact("incident.related_items", data.clone());
        turn.publish(UPDATE, data);
    }
    Ok(turn.decide())
}

/// Makes the change; gives the event's value and the ids that it refers to, or `None` when nothing changed.
fn change(
    turn: &mut Turn,
    update: RelatedItemsUpdate,
) -> Result<Option<(String, Vec<String>)>, Rejection> {
    match update {
        RelatedItemsUpdate::ItemToAdd(item) => {
            let field = "relatedItemsUpdate.itemToAdd";
            if item.generated_id.is_some() {
                let message = "is given by the server and must not be sent";
                return Err(Rejection::invalid(format!("{field}.generatedId"), message));
            }
            item.validate(field)?;
            let value = json!({ "itemToAdd": item }).to_string();
            let (id, new) = turn.relate(item.identifier, item.title)?;
            Ok(new.then(|| (value, vec![id])))
        }
        RelatedItemsUpdate::ItemToRemove(identifier) => {
            let before = turn.state.related.len();
            turn.state
                .related
                .retain(|item| item.identifier != identifier);
            let removed = turn.state.related.len() < before;
            Ok(removed.then(|| {
                (
                    json!({ "itemToRemove": identifier }).to_string(),
                    Vec::new(),
                )
            }))
        }
    }
}
