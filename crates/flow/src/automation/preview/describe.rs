//! Writing into the plan what was described instead of done.

use jiff::Timestamp;
use model::EffectCommand;
use model::effect::{AwsCall, Outcome, PreviewAsk};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::moment::Moment;
use super::plan::{Impact, PlannedCall, digest};
use super::state::{Asked, Work};
use crate::automation::agreed;
use crate::automation::document::Action;
use crate::automation::input::Context;
use crate::automation::inverse;
use crate::automation::machine::{self, Cue};
use crate::automation::run::Run;
use crate::expr::unknown;

/// What a performer puts in the place of a secret.
const MASK: &str = "***";

impl Work {
    /// Asks whether a call only reads; then for its answer, if all of its parameters are known.
    pub(super) fn question(&self, call: &AwsCall, cx: &Context) -> PreviewAsk {
        let run = self.now.as_ref().and_then(|way| way.stack.last());
        let account = run.map_or(cx.scope.account.clone(), |run| run.origin.account.clone());
        let known = !unknown::is_in(&call.params);
        let mut call = call.clone();
        call.params = unknown::starred(&call.params);
        PreviewAsk::Call {
            call,
            known,
            account,
        }
    }

    /// Notes a reading of what planned calls change.
    pub(super) fn stale(&mut self, call: Option<&AwsCall>) {
        let Some(call) = call else { return };
        if !self.ledger.touches(&call.service, &call.params) {
            return;
        }
        if let Some(run) = self.now.as_ref().and_then(|way| way.stack.last()) {
            machine::reads_changes(run, &mut self.ledger);
        }
    }

    fn place(&self) -> Option<(Uuid, u32, Action)> {
        let run = self.now.as_ref()?.stack.last()?;
        let (seq, step) = machine::present(run)?;
        Some((run.id(), seq, step.action))
    }

    pub(super) fn impact(&mut self, impact: Impact) {
        if let Some((run, seq, _)) = self.place() {
            self.ledger.impact((run, seq), impact);
        }
    }

    /// Writes what was described instead of done into the plan; what the run is told then.
    pub(super) fn planned(
        &mut self,
        asked: &Asked,
        planned: &Value,
        times: (Timestamp, Timestamp),
    ) -> Cue {
        let Some((run, seq, action)) = self.place() else {
            return Cue::Pass(None);
        };
        let place = (run, seq);
        let natural = Impact::natural(action);
        let Some(call) = &asked.call else {
            return self.plan_script(place, planned, (asked.script.as_ref(), times));
        };
        let lasting = self.lasting(&call.params, times);
        let made = described(call, planned, &lasting);
        let reads = made.impact == Impact::NonMutating;
        let impact = match natural {
            // Others do the work of these actions.
            Impact::Undetermined if !reads => Impact::Undetermined,
            _ => made.impact,
        };
        let made = PlannedCall { impact, ..made };
        self.ledger.plan(place, made, &call.params);
        if action == Action::DeleteImage && !reads {
            return Cue::Effect(asked.inner, Outcome::Done { result: json!({}) });
        }
        if action == Action::Approve {
            let run = self.now.as_ref().and_then(|way| way.stack.last());
            return Cue::Pass(run.map(asks));
        }
        Cue::Pass(reads.then(|| "reads what is only known after the run".to_owned()))
    }

    /// A value without the moment of the run.
    fn lasting(&self, value: &Value, (from, until): (Timestamp, Timestamp)) -> Value {
        let moment = Moment {
            from,
            until,
            runs: &self.runs,
        };
        moment.removed_from(value)
    }

    fn plan_script(
        &mut self,
        place: (Uuid, u32),
        planned: &Value,
        (script, times): (Option<&Value>, (Timestamp, Timestamp)),
    ) -> Cue {
        let told = planned
            .get("note")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let harmless = planned.get("isolated").and_then(Value::as_bool) == Some(true);
        if !harmless {
            let lasting = self.lasting(script.unwrap_or(&Value::Null), times);
            let call = PlannedCall {
                service: "script".to_owned(),
                operation: "run".to_owned(),
                params: planned.get("calls").cloned().unwrap_or_default(),
                impact: Impact::Undetermined,
                undo: "cannot be undone: what a script changes is not known".to_owned(),
                permissions: planned
                    .get("permissions")
                    .and_then(Value::as_array)
                    .cloned()
                    .unwrap_or_default(),
                digest: digest(&lasting),
                compared: lasting,
                ..PlannedCall::default()
            };
            self.ledger.plan(place, call, &Value::Null);
        }
        Cue::Pass(Some(told.to_owned()))
    }

    /// A webhook, which no service's model describes.
    pub(super) fn plan_other(&mut self, command: &EffectCommand, times: (Timestamp, Timestamp)) {
        let Some((run, seq, _)) = self.place() else {
            return;
        };
        let (name, body) = match command {
            EffectCommand::InvokeIntegration(call) => (
                call.name.clone(),
                json!({"IntegrationName": call.name, "Body": call.body}),
            ),
            _ => ("effect".to_owned(), Value::Null),
        };
        let lasting = self.lasting(&body, times);
        let compared = agreed::compared(command).unwrap_or_default();
        let call = PlannedCall {
            compared: self.lasting(&compared, times),
            service: "webhook".to_owned(),
            operation: "invoke".to_owned(),
            params: unknown::shown(&lasting),
            impact: Impact::Undetermined,
            undo: "cannot be undone: what it sets off is not known".to_owned(),
            digest: digest(&json!([name, lasting])),
            ..PlannedCall::default()
        };
        self.ledger.plan((run, seq), call, &Value::Null);
    }
}

/// A call as its performer described it; `lasting` are its parameters without the moment of the run.
pub(crate) fn described(call: &AwsCall, planned: &Value, lasting: &Value) -> PlannedCall {
    let text = |name: &str| planned.get(name).and_then(Value::as_str).map(str::to_owned);
    let (service, operation) = (
        text("service").unwrap_or_else(|| call.service.clone()),
        text("operation").unwrap_or_else(|| call.operation.clone()),
    );
    let role = call.assume_role.as_ref().map(|role| role.role_arn.clone());
    let stands_for = json!({"service": service, "operation": operation, "params": lasting, "region": call.region, "role": role});
    let empty = Map::new();
    let undo = inverse::prospect(
        &service,
        &operation,
        call.params.as_object().unwrap_or(&empty),
    );
    let reads = text("impact").as_deref() == Some("NonMutating");
    let compared = agreed::compared_call(&AwsCall {
        params: compared(lasting, planned.get("secrets")),
        ..call.clone()
    });
    let permissions = planned.get("permissions").and_then(Value::as_array);
    PlannedCall {
        params: masked(&unknown::shown(lasting), planned.get("secrets")),
        digest: digest(&stands_for),
        region: call.region.clone(),
        role,
        impact: if reads {
            Impact::NonMutating
        } else {
            Impact::Mutating
        },
        class: text("class").unwrap_or_default(),
        undo: if reads {
            String::new()
        } else {
            undo.to_owned()
        },
        permissions: permissions.cloned().unwrap_or_default(),
        problem: text("problem"),
        compared,
        service,
        operation,
    }
}

/// Whom an approval asks.
pub(super) fn asks(run: &Run) -> String {
    let approvers = run
        .current()
        .and_then(|record| record.inputs.get("Approvers"));
    let text = approvers.map(|list| unknown::shown(list).to_string());
    format!(
        "asks {}; shown as if they agreed",
        text.unwrap_or_else(|| "its approvers".to_owned())
    )
}

/// Parameters with digests in the places of secrets; what is not known of one is not compared.
fn compared(params: &Value, secrets: Option<&Value>) -> Value {
    match (params, secrets) {
        (_, Some(Value::String(mask))) if mask == MASK && params != MASK => {
            if unknown::is_in(params) {
                return unknown::mark("");
            }
            agreed::hidden(params)
        }
        (Value::Object(map), Some(Value::Object(secret))) => {
            let entries = map
                .iter()
                .map(|(key, item)| (key.clone(), compared(item, secret.get(key))));
            Value::Object(entries.collect())
        }
        (Value::Array(items), Some(Value::Array(secret))) => {
            let entries = items.iter().enumerate();
            entries
                .map(|(n, item)| compared(item, secret.get(n)))
                .collect()
        }
        _ => params.clone(),
    }
}

/// Parameters with the secrets masked, as their performer found them.
fn masked(params: &Value, secrets: Option<&Value>) -> Value {
    match (params, secrets) {
        (_, Some(Value::String(mask))) if mask == MASK => Value::String(mask.clone()),
        (Value::Object(map), Some(Value::Object(secret))) => {
            let entries = map
                .iter()
                .map(|(key, item)| (key.clone(), masked(item, secret.get(key))));
            Value::Object(entries.collect())
        }
        (Value::Array(items), Some(Value::Array(secret))) => {
            let entries = items.iter().enumerate();
            entries
                .map(|(n, item)| masked(item, secret.get(n)))
                .collect()
        }
        _ => params.clone(),
    }
}
