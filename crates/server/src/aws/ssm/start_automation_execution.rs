//! `StartAutomationExecution`.

use std::collections::BTreeMap;

use engine::views::targets_asked::{self, AskedError};
use engine::{AskError, Input};
use model::report::{AlarmWatch, StartRun};
use model::{AggregateId, Rejection};
use serde_json::{Map, Value, json};

use super::{documents, names, objects, runs};
use crate::call::{Answer, Call, Reply};
use crate::catalog;
use crate::decode::{Fields, Text, is_word};
use crate::error::ApiError;
use crate::tags;

/// Most bytes of a list of locations behind an address.
const MAX_LOCATIONS_BYTES: u64 = 1 << 20;
const ALARM_NAME: Text = Text::length(1, 255).matching("^(?!\\s*$).+", |text| {
    !text.trim().is_empty() && !text.contains('\n')
});
pub(super) const LOCATIONS_URL: Text = Text::length(1, 2500)
    .matching("^https:\\/\\/[-a-zA-Z0-9@:%._\\+~#=]{1,253}\\.s3(\\.[a-z\\d-]{9,16})?\\.amazonaws\\.com\\/.{1,2000}", |text| {
        text.starts_with("https://")
    });
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
    fields.text("ClientToken", CLIENT_TOKEN)?;
    let version = fields
        .text("DocumentVersion", names::VERSION)?
        .filter(|text| !text.is_empty());
    let version = version.map(str::to_owned).or(version_in_arn);
    let locations_url = fields.text("TargetLocationsURL", LOCATIONS_URL)?;
    let asked = match locations_url {
        Some(address) => targets_asked::read(&with_locations(&call, &call.input, address).await?),
        None => targets_asked::read(&call.input),
    };
    let (rate, locations) = asked.map_err(bad_target)?;
    let request = StartRun {
        document_name: name.clone(),
        document_version: version.clone(),
        parameters: read_parameters(&fields, "Parameters")?,
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
        locations_url: locations_url.map(str::to_owned),
        alarm: alarm(&fields)?,
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

/// The request's members with the locations that stand at an address.
pub(super) async fn with_locations(
    call: &Call,
    input: &Map<String, Value>,
    address: &str,
) -> Result<Map<String, Value>, ApiError> {
    let given = input.get("TargetLocations");
    if given.is_some_and(|given| !given.is_null()) {
        return Err(ApiError::validation(
            "`targetLocations` and `targetLocationsURL` exclude each other: give one of them.",
        ));
    }
    let place = objects::place(call, address)?;
    let unusable = |why: String| {
        let (bucket, key) = (&place.bucket, crate::error::echo(&place.key));
        let message = format!("`targetLocationsURL`: s3://{bucket}/{key} {why}.");
        ApiError::new("InvalidAutomationExecutionParametersException", message)
    };
    let text = objects::read(call, &place, MAX_LOCATIONS_BYTES).await;
    let text = text.map_err(|error| unusable(format!("cannot be read: {error}")))?;
    let read: Value =
        serde_json::from_slice(&text).map_err(|error| unusable(format!("is no JSON: {error}")))?;
    let list = match read {
        Value::Object(mut map) => map.remove("TargetLocations").unwrap_or_default(),
        list => list,
    };
    if list.as_array().is_none_or(Vec::is_empty) {
        return Err(unusable(
            "has no list of locations: write [{\"Accounts\": [...], \"Regions\": [...]}]"
                .to_owned(),
        ));
    }
    let mut members = input.clone();
    members.insert("TargetLocations".to_owned(), list);
    Ok(members)
}

/// `AlarmConfiguration`: one alarm.
fn alarm(fields: &Fields<'_>) -> Result<Option<AlarmWatch>, ApiError> {
    let Some(given) = fields.object("AlarmConfiguration")? else {
        return Ok(None);
    };
    let alarms = given.required_objects("Alarms", 1, 1)?;
    let Some(alarm) = alarms.first() else {
        return Ok(None);
    };
    Ok(Some(AlarmWatch {
        name: alarm.required_text("Name", ALARM_NAME)?.to_owned(),
        ignore_poll_failure: given.boolean("IgnorePollAlarmFailure")?.unwrap_or_default(),
    }))
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

/// Parameters of a run in wire form.
pub(crate) fn read_parameters(
    fields: &Fields<'_>,
    member: &str,
) -> Result<BTreeMap<String, Vec<String>>, ApiError> {
    let Some(given) = fields.object(member)? else {
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
