//! `UpdateIncidentRecord`, tags and the removal.

use std::collections::BTreeMap;

use model::incident::{DEDUPE_CLAIM, IncidentStatus, START_TOKEN_CLAIM, check_tags};
use model::plan::{ChatChannel, at_most, check_impact, check_targets};
use model::{ClaimWish, Decision, FrameWrite, Rejection};
use serde_json::{Value, json};

use super::state::Incident;
use super::turn::{START_OPERATION, Turn};
use super::{Command, RecordPatch, Update};
use crate::recall::Request;
use model::Context;

/// `SSM Incident Record Update`.
pub(super) const UPDATE: &str = "SSM Incident Record Update";

/// Changes the record.
pub(super) fn update(
    state: &Incident,
    update: Update,
    cx: &Context,
) -> Result<Decision<Incident, Command>, Rejection> {
    let request = Request::new(
        "UpdateIncidentRecord",
        update.client_token.as_deref(),
        &update.patch,
    );
    if let Some(reply) = state.recall.answer(&request)? {
        let mut decision = Decision::unchanged(state.clone());
        decision.reply = reply;
        return Ok(decision);
    }
    validate(&update.patch)?;
    let mut turn = Turn::new(state.clone(), cx);
    turn.answer(&request, json!({}));
    let attributes = attributes(&update.patch);
    apply(&mut turn, &update.patch);
    if let Some(status) = update.patch.status {
        change_status(&mut turn, status);
    }
    turn.state.record.last_modified_by.clone_from(&update.by);
    turn.state.record.last_modified_time = turn.at;
    if !attributes.is_empty() {
        let data = json!({
            "modifiedBy": update.by,
            "modifiedAttributes": attributes,
            "incidentTitle": turn.state.record.title,
        });
        turn.event(UPDATE, &data, &[]);
        turn.fact("incident.updated", data.clone());
        turn.publish(UPDATE, data);
    }
    Ok(turn.decide())
}

fn validate(patch: &RecordPatch) -> Result<(), Rejection> {
    at_most("title", patch.title.as_deref(), 200)?;
    at_most("summary", patch.summary.as_deref(), 8000)?;
    if let Some(impact) = patch.impact {
        check_impact("impact", impact)?;
    }
    if let Some(channel) = &patch.chat_channel {
        channel.validate()?;
    }
    patch
        .notification_targets
        .as_deref()
        .map_or(Ok(()), |targets| {
            check_targets("notificationTargets", targets)
        })
}

/// What changed, in the form of the timeline event: names, and values as text.
fn attributes(patch: &RecordPatch) -> Vec<Value> {
    let members = match serde_json::to_value(patch) {
        Ok(Value::Object(members)) => members,
        _ => serde_json::Map::new(),
    };
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    members
        .into_iter()
        .map(|(name, value)| json!({ "attributeName": name, "newValue": text(value) }))
        .collect()
}

fn apply(turn: &mut Turn, patch: &RecordPatch) {
    let record = &mut turn.state.record;
    if let Some(title) = &patch.title {
        record.title.clone_from(title);
    }
    if let Some(summary) = &patch.summary {
        record.summary = Some(summary.clone()).filter(|summary| !summary.is_empty());
    }
    if let Some(impact) = patch.impact {
        record.impact = impact;
    }
    if let Some(channel) = &patch.chat_channel {
        record.chat_channel =
            Some(channel.clone()).filter(|channel| !matches!(channel, ChatChannel::Empty {}));
    }
    if let Some(targets) = &patch.notification_targets {
        record.notification_targets.clone_from(targets);
    }
}

/// Resolving gives the key back and stops the engagements; reopening claims the key again, so that it fails while
/// another open incident has it.
fn change_status(turn: &mut Turn, status: IncidentStatus) {
    if turn.state.record.status == status {
        return;
    }
    turn.state.record.status = status;
    match status {
        IncidentStatus::Resolved => {
            turn.state.record.resolved_time = Some(turn.at);
            turn.state.moments.resolved = Some(turn.at);
            release_key(turn);
            stop_engagements(turn, "the incident was resolved");
            turn.fact("incident.resolved", json!({ "arn": turn.state.record.arn }));
        }
        IncidentStatus::Open => {
            turn.state.record.resolved_time = None;
            turn.state.moments.resolved = None;
            turn.claims
                .extend(turn.state.dedupe_key.clone().map(|key| ClaimWish {
                    scope: DEDUPE_CLAIM.to_owned(),
                    key,
                    expires: None,
                }));
            turn.fact("incident.reopened", json!({ "arn": turn.state.record.arn }));
        }
    }
}

fn release_key(turn: &mut Turn) {
    turn.releases.extend(
        turn.state
            .dedupe_key
            .clone()
            .map(|key| (DEDUPE_CLAIM.to_owned(), key)),
    );
}

fn stop_engagements(turn: &mut Turn, reason: &str) {
    for engagement in turn
        .state
        .engagements
        .iter_mut()
        .filter(|engagement| !engagement.ended)
    {
        engagement.ended = true;
        turn.commands.push(Command::StopEngagement {
            engagement: engagement.id,
            reason: reason.to_owned(),
        });
    }
}

/// Sets tags.
pub(super) fn tag(
    state: &Incident,
    tags: BTreeMap<String, String>,
    cx: &Context,
) -> Result<Decision<Incident, Command>, Rejection> {
    check_tags("tags", &tags)?;
    let mut turn = Turn::new(state.clone(), cx);
    turn.state.tags.extend(tags);
    if turn.state.tags.len() > 50 {
        return Err(Rejection::Quota {
            message: "a resource has at most 50 tags: remove some first".to_owned(),
        });
    }
    turn.reply = json!({});
    Ok(turn.decide())
}

/// Removes tags; a missing key is no error.
pub(super) fn untag(
    state: &Incident,
    keys: &[String],
    cx: &Context,
) -> Result<Decision<Incident, Command>, Rejection> {
    let mut turn = Turn::new(state.clone(), cx);
    turn.state.tags.retain(|key, _| !keys.contains(key));
    turn.reply = json!({});
    Ok(turn.decide())
}

/// Removes the incident: the deletion of the root frame stands for all frames.
pub(super) fn delete(state: &Incident, cx: &Context) -> Decision<Incident, Command> {
    let mut turn = Turn::new(state.clone(), cx);
    turn.state.deleted = true;
    release_key(&mut turn);
    let tokens = state.recall.tokens(START_OPERATION);
    turn.releases
        .extend(tokens.map(|token| (START_TOKEN_CLAIM.to_owned(), token.to_owned())));
    stop_engagements(&mut turn, "the incident was deleted");
    turn.fact("incident.deleted", json!({ "arn": turn.state.record.arn }));
    turn.reply = json!({});
    let mut decision = turn.decide();
    decision.frames = vec![FrameWrite::delete("")];
    decision
}
