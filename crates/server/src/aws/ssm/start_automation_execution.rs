//! `StartAutomationExecution`.

use std::collections::BTreeMap;

use engine::views::targets_asked::{self, AskedError};
use engine::{AskError, Input};
use model::report::StartRun;
use model::{AggregateId, Rejection};
use serde_json::json;

use super::{documents, names, runs};
use crate::call::{Answer, Call, Reply};
use crate::catalog;
use crate::decode::{Fields, Text, is_word};
use crate::error::ApiError;
use crate::tags;

/// What this version does not do: a list of locations behind an address, and alarms that stop a run.
const UNSERVED: [&str; 2] = ["TargetLocationsURL", "AlarmConfiguration"];
const CLIENT_TOKEN: Text = Text::length(36, 36).matching(
    "[a-fA-F0-9]{8}-[a-fA-F0-9]{4}-[a-fA-F0-9]{4}-[a-fA-F0-9]{4}-[a-fA-F0-9]{12}",
    |text| is_word(text, "-") && text.parse::<uuid::Uuid>().is_ok(),
);
const PARAMETER_NAME: Text = Text::length(1, 50);
/// AWS allows 512 characters per value. Whole findings travel as a parameter, so only the body's limit holds here.
const PARAMETER_VALUE: Text = Text::length(0, usize::MAX);
const MAX_PARAMETERS: usize = 200;
const MAX_VALUES: usize = 50;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let given = fields.required_text("DocumentName", names::NAME)?;
    let (name, version_in_arn) = names::plain_name(given);
    names::refuse_unserved(&fields, &UNSERVED)?;
    fields.text("ClientToken", CLIENT_TOKEN)?;
    let version = fields
        .text("DocumentVersion", names::VERSION)?
        .filter(|text| !text.is_empty());
    let version = version.map(str::to_owned).or(version_in_arn);
    let (rate, locations) = targets_asked::read(&call.input).map_err(bad_target)?;
    let request = StartRun {
        document_name: name.clone(),
        document_version: version.clone(),
        parameters: read_parameters(&fields)?,
        executed_by: call.caller.arn.clone(),
        region: call.scope.region.clone(),
        mode: fields
            .one_of("Mode", &["Auto", "Interactive"])?
            .unwrap_or("Auto")
            .to_owned(),
        incident: None,
        tags: tags::read(&fields, "Tags")?,
        caller_role: (call.caller.session.as_ref()).map(|session| session.role.role_arn.clone()),
        rate,
        locations,
        ..StartRun::default()
    };
    require_definition(&call, &name, version.as_deref()).await?;
    let id = AggregateId::run(call.handle().new_id());
    let token = call.token("StartAutomationExecution", "ClientToken");
    let started = call
        .handle()
        .create(id, &call.scope, Input::StartRun(Box::new(request)), token)
        .await;
    let id = match started {
        Ok(_) => id,
        Err(AskError::Replayed { holder }) => holder,
        Err(error) => return Err(ApiError::from_ask(error, refused)),
    };
    Ok(Reply::ok(json!({ "AutomationExecutionId": id.id })))
}

/// What is wrong with targets, in AWS's own families.
fn bad_target(error: AskedError) -> ApiError {
    let AskedError { field, message } = error;
    match field.split('.').next() {
        Some("TargetParameterName") => {
            ApiError::new("InvalidAutomationExecutionParametersException", message)
        }
        Some("Targets" | "TargetMaps") => ApiError::new("InvalidTarget", message),
        _ => ApiError::validation(message),
    }
}

fn refused(rejection: Rejection) -> ApiError {
    runs::refused(rejection)
}

fn read_parameters(fields: &Fields<'_>) -> Result<BTreeMap<String, Vec<String>>, ApiError> {
    let Some(given) = fields.object("Parameters")? else {
        return Ok(BTreeMap::new());
    };
    if given.map().len() > MAX_PARAMETERS {
        let rule = format!("Member must have length less than or equal to {MAX_PARAMETERS}");
        return Err(ApiError::constraint(
            "parameters",
            Some("[too many]"),
            &rule,
        ));
    }
    let mut parameters = BTreeMap::new();
    for name in given.map().keys() {
        PARAMETER_NAME.check("parameters", name)?;
        let values = given
            .texts(name, (0, MAX_VALUES), PARAMETER_VALUE)?
            .unwrap_or_default();
        parameters.insert(
            name.clone(),
            values.into_iter().map(str::to_owned).collect(),
        );
    }
    Ok(parameters)
}

/// AWS's own exceptions for a document or version that is not there, before a run is asked for.
async fn require_definition(
    call: &Call,
    name: &str,
    version: Option<&str>,
) -> Result<(), ApiError> {
    let found = catalog::read(call.handle(), &names::head_key(call, name)).await?;
    let Some(head) = found.map(|kept| kept.body) else {
        let shown = crate::error::echo(name);
        return Err(ApiError::new(
            "AutomationDefinitionNotFoundException",
            format!(
                "An Automation runbook with the name `{shown}` could not be found: create it with CreateDocument."
            ),
        ));
    };
    documents::numbered(&head, version.unwrap_or_default())
        .map(|_| ())
        .map_err(|_| {
            let shown = crate::error::echo(version.unwrap_or_default());
            ApiError::new(
                "AutomationDefinitionVersionNotFoundException",
                format!("An Automation runbook with the name `{name}` has no version `{shown}`."),
            )
        })
}
