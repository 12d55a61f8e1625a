//! `POST /api/v1/aws/calls`: one AWS call with the server's credentials, committed before it is sent.
//!
//! Body: `{"service": "ec2", "operation": "StopInstances", "params": {...}?, "region": "..."?, "account": "..."?,
//! "role": "name or ARN"?, "timeoutSecs": 60?, "clientToken": "<uuid>"?, "dryRun": false?}`. The call's id is its
//! idempotency token; a client that gives `clientToken` chooses it, and may repeat its request.

use engine::views::call;
use engine::{AskError, Input};
use http::StatusCode;
use model::{AggregateId, Rejection};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::aws_calls::{existing, whole};
use super::runs::uuid;
use crate::call::{Answer, Call, Reply};
use crate::decode::{Fields, Text};
use crate::error::ApiError;

/// Limit of a call in seconds, unless the caller gives another.
const TIMEOUT_SECS: i64 = 60;
const MAX_TIMEOUT_SECS: i64 = 900;
const MEMBERS: [&str; 9] = [
    "service",
    "operation",
    "params",
    "region",
    "account",
    "role",
    "timeoutSecs",
    "clientToken",
    "dryRun",
];
const ROLE: Text = Text::length(1, 2048);
const ACCOUNT: Text = Text::length(12, 12).matching("[0-9]{12}", |text| {
    text.bytes().all(|byte| byte.is_ascii_digit())
});

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    refuse_unknown(&fields)?;
    let id = match fields.text("clientToken", Text::length(1, 64))? {
        Some(text) => uuid("clientToken", text)?,
        None => call.handle().new_id(),
    };
    let (mut request, params) = read(&call, &fields)?;
    let (params, prepared) = checked(&call, &request, (params, id))?;
    let class = aws::knowledge::mutation(&request.service, &request.operation, &params);
    class.word().clone_into(&mut request.class);
    if fields.boolean("dryRun")?.unwrap_or(false) {
        return Ok(Reply::ok(rehearsal(&request, &prepared)));
    }
    let input = Input::Call(Box::new(call::Input::Start { request, params }));
    let token = call.token("CreateAwsCall", "clientToken");
    let asked = call
        .handle()
        .create(AggregateId::call(id), &call.scope.global(), input, token)
        .await;
    match asked {
        Ok(_) | Err(AskError::Replayed { .. }) => {}
        Err(error) => return Err(ApiError::from_ask(error, refused)),
    }
    let accepted = existing(&call, id).await?;
    Ok(Reply {
        status: StatusCode::ACCEPTED,
        body: whole(id, &accepted),
    })
}

/// A misspelt member would be a wish that is not followed (`dryrun`): unlike AWS's own, this API refuses it.
fn refuse_unknown(fields: &Fields<'_>) -> Result<(), ApiError> {
    let unknown = fields
        .map()
        .keys()
        .find(|name| !MEMBERS.contains(&name.as_str()));
    match unknown {
        None => Ok(()),
        Some(name) => Err(ApiError::validation(format!(
            "`{}` is not known here; the members are: {}",
            crate::error::echo(name),
            MEMBERS.join(", ")
        ))),
    }
}

fn read(call: &Call, fields: &Fields<'_>) -> Result<(call::Request, Value), ApiError> {
    let name = Text::length(1, 128);
    let (service, operation) = aws::resolve_names(
        fields.required_text("service", name)?,
        fields.required_text("operation", name)?,
    )
    .map_err(|error| ApiError::validation(error.to_string()))?;
    let region = fields
        .text("region", Text::length(1, 64))?
        .unwrap_or(&call.scope.region)
        .to_owned();
    let account = fields.text("account", ACCOUNT)?.map(str::to_owned);
    let role_arn = fields
        .text("role", ROLE)?
        .map(|role| aws::role_arn(role, account.as_deref(), &region))
        .transpose()
        .map_err(|error| ApiError::validation(error.to_string()))?;
    let params = fields.object("params")?;
    let params = Value::Object(params.map_or_else(Map::new, |params| params.map().clone()));
    let timeout = fields.integer("timeoutSecs", 1, MAX_TIMEOUT_SECS)?;
    let request = call::Request {
        service,
        operation,
        region,
        account,
        role_arn,
        class: String::new(),
        timeout_secs: u32::try_from(timeout.unwrap_or(TIMEOUT_SECS)).unwrap_or(u32::MAX),
        by: call.caller.arn.clone(),
    };
    Ok((request, params))
}

/// Nothing is committed that cannot be sent: parameters, region and endpoint are checked against the model first.
fn checked(
    call: &Call,
    request: &call::Request,
    (mut params, id): (Value, Uuid),
) -> Result<(Value, aws::Prepared), ApiError> {
    let token = id.to_string();
    let prepared = aws::prepare(&aws::Call {
        service: &request.service,
        operation: &request.operation,
        params: &params,
        region: &request.region,
        endpoint_url: call.state.config().aws_endpoint_url.as_deref(),
        token: &token,
        options: aws::CallOptions::defaults(),
    })
    .map_err(|error| ApiError::validation(error.to_string()))?;
    // The id of the call, not of its effect, is the token: it stays the same when a person has the call repeated.
    aws::knowledge::inject_token(&request.service, &request.operation, &mut params, &token);
    Ok((params, prepared))
}

fn rehearsal(request: &call::Request, prepared: &aws::Prepared) -> Value {
    let sent = &prepared.request;
    json!({
        "dryRun": true,
        "service": request.service,
        "operation": request.operation,
        "region": request.region,
        "account": request.account,
        "role": request.role_arn,
        "class": request.class,
        "method": sent.method,
        "url": sent.url(),
        "headers": sent.headers,
        "body": String::from_utf8_lossy(&sent.body),
        "signed": !prepared.signing.is_unsigned(),
    })
}

fn refused(rejection: Rejection) -> ApiError {
    let message = rejection.to_string();
    match rejection {
        Rejection::NotFound { .. } => ApiError::not_found(message),
        Rejection::Conflict { .. } | Rejection::Closed => ApiError::conflict(message),
        Rejection::Invalid { .. } | Rejection::Quota { .. } => ApiError::validation(message),
    }
}
