//! A run that is bound to a plan: it goes on along the plan's steps and makes the changing calls that the plan has there,
//! in their order and with their values, and no other.
//!
//! The run keeps where in the plan it may be: several places, where the plan shows a step more than once. A call that the
//! plan does not have there goes out as a dry run's question ([`PreviewAsk`]): one that only reads is answered, any other
//! is not made, and the run ends. Knows of no account and of no preview but the plan.

mod fits;

use model::EffectCommand;
use model::agreed::{AgreedPlan, START};
use model::effect::{AwsCall, Failure as EffectFailure, Outcome, PreviewAsk, ScriptCall};
use model::report::StartRun;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::document::Step;
use super::machine::Turn;
use super::preview::plan::digest;
use super::run::{Run, Stop};
use crate::expr::unknown;
use fits::Known;
pub(crate) use fits::hidden;

/// Most places in the plan that a run may be at.
const MOST_SPOTS: usize = 64;

/// How far a run came in the plan that it is bound to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Following {
    /// Where it may be; nowhere once it has left the plan.
    at: Vec<Spot>,
    /// The step at which it left the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    left: Option<String>,
    /// Whether it might have been at more places than are followed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    crowded: bool,
    /// The question in flight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asked: Option<Question>,
    /// Why the run may not go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    drift: Option<String>,
}

/// Whether a call that the plan does not have only reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Question {
    /// The effect that asks.
    effect: Uuid,
    /// What is told if it does not.
    otherwise: String,
}

/// A place in the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Spot {
    /// The step.
    node: u32,
    /// How many of its calls are behind.
    #[serde(default)]
    done: usize,
    /// What the marks stand for.
    #[serde(default)]
    known: Known,
}

/// The part of a run's plan for a child that it starts; `None` where it is bound to none. A run that has left its plan
/// has none of it for a child. Of a loop whose passes are not known one stands for all that follow it.
pub(crate) fn part_for(parent: &Run, child: &StartRun) -> Option<AgreedPlan> {
    let plan = parent.request().agreed.as_ref()?;
    let state = parent.root.in_loop.as_ref();
    let pass = state.map_or(0, |state| state.iteration);
    let exact = path_of(parent, (&plan.run, pass), child);
    let Some(following) = &parent.root.following else {
        return Some(plan.under(&exact));
    };
    if following.left.is_some() {
        return Some(plan.nothing(&exact));
    }
    let part = plan.under(&exact);
    if !part.steps.is_empty() {
        return Some(part);
    }
    let spots = following.at.iter();
    let planned = spots.filter_map(|spot| plan.step(spot.node)?.iteration);
    let mut earlier: Vec<u32> = planned.filter(|planned| *planned < pass).collect();
    earlier.sort_unstable();
    let stands = earlier.iter().rev().find_map(|earlier| {
        let part = plan.under(&path_of(parent, (&plan.run, *earlier), child));
        (!part.steps.is_empty()).then_some(part)
    });
    Some(stands.unwrap_or(part))
}

/// Which of a plan's runs a child is: by the step that starts it, the pass of the loop around that, and what it is for.
fn path_of(parent: &Run, (above, pass): (&str, u32), child: &StartRun) -> String {
    let current = parent.root.current.as_ref();
    let step = current.and_then(|current| parent.document.steps.get(current.step));
    let place = child.location.as_ref();
    let place = place.map(|place| (place.account.as_str(), child.region.as_str()));
    let resource = child.target.as_ref().map(|target| target.resource.as_str());
    let given = parent.is_fleet().then_some(&child.parameters);
    let what = digest(&json!([place, resource, given]));
    let name = step.map_or("", |step| step.name.as_str());
    format!(
        "{above}/{name}.{pass}.{}",
        what.get(..12).unwrap_or_default()
    )
}

/// The run begins to follow the plan that it was asked for with.
pub(crate) fn start(run: &mut Run) {
    if run.request().agreed.is_some() {
        run.root.following = Some(Box::new(Following {
            at: vec![Spot {
                node: START,
                done: 0,
                known: Known::new(),
            }],
            ..Following::default()
        }));
    }
}

/// Binds a run that stands at a step to the plan of what comes behind it.
pub(crate) fn bind(turn: &mut Turn<'_>, plan: &AgreedPlan) {
    turn.rewrite_request(|request| request.agreed = Some(Box::new(plan.clone())));
    start(&mut turn.run);
}

/// A step has begun: the run goes on in the plan, or has left it.
pub(crate) fn begun(turn: &mut Turn<'_>, step: &Step) {
    let Some(mut following) = turn.run.root.following.take() else {
        return;
    };
    let pass = turn
        .run
        .root
        .in_loop
        .as_ref()
        .filter(|_| step.parent.is_some());
    let pass = pass.map(|state| state.iteration);
    if let Some(plan) = &turn.run.request().agreed
        && following.left.is_none()
    {
        let own = &step.name;
        let mut next: Vec<Spot> = Vec::new();
        for spot in &following.at {
            for node in next_nodes(plan, spot.node, (&step.name, pass)) {
                let mut known = spot.known.clone();
                // The step gives its outputs anew, and a further pass of a loop has another item.
                let again = pass.is_some_and(|pass| pass > 1);
                known.retain(|name, _| {
                    !(unknown::is_of(name, own) || again && name.starts_with(unknown::ITEM))
                });
                let spot = Spot {
                    node,
                    done: 0,
                    known,
                };
                if next.contains(&spot) {
                    continue;
                }
                if next.len() < MOST_SPOTS {
                    next.push(spot);
                } else {
                    following.crowded = true;
                }
            }
        }
        if next.is_empty() {
            following.left = Some(step.name.clone());
        }
        following.at = next;
    }
    turn.run.root.following = Some(following);
}

/// The plan's steps of this name and pass that may come next. Of a loop whose passes are not known one stands for all
/// that follow it.
fn next_nodes(plan: &AgreedPlan, from: u32, (name, pass): (&str, Option<u32>)) -> Vec<u32> {
    let following = plan.following(from);
    let with = |fits: &dyn Fn(Option<u32>) -> bool| {
        let named = |node: &u32| {
            plan.step(*node)
                .is_some_and(|step| step.step == name && fits(step.iteration))
        };
        following
            .iter()
            .copied()
            .filter(named)
            .collect::<Vec<u32>>()
    };
    let nodes = with(&|planned| planned == pass);
    if nodes.is_empty() && pass.is_some() {
        return with(&|planned| planned.is_some() && planned < pass);
    }
    nodes
}

/// The present step's action begins anew: another attempt.
pub(crate) fn again(run: &mut Run) {
    if let Some(following) = run.root.following.as_mut() {
        following.asked = None;
        for spot in &mut following.at {
            spot.done = 0;
        }
    }
}

/// What goes out in the place of an effect of the present step; `None` when nothing may.
pub(crate) fn checked(
    run: &mut Run,
    effect: Uuid,
    command: EffectCommand,
) -> Option<EffectCommand> {
    // Cleaning up behind a cancelled step is the wish of whoever cancels.
    if run.root.following.is_none() || matches!(run.root.stop, Some(Stop::Cancel { .. })) {
        return Some(command);
    }
    let Some(actual) = compared(&command) else {
        return Some(command);
    };
    if follow(run, &actual) {
        return Some(command);
    }
    let EffectCommand::CallAws(call) = command else {
        let told = told(run, &actual, "");
        stray(run, told);
        return None;
    };
    let otherwise = told(run, &actual, &call.operation);
    if let Some(following) = run.root.following.as_mut() {
        following.asked = Some(Question { effect, otherwise });
    }
    let account = run.origin.account.clone();
    Some(EffectCommand::Preview(Box::new(PreviewAsk::Call {
        call,
        known: true,
        account,
    })))
}

/// Goes on to the next call of the plan that this one is; whether there is one.
fn follow(run: &mut Run, actual: &Value) -> bool {
    let Some(mut following) = run.root.following.take() else {
        return true;
    };
    let mut next = Vec::new();
    if let Some(plan) = &run.request().agreed {
        for spot in &following.at {
            let calls = plan.step(spot.node).map_or(&[][..], |step| &step.calls);
            for (at, call) in calls.iter().enumerate().skip(spot.done) {
                let mut known = spot.known.clone();
                if fits::fits(call, actual, &mut known) {
                    next.push(Spot {
                        node: spot.node,
                        done: at + 1,
                        known,
                    });
                    break;
                }
            }
        }
    }
    let fitting = !next.is_empty();
    if fitting {
        following.at = next;
    }
    run.root.following = Some(following);
    fitting
}

/// The run may not go on: it would do what the plan does not have.
fn stray(run: &mut Run, told: String) {
    if let Some(following) = run.root.following.as_mut() {
        following.drift = Some(told);
    }
}

fn told(run: &Run, actual: &Value, operation: &str) -> String {
    let text = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let name = match text(actual, "service").as_str() {
        service @ ("script" | "webhook") => format!("a {service}"),
        service => format!("{service}:{operation}"),
    };
    let plan = run.request().agreed.as_ref();
    let hash = plan.map_or("", |plan| plan.hash.get(..12).unwrap_or_default());
    let following = run.root.following.as_ref();
    let left = following.and_then(|following| following.left.as_ref());
    let spot = following.and_then(|following| following.at.first());
    let step = spot.and_then(|spot| plan?.step(spot.node));
    let calls = step.map_or(&[][..], |step| &step.calls);
    let same = |call: &&Value| {
        text(call, "service") == text(actual, "service")
            && text(call, "operation") == text(actual, "operation")
    };
    let left_over = calls
        .get(spot.map_or(0, |spot| spot.done)..)
        .unwrap_or_default();
    let why = match (
        left,
        left_over.iter().find(same),
        calls.iter().any(|call| same(&call)),
    ) {
        (Some(step), _, _) => format!("the run left the plan at step {step}"),
        (None, Some(call), _) => format!("the plan has it with {}", differing(call, actual)),
        (None, None, true) => "the plan has it less often, or in another order".to_owned(),
        (None, None, false) => "the plan does not have it in this step".to_owned(),
    };
    let why = if following.is_some_and(|following| following.crowded) {
        format!(
            "{why}, at any of the {MOST_SPOTS} places that are followed; the run may have been at more"
        )
    } else {
        why
    };
    format!(
        "Drift: the run is bound to the plan {hash}… and would call {name}, but {why}. The call was not made and the run \
         does not go on; plan what is left to do and agree to that."
    )
}

/// Which members differ; their values may be secret.
fn differing(planned: &Value, actual: &Value) -> String {
    let members = |value: &Value| value["params"].as_object().cloned().unwrap_or_default();
    let (planned_params, params) = (members(planned), members(actual));
    let mut known = Known::new();
    let differs = |name: &&String| match (planned_params.get(*name), params.get(*name)) {
        (Some(a), Some(b)) => !fits::fits(a, b, &mut known.clone()),
        _ => true,
    };
    let more = params
        .keys()
        .filter(|name| !planned_params.contains_key(*name));
    let names: Vec<&str> = planned_params
        .keys()
        .chain(more)
        .filter(differs)
        .take(5)
        .map(String::as_str)
        .collect();
    known.clear();
    match names.as_slice() {
        [] => "other values, another role or another region".to_owned(),
        names => format!("another {}", names.join(", ")),
    }
}

/// An effect ended: the answer to a question becomes the call's own, or the run may not go on.
pub(crate) fn answered(run: &mut Run, effect: Uuid, outcome: Outcome) -> Outcome {
    let Some(following) = run.root.following.as_mut() else {
        return outcome;
    };
    let asked = following.asked.take_if(|asked| asked.effect == effect);
    let Some(asked) = asked else { return outcome };
    match outcome {
        Outcome::Done { mut result } => {
            if let Some(read) = result.get_mut("read") {
                return Outcome::Done {
                    result: read.take(),
                };
            }
            stray(run, asked.otherwise);
            Outcome::Failed(refused(
                "PlanDrift",
                "the plan does not have this call",
                false,
            ))
        }
        // Nothing was done: the question can be asked again.
        Outcome::Unknown { reason } => Outcome::Failed(refused("Network", &reason, true)),
        failed @ Outcome::Failed(_) => failed,
    }
}

fn refused(code: &str, message: &str, transient: bool) -> EffectFailure {
    EffectFailure {
        code: code.to_owned(),
        message: message.to_owned(),
        status: None,
        request_id: None,
        extended_request_id: None,
        shape: None,
        transient,
    }
}

/// A child ended because it had drifted: so does this run.
pub(crate) fn child_strayed(run: &mut Run, message: Option<&str>) {
    if let Some(following) = run.root.following.as_mut() {
        let message = message.unwrap_or("Drift: a child of the run has left the plan.");
        following.drift = Some(message.to_owned());
    }
}

/// Why the run may not go on, if it may not.
pub(crate) fn drift(run: &Run) -> Option<&str> {
    run.root.following.as_ref()?.drift.as_deref()
}

/// The step at which the run left its plan, if it did.
pub(crate) fn left(run: &Run) -> Option<&str> {
    run.root.following.as_ref()?.left.as_deref()
}

/// What of an effect is compared with a plan; `None` for what cannot change anything.
pub(crate) fn compared(command: &EffectCommand) -> Option<Value> {
    match command {
        EffectCommand::CallAws(call) => Some(compared_call(call)),
        EffectCommand::RunScript(call) => (!call.isolated).then(|| compared_script(call)),
        EffectCommand::InvokeIntegration(call) => Some(json!({
            "service": "webhook", "operation": "invoke", "region": call.region,
            "role": call.assume_role.as_ref().map(|role| &role.role_arn),
            "params": {"IntegrationName": call.name, "Body": call.body},
        })),
        _ => None,
    }
}

/// What of a call is compared with a plan.
pub(crate) fn compared_call(call: &AwsCall) -> Value {
    let operation: String = call
        .operation
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    json!({
        "service": call.service, "operation": operation, "region": call.region, "params": call.params,
        "role": call.assume_role.as_ref().map(|role| &role.role_arn),
    })
}

fn compared_script(call: &ScriptCall) -> Value {
    let attached = call.attachment.as_ref().map(|file| &file.sha256);
    let code = digest(&json!([call.script, call.handler, call.runtime, attached]));
    json!({
        "service": "script", "operation": "run", "region": call.region,
        "role": call.assume_role.as_ref().map(|role| &role.role_arn),
        "params": {"Code": code, "InputPayload": call.payload},
    })
}
