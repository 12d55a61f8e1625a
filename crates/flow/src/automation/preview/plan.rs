//! A finished plan: its steps, its hash, and how two plans differ. Plain data; performs and decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use model::agreed::{AgreedPlan, AgreedStep, START};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::automation::document::Action;

/// What a step or call does to the account (`ImpactType`), from harmless to not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Impact {
    /// It only reads, or only decides.
    #[default]
    NonMutating,
    /// Another orchestration does the work, or a script that may call anything: what it changes cannot be told.
    Undetermined,
    /// It changes something.
    Mutating,
}

impl Impact {
    /// That of steps whose work others do, and of those that do none.
    pub(crate) fn natural(action: Action) -> Self {
        match action {
            Action::RunCommand
            | Action::InvokeLambdaFunction
            | Action::ExecuteStateMachine
            | Action::InvokeWebhook => Self::Undetermined,
            _ => Self::NonMutating,
        }
    }

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NonMutating => "NonMutating",
            Self::Undetermined => "Undetermined",
            Self::Mutating => "Mutating",
        }
    }
}

/// One step of a plan.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanStep {
    /// Position in the plan.
    pub node: u32,
    /// The document that it belongs to.
    pub document: String,
    /// Levels above the document's run.
    pub depth: u32,
    /// Which of the plan's runs it belongs to; empty for the first.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub run: String,
    /// Whether it is a loop of which one pass stands for all.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub open: bool,
    /// The step's name.
    pub step: String,
    /// Its action.
    pub action: String,
    /// The pass of the loop around it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iteration: Option<u32>,
    /// What it does to the account.
    pub impact: Impact,
    /// Whether every way through the plan leads over it.
    pub certain: bool,
    /// The failure that leads here, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// What follows if it fails, in words; `None` where nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_fails: Option<String>,
    /// What a reader should know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Calls that the run would make and that the preview did not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<PlannedCall>,
}

/// One call that the run would make.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedCall {
    /// boto3's name of the service.
    pub service: String,
    /// The operation.
    pub operation: String,
    /// Parameters as people read them, secrets masked.
    pub params: Value,
    /// Region.
    pub region: String,
    /// The role that makes it; none is the server's own identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// What it does to the account.
    pub impact: Impact,
    /// What a repeat would do.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub class: String,
    /// Whether it can be taken back, and how.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub undo: String,
    /// IAM actions and resources that it needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<Value>,
    /// What is wrong with its parameters already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// SHA-256 of what it does, in hexadecimal digits: also of what is masked above.
    pub digest: String,
    /// What a run's call is compared with: marks in the places of unknown values, digests in those of secrets. For
    /// machines.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub compared: Value,
}

impl PlannedCall {
    fn name(&self) -> String {
        format!("{}:{}", self.service, self.operation)
    }
}

/// The calls of a plan that change something, or may: what a hash stands for.
fn binding(steps: &[PlanStep]) -> impl Iterator<Item = (&PlanStep, &PlannedCall)> {
    let calls = steps
        .iter()
        .flat_map(|step| step.calls.iter().map(move |call| (step, call)));
    calls.filter(|(_, call)| call.impact != Impact::NonMutating)
}

/// What a run is compared with that is bound to a plan.
#[must_use]
pub fn agreed(
    (hash, preview): (&str, uuid::Uuid),
    steps: &[PlanStep],
    edges: &[(u32, u32)],
) -> AgreedPlan {
    let calls = |step: &PlanStep| {
        let calls = step.calls.iter();
        let binding = calls.filter(|call| call.impact != Impact::NonMutating);
        binding.map(|call| call.compared.clone()).collect()
    };
    let steps = steps.iter().map(|step| AgreedStep {
        node: step.node,
        run: step.run.clone(),
        step: step.step.clone(),
        iteration: step.iteration,
        open: step.open,
        calls: calls(step),
    });
    AgreedPlan {
        hash: hash.to_owned(),
        preview,
        run: String::new(),
        steps: steps.collect(),
        edges: edges.to_vec(),
    }
}

/// SHA-256 of the canonical JSON of what runs and of the planned calls, in hexadecimal digits: document, step, pass and
/// digest of each, in the plan's order. `what`: the digest of the document and of what the run is asked for.
#[must_use]
pub fn hash(what: &str, steps: &[PlanStep]) -> String {
    digest(&json!([what, hashed(steps)]))
}

fn hashed(steps: &[PlanStep]) -> Value {
    let calls = binding(steps).map(|(step, call)| {
        json!([
            step.document,
            step.step,
            step.iteration,
            step.certain,
            call.digest
        ])
    });
    Value::Array(calls.collect())
}

/// SHA-256 of a value's canonical JSON: keys in order, no blanks.
#[must_use]
pub fn digest(value: &Value) -> String {
    let text = sorted(value).to_string();
    let bytes = Sha256::digest(text.as_bytes());
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        Value::Object(map) => {
            let entries: BTreeMap<&String, Value> =
                map.iter().map(|(key, item)| (key, sorted(item))).collect();
            let entries = entries.into_iter().map(|(key, item)| (key.clone(), item));
            Value::Object(entries.collect::<Map<String, Value>>())
        }
        other => other.clone(),
    }
}

/// Most differences told.
const MOST_TOLD: usize = 20;

/// What differs between an earlier plan and a later one of the same run, for people.
#[must_use]
pub fn differences(before: &[PlanStep], now: &[PlanStep]) -> Vec<String> {
    let (old, new): (Vec<_>, Vec<_>) = (binding(before).collect(), binding(now).collect());
    let mut told = Vec::new();
    let key = |(step, call): &(&PlanStep, &PlannedCall)| {
        (
            step.document.clone(),
            step.step.clone(),
            step.iteration,
            call.name(),
        )
    };
    let mut rest: Vec<_> = new.iter().collect();
    for was in &old {
        let same = rest.iter().position(|is| key(is) == key(was));
        let Some(at) = same else {
            told.push(format!("{} is no longer made", named(was)));
            continue;
        };
        let is = rest.remove(at);
        if is.1.digest != was.1.digest {
            told.push(format!("{}: {}", named(was), changed(was.1, is.1)));
        } else if is.0.certain != was.0.certain {
            let word = if is.0.certain {
                "is now certain"
            } else {
                "is no longer certain"
            };
            told.push(format!("{} {word}", named(was)));
        }
    }
    told.extend(rest.iter().map(|is| format!("{} is new", named(is))));
    if told.is_empty() && hashed(before) != hashed(now) {
        told.push("the calls are made in another order".to_owned());
    }
    told.truncate(MOST_TOLD);
    told
}

fn named((step, call): &(&PlanStep, &PlannedCall)) -> String {
    format!("step {}: {}", step.step, call.name())
}

fn changed(was: &PlannedCall, is: &PlannedCall) -> String {
    if was.role != is.role || was.region != is.region {
        return "made as another role or in another region".to_owned();
    }
    if was.service == "webhook" {
        // What a body says may be secret.
        return "its body is another".to_owned();
    }
    let empty = Map::new();
    let before = was.params.as_object().unwrap_or(&empty);
    let now = is.params.as_object().unwrap_or(&empty);
    let names = before
        .keys()
        .chain(now.keys().filter(|name| !before.contains_key(*name)));
    for name in names {
        let (old, new) = (before.get(name), now.get(name));
        if old != new {
            return format!("{name} was {}, is {}", brief(old), brief(new));
        }
    }
    "a parameter that is not shown differs".to_owned()
}

fn brief(value: Option<&Value>) -> String {
    value.map_or("absent".to_owned(), |value| {
        value.to_string().chars().take(200).collect()
    })
}

/// Says of each step whether every way from the first step to an end leads over it, or over one that is `alike`.
pub(crate) fn mark_certain(
    steps: &mut [PlanStep],
    edges: &[(u32, u32)],
    end: u32,
    alike: impl Fn(&PlanStep, &PlanStep) -> bool,
) {
    let mut next: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (from, to) in edges {
        next.entry(*from).or_default().push(*to);
    }
    let over = |step: &PlanStep| {
        let others = steps.iter().filter(|other| alike(step, other));
        others.map(|other| other.node).chain([step.node]).collect()
    };
    let certain: Vec<bool> = steps
        .iter()
        .map(|step| !escapes(&next, over(step), end))
        .collect();
    for (step, certain) in steps.iter_mut().zip(certain) {
        step.certain = certain;
    }
}

/// Whether a way leads from the first step to an end without these.
fn escapes(next: &BTreeMap<u32, Vec<u32>>, without: BTreeSet<u32>, end: u32) -> bool {
    let mut seen = without;
    let mut open = vec![START];
    while let Some(at) = open.pop() {
        if at == end {
            return true;
        }
        if seen.insert(at) {
            open.extend(next.get(&at).into_iter().flatten());
        }
    }
    false
}
