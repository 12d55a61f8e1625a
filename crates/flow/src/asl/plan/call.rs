//! Tasks of a walk: readings are asked for, changes are planned, their results are known only in the run.

use model::effect::{AwsCall, Outcome, PreviewAsk, Spelling};
use serde_json::{Value, json};

use super::touch::{self, Touched};
use super::walk::{Question, Walk};
use super::way::{Book, Frame, Way};
use crate::asl::definition::Kind;
use crate::asl::integration::{Family, Integration};
use crate::asl::machine::planned::{Brought, Did, Left, Spot};
use crate::asl::open;
use crate::automation::preview::describe::described;
use crate::automation::preview::plan::{Impact, PlannedCall, digest};
use crate::expr::unknown;

/// Calls whose work others do: what they change cannot be told.
const BY_OTHERS: [(&str, &str); 14] = [
    ("lambda", "Invoke"),
    ("lambda", "InvokeAsync"),
    ("stepfunctions", "StartExecution"),
    ("stepfunctions", "StartSyncExecution"),
    ("ssm", "StartAutomationExecution"),
    ("ssm", "SendCommand"),
    ("ecs", "RunTask"),
    ("batch", "SubmitJob"),
    ("glue", "StartJobRun"),
    ("codebuild", "StartBuild"),
    ("codebuild", "StartBuildBatch"),
    ("emr", "AddJobFlowSteps"),
    ("events", "PutEvents"),
    ("athena", "StartQueryExecution"),
];

impl Walk<'_> {
    pub(super) fn task(
        &mut self,
        frame: &Frame<'_>,
        (spot, node): (&Spot, u32),
        way: &mut Way,
        book: &mut Book,
    ) -> Option<Left> {
        let state = spot.state()?;
        let Kind::Task(task) = &state.kind else {
            return None;
        };
        let mut call = match spot.enter(self.cx) {
            Did::Calls(call) => *call,
            Did::Offers(activity, input) => {
                self.offered(node, &activity, &input);
                return self.unknown((spot, node), (way, book));
            }
            did => return self.settle(did, node, book),
        };
        call.assume_role = call.assume_role.filter(|role| !role.role_arn.is_empty());
        let integration = Integration::parse(&task.resource).ok()?;
        if integration.family == Family::Http {
            self.reached(node, &call);
            return self.unknown((spot, node), (way, book));
        }
        let Some(answer) = self.answer(&call) else {
            book.ended.halted = true;
            return None;
        };
        if let Some(planned) = planned(&answer) {
            return self.planned(
                (frame, &integration),
                (spot, node),
                (way, book),
                (&call, planned),
            );
        }
        if let Some(reason) = passing((&call, &integration), way) {
            self.note(node, reason);
            return self.unknown((spot, node), (way, book));
        }
        if let Outcome::Failed(failure) = &answer
            && failure.transient
        {
            self.note(node, &format!("could not be read: {}", failure.message));
            self.cut(format!("{}: its reading could not be made", state.name));
            return self.unknown((spot, node), (way, book));
        }
        let outcome = match answer {
            Outcome::Done { mut result } => {
                let read = result.get_mut("read").map(Value::take).unwrap_or_default();
                let result = if way.changes.touch(&call) == Touched::Tags {
                    touch::without_tags(read)
                } else {
                    read
                };
                Outcome::Done { result }
            }
            other => other,
        };
        self.settle(spot.bring(Brought::Answer(outcome), self.cx), node, book)
    }

    /// The answer to a call's question; asks it if there is none.
    pub(super) fn answer(&mut self, call: &AwsCall) -> Option<Outcome> {
        let key = digest(&json!(call));
        if let Some(answer) = self.answers.get(key.as_str()) {
            return Some((*answer).clone());
        }
        if self.questions.iter().any(|one| one.key == key) {
            return None;
        }
        let known = !unknown::is_in(&json!(call));
        let mut starred = call.clone();
        starred.params = unknown::starred(&call.params);
        if let Some(role) = &mut starred.assume_role
            && let Value::String(text) = unknown::starred(&json!(role.role_arn))
        {
            role.role_arn = text;
        }
        self.questions.push(Question {
            key,
            call: call.clone(),
            ask: PreviewAsk::Call {
                call: starred,
                known,
                account: self.cx.scope.account.clone(),
            },
        });
        None
    }

    /// A call that was described instead of made.
    fn planned(
        &mut self,
        (frame, integration): (&Frame<'_>, &Integration),
        (spot, node): (&Spot, u32),
        (way, book): (&mut Way, &mut Book),
        (call, planned): (&AwsCall, &Value),
    ) -> Option<Left> {
        let lasting = self.lasting(&call.params);
        let made = described(call, planned, &lasting);
        if made.impact == Impact::NonMutating {
            self.note(node, "reads what is known only in the run");
        } else {
            let others = integration.family == Family::Function
                || integration.job.is_some()
                || BY_OTHERS.contains(&(made.service.as_str(), made.operation.as_str()));
            let impact = if others {
                Impact::Undetermined
            } else {
                Impact::Mutating
            };
            self.plan(node, PlannedCall { impact, ..made }, call);
            way.changes(call, book);
            if integration.callback {
                self.note(node, "waits for whoever has its task token");
            } else if integration.job.is_some() {
                self.note(node, "waits until what it starts has ended");
            }
            if call.service == "stepfunctions" && call.operation.starts_with("Start") {
                self.nested((frame, node), (way, book), call)?;
            }
        }
        self.unknown((spot, node), (way, book))
    }

    /// Writes a call into the plan.
    pub(super) fn plan(&mut self, node: u32, made: PlannedCall, call: &AwsCall) {
        self.tell_widened(node, &made, &call.params);
        // Nothing is bound to a machine's plan.
        let made = PlannedCall {
            compared: Value::Null,
            ..made
        };
        self.add_call(node, made);
    }

    /// A task's result is known only in the run; it may also fail.
    fn unknown(
        &mut self,
        (spot, node): (&Spot, u32),
        (way, book): (&Way, &mut Book),
    ) -> Option<Left> {
        let state = spot.state()?;
        self.failures((spot, node), (way, book));
        let result = Brought::Result(open::named(&state.name));
        self.settle(spot.bring(result, self.cx), node, book)
    }

    fn offered(&mut self, node: u32, activity: &str, input: &str) {
        self.note(
            node,
            &format!("waits for a worker of the activity {activity}"),
        );
        let input = serde_json::from_str(input).unwrap_or_else(|_| json!(input));
        let lasting = self.lasting(&json!({"activity": activity, "input": input}));
        let made = PlannedCall {
            service: "activity".to_owned(),
            operation: "offer".to_owned(),
            params: unknown::shown(&lasting),
            region: self.cx.scope.region.clone(),
            impact: Impact::Undetermined,
            undo: "cannot be undone: what a worker does is not known".to_owned(),
            digest: digest(&lasting),
            ..PlannedCall::default()
        };
        self.tell_widened(node, &made, &lasting);
        self.add_call(node, made);
    }

    /// A call of a web API: nobody here knows what it reads or changes.
    fn reached(&mut self, node: u32, call: &AwsCall) {
        let lasting = self.lasting(&call.params);
        let made = PlannedCall {
            service: call.service.clone(),
            operation: call.operation.clone(),
            params: unknown::shown(&lasting),
            region: call.region.clone(),
            impact: Impact::Undetermined,
            undo: "cannot be undone: what the web API does is not known".to_owned(),
            digest: digest(&json!([call.service, lasting])),
            ..PlannedCall::default()
        };
        self.tell_widened(node, &made, &lasting);
        self.add_call(node, made);
    }

    /// The results of a distributed Map that go to a bucket.
    pub(super) fn written(
        &mut self,
        (spot, node): (&Spot, u32),
        (way, book): (&mut Way, &mut Book),
        destination: Value,
    ) -> Option<Left> {
        let part = |name: &str| destination.get(name).cloned().unwrap_or_default();
        let prefix = part("Prefix");
        let prefix = prefix.as_str().unwrap_or_default();
        let key = open::named("key of a result");
        let key = format!("{prefix}/{}", key.as_str().unwrap_or_default());
        let role = &spot.start.role_arn;
        let call = AwsCall {
            service: "s3".to_owned(),
            operation: "PutObject".to_owned(),
            params: json!({"Bucket": part("Bucket"), "Key": key, "Body": open::named("results")}),
            region: self.cx.scope.region.clone(),
            assume_role: super::child::assumed(role),
            timeout_secs: 60,
            spelling: Spelling::Service,
        };
        let Some(answer) = self.answer(&call) else {
            book.ended.halted = true;
            return None;
        };
        if let Some(planned) = planned(&answer) {
            let made = described(&call, planned, &self.lasting(&call.params));
            self.plan(node, made, &call);
            way.changes(&call, book);
        }
        let state = spot.state()?;
        let result = Brought::Result(open::named(&state.name));
        self.settle(spot.bring(result, self.cx), node, book)
    }
}

/// Why a reading's answer of now says nothing about the run.
fn passing((call, integration): (&AwsCall, &Integration), way: &Way) -> Option<&'static str> {
    if integration.callback {
        return Some("waits for whoever has its task token");
    }
    if way.changes.touch(call) == Touched::All {
        return Some("reads what planned calls change before it: known only in the run");
    }
    (way.rounds() > 1).then_some("read again: known only in the run")
}

fn planned(answer: &Outcome) -> Option<&Value> {
    match answer {
        Outcome::Done { result } => result.get("planned"),
        _ => None,
    }
}
