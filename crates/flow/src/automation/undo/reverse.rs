//! The reverse plan in the making: one step for each call that brings a state back, the comparisons before them, and what
//! each must find.

use std::collections::{BTreeMap, BTreeSet};

use model::Rejection;
use model::fleet::RunLocation;
use model::report::{Expected, StartRun, UndoWish};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{DOCUMENT_NAME, UndoStep};
use crate::automation::captured::Captured;
use crate::automation::document::{Format, MAX_STEPS};
use crate::automation::input::{DocumentSource, Parsed, Start};
use crate::automation::inverse;
use crate::automation::parameters::to_wire;

/// Name of the last step, which does nothing.
const LAST: &str = "Finished";
/// Beginning of the names of steps that only compare; no step of a playbook's own undo has it.
const CHECK: &str = "Check";

/// What is taken back, and by whom.
pub(crate) struct Taken {
    /// Its id.
    pub(crate) of: Uuid,
    /// What it is called in texts.
    pub(crate) name: String,
    /// Who wants it.
    pub(crate) by: String,
    /// The region of its calls.
    pub(crate) region: String,
    /// The incident that it worked on.
    pub(crate) incident: Option<Uuid>,
    /// The role that the playbook's caller acted as.
    pub(crate) caller_role: Option<String>,
    /// The account and region of one of several runs.
    pub(crate) location: Option<RunLocation>,
}

/// The state before a call and the calls that bring it back, or why there are none.
fn calls_back(record: &Captured) -> Result<(&Value, Vec<inverse::Call>), String> {
    let Some(before) = &record.before else {
        let reason = record.unreadable.as_deref().unwrap_or_default();
        return Err(format!(
            "cannot be undone: the prior state could not be read: {reason}"
        ));
    };
    let empty = inverse::Params::new();
    let params = record.params.as_object().unwrap_or(&empty);
    let rule = inverse::rule(&record.service, &record.operation);
    // A state after the call that is not known is taken for another one: everything is brought back.
    let unknown = Value::Null;
    let after = record.after.as_ref().unwrap_or(&unknown);
    let calls = match rule {
        Some(rule) if record.after.as_ref() != Some(before) => rule.back(params, before, after),
        _ => Vec::new(),
    };
    if calls.is_empty() {
        return Err(match &record.after {
            Some(after) if after == before => "nothing to undo: it changed nothing".to_owned(),
            Some(_) => format!(
                "cannot be undone by itself: no call brings back what was before: {}",
                shown(before)
            ),
            // What it may have added is not known, so it cannot be taken away.
            None => format!(
                "cannot be undone by itself: the state that it left is not known; before it was {}",
                shown(before)
            ),
        });
    }
    if rule
        .and_then(|rule| rule.reading_after(params, before))
        .is_none()
    {
        return Err("cannot be undone: its present state cannot be looked at".to_owned());
    }
    Ok((before, calls))
}

/// A state, in short.
fn shown(state: &Value) -> String {
    state.to_string().chars().take(300).collect()
}

/// Collects the steps of the reverse document.
#[derive(Default)]
pub(crate) struct Maker {
    steps: Vec<Value>,
    expect: BTreeMap<String, Expected>,
    parameters: BTreeMap<String, Vec<String>>,
    declared: Map<String, Value>,
    /// The steps that compare before anything is changed.
    checks: Vec<Value>,
    /// States that newer changes touched.
    seen: Vec<inverse::Call>,
    /// The role that each step acts as, where the call that it takes back named one.
    roles: BTreeMap<String, String>,
}

impl Maker {
    /// Takes back one call of `step`, newest first.
    pub(crate) fn take_back(
        &mut self,
        (step, record): (String, &Captured),
        accept: &BTreeSet<String>,
    ) -> UndoStep {
        let told = |undoable, how: String, calls| UndoStep {
            step: step.clone(),
            call: format!("{}:{}", record.service, record.operation),
            undoable,
            how,
            calls,
        };
        let (before, calls) = match calls_back(record) {
            Ok(found) => found,
            Err(how) => return told(false, how, Vec::new()),
        };
        let shown: Vec<Value> = calls
            .iter()
            .map(|call| json!({"service": call.service, "operation": call.operation, "params": call.params}))
            .collect();
        let name = format!("Undo{}", record.n);
        for (at, call) in calls.iter().enumerate() {
            let name = if at == 0 {
                name.clone()
            } else {
                format!("{name}_{at}")
            };
            self.step(&name, call, record.role.as_ref());
        }
        let expected = Expected {
            service: record.service.clone(),
            operation: record.operation.clone(),
            params: record.params.clone(),
            before: before.clone(),
            after: record.after.clone(),
            accept_drift: accept.contains(&step),
            // Filled in when the next step is known.
            then: String::new(),
            check: false,
        };
        self.check(record, &expected);
        self.expect.insert(name, expected);
        let how = match (&record.after, record.call.as_str()) {
            (None, _) => {
                "can be undone, but the state it left is not known: accept the drift of its step"
            }
            (_, "sent") => "can be undone; whether the call happened is not known",
            _ => "can be undone",
        };
        told(true, how.to_owned(), shown)
    }

    /// Compares a state before anything at all is changed: of each state only the newest change, for that is what is
    /// there now.
    fn check(&mut self, record: &Captured, expected: &Expected) {
        let empty = inverse::Params::new();
        let params = expected.params.as_object().unwrap_or(&empty);
        let rule = inverse::rule(&expected.service, &expected.operation);
        let reading = rule.and_then(|rule| rule.reading_after(params, &expected.before));
        let Some(reading) = reading else {
            return;
        };
        let first = !self.seen.contains(&reading);
        if first && !expected.accept_drift {
            let name = format!("{CHECK}{}", record.n);
            let step = self.made(&name, &reading, record.role.as_ref());
            self.checks.push(step);
            let check = Expected {
                check: true,
                ..expected.clone()
            };
            self.expect.insert(name, check);
        }
        self.seen.push(reading);
    }

    fn step(&mut self, name: &str, call: &inverse::Call, role: Option<&String>) {
        let step = self.made(name, call, role);
        self.steps.push(step);
    }

    fn made(&mut self, name: &str, call: &inverse::Call, role: Option<&String>) -> Value {
        if let Some(role) = role {
            self.roles.insert(name.to_owned(), role.clone());
        }
        let mut inputs = Map::new();
        inputs.insert("Service".to_owned(), json!(call.service));
        inputs.insert("Api".to_owned(), json!(call.operation));
        for (key, value) in call.params.as_object().into_iter().flatten() {
            inputs.insert(key.clone(), self.literal(value));
        }
        json!({"name": name, "action": "aws:executeAwsApi", "inputs": inputs})
    }

    /// A value as an input. What looks like a reference travels as a parameter's value, which is not looked at again.
    fn literal(&mut self, value: &Value) -> Value {
        if !value.to_string().contains("{{") {
            return value.clone();
        }
        let kind = match value {
            Value::Object(_) => "StringMap",
            Value::Array(items) if items.iter().any(Value::is_object) => "MapList",
            Value::Array(_) => "StringList",
            _ => "String",
        };
        let name = format!("Value{}", self.parameters.len());
        self.declared.insert(name.clone(), json!({ "type": kind }));
        self.parameters.insert(name.clone(), to_wire(value));
        json!(format!("{{{{ {name} }}}}"))
    }

    /// The run that does it; `None` when there is nothing to take back.
    ///
    /// # Errors
    /// There is more to take back than a document may have steps.
    pub(crate) fn finish(mut self, taken: Taken) -> Result<Option<Start>, Rejection> {
        if self.steps.is_empty() {
            return Ok(None);
        }
        self.steps
            .push(json!({"name": LAST, "action": "aws:sleep", "inputs": {"Duration": "PT0S"}}));
        self.link();
        let mut steps = std::mem::take(&mut self.checks);
        steps.append(&mut self.steps);
        if steps.len() > MAX_STEPS {
            return Err(too_many(&taken.name, steps.len()));
        }
        let mut document = json!({
            "schemaVersion": "0.3",
            "description": format!("Takes back what {} did.", taken.name),
            "mainSteps": steps,
        });
        if !self.declared.is_empty() {
            document["parameters"] = Value::Object(self.declared);
        }
        // The document has one role; steps of calls that were made as another one have theirs.
        if let Some(role) = self.roles.values().next().cloned() {
            self.roles.retain(|_, other| *other != role);
            document["assumeRole"] = json!(role);
        }
        let request = StartRun {
            document_name: DOCUMENT_NAME.to_owned(),
            parameters: self.parameters,
            executed_by: taken.by,
            region: taken.region,
            mode: "Auto".to_owned(),
            incident: taken.incident,
            caller_role: taken.caller_role,
            location: taken.location,
            undo: UndoWish {
                capture: false,
                of: Some(taken.of),
                expect: self.expect,
                roles: self.roles,
            },
            ..StartRun::default()
        };
        Ok(Some(Start {
            request,
            document: DocumentSource::Found {
                name: DOCUMENT_NAME.to_owned(),
                version: "1".to_owned(),
                format: Format::Json,
                content: document.to_string(),
                attachments: Vec::new(),
            },
            parsed: Parsed::default(),
            target_type: None,
            queued: false,
        }))
    }

    /// Says of each first step where to go on when there is nothing to do.
    fn link(&mut self) {
        let names: Vec<String> = self
            .steps
            .iter()
            .filter_map(|step| Some(step.get("name")?.as_str()?.to_owned()))
            .collect();
        for (at, name) in names.iter().enumerate() {
            let later = names.iter().skip(at + 1);
            let mut firsts = later.filter(|name| !name.contains('_'));
            let then = firsts.next().cloned().unwrap_or_else(|| LAST.to_owned());
            if let Some(expected) = self.expect.get_mut(name) {
                expected.then = then;
            }
        }
    }
}

fn too_many(name: &str, steps: usize) -> Rejection {
    Rejection::Conflict {
        code: "InvalidAutomationStatusUpdateException".to_owned(),
        message: format!(
            "taking {name} back would need {steps} steps, and a run may have {MAX_STEPS}: `--plan` lists the calls to make"
        ),
    }
}
