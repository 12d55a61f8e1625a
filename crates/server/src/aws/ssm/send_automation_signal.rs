//! `SendAutomationSignal`.

use std::collections::BTreeMap;

use engine::Input;
use engine::views::{RunInput, Signal, SignalKind};
use model::AggregateId;

use super::runs;
use crate::call::{Answer, Call, Reply};
use crate::decode::{Fields, Text};
use crate::error::ApiError;

const SIGNALS: &[&str] = &[
    "Approve",
    "Reject",
    "StartStep",
    "StopStep",
    "Resume",
    "Revoke",
];

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let id = runs::run_id(&fields)?;
    let word = fields.required_one_of("SignalType", SIGNALS)?;
    let kind = SignalKind::parse(word)
        .ok_or_else(|| ApiError::internal(format!("signal {word} has no kind")))?;
    let payload = read_payload(&fields)?;
    runs::existing(&call, id).await?;
    let signal = Signal {
        kind,
        payload,
        by: call.caller.arn.clone(),
        agreed: None,
    };
    let input = Input::Run(Box::new(RunInput::Signal(signal)));
    let asked = call
        .handle()
        .ask(AggregateId::run(id), &call.scope, input)
        .await;
    asked.map_err(|error| ApiError::from_ask(error, runs::refused))?;
    Ok(Reply::empty())
}

fn read_payload(fields: &Fields<'_>) -> Result<BTreeMap<String, Vec<String>>, ApiError> {
    let Some(given) = fields.object("Payload")? else {
        return Ok(BTreeMap::new());
    };
    let mut payload = BTreeMap::new();
    for name in given.map().keys().take(200) {
        let values = given
            .texts(name, (0, 50), Text::length(0, 4096))?
            .unwrap_or_default();
        payload.insert(
            name.clone(),
            values.into_iter().map(str::to_owned).collect(),
        );
    }
    Ok(payload)
}
