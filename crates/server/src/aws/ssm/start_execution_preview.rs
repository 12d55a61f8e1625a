//! `StartExecutionPreview`.

use engine::views::targets_asked;
use model::Rejection;
use model::report::StartRun;
use serde_json::json;

use super::start_automation_execution::{LOCATIONS_URL, read_parameters, with_locations};
use super::{documents, names};
use crate::call::{Answer, Call, Reply};
use crate::catalog;
use crate::decode::Text;
use crate::error::ApiError;
use crate::previews;

const PARAMETER_NAME: Text = Text::length(1, 50);

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let name = fields
        .required_text("DocumentName", names::NEW_NAME)?
        .to_owned();
    let version = fields
        .text("DocumentVersion", names::VERSION)?
        .filter(|text| !text.is_empty())
        .map(str::to_owned);
    let mut request = StartRun {
        document_name: name.clone(),
        document_version: version.clone(),
        executed_by: call.caller.arn.clone(),
        region: call.scope.region.clone(),
        mode: "Auto".to_owned(),
        caller_role: (call.caller.session.as_ref()).map(|session| session.role.role_arn.clone()),
        ..StartRun::default()
    };
    if let Some(inputs) = fields.object("ExecutionInputs")? {
        inputs.union(&["Automation"])?;
        if let Some(given) = inputs.object("Automation")? {
            given.text("TargetParameterName", PARAMETER_NAME)?;
            request.parameters = read_parameters(&given, "Parameters")?;
            let address = given.text("TargetLocationsURL", LOCATIONS_URL)?;
            let asked = match address {
                Some(address) => {
                    let members = with_locations(&call, given.map(), address).await;
                    // The operation has one exception for everything that is wrong with a request.
                    let members = members.map_err(|error| ApiError::validation(error.message()))?;
                    targets_asked::read(&members)
                }
                None => targets_asked::read(given.map()),
            };
            (request.rate, request.locations) =
                asked.map_err(|error| ApiError::validation(error.message))?;
            request.locations_url = address.map(str::to_owned);
        }
    }
    require_definition(&call, &name, version.as_deref()).await?;
    let id = previews::begin(&call, previews::of_document(request), refused).await?;
    Ok(Reply::ok(json!({ "ExecutionPreviewId": id })))
}

/// The operation has one exception for everything that is wrong with a request.
fn refused(rejection: Rejection) -> ApiError {
    ApiError::validation(rejection.to_string())
}

async fn require_definition(
    call: &Call,
    name: &str,
    version: Option<&str>,
) -> Result<(), ApiError> {
    let found = catalog::read(call.handle(), &names::head_key(call, name)).await?;
    let Some(head) = found.map(|kept| kept.body) else {
        return Err(ApiError::validation(format!(
            "An Automation runbook with the name `{name}` could not be found: create it with CreateDocument."
        )));
    };
    let version = version.unwrap_or_default();
    documents::numbered(&head, version)
        .map(|_| ())
        .map_err(|_| {
            ApiError::validation(format!(
                "An Automation runbook with the name `{name}` has no version `{version}`."
            ))
        })
}
