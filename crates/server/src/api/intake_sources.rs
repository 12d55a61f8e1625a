//! `/api/v1/intake/sources`: where events come from, and how that fares.
//!
//! `GET` lists, `POST` makes one; `GET`, `PUT` and `DELETE` on `/{name}` look at, change and remove one;
//! `POST /{name}/confirm` with `{"topicArn": "..."}` confirms a subscription that waits. Sources of the configuration
//! file are shown and cannot be changed here.

use http::StatusCode;
use intake::source::{ChangeError, Origin, ParkedError, Settings, Snapshot, Sources};
use serde_json::{Value, json};

use crate::call::{Answer, Call, Reply};
use crate::decode::Text;
use crate::error::ApiError;

pub(super) async fn list(call: Call) -> Answer {
    let all = sources(&call)?.list();
    let list: Vec<Value> = all.iter().map(view).collect();
    Ok(Reply::ok(json!({ "sources": list })))
}

pub(super) async fn get(call: Call) -> Answer {
    shown(&call, call.segment(0)).map(Reply::ok)
}

pub(super) async fn create(call: Call) -> Answer {
    let settings = settings(&call)?;
    let name = settings.name.clone();
    sources(&call)?.create(settings).await.map_err(refused)?;
    Ok(Reply {
        status: StatusCode::CREATED,
        body: shown(&call, &name)?,
    })
}

pub(super) async fn replace(call: Call) -> Answer {
    let settings = settings(&call)?;
    let name = call.segment(0).to_owned();
    if settings.name != name {
        return Err(ApiError::validation(
            "`name` must be the one in the path: a source keeps its name",
        ));
    }
    sources(&call)?.replace(settings).await.map_err(refused)?;
    shown(&call, &name).map(Reply::ok)
}

pub(super) async fn remove(call: Call) -> Answer {
    let name = call.segment(0);
    sources(&call)?.remove(name).await.map_err(refused)?;
    Ok(Reply::empty())
}

pub(super) async fn confirm(call: Call) -> Answer {
    let fields = call.fields();
    let topic = fields.required_text("topicArn", Text::length(1, 2_048))?;
    let confirmed = sources(&call)?.confirm(call.segment(0), topic).await;
    let arn = confirmed.map_err(undone)?;
    Ok(Reply::ok(json!({ "subscriptionArn": arn })))
}

/// The sources of this server, which are those of its account.
pub(super) fn sources(call: &Call) -> Result<&Sources, ApiError> {
    let found = call.state.intake();
    found.ok_or_else(|| ApiError::not_found("this server takes in no events from outside"))
}

fn shown(call: &Call, name: &str) -> Result<Value, ApiError> {
    let found = sources(call)?.get(name);
    let missing =
        || ApiError::not_found(format!("there is no source `{}`", crate::error::echo(name)));
    found.as_ref().map(view).ok_or_else(missing)
}

fn view((settings, origin, state): &(Settings, Origin, Snapshot)) -> Value {
    let (origin, revision) = match origin {
        Origin::File => ("file", Value::Null),
        Origin::Api { revision } => ("api", json!(revision)),
    };
    json!({ "settings": settings, "origin": origin, "revision": revision, "state": state })
}

fn settings(call: &Call) -> Result<Settings, ApiError> {
    serde_json::from_value(Value::Object(call.input.clone()))
        .map_err(|error| ApiError::validation(format!("the source's settings: {error}")))
}

fn refused(error: ChangeError) -> ApiError {
    let message = error.to_string();
    match error {
        ChangeError::Settings(_) => ApiError::validation(message),
        ChangeError::Missing(_) => ApiError::not_found(message),
        ChangeError::OfFile(_) | ChangeError::Exists(_) => ApiError::conflict(message),
        ChangeError::TooMany => ApiError::new("ServiceQuotaExceededException", message),
        ChangeError::Store(error) => error.into(),
    }
}

/// A wish of an operator that was not done.
pub(super) fn undone(error: ParkedError) -> ApiError {
    match error {
        ParkedError::Missing(message) => ApiError::not_found(message),
        ParkedError::Conflict(message) => ApiError::conflict(message),
        still @ ParkedError::Still(_) => ApiError::validation(still.to_string()),
        ParkedError::Aws(message) => {
            ApiError::new("DependencyFailedException", message).status(StatusCode::BAD_GATEWAY)
        }
        ParkedError::Ask(error) => ApiError::from_ask(error, rejected),
    }
}

/// The engine's refusal in the words of this API.
pub(super) fn rejected(rejection: model::Rejection) -> ApiError {
    use model::Rejection;
    let message = rejection.to_string();
    match rejection {
        Rejection::NotFound { .. } => ApiError::not_found(message),
        Rejection::Conflict { .. } | Rejection::Closed => ApiError::conflict(message),
        Rejection::Invalid { .. } | Rejection::Quota { .. } => ApiError::validation(message),
    }
}
