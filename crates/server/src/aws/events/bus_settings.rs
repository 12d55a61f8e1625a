//! What a bus is told besides its name: description, dead-letter queue, logs, key.

use model::arn::Arn;
use model::bus::{Bus, BusLogs};
use serde_json::{Map, Value, json};

use super::endpoints;
use crate::decode::{Fields, Text};
use crate::error::ApiError;

const DETAILS: &[&str] = &["NONE", "FULL"];
const LEVELS: &[&str] = &["OFF", "ERROR", "INFO", "TRACE"];

/// The settings of a request; what it leaves out is `None`.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    description: Option<String>,
    dead_letter: Option<Option<String>>,
    logs: Option<BusLogs>,
}

impl Settings {
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, ApiError> {
        endpoints::refuse_key(fields)?;
        let description = fields.text("Description", Text::length(0, 512))?;
        Ok(Self {
            description: description.map(str::to_owned),
            dead_letter: dead_letter(fields)?,
            logs: logs(fields)?,
        })
    }

    /// Takes over what was given.
    pub(super) fn apply(&self, bus: &mut Bus) {
        if let Some(text) = &self.description {
            bus.description = (!text.is_empty()).then(|| text.clone());
        }
        if let Some(queue) = &self.dead_letter {
            bus.dead_letter.clone_from(queue);
        }
        if let Some(logs) = &self.logs {
            bus.logs = Some(logs.clone());
        }
    }
}

/// The settings as every answer shows them.
pub(super) fn show(bus: &Bus, body: &mut Map<String, Value>) {
    if let Some(description) = &bus.description {
        body.insert("Description".to_owned(), description.as_str().into());
    }
    if let Some(queue) = &bus.dead_letter {
        body.insert("DeadLetterConfig".to_owned(), json!({ "Arn": queue }));
    }
    if let Some(logs) = &bus.logs {
        let shown = json!({ "IncludeDetail": logs.include_detail, "Level": logs.level });
        body.insert("LogConfig".to_owned(), shown);
    }
}

/// The queue; an empty object takes it away.
fn dead_letter(fields: &Fields<'_>) -> Result<Option<Option<String>>, ApiError> {
    let Some(config) = fields.object("DeadLetterConfig")? else {
        return Ok(None);
    };
    let Some(text) = config.text("Arn", Text::length(1, 1600))? else {
        return Ok(Some(None));
    };
    let queue = Arn::parse(text).filter(|arn| arn.service == "sqs" && !arn.resource.contains('/'));
    match queue {
        Some(_) => Ok(Some(Some(text.to_owned()))),
        None => Err(ApiError::validation(
            "Parameter DeadLetterConfig.Arn is not valid. Reason: it must be the ARN of an SQS queue.",
        )),
    }
}

fn logs(fields: &Fields<'_>) -> Result<Option<BusLogs>, ApiError> {
    let Some(config) = fields.object("LogConfig")? else {
        return Ok(None);
    };
    let detail = config.one_of("IncludeDetail", DETAILS)?.unwrap_or("NONE");
    let level = config.one_of("Level", LEVELS)?.unwrap_or("OFF");
    if level != "OFF" {
        return Err(ApiError::validation(
            "Parameter LogConfig.Level is not valid. Reason: Quell writes no logs of buses, its metrics and its journal tell what became of each event; give OFF or leave LogConfig out.",
        ));
    }
    Ok(Some(BusLogs {
        include_detail: detail.to_owned(),
        level: level.to_owned(),
    }))
}
