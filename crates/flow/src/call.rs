//! The machine of one AWS call that an operator asks for: committed before it is sent, its answer kept.
//!
//! | State | Input | Next | Commands |
//! |---|---|---|---|
//! | none | `Start` with an account and no role | checking | ask who the server is |
//! | none | any other `Start` | calling | the call |
//! | checking | `Settled`: the account is the one named | calling | the call |
//! | checking | `Settled`: another account, or no answer | failed | – |
//! | calling | `Settled(Done)` | succeeded | – |
//! | calling | `Settled(Failed)` | failed | – |
//! | calling | `Settled(Unknown)` | unknown | – |
//! | unknown | `Resolve` | succeeded, failed, or calling | –, –, the call |
//! | succeeded, failed | any | refused | – |
//!
//! It must not know what an operation does: its class comes with the request, its recovery from the performer.

mod state;

use jiff::Timestamp;
use model::effect::{AssumeRole, AwsCall, Failure};
use model::{Decision, EffectCommand, Fact, IndexEntry, Outcome, Rejection, ids};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use state::{ANSWER_FRAME, PARAMS_FRAME, holding};
pub use state::{Call, Request, RestoreError, Root, Status};

/// Largest answer that is kept, in bytes as JSON. A larger one is not cut: a cut answer would be read as a whole one.
pub const MAX_ANSWER: usize = 1 << 20;
/// Limit of the question who the server is, in seconds.
const CHECK_SECS: u32 = 20;

/// What a person says of a call whose outcome is unknown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Resolution {
    /// It happened.
    Succeeded {
        /// The answer, where somebody knows it.
        answer: Option<Value>,
    },
    /// It did not.
    Failed {
        /// Why.
        message: String,
    },
    /// Do it again.
    Retry,
}

/// What can happen to a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Input {
    /// Begin.
    Start {
        /// What is asked for.
        request: Request,
        /// Parameters in boto3's spelling, checked, with the idempotency token.
        params: Value,
    },
    /// An effect ended.
    Settled {
        /// The effect.
        effect: Uuid,
        /// How.
        outcome: Outcome,
    },
    /// A person settles an unknown outcome.
    Resolve {
        /// What they say.
        resolution: Resolution,
        /// ARN of the person's key.
        by: String,
    },
}

/// All that a call asks of the world.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Perform.
    Perform {
        /// Id of the effect; comes back in [`Input::Settled`].
        effect: Uuid,
        /// What to perform.
        command: EffectCommand,
    },
}

/// What a turn is given.
#[derive(Debug, Clone)]
pub struct Context {
    /// The call's id: session name of its role, parent of its effects' ids.
    pub id: Uuid,
    /// The instant of the turn.
    pub at: Timestamp,
}

impl Call {
    fn decided(self, commands: Vec<Command>) -> Decision<Self, Command> {
        let mut decision = Decision::unchanged(self);
        decision.frames.push(decision.state.root_frame());
        decision.commands = commands;
        decision
    }

    fn next_effect(&mut self, cx: &Context) -> Uuid {
        self.root.effects += 1;
        let effect = ids::child(cx.id, u64::from(self.root.effects));
        self.root.in_flight = Some(effect);
        effect
    }

    fn check(&mut self, cx: &Context) -> Command {
        self.root.status = Status::Checking;
        Command::Perform {
            effect: self.next_effect(cx),
            command: EffectCommand::CallAws(AwsCall {
                service: "sts".to_owned(),
                operation: "GetCallerIdentity".to_owned(),
                params: json!({}),
                region: self.root.request.region.clone(),
                assume_role: None,
                timeout_secs: CHECK_SECS,
                spelling: model::effect::Spelling::default(),
            }),
        }
    }

    fn call(&mut self, cx: &Context) -> Command {
        self.root.status = Status::Calling;
        let request = &self.root.request;
        let command = EffectCommand::CallAws(AwsCall {
            service: request.service.clone(),
            operation: request.operation.clone(),
            params: self.params.clone(),
            region: request.region.clone(),
            assume_role: request.role_arn.as_ref().map(|role_arn| AssumeRole {
                role_arn: role_arn.clone(),
                session_name: cx.id.to_string(),
                ..AssumeRole::default()
            }),
            timeout_secs: request.timeout_secs,
            spelling: model::effect::Spelling::default(),
        });
        Command::Perform {
            effect: self.next_effect(cx),
            command,
        }
    }

    fn end(mut self, status: Status, cx: &Context) -> Decision<Self, Command> {
        self.root.status = status;
        self.root.in_flight = None;
        self.root.ended = Some(cx.at);
        let failure = self.root.failure.as_ref();
        let body = json!({
            "call": cx.id,
            "status": status,
            "code": failure.map(|failure| failure.code.as_str()),
            "message": failure.map(|failure| failure.message.as_str()),
            "requestId": failure.and_then(|failure| failure.request_id.as_deref()),
            "by": self.root.resolved_by,
        });
        let mut decision = self.decided(Vec::new());
        decision.facts.push(Fact::new("call.ended", body));
        decision
    }

    fn succeed(mut self, answer: Value, cx: &Context) -> Decision<Self, Command> {
        let size = answer.to_string().len();
        if size > MAX_ANSWER {
            self.root.too_large = u64::try_from(size).ok();
            return self.end(Status::Succeeded, cx);
        }
        self.answer = Some(answer.clone());
        let mut decision = self.end(Status::Succeeded, cx);
        decision.frames.push(holding(ANSWER_FRAME, answer));
        decision
    }

    fn fail(mut self, failure: Failure, cx: &Context) -> Decision<Self, Command> {
        self.root.failure = Some(failure);
        self.end(Status::Failed, cx)
    }
}

/// Decides what an input makes of a call.
///
/// # Errors
/// [`Rejection::NotFound`] without a state, [`Rejection::Conflict`] for an input that its status does not take.
pub fn step(
    state: Option<Call>,
    input: Input,
    cx: &Context,
) -> Result<Decision<Call, Command>, Rejection> {
    let Some(call) = state else {
        return match input {
            Input::Start { request, params } => Ok(start(request, params, cx)),
            _ => Err(Rejection::not_found("AwsCall", cx.id.to_string())),
        };
    };
    match input {
        Input::Start { request, params } => again(call, &request, &params, cx),
        Input::Settled { effect, .. } if call.root.in_flight != Some(effect) => {
            Ok(Decision::unchanged(call))
        }
        Input::Settled { outcome, .. } => Ok(settled(call, outcome, cx)),
        Input::Resolve { resolution, by } => resolve(call, resolution, by, cx),
    }
}

fn start(request: Request, params: Value, cx: &Context) -> Decision<Call, Command> {
    let fact = json!({
        "call": cx.id,
        "service": request.service,
        "operation": request.operation,
        "region": request.region,
        "account": request.account,
        "role": request.role_arn,
        "class": request.class,
        "by": request.by,
    });
    let mut call = Call {
        root: Root {
            request,
            status: Status::Calling,
            started: cx.at,
            ended: None,
            effects: 0,
            in_flight: None,
            failure: None,
            unknown: None,
            resolved_by: None,
            too_large: None,
        },
        params,
        answer: None,
    };
    // A role names its account; the server's own identity must be asked for it.
    let checked = call.root.request.account.is_some() && call.root.request.role_arn.is_none();
    let command = if checked {
        call.check(cx)
    } else {
        call.call(cx)
    };
    let params = holding(PARAMS_FRAME, call.params.clone());
    let mut decision = call.decided(vec![command]);
    decision.frames.push(params);
    decision.facts.push(Fact::new("call.started", fact));
    decision.index.push(IndexEntry {
        name: "operation".to_owned(),
        value: format!(
            "{}:{}",
            decision.state.root.request.service, decision.state.root.request.operation
        ),
    });
    decision.reply = json!({"id": cx.id});
    decision
}

/// The same request once more is the same call.
fn again(
    call: Call,
    request: &Request,
    params: &Value,
    cx: &Context,
) -> Result<Decision<Call, Command>, Rejection> {
    if call.root.request == *request && call.params == *params {
        return Ok(Decision::unchanged(call));
    }
    Err(Rejection::Conflict {
        code: String::new(),
        message: format!(
            "call {} was made before with other parameters: give a new token",
            cx.id
        ),
    })
}

fn settled(mut call: Call, outcome: Outcome, cx: &Context) -> Decision<Call, Command> {
    if call.root.status == Status::Checking {
        return checked(call, outcome, cx);
    }
    match outcome {
        Outcome::Done { result } => call.succeed(result, cx),
        Outcome::Failed(failure) => call.fail(failure, cx),
        Outcome::Unknown { reason } => {
            let fact = json!({"call": cx.id, "reason": reason});
            call.root.status = Status::Unknown;
            call.root.unknown = Some(reason);
            let mut decision = call.decided(Vec::new());
            decision.facts.push(Fact::new("call.unknown", fact));
            decision
        }
    }
}

/// The answer to the question who the server is.
fn checked(mut call: Call, outcome: Outcome, cx: &Context) -> Decision<Call, Command> {
    let refusal = |code: &str, message: String| Failure {
        code: code.to_owned(),
        message,
        status: None,
        request_id: None,
        extended_request_id: None,
        shape: None,
        transient: false,
    };
    let wanted = call.root.request.account.clone().unwrap_or_default();
    match outcome {
        Outcome::Done { result } => match result.get("Account").and_then(Value::as_str) {
            Some(found) if found == wanted => {
                let command = call.call(cx);
                call.decided(vec![command])
            }
            found => {
                let message = format!(
                    "the server's own keys are of account {}, not of {wanted}: name a role of that account; nothing was sent",
                    found.unwrap_or("(not told)")
                );
                call.fail(refusal("AccountMismatch", message), cx)
            }
        },
        Outcome::Failed(failure) => {
            let message = format!(
                "the account could not be checked, nothing was sent: {}",
                failure.message
            );
            call.fail(Failure { message, ..failure }, cx)
        }
        Outcome::Unknown { reason } => {
            let message = format!("the account could not be checked, nothing was sent: {reason}");
            call.fail(refusal("Network", message), cx)
        }
    }
}

fn resolve(
    mut call: Call,
    resolution: Resolution,
    by: String,
    cx: &Context,
) -> Result<Decision<Call, Command>, Rejection> {
    if call.root.status != Status::Unknown {
        return Err(Rejection::Conflict {
            code: String::new(),
            message: format!(
                "the outcome of call {} is not unknown: there is nothing to settle",
                cx.id
            ),
        });
    }
    call.root.unknown = None;
    call.root.resolved_by = Some(by);
    Ok(match resolution {
        Resolution::Succeeded { answer: None } => call.end(Status::Succeeded, cx),
        Resolution::Succeeded {
            answer: Some(answer),
        } => call.succeed(answer, cx),
        Resolution::Failed { message } => {
            let failure = Failure {
                code: "Resolved".to_owned(),
                message,
                status: None,
                request_id: None,
                extended_request_id: None,
                shape: None,
                transient: false,
            };
            call.fail(failure, cx)
        }
        Resolution::Retry => {
            let fact = json!({"call": cx.id, "by": call.root.resolved_by});
            let command = call.call(cx);
            let mut decision = call.decided(vec![command]);
            decision.facts.push(Fact::new("call.repeated", fact));
            decision
        }
    })
}
