//! What the operations on state machines share: checking a definition, reading one, its wire form.

use engine::views::machines::{self, Calls, MachineType, Problem};
use jiff::Timestamp;
use model::state_machine::{
    MachineVersion, STATE_MACHINE, STATE_MACHINE_VERSION, StateMachine, version_name,
};
use serde_json::{Map, Value, json};

use super::names::{self, Place};
use crate::call::Call;
use crate::catalog::{self, Kept, Key};
use crate::decode::{Fields, Text, epoch};
use crate::error::ApiError;

/// Most machines of one account and region (the quota of AWS).
pub(super) const MAX_MACHINES: usize = 10_000;
const DEFINITION: Text = Text::length(1, 1_048_576);
const ROLE: Text = Text::length(1, 256);

/// What a definition's calls are checked against.
pub(super) const CALLS: Calls = Calls {
    exists: aws::knowledge::exists,
    required: aws::knowledge::required,
    foreign: aws::knowledge::foreign,
};

pub(super) fn key(call: &Call, name: &str) -> Key {
    Key {
        scope: call.scope.clone(),
        kind: STATE_MACHINE,
        name: name.to_owned(),
    }
}

/// Where a version is kept.
pub(super) fn version_key(call: &Call, name: &str, number: u32) -> Key {
    Key {
        scope: call.scope.clone(),
        kind: STATE_MACHINE_VERSION,
        name: version_name(name, number),
    }
}

/// A machine that must exist.
pub(super) async fn existing(call: &Call, name: &str) -> Result<Kept<StateMachine>, ApiError> {
    catalog::read(call.handle(), &key(call, name))
        .await?
        .ok_or_else(|| names::no_machine(&names::machine_arn(call, name)))
}

/// A machine that must exist and stay.
pub(super) async fn lasting(call: &Call, name: &str) -> Result<Kept<StateMachine>, ApiError> {
    let kept = existing(call, name).await?;
    refuse_deleted(call, &kept.body)?;
    Ok(kept)
}

/// Refuses a machine that is only there until its executions have ended.
pub(super) fn refuse_deleted(call: &Call, machine: &StateMachine) -> Result<(), ApiError> {
    if machine.deleting {
        return Err(names::machine_deleting(&names::machine_arn(
            call,
            &machine.name,
        )));
    }
    Ok(())
}

/// A version that must exist; `asked` is the ARN that it was asked for by.
pub(super) async fn existing_version(
    call: &Call,
    (name, number): (&str, u32),
    asked: &str,
) -> Result<Kept<MachineVersion>, ApiError> {
    catalog::read(call.handle(), &version_key(call, name, number))
        .await?
        .ok_or_else(|| names::no_machine(asked))
}

/// The machine, version or alias that is to be run.
pub(crate) struct Chosen {
    /// As it is now, or as it was when the version was published.
    pub(crate) machine: StateMachine,
    /// When its definition was last changed, or it was made.
    pub(super) updated: Timestamp,
    /// ARN of the version.
    pub(super) version: Option<String>,
    /// ARN of the alias.
    pub(super) alias: Option<String>,
}

/// What a place means; `chance`, from 0 to below 1, chooses between an alias's versions.
pub(crate) async fn chosen(call: &Call, place: &Place, chance: f64) -> Result<Chosen, ApiError> {
    let asked = place.arn(call);
    let (number, alias) = match (place.version(), place.alias()) {
        (Some(number), _) => (number, None),
        (None, Some(alias)) => {
            let kept = lasting(call, &place.name).await?;
            let found = kept.body.aliases.get(alias);
            let number = found.and_then(|found| found.route(chance));
            let number = number.ok_or_else(|| names::no_machine(&asked))?;
            (number, Some(asked.clone()))
        }
        (None, None) if place.qualifier.is_some() => return Err(names::no_machine(&asked)),
        (None, None) => {
            let kept = lasting(call, &place.name).await?;
            return Ok(Chosen {
                updated: kept.body.updated.unwrap_or(kept.created),
                machine: kept.body,
                version: None,
                alias: None,
            });
        }
    };
    let kept = existing_version(call, (&place.name, number), &asked).await?;
    Ok(Chosen {
        updated: kept.body.machine.updated.unwrap_or(kept.created),
        machine: kept.body.machine,
        version: Some(names::version_arn(call, &place.name, number)),
        alias,
    })
}

/// The request's definition, if it has one, checked.
pub(super) fn definition(fields: &Fields<'_>, express: bool) -> Result<Option<String>, ApiError> {
    let Some(text) = fields.text("definition", DEFINITION)? else {
        return Ok(None);
    };
    let kind = if express {
        MachineType::Express
    } else {
        MachineType::Standard
    };
    match machines::admit(text, kind, CALLS) {
        Ok(_) => Ok(Some(text.to_owned())),
        Err(problems) => Err(invalid(&problems)),
    }
}

/// All problems in one message, as the service joins them.
pub(super) fn invalid(problems: &[Problem]) -> ApiError {
    let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let message = format!("Invalid State Machine Definition: '{}'", all.join(", "));
    ApiError::new("InvalidDefinition", message)
}

pub(crate) fn role(fields: &Fields<'_>) -> Result<Option<String>, ApiError> {
    let Some(role) = fields.text("roleArn", ROLE)? else {
        return Ok(None);
    };
    let arn = model::arn::Arn::parse(role).filter(|arn| arn.service == "iam");
    if arn.is_none_or(|arn| !arn.resource.starts_with("role/")) {
        let message = format!("Invalid Role Arn: '{}'", crate::error::echo(role));
        return Err(ApiError::new("InvalidArn", message));
    }
    Ok(Some(role.to_owned()))
}

pub(super) fn tracing(fields: &Fields<'_>) -> Result<Option<bool>, ApiError> {
    let Some(given) = fields.object("tracingConfiguration")? else {
        return Ok(None);
    };
    given
        .boolean("enabled")
        .map(|enabled| Some(enabled.unwrap_or(false)))
}

/// `variableReferences` of a definition: the variables that each state reads; nothing where no state reads any.
pub(super) fn variable_references(definition: &str, express: bool) -> Option<Value> {
    let kind = if express {
        MachineType::Express
    } else {
        MachineType::Standard
    };
    let machine = machines::parse(definition, kind).ok()?;
    let read = machines::references(&machine);
    (!read.is_empty()).then(|| json!(read))
}

/// The members that `DescribeStateMachine` and its sibling share.
pub(super) fn described(arn: String, machine: &StateMachine) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("stateMachineArn".to_owned(), arn.into());
    body.insert("name".to_owned(), machine.name.as_str().into());
    body.insert("definition".to_owned(), machine.definition.as_str().into());
    body.insert("roleArn".to_owned(), machine.role_arn.as_str().into());
    let logging = machine.logging.clone().unwrap_or_else(super::logging::off);
    body.insert("loggingConfiguration".to_owned(), logging);
    body.insert(
        "tracingConfiguration".to_owned(),
        json!({"enabled": machine.tracing}),
    );
    if let Some(revision) = machine.revision {
        body.insert("revisionId".to_owned(), revision.to_string().into());
    }
    body.insert("type".to_owned(), kind(machine).into());
    if machine.encryption {
        let shown = super::encryption::shown();
        body.insert("encryptionConfiguration".to_owned(), shown);
    }
    let status = if machine.deleting {
        "DELETING"
    } else {
        "ACTIVE"
    };
    body.insert("status".to_owned(), status.into());
    body
}

fn kind(machine: &StateMachine) -> &'static str {
    if machine.express {
        "EXPRESS"
    } else {
        "STANDARD"
    }
}

/// One machine of a list.
pub(super) fn listed(call: &Call, kept: &Kept<StateMachine>) -> Value {
    json!({
        "stateMachineArn": names::machine_arn(call, &kept.body.name),
        "name": kept.body.name,
        "type": kind(&kept.body),
        "creationDate": epoch(kept.created),
    })
}
