//! A call from this process: recorded, sent, recorded, printed. Needs no server.

use std::sync::Arc;

use aws::client::{Identity, Request};
use effects::config as rim;
use effects::{AwsClient, Performer};
use jiff::Timestamp;
use model::effect::{AssumeRole, AwsCall, Command, Failure, Intent};
use model::{Outcome, ids};
use ports::{Clock, Effects, EntropySource};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::arguments::Asked;
use super::dry_run;
use super::ending::{Ended, Result, say};
use super::output;
use super::reading::Reading;
use super::record::{self, Record};
use super::settings::{Settings, client_config};
use crate::clock::{SystemClock, SystemEntropy};

/// Session name of the roles that this command assumes.
pub(crate) const SESSION: &str = "quell-aws";
/// Limit of the question whose keys these are, in seconds.
const CHECK_SECS: u32 = 20;

/// The current instant.
pub(crate) fn now() -> Timestamp {
    SystemClock::new().now()
}

/// The machine's clock.
pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

/// The machine's entropy.
pub(crate) fn entropy() -> Arc<dyn EntropySource> {
    Arc::new(SystemEntropy)
}

/// A call that is checked and may be sent.
pub(crate) struct Checked {
    pub(crate) id: Uuid,
    pub(crate) service: String,
    pub(crate) operation: String,
    pub(crate) class: &'static str,
    pub(crate) prepared: aws::Prepared,
}

/// Makes the call that is asked for.
pub(crate) async fn call(asked: &Asked) -> Result<()> {
    let settings = Settings::of(asked).await?;
    let checked = check(asked, &settings)?;
    if asked.dry_run {
        return dry_run::print(asked, &settings, &checked);
    }
    let record = Record::new(&asked.record);
    let caller = Caller::new(&settings)?;
    let before = record
        .remind(caller.clock.now())
        .map_err(|ended| ended.because("nothing was sent, since no call goes without its record: name another file by --record"))?;
    if asked.token.is_some() {
        same_call(&before, &checked)?;
    }
    let reading = caller.reading(asked, &checked)?;
    announce(&checked);
    caller.require_account(asked).await?;
    let intent = record::Intent {
        id: checked.id,
        service: checked.service.clone(),
        operation: checked.operation.clone(),
        region: settings.region.clone(),
        account: asked.account.clone(),
        role: settings.role_arn.clone(),
        access_key_id: caller.key_id(&checked).await?,
        endpoint: format!(
            "{}://{}",
            checked.prepared.request.scheme, checked.prepared.request.authority
        ),
        class: checked.class.to_owned(),
        params: asked.params.clone(),
    };
    record.announce(&intent, caller.clock.now())?;
    let begun = caller.clock.monotonic();
    let outcome = match reading {
        Some(reading) => reading.perform().await,
        None => caller.perform(asked, &checked).await,
    };
    let taken = caller.clock.monotonic().saturating_sub(begun);
    let mut noted = noted(&outcome);
    noted.duration_ms = u64::try_from(taken.as_millis()).unwrap_or(u64::MAX);
    record.conclude(checked.id, &noted, caller.clock.now());
    finish(asked, &checked, outcome)
}

/// Nothing is announced that cannot be sent: names and parameters are checked against the model first.
fn check(asked: &Asked, settings: &Settings) -> Result<Checked> {
    let (service, operation) = aws::resolve_names(&asked.service, &asked.operation)
        .map_err(|error| Ended::usage(error.to_string()))?;
    let id = asked
        .token
        .unwrap_or_else(|| ids::random(&SystemEntropy.draw(), "aws call"));
    let token = id.to_string();
    let client = AwsClient::new(&client_config(&settings.aws))
        .map_err(|error| Ended::usage(error.to_string()))?;
    let role = settings.role_arn.as_deref();
    let request = Request::new(
        service.as_str(),
        operation.as_str(),
        asked.params.clone(),
        settings.region.as_str(),
    )
    .with_identity(role.map_or(Identity::Own, |arn| Identity::role(arn, SESSION)))
    .with_token(token.as_str());
    let prepared = client
        .prepare(&request)
        .map_err(|error| Ended::usage(error.to_string()))?;
    let mut params = asked.params.clone();
    aws::knowledge::inject_token(&service, &operation, &mut params, &token);
    let class = aws::knowledge::mutation(&service, &operation, &params).word();
    Ok(Checked {
        id,
        service,
        operation,
        class,
        prepared,
    })
}

/// The call that `--token` names must be the same one: a token under which something else was asked for protects nothing.
fn same_call(before: &[record::Entry], checked: &Checked) -> Result<()> {
    let Some(entry) = before.iter().find(|entry| entry.id == checked.id) else {
        say(&format!("call {} is not on this record", checked.id));
        return Ok(());
    };
    if (entry.service(), entry.operation()) == (&checked.service, &checked.operation) {
        return Ok(());
    }
    Err(Ended::usage(format!(
        "call {} was {} {}, not {} {}: --token repeats the same call",
        checked.id,
        entry.service(),
        entry.operation(),
        checked.service,
        checked.operation
    )))
}

/// A call that changes something says so, with the id by which it can be repeated and found.
fn announce(checked: &Checked) {
    if checked.class != "reads" {
        say(&format!(
            "{} {}: {}; call {}",
            checked.service, checked.operation, checked.class, checked.id
        ));
    }
}

struct Caller {
    performer: Performer,
    aws: rim::Aws,
    clock: Arc<dyn Clock>,
    region: String,
    role: Option<AssumeRole>,
}

impl Caller {
    fn new(settings: &Settings) -> Result<Self> {
        let clock = clock();
        let aws = settings.aws.clone();
        let config = rim::Config {
            clock: Arc::clone(&clock),
            entropy: entropy(),
            smtp: None,
            aws: aws.clone(),
            scripts: None,
            sessions: Default::default(),
            webhook: rim::Webhook::default(),
            local: None,
            logs: None,
            functions: None,
            vault: None,
            destinations: None,
            attachments: None,
            topics: None,
        };
        let performer = Performer::new(config).map_err(|error| Ended::usage(error.to_string()))?;
        let role = settings.role_arn.as_ref().map(|role_arn| AssumeRole {
            role_arn: role_arn.clone(),
            session_name: SESSION.to_owned(),
            ..AssumeRole::default()
        });
        Ok(Self {
            performer,
            aws,
            clock,
            region: settings.region.clone(),
            role,
        })
    }

    /// With `--account` and without a role, the keys must be of that account. A role's ARN names its account.
    async fn require_account(&self, asked: &Asked) -> Result<()> {
        let Some(wanted) = asked.account.as_deref().filter(|_| self.role.is_none()) else {
            return Ok(());
        };
        let command = Command::CallAws(AwsCall {
            service: "sts".to_owned(),
            operation: "GetCallerIdentity".to_owned(),
            params: json!({}),
            region: self.region.clone(),
            assume_role: None,
            timeout_secs: CHECK_SECS,
            spelling: model::effect::Spelling::default(),
        });
        let unchecked = |reason: &str| {
            Ended::refused(format!(
                "the account could not be checked, nothing was sent: {reason}"
            ))
        };
        let id = ids::random(&SystemEntropy.draw(), "account check");
        match self.send(id, command, false).await {
            Outcome::Done { result } => match result.get("Account").and_then(Value::as_str) {
                Some(found) if found == wanted => Ok(()),
                found => Err(Ended::refused(format!(
                    "these keys are of account {}, not of {wanted}: name a role of that account by --role; nothing was sent",
                    found.unwrap_or("(not told)")
                ))),
            },
            Outcome::Failed(failure) => {
                Err(unchecked(&format!("{}: {}", failure.code, failure.message)))
            }
            Outcome::Unknown { reason } => Err(unchecked(&reason)),
        }
    }

    /// What is read beyond one call. Only calls that read are made more than once.
    fn reading(&self, asked: &Asked, checked: &Checked) -> Result<Option<Reading>> {
        if asked.reads_on() && checked.class != "reads" {
            return Err(Ended::usage(format!(
                "{} {} changes something: it has no pages to follow",
                checked.service, checked.operation
            )));
        }
        let role = self.role.as_ref().map(|role| role.role_arn.as_str());
        Reading::of(asked, (&self.region, role), || {
            AwsClient::new(&client_config(&self.aws))
                .map_err(|error| Ended::usage(error.to_string()))
        })
    }

    /// Whose keys sign the call, or the assuming of its role.
    async fn key_id(&self, checked: &Checked) -> Result<Option<String>> {
        if checked.prepared.signing.is_unsigned() {
            return Ok(None);
        }
        let found = self.performer.access_key_id().await;
        found
            .map(Some)
            .map_err(|failure| Ended::refused(format!("{}; nothing was sent", failure.message)))
    }

    async fn perform(&self, asked: &Asked, checked: &Checked) -> Outcome {
        let command = Command::CallAws(AwsCall {
            service: checked.service.clone(),
            operation: checked.operation.clone(),
            params: asked.params.clone(),
            region: self.region.clone(),
            assume_role: self.role.clone(),
            timeout_secs: asked.timeout_secs(),
            spelling: model::effect::Spelling::default(),
        });
        self.send(checked.id, command, asked.token.is_some()).await
    }

    async fn send(&self, id: Uuid, command: Command, repeat: bool) -> Outcome {
        let recovery = self.performer.recovery(&command);
        let intent = Intent {
            id,
            command,
            recovery,
            at: self.clock.now(),
            repeat,
        };
        self.performer.perform(intent).await
    }
}

fn noted(outcome: &Outcome) -> record::Outcome {
    match outcome {
        Outcome::Done { result } => record::Outcome {
            outcome: "succeeded",
            status: result
                .pointer("/ResponseMetadata/HTTPStatusCode")
                .and_then(Value::as_u64)
                .and_then(|status| u16::try_from(status).ok()),
            request_id: result
                .pointer("/ResponseMetadata/RequestId")
                .and_then(Value::as_str)
                .map(str::to_owned),
            ..record::Outcome::default()
        },
        Outcome::Failed(failure) => record::Outcome {
            outcome: "failed",
            code: Some(failure.code.clone()),
            message: Some(failure.message.clone()),
            status: failure.status,
            request_id: failure.request_id.clone(),
            duration_ms: 0,
        },
        Outcome::Unknown { reason } => record::Outcome {
            outcome: "unknown",
            message: Some(reason.clone()),
            ..record::Outcome::default()
        },
    }
}

fn finish(asked: &Asked, checked: &Checked, outcome: Outcome) -> Result<()> {
    match outcome {
        Outcome::Done { result } => {
            output::print_answer(&shown(result), asked.query.as_deref(), asked.format)
        }
        Outcome::Failed(failure) => Err(Ended::refused(refusal(&checked.operation, &failure))),
        Outcome::Unknown { reason } => Err(Ended::Unknown(format!(
            "outcome unknown: {} {}: {reason}\nlook at the account, then repeat it safely with --token {}, or settle it by `quell aws resolve`",
            checked.service, checked.operation, checked.id
        ))),
    }
}

/// The answer without the metadata of HTTP, which the record keeps.
pub(crate) fn shown(mut answer: Value) -> Value {
    if let Some(map) = answer.as_object_mut() {
        map.shift_remove("ResponseMetadata");
        return answer;
    }
    if answer.is_null() {
        return Value::Object(Map::new());
    }
    answer
}

/// A failure in boto3's words where a service answered, else in ours.
pub(crate) fn refusal(operation: &str, failure: &Failure) -> String {
    let Some(status) = failure.status else {
        return format!("{}: {}", failure.code, failure.message);
    };
    let request = failure.request_id.as_deref().unwrap_or("not told");
    format!(
        "An error occurred ({}) when calling the {operation} operation: {}\nrequest id: {request}; HTTP {status}",
        failure.code, failure.message
    )
}
