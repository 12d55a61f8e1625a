//! Calls a webhook integration: reads what it is from the parameter store, posts, and lets nothing of it out.
//!
//! Source: the Systems Manager user guide, "Creating integrations for Automation": a SecureString parameter of the data
//! type `aws:ssm:integration` with the members `description`, `url`, `headers` and `body`.
//!
//! Address, headers and body exist in this module's memory only. Errors name the integration and what kind of thing is
//! wrong with it, never a value; what the receiver answers is kept without the values that it sends back.

use std::collections::BTreeMap;
use std::time::Duration;

use http::StatusCode;
use model::Outcome;
use model::effect::{Failure, IntegrationCall, Intent, WebhookPost};
use ports::vault::Secret;
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::api_destination::redact::Redactor;
use crate::aws_call::AwsCaller;
use crate::http::TransportError;
use crate::http::transport::Connection;
use crate::http_call::{NotPosted, WebhookSender};

/// Where the parameter store keeps integrations (AWS's own path).
const FOLDER: &str = "/d9d01087-4a3f-49e0-b0b4-d568d7826553/ssm/integrations/webhook/";
/// The reading takes at most this much of the time.
const READING_SECS: u32 = 10;
/// Most bytes of an answer that become an output.
const RESPONSE_BYTES: usize = 100 * 1024;
/// A shorter value of a header is no secret; taking it out would only spoil the answer.
const SHORTEST_SECRET: usize = 8;
/// Headers whose values are no secrets.
const PLAIN_HEADERS: [&str; 4] = ["accept", "content-type", "user-agent", "accept-encoding"];

/// What the parameter holds: all of it secret, so that it has no `Debug`.
#[derive(Deserialize)]
struct Integration {
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Option<Value>,
}

/// Performs one call.
pub(crate) async fn invoke(
    aws: &AwsCaller,
    webhooks: &WebhookSender,
    intent: &Intent,
    call: &IntegrationCall,
) -> Outcome {
    let integration = match read(aws, intent, call).await {
        Ok(integration) => integration,
        Err(failure) => return Outcome::Failed(failure),
    };
    let left = call.timeout_secs.saturating_sub(reading_secs(call)).max(1);
    let post = integration.post(call);
    let answer = webhooks
        .exchange(
            &post,
            Connection::Fresh,
            Duration::from_secs(u64::from(left)),
        )
        .await;
    let redactor = integration.redactor();
    let name = &call.name;
    match answer {
        Ok(answer) if answer.status().is_success() => Outcome::Done {
            result: json!({
                "ResponseCode": answer.status().as_u16(),
                "Response": redactor.text(answer.body(), RESPONSE_BYTES),
            }),
        },
        Ok(answer) => Outcome::Failed(refused(
            name,
            answer.status(),
            &redactor.excerpt(answer.body()),
        )),
        Err(error) => unreached(name, &error),
    }
}

fn reading_secs(call: &IntegrationCall) -> u32 {
    (call.timeout_secs / 2).clamp(1, READING_SECS)
}

async fn read(
    aws: &AwsCaller,
    intent: &Intent,
    call: &IntegrationCall,
) -> Result<Integration, Failure> {
    let reading = model::effect::AwsCall {
        service: "ssm".to_owned(),
        operation: "GetParameter".to_owned(),
        params: json!({"Name": format!("{FOLDER}{}", call.name), "WithDecryption": true}),
        region: call.region.clone(),
        assume_role: call.assume_role.clone(),
        timeout_secs: reading_secs(call),
        spelling: model::effect::Spelling::default(),
    };
    let answer = aws.read(intent.id, &reading).await?;
    let kind = answer.pointer("/Parameter/Type").and_then(Value::as_str);
    if kind != Some("SecureString") {
        return Err(useless(&call.name, "its parameter is no SecureString"));
    }
    let text = answer.pointer("/Parameter/Value").and_then(Value::as_str);
    let text = Zeroizing::new(text.unwrap_or_default().to_owned());
    // serde's message may quote the text.
    serde_json::from_str(&text).map_err(|_| {
        useless(
            &call.name,
            "its parameter is no JSON object with the texts `url`, `headers` and `body`",
        )
    })
}

impl Integration {
    fn own_body(&self) -> Option<String> {
        match self.body.as_ref()? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    fn post(&self, call: &IntegrationCall) -> WebhookPost {
        let mut headers = BTreeMap::new();
        let mut content_type = "application/json".to_owned();
        for (name, value) in &self.headers {
            if name.eq_ignore_ascii_case("content-type") {
                value.clone_into(&mut content_type);
            } else {
                headers.insert(name.clone(), value.clone());
            }
        }
        WebhookPost {
            url: self.url.clone(),
            headers,
            body: call
                .body
                .clone()
                .or_else(|| self.own_body())
                .unwrap_or_default(),
            content_type,
        }
    }

    /// Takes out the address as a whole and from its path on, what headers hold, and the integration's own body.
    fn redactor(&self) -> Redactor {
        let mut secrets = vec![self.url.clone()];
        let path = self.url.split_once("://").and_then(|(_, rest)| {
            let at = rest.find(['/', '?'])?;
            rest.get(at..)
        });
        secrets.extend(path.map(str::to_owned));
        let hidden = self
            .headers
            .iter()
            .filter(|(name, _)| !PLAIN_HEADERS.contains(&name.to_ascii_lowercase().as_str()));
        for (_, value) in hidden {
            secrets.push(value.clone());
            // `Bearer TOKEN`: the token alone is as much of a secret.
            secrets.extend(value.split_whitespace().map(str::to_owned));
        }
        secrets.extend(self.own_body());
        let secrets: Vec<Secret> = secrets
            .into_iter()
            .filter(|text| text.len() >= SHORTEST_SECRET)
            .map(Secret::new)
            .collect();
        Redactor::of(&secrets)
    }
}

fn useless(name: &str, reason: &str) -> Failure {
    failure(
        ("ParamValidation", None, false),
        format!("integration `{name}` cannot be used: {reason}"),
    )
}

fn refused(name: &str, status: StatusCode, said: &str) -> Failure {
    let transient = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
    let message = if status.is_redirection() {
        format!(
            "the receiver of integration `{name}` redirects (HTTP {}); redirects are not followed: store the final address",
            status.as_u16()
        )
    } else {
        format!(
            "the receiver of integration `{name}` answered HTTP {}: {said}",
            status.as_u16()
        )
    };
    failure(("Http", Some(status.as_u16()), transient), message)
}

/// A post that may have arrived is not repeated: nobody knows what it sets off.
fn unreached(name: &str, error: &NotPosted) -> Outcome {
    Outcome::Failed(match error {
        NotPosted::Invalid(_) | NotPosted::Transport(TransportError::Forbidden { .. }) => useless(
            name,
            "its address or one of its headers may not be called or sent from here; see `webhooks.allow_http` and `webhooks.allow_private`",
        ),
        NotPosted::Transport(TransportError::NotSent { .. }) => failure(
            ("Network", None, true),
            format!("cannot connect to the receiver of integration `{name}`"),
        ),
        NotPosted::Transport(TransportError::TooLarge { limit, .. }) => failure(
            ("Http", None, false),
            format!("the receiver of integration `{name}` answered with more than {limit} bytes"),
        ),
        NotPosted::Transport(TransportError::Broken { .. } | TransportError::Timeout { .. }) => {
            return Outcome::Unknown {
                reason: format!(
                    "the receiver of integration `{name}` may have got the call, but did not answer"
                ),
            };
        }
    })
}

fn failure((code, status, transient): (&str, Option<u16>, bool), message: String) -> Failure {
    Failure {
        code: code.to_owned(),
        message,
        status,
        request_id: None,
        extended_request_id: None,
        shape: None,
        transient,
    }
}
