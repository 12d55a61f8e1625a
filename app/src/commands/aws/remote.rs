//! A call through a Quell server: with its credentials, in its journal, settled by it after a crash.

use std::path::Path;
use std::time::Duration;

use effects::operator::{OperatorClient, OperatorError};
use model::ids;
use ports::{Clock, EntropySource};
use serde_json::{Map, Value, json};

use super::arguments::{Asked, Server, Settled};
use super::ending::{Ended, Result, say};
use super::local;
use super::output;
use crate::clock::{SystemClock, SystemEntropy};
use crate::credentials;

const CALLS: &str = "/api/v1/aws/calls";
/// First and longest pause between two looks.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));
/// How long a server that does not answer is waited for: it may be starting again.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much longer than the call itself its outcome is waited for: recovery may have to repeat it.
const GRACE: Duration = Duration::from_secs(60);

/// Has the server make the call, and prints its answer as if it had been made here.
pub(crate) async fn call(asked: &Asked, server: &Server) -> Result<()> {
    refuse_local_options(asked)?;
    let connection = Connection::new(server)?;
    let id = asked
        .token
        .unwrap_or_else(|| ids::random(&SystemEntropy.draw(), "aws call"));
    let mut body = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(name.to_owned(), value);
        }
    };
    put("service", Some(asked.service.clone().into()));
    put("operation", Some(asked.operation.clone().into()));
    put("params", Some(asked.params.clone()));
    put("account", asked.account.clone().map(Value::from));
    put("role", asked.role.clone().map(Value::from));
    put("region", asked.region.clone().map(Value::from));
    put("timeoutSecs", Some(asked.timeout_secs().into()));
    put("clientToken", Some(id.to_string().into()));
    put("dryRun", asked.dry_run.then(|| true.into()));
    let accepted = connection
        .patiently("POST", CALLS, Some(&Value::Object(body)))
        .await?;
    if asked.dry_run {
        return output::print(&accepted, asked.format);
    }
    if accepted["class"] != "reads" {
        say(&format!("{}; call {id}", line(&accepted)));
    }
    let limit = Duration::from_secs(u64::from(asked.timeout_secs())) + GRACE;
    let ended = connection.wait(accepted, limit).await?;
    finish(asked, &ended)
}

/// What belongs to this process's own credentials has no meaning for the server's.
fn refuse_local_options(asked: &Asked) -> Result<()> {
    let given = [
        ("--profile", asked.profile.is_some()),
        ("--endpoint-url", asked.endpoint_url.is_some()),
        ("--all-pages", asked.all_pages),
        ("--max-items", asked.max_items.is_some()),
        ("--starting-token", asked.starting_token.is_some()),
        ("`wait`", asked.wait.is_some()),
    ];
    match given.iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((name, _)) => Err(Ended::usage(format!(
            "{name} does not go with --server: the server makes one call with its own settings"
        ))),
    }
}

fn finish(asked: &Asked, ended: &Value) -> Result<()> {
    let text = |name: &str| ended[name].as_str().unwrap_or("-");
    match text("status") {
        "succeeded" => {
            if let Some(bytes) = ended["answerTooLarge"].as_u64() {
                return Err(Ended::refused(format!(
                    "{} {}: it succeeded, but its answer of {bytes} bytes is too large for the server to keep: narrow the call",
                    text("service"),
                    text("operation")
                )));
            }
            let answer = ended.get("answer").cloned().unwrap_or(Value::Null);
            output::print_answer(&local::shown(answer), asked.query.as_deref(), asked.format)
        }
        "failed" => {
            let failure = model::effect::Failure {
                code: ended["failure"]["code"].as_str().unwrap_or("-").to_owned(),
                message: ended["failure"]["message"]
                    .as_str()
                    .unwrap_or("-")
                    .to_owned(),
                status: ended["failure"]["status"]
                    .as_u64()
                    .and_then(|n| u16::try_from(n).ok()),
                request_id: ended["failure"]["requestId"].as_str().map(str::to_owned),
                extended_request_id: None,
                shape: None,
                transient: false,
            };
            Err(Ended::refused(local::refusal(text("operation"), &failure)))
        }
        "unknown" => Err(Ended::Unknown(format!(
            "outcome unknown: {} {}: {}\nlook at the account, then settle it: quell aws resolve {} --outcome succeeded|failed|retry --server ...",
            text("service"),
            text("operation"),
            text("unknown"),
            text("id")
        ))),
        _ => Err(Ended::Unknown(format!(
            "outcome unknown yet: the server is still at call {}; `quell aws record --server ...` shows it",
            text("id")
        ))),
    }
}

/// `quell aws record --server`.
pub(crate) async fn list(server: &Server, unknown_only: bool) -> Result<()> {
    let connection = Connection::new(server)?;
    let mut after: Option<String> = None;
    loop {
        let mut query: Vec<String> = Vec::new();
        if unknown_only {
            query.push("status=unknown".to_owned());
        }
        query.extend(after.iter().map(|after| format!("after={after}")));
        let path = format!("{CALLS}?{}", query.join("&"));
        let page = connection.patiently("GET", &path, None).await?;
        let calls = page["calls"].as_array().map(Vec::as_slice);
        let lines: Vec<String> = calls.unwrap_or_default().iter().map(line).collect();
        output::print_text(&lines.join("\n"))?;
        match page["nextAfter"].as_str() {
            Some(next) => after = Some(next.to_owned()),
            None => return Ok(()),
        }
    }
}

/// `quell aws resolve --server`.
pub(crate) async fn resolve(server: &Server, settled: &Settled) -> Result<()> {
    let mut body = json!({ "resolution": settled.outcome });
    if let Some(result) = &settled.result {
        body["result"] = result.clone();
    }
    if let Some(message) = &settled.message {
        body["message"] = message.as_str().into();
    }
    let path = format!("{CALLS}/{}/resolve", settled.id);
    let answer = Connection::new(server)?
        .once("POST", &path, Some(&body))
        .await
        .map_err(refused)?;
    output::print_text(&line(&answer))
}

fn line(call: &Value) -> String {
    let text = |name: &str| call[name].as_str().unwrap_or("-");
    let role = match text("role") {
        "-" => "",
        role => role,
    };
    let mut line = format!(
        "{}  {}  {} {}  {}  {}  {}  {role}",
        text("id"),
        text("started"),
        text("service"),
        text("operation"),
        text("region"),
        text("status"),
        text("by"),
    );
    if let Some(reason) = call["unknown"].as_str() {
        line.push_str(&format!("\n    {reason}"));
    }
    line.trim_end().to_owned()
}

struct Connection {
    client: OperatorClient,
    clock: SystemClock,
}

impl Connection {
    fn new(server: &Server) -> Result<Self> {
        let key = credentials::read(Path::new(&server.credentials))
            .map_err(|error| Ended::usage(format!("--credentials: {error:#}")))?;
        let keys = aws::Credentials::new(&key.id, &key.secret);
        let client = OperatorClient::new(&server.url, keys, &server.region)
            .map_err(|error| Ended::usage(format!("--server: {error}")))?;
        Ok(Self {
            client,
            clock: SystemClock::new(),
        })
    }

    async fn once(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> std::result::Result<Value, OperatorError> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        self.client
            .call((method, path, query), body, self.clock.now())
            .await
    }

    /// As [`Self::once`], again while the server cannot be reached: every request here may be sent twice, since the
    /// creation of a call carries its id.
    async fn patiently(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let end = self.clock.monotonic() + PATIENCE;
        let mut sent = false;
        loop {
            let error = match self.once(method, path, body).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let passing = match &error {
                OperatorError::Unreachable { .. } => true,
                OperatorError::Refused { status, .. } => matches!(status, 429 | 502..=504),
                _ => false,
            };
            // A server that was never there is told at once; one that went away may come back.
            if !passing || (!sent && method == "GET") || self.clock.monotonic() > end {
                return Err(refused(error));
            }
            sent = true;
            self.clock.sleep(PAUSES.1).await;
        }
    }

    /// Looks until the call has ended, or waits for a person.
    async fn wait(&self, mut call: Value, limit: Duration) -> Result<Value> {
        let end = self.clock.monotonic() + limit;
        let mut pause = PAUSES.0;
        let path = format!("{CALLS}/{}", call["id"].as_str().unwrap_or_default());
        let mut heard = self.clock.monotonic();
        while matches!(call["status"].as_str(), Some("calling" | "checking")) {
            if self.clock.monotonic() > end {
                break;
            }
            self.clock.sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
            match self.once("GET", &path, None).await {
                Ok(now) => {
                    call = now;
                    heard = self.clock.monotonic();
                }
                Err(error) if self.clock.monotonic() > heard + PATIENCE => {
                    return Err(Ended::Unknown(format!(
                        "outcome unknown: the server accepted call {} and went away: {error}",
                        call["id"].as_str().unwrap_or("-")
                    )));
                }
                Err(_) => {}
            }
        }
        Ok(call)
    }
}

/// A wrong request is a wrong command line.
fn refused(error: OperatorError) -> Ended {
    match &error {
        OperatorError::Refused {
            status: 400,
            message,
        } => Ended::usage(message.clone()),
        _ => Ended::refused(error.to_string()),
    }
}
