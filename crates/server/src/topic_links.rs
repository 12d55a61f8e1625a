//! What links in topics' messages lead to: the certificate, and the pages that confirm or end a subscription.
//!
//! Nobody signs these requests: a link's token says what it may do. A web server's endpoint confirms with the GET that
//! AWS's protocol asks for; a link in a mail only shows a page with a button, since programs open links of mails before
//! people do.

use ::aws::inbound;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use http::{HeaderValue, Method, StatusCode, Uri};
use model::Scope;
use model::arn::Arn;
use model::topic::{
    Protocol, Subscription, subscription_place, topic_arn, topic_name, unsubscribe_text,
};
use serde_json::{Value, json};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use crate::aws::{find_service, sns};
use crate::error::ApiError;
use crate::query::Query;
use crate::state::AppState;
use crate::voice::Voice;
use crate::wire;

/// Longest query, in bytes.
const MAX_QUERY: usize = 8 * 1024;

pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/sns/", get(link).post(link))
        .route("/sns/{file}", get(certificate))
}

async fn certificate(State(state): State<AppState>, Path(file): Path<String>) -> Response {
    answered(&state, find_certificate(&state, &file).await)
}

async fn find_certificate(state: &AppState, file: &str) -> Result<Response, ApiError> {
    let failed = |error: ports::NotaryError| ApiError::internal(error.to_string());
    let certificate = state.notary()?.certificate().await.map_err(failed)?;
    if file != format!("SimpleNotificationService-{}.pem", certificate.id) {
        return Err(missing("certificate"));
    }
    Ok(page("application/x-pem-file", certificate.pem))
}

async fn link(State(state): State<AppState>, method: Method, uri: Uri) -> Response {
    answered(
        &state,
        follow(&state, &method, uri.query().unwrap_or_default()).await,
    )
}

/// The answer with the headers that all of these have.
fn answered(state: &AppState, answer: Result<Response, ApiError>) -> Response {
    let request_id = state.handle().new_id().to_string();
    let mut response = answer.unwrap_or_else(|error| {
        let voice = Voice::of_own(sns::SERVICE.name).unwrap_or(Voice::Operator);
        error.render(&voice, &request_id)
    });
    for (name, value) in [
        (http::header::CACHE_CONTROL, "no-store"),
        (http::header::REFERRER_POLICY, "no-referrer"),
        (http::header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            http::header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; form-action 'self'; frame-ancestors 'none'",
        ),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// What a link names.
struct Link {
    scope: Scope,
    topic: String,
    id: Uuid,
    arn: String,
    token: String,
}

async fn follow(state: &AppState, method: &Method, query: &str) -> Result<Response, ApiError> {
    if query.len() > MAX_QUERY {
        return Err(invalid(
            "the link is too long: copy it whole from the message",
        ));
    }
    if !state.readiness().is_ready() {
        return Err(ApiError::unavailable(
            "The server is starting or stopping: try again later.",
        ));
    }
    let query = Query::parse(query)?;
    let action = query.first("Action").unwrap_or_default();
    match action {
        "ConfirmSubscription" => {
            let link = confirmation(state, &query)?;
            let one = existing(state, &link).await?;
            if is_followed(method, one.protocol) {
                let place = (link.topic.as_str(), link.token.as_str());
                let arn = sns::confirm(state, &link.scope, place, None).await?;
                return Ok(done(
                    one.protocol,
                    action,
                    json!({ "SubscriptionArn": arn }),
                ));
            }
            let topic = topic_arn(&link.scope, &link.topic);
            Ok(asked("Confirm the subscription", &one.endpoint, &topic))
        }
        "Unsubscribe" => {
            let link = ending(state, &query)?;
            let one = existing(state, &link).await?;
            check_ending(state, &link, &one).await?;
            if is_followed(method, one.protocol) {
                let place = (link.topic.as_str(), link.id);
                sns::remove(state.handle(), &link.scope, place).await?;
                return Ok(done(one.protocol, action, json!({})));
            }
            let topic = topic_arn(&link.scope, &link.topic);
            Ok(asked("End the subscription", &one.endpoint, &topic))
        }
        _ => Err(invalid(
            "the link names no action: copy it whole from the message",
        )),
    }
}

/// Whether a request does what its link says, or only asks whether to.
fn is_followed(method: &Method, protocol: Protocol) -> bool {
    method == Method::POST || (method == Method::GET && !protocol.is_mail())
}

fn invalid(reason: &str) -> ApiError {
    ApiError::new("InvalidParameter", format!("Invalid parameter: {reason}"))
}

fn missing(what: &str) -> ApiError {
    ApiError::new("NotFound", format!("there is no such {what} here")).status(StatusCode::NOT_FOUND)
}

/// The scope of an ARN of this account.
fn scope_of(state: &AppState, arn: &str) -> Option<Scope> {
    let parsed = Arn::parse(arn)?;
    let account = &state.config().account;
    (parsed.account == *account).then(|| Scope::new(account, &parsed.region))
}

/// A link that confirms; the token begins with the subscription's id.
fn confirmation(state: &AppState, query: &Query) -> Result<Link, ApiError> {
    let arn = query.first("TopicArn").unwrap_or_default();
    let token = query.first("Token").unwrap_or_default();
    let found = || {
        let scope = scope_of(state, arn)?;
        let topic = topic_name(&scope, arn)?;
        let id: Uuid = token.get(..32)?.parse().ok()?;
        let arn = model::topic::subscription_arn(arn, id);
        let token = token.to_owned();
        Some(Link {
            scope,
            topic,
            id,
            arn,
            token,
        })
    };
    found().ok_or_else(|| missing("subscription"))
}

fn ending(state: &AppState, query: &Query) -> Result<Link, ApiError> {
    let arn = query.first("SubscriptionArn").unwrap_or_default();
    let found = || {
        let scope = scope_of(state, arn)?;
        let (topic, id) = subscription_place(&scope, arn)?;
        let token = query.first("Token").unwrap_or_default().to_owned();
        let arn = arn.to_owned();
        Some(Link {
            scope,
            topic,
            id,
            arn,
            token,
        })
    };
    found().ok_or_else(|| missing("subscription"))
}

async fn existing(state: &AppState, link: &Link) -> Result<Subscription, ApiError> {
    let found = sns::find(state.handle(), &link.scope, (&link.topic, link.id)).await?;
    found
        .map(|(_, one)| one)
        .ok_or_else(|| missing("subscription"))
}

async fn check_ending(state: &AppState, link: &Link, one: &Subscription) -> Result<(), ApiError> {
    let expected = state.seal(unsubscribe_text(&link.arn)).await?;
    let given = hex::decode(&link.token).unwrap_or_default();
    if !bool::from(expected.ct_eq(&given)) {
        return Err(invalid("Token"));
    }
    if one.authenticate_on_unsubscribe {
        let message = "This subscription ends by a signed Unsubscribe only.";
        return Err(ApiError::new("AuthorizationError", message).status(StatusCode::FORBIDDEN));
    }
    Ok(())
}

/// The answer to whoever followed a link: a page for people, the operation's own answer for programs.
fn done(protocol: Protocol, action: &str, output: Value) -> Response {
    if protocol.is_mail() {
        let text = match action {
            "ConfirmSubscription" => "The subscription is confirmed.",
            _ => "The subscription has ended.",
        };
        return html(&format!("<p>{text}</p>"));
    }
    let served = find_service(sns::SERVICE.name);
    let operation = served.and_then(|served| served.model.operation(action));
    match (served, operation, output) {
        (Some(served), Some(operation), Value::Object(output)) => {
            wire::response(inbound::encode(&served.model, operation, &output, "link"))
        }
        _ => page("text/plain", String::new()),
    }
}

/// The page that asks before anything is done.
fn asked(what: &str, endpoint: &str, topic: &str) -> Response {
    html(&format!(
        "<p>Messages of <b>{}</b> for <b>{}</b></p><form method=\"post\"><button>{what}</button></form>",
        escaped(topic),
        escaped(endpoint)
    ))
}

fn html(body: &str) -> Response {
    let text = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Subscription</title></head><body>{body}</body></html>"
    );
    page("text/html; charset=utf-8", text)
}

fn page(kind: &'static str, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
