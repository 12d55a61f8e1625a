//! `StartReplay`: events of an archive once more, to the archive's own bus only.

use engine::StartReplayError;
use engine::views::replay::Start;
use model::arn::Arn;
use model::bus::Archive;
use serde_json::json;

use super::archives;
use super::names::{self, DEFAULT_BUS};
use super::replays::{self, REPLAY_NAME};
use crate::call::{Answer, Call, Reply};
use crate::catalog;
use crate::decode::{Fields, Text, epoch};
use crate::error::ApiError;

/// Most rules that a replay can be limited to: a bus has no more.
const MAX_FILTERS: usize = 300;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let name = fields.required_text("ReplayName", REPLAY_NAME)?;
    let description = fields.text("Description", Text::length(0, 512))?;
    let archive_arn = fields.required_text("EventSourceArn", names::ARN)?;
    let from = fields.required_timestamp("EventStartTime")?;
    let until = fields.required_timestamp("EventEndTime")?;
    let destination = fields.required_object("Destination")?;
    let bus_arn = destination.required_text("Arn", names::ARN)?;
    let bus = archives::bus_of(&call, "Destination.Arn", bus_arn)?;
    let archive = archive(&call, archive_arn).await?;
    if archive.bus != bus {
        return Err(ApiError::validation(
            "Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not permitted.",
        ));
    }
    if from >= until {
        return Err(ApiError::validation(
            "Parameter EventEndTime is not valid. Reason: EventStartTime must be before EventEndTime.",
        ));
    }
    let request = Start {
        name: name.to_owned(),
        description: description
            .filter(|text| !text.is_empty())
            .map(str::to_owned),
        archive_name: archive.name,
        archive: archive.id,
        archive_arn: archive_arn.to_owned(),
        filter_arns: filters(&call, &destination, &bus)?,
        bus,
        bus_arn: bus_arn.to_owned(),
        from,
        until,
        slot: String::new(),
    };
    let started = call.handle().start_replay(&call.scope, request).await;
    started.map_err(|error| match error {
        StartReplayError::TooMany => names::limit_exceeded("10 replays at once"),
        StartReplayError::Ask(error) => {
            ApiError::from_ask(error, |rejection| replays::refused(name, rejection))
        }
    })?;
    let replay = replays::existing(&call, name).await?;
    Ok(Reply::ok(json!({
        "ReplayArn": replays::arn(&call, name),
        "State": "STARTING",
        "ReplayStartTime": epoch(replay.started),
    })))
}

/// The archive that an ARN names, which must exist here.
async fn archive(call: &Call, text: &str) -> Result<Archive, ApiError> {
    let invalid = |reason: String| {
        ApiError::validation(format!(
            "Parameter EventSourceArn is not valid. Reason: {reason}"
        ))
    };
    let own = |arn: &Arn| {
        arn.service == "events"
            && arn.account == call.scope.account
            && arn.region == call.scope.region
    };
    let arn = Arn::parse(text).filter(own);
    let name = arn.as_ref().and_then(|arn| arn.tail("archive"));
    let Some(name) = name else {
        return Err(invalid("Must contain an archive ARN.".to_owned()));
    };
    let found = catalog::read::<Archive>(call.handle(), &archives::key(call, name)).await?;
    found
        .map(|kept| kept.body)
        .ok_or_else(|| invalid(format!("Archive {name} does not exist.")))
}

/// The rules that the replay is limited to: of the bus, though they need not exist yet.
fn filters(call: &Call, destination: &Fields<'_>, bus: &str) -> Result<Vec<String>, ApiError> {
    let given = destination.texts("FilterArns", (0, MAX_FILTERS), names::ARN)?;
    let rules = names::rule_arn(call, bus, "");
    for arn in given.iter().flatten() {
        let rule = arn.strip_prefix(rules.as_str());
        let of_bus = rule.is_some_and(|rule| !rule.is_empty() && !rule.contains('/'));
        if !of_bus {
            let name = if bus == DEFAULT_BUS { "default" } else { bus };
            return Err(ApiError::validation(format!(
                "Parameter Destination.FilterArns is not valid. Reason: `{}` is not the ARN of a rule of event bus {name}.",
                crate::error::echo(arn)
            )));
        }
    }
    let given = given.unwrap_or_default().into_iter();
    Ok(given.map(str::to_owned).collect())
}
