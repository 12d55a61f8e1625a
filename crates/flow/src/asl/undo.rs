//! Taking an execution back: what can be undone, newest first, and the run that does it.
//!
//! The run is the one that takes back a run of a document, made of the states that the execution kept. What it kept nothing
//! of is told from its history. Pure: the caller starts the run.

use std::collections::{BTreeMap, BTreeSet};

use model::Rejection;
use model::report::maybe_null;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::execution::{Execution, RestoreError, Status, UNDO_FAMILY, read};
use super::integration::{Family, Integration};
use crate::automation::captured::Captured;
use crate::automation::inverse;
use crate::automation::undo::reverse::{Maker, Taken};
use crate::automation::undo::{UndoPlan, UndoStep, reads};

/// How the key of the end of a kept call goes on behind that of its record.
const END: &str = "/end";

/// Key of the frame with what was kept of a call.
pub(crate) fn record_key(n: u32) -> String {
    format!("{UNDO_FAMILY}{n:06}")
}

/// Key of the frame with what became of it.
pub(crate) fn end_key(n: u32) -> String {
    format!("{}{END}", record_key(n))
}

/// What became of a kept call: a frame beside its record's, which is written once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CallEnd {
    pub(crate) v: u16,
    /// `done`, `failed`, or `sent`: nobody knows.
    pub(crate) call: String,
    /// The state after the call.
    #[serde(
        default,
        deserialize_with = "maybe_null",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) after: Option<Value>,
}

/// What an execution kept of its changing calls, in their order.
#[derive(Debug, Clone, Default)]
pub struct Kept(Vec<Captured>);

impl Kept {
    /// Reads the frames whose keys begin with [`UNDO_FAMILY`], in any order.
    ///
    /// # Errors
    /// A frame is damaged or newer than this program.
    pub fn restore(frames: Vec<(String, Value)>) -> Result<Self, RestoreError> {
        let mut records: BTreeMap<String, Captured> = BTreeMap::new();
        let mut ends: Vec<(String, CallEnd)> = Vec::new();
        for (key, body) in frames {
            match key.strip_suffix(END) {
                Some(record) => ends.push((record.to_owned(), read(&key, body)?)),
                None => {
                    records.insert(key.clone(), read(&key, body)?);
                }
            }
        }
        for (key, end) in ends {
            if let Some(record) = records.get_mut(&key) {
                record.call = end.call;
                record.after = end.after;
            }
        }
        Ok(Self(records.into_values().collect()))
    }
}

/// Plans to take an execution back, from what it kept and the events of its history. `accept` names states whose work is
/// overwritten even if somebody changed it since.
///
/// # Errors
/// The execution has not ended, is one of an Express machine, or has no such state.
pub fn plan(
    execution: &Execution,
    (kept, events): (&Kept, &[Value]),
    accept: &BTreeSet<String>,
    by: &str,
) -> Result<UndoPlan, Rejection> {
    refuse(execution, accept)?;
    let mut maker = Maker::default();
    let mut steps = Vec::new();
    let mut told = BTreeSet::new();
    for record in kept.0.iter().rev() {
        told.insert(u64::from(record.seq));
        if record.call != "failed" {
            let state = record.state.clone().unwrap_or_default();
            let step = maker.take_back((state, record), accept);
            steps.push((u64::from(record.seq), step));
        }
    }
    steps.extend(untold(events, &told));
    steps.sort_by_key(|(event, _)| std::cmp::Reverse(*event));
    let start = &execution.origin.start;
    let region = model::arn::Arn::parse(&start.machine_arn).map(|arn| arn.region);
    let made = maker.finish(Taken {
        of: execution.root.id,
        name: format!("execution {}", start.arn),
        by: by.to_owned(),
        region: region.unwrap_or_default(),
        incident: None,
        caller_role: None,
        location: None,
    });
    let steps = steps.into_iter().map(|(_, step)| step).collect();
    Ok(UndoPlan::of(steps, made))
}

fn refuse(execution: &Execution, accept: &BTreeSet<String>) -> Result<(), Rejection> {
    let start = &execution.origin.start;
    if execution.root.status == Status::Running {
        return Err(Rejection::Conflict {
            code: "ConflictException".to_owned(),
            message: format!(
                "execution {} has not ended: stop it, then undo it",
                start.arn
            ),
        });
    }
    if start.express {
        let message = "executions of Express machines keep no state of what they change";
        return Err(Rejection::invalid("id", message));
    }
    let blocks = execution.machine.blocks.iter();
    let states: BTreeSet<&str> = blocks
        .flat_map(|block| block.states.iter().map(|state| state.name.as_str()))
        .collect();
    match accept.iter().find(|name| !states.contains(name.as_str())) {
        Some(name) => Err(Rejection::not_found("State", name.clone())),
        None => Ok(()),
    }
}

/// What happened of which no state was kept, with the events that asked for it: calls without an inverse, and the work of
/// others.
fn untold<'a>(
    events: &'a [Value],
    told: &'a BTreeSet<u64>,
) -> impl Iterator<Item = (u64, UndoStep)> + 'a {
    let history = History::of(events);
    events.iter().filter_map(move |event| {
        let id = event["id"].as_u64().filter(|id| !told.contains(id))?;
        let Asked { call, how, others } = asked(event)?;
        let how = match history.end_of(event) {
            // A call that AWS refused changed nothing; what others do may fail half-way.
            End::Failed if !others => return None,
            End::Failed => format!("{how}; it failed"),
            End::Happened => how.to_owned(),
            End::Unknown => format!("{how}; whether it happened is not known"),
        };
        let step = UndoStep {
            step: history.state_of(id).to_owned(),
            call,
            undoable: false,
            how,
            calls: Vec::new(),
        };
        Some((id, step))
    })
}

/// What an event asks for that changes something.
struct Asked {
    call: String,
    /// Why it is not taken back.
    how: &'static str,
    /// Whether others do the work.
    others: bool,
}

impl Asked {
    fn call(call: String, how: &'static str) -> Self {
        let others = false;
        Self { call, how, others }
    }

    fn work(call: &str, how: &'static str) -> Self {
        Self {
            call: call.to_owned(),
            how,
            others: true,
        }
    }
}

const BY_FUNCTION: &str = "cannot be undone: what a function changed is not known";
const BY_EXECUTIONS: &str = "executions of its own: undo them by their ids";

fn asked(event: &Value) -> Option<Asked> {
    let text = |at: &str| event.pointer(at).and_then(Value::as_str);
    match event["type"].as_str()? {
        "LambdaFunctionScheduled" => Some(Asked::work(
            text("/lambdaFunctionScheduledEventDetails/resource").unwrap_or("lambda"),
            BY_FUNCTION,
        )),
        "ActivityScheduled" => Some(Asked::work(
            text("/activityScheduledEventDetails/resource").unwrap_or("activity"),
            "cannot be undone: what a worker changed is not known",
        )),
        "MapRunStarted" => Some(Asked::work(
            text("/mapRunStartedEventDetails/mapRunArn").unwrap_or("map run"),
            BY_EXECUTIONS,
        )),
        "TaskScheduled" => task(&event["taskScheduledEventDetails"]),
        _ => None,
    }
}

fn task(details: &Value) -> Option<Asked> {
    let text = |name: &str| details[name].as_str().unwrap_or_default();
    let shown = format!("{}:{}", text("resourceType"), text("resource"));
    let Ok(call) = Integration::parse(&format!("arn:aws:states:::{shown}")) else {
        return Some(Asked::call(shown, "cannot be undone: no inverse is known"));
    };
    if call.family == Family::Http {
        let how = "cannot be undone: what the web API changed is not known";
        return Some(Asked::work(&shown, how));
    }
    if reads(&call.operation) {
        return None;
    }
    let shown = format!("{}:{}", call.service, call.operation);
    Some(match (call.service.as_str(), call.operation.as_str()) {
        ("stepfunctions", "StartExecution") => Asked::call(shown, BY_EXECUTIONS),
        ("stepfunctions", "StartSyncExecution") => Asked::work(&shown, BY_EXECUTIONS),
        ("ssm", "StartAutomationExecution") => {
            Asked::call(shown, "runs of its own: undo them by their ids")
        }
        ("lambda", "Invoke") => Asked::work(&shown, BY_FUNCTION),
        (service, operation) => {
            let params: Value = serde_json::from_str(text("parameters")).unwrap_or_default();
            let params = params.as_object().cloned().unwrap_or_default();
            let params = inverse::as_service(service, params);
            Asked::call(shown, inverse::unkept(service, operation, &params))
        }
    })
}

/// Whether what was asked for happened.
enum End {
    Happened,
    Failed,
    Unknown,
}

/// Events by what they follow, and the state that each belongs to.
struct History<'a> {
    next: BTreeMap<u64, &'a Value>,
    states: BTreeMap<u64, &'a str>,
}

impl<'a> History<'a> {
    fn of(events: &'a [Value]) -> Self {
        let mut found = Self {
            next: BTreeMap::new(),
            states: BTreeMap::new(),
        };
        for event in events {
            let id = event["id"].as_u64().unwrap_or_default();
            let previous = event["previousEventId"].as_u64().unwrap_or_default();
            let entered = event.pointer("/stateEnteredEventDetails/name");
            let state = entered.and_then(Value::as_str);
            if let Some(state) = state.or_else(|| found.states.get(&previous).copied()) {
                found.states.insert(id, state);
            }
            // Of several that follow one event (branches), none is the answer to a call.
            found.next.entry(previous).or_insert(event);
        }
        found
    }

    fn state_of(&self, event: u64) -> &'a str {
        self.states.get(&event).copied().unwrap_or_default()
    }

    /// What came of the work that an event asked for.
    fn end_of(&self, event: &Value) -> End {
        let mut at = event;
        loop {
            let kind = at["type"].as_str().unwrap_or_default();
            if ["Succeeded", "Submitted"]
                .iter()
                .any(|end| kind.ends_with(end))
                || kind == "MapRunStarted"
            {
                return End::Happened;
            }
            if kind.ends_with("Failed") {
                return End::Failed;
            }
            let begins = ["Scheduled", "Started"]
                .iter()
                .any(|word| kind.ends_with(word));
            let next = at["id"].as_u64().and_then(|id| self.next.get(&id));
            match next {
                Some(next) if begins => at = next,
                _ => return End::Unknown,
            }
        }
    }
}
