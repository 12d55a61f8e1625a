//! `aws:approve`: waits for enough people to say yes, or one to say no.
//!
//! An approver counts once; a second word of the same person is refused. A failed notification does not fail the
//! step: the people can still be told by other means, and the record says that it failed.

use model::Rejection;
use model::arn::Arn;
use model::effect::Failure as EffectFailure;
use serde_json::{Map, Value, json};

use super::{ApproverDecision, Memory, Progress, Success, call, list_input, text_input};
use crate::automation::document::Step;
use crate::automation::input::{Signal, SignalKind};
use crate::automation::machine::Turn;
use crate::automation::record::Failure;
use crate::expr::value_type::text_of;

/// Seven days, and thirty (SSM's own limits).
const DEFAULT_TIMEOUT: u64 = 604_800;
const MAX_TIMEOUT: u64 = 2_592_000;
const MAX_APPROVERS: usize = 10;
const MAX_COMMENT: usize = 1_024;

pub(super) fn begin(
    turn: &mut Turn<'_>,
    step: &Step,
    inputs: &Map<String, Value>,
) -> Result<Progress, Failure> {
    let approvers = list_input(inputs, "Approvers")?;
    if approvers.len() > MAX_APPROVERS {
        return Err(Failure::inputs(format!(
            "Input Approvers has more than {MAX_APPROVERS} items."
        )));
    }
    needed(inputs, &approvers)?;
    turn.set_timeout(
        step.timeout_seconds
            .unwrap_or(DEFAULT_TIMEOUT)
            .min(MAX_TIMEOUT),
    );
    turn.remember(Memory::Approval {
        decisions: Vec::new(),
    });
    turn.set_outputs(outputs("Waiting", &[]));
    notify(turn, step, inputs)?;
    Ok(Progress::Waiting)
}

fn needed(inputs: &Map<String, Value>, approvers: &[String]) -> Result<usize, Failure> {
    let needed = match inputs.get("MinRequiredApprovals") {
        None | Some(Value::Null) => 1,
        Some(value) => text_of(value).trim().parse().unwrap_or(0),
    };
    if needed == 0 || needed > approvers.len() {
        return Err(Failure::inputs(format!(
            "Input MinRequiredApprovals must be 1 to {}, the number of approvers.",
            approvers.len()
        )));
    }
    Ok(needed)
}

fn notify(turn: &mut Turn<'_>, step: &Step, inputs: &Map<String, Value>) -> Result<(), Failure> {
    if inputs
        .get("NotificationArn")
        .is_none_or(|arn| text_of(arn).is_empty())
    {
        return Ok(());
    }
    let topic = text_input(inputs, "NotificationArn")?;
    let message = inputs
        .get("Message")
        .map(|text| text_of(text).into_owned())
        .unwrap_or_default();
    let (document, _) = turn.run.document_name();
    let text = format!(
        "Automation execution {} of {document} waits for approval of step {}.\n\n{message}",
        turn.cx.id, step.name
    );
    let mut params = Map::new();
    params.insert("TopicArn".to_owned(), json!(topic));
    params.insert("Subject".to_owned(), json!("Automation approval request"));
    params.insert("Message".to_owned(), json!(text));
    // Nothing waits for the answer, so it may be given up like a read.
    call(turn, ("sns", "Publish"), params, (true, None)).map(|_| ())
}

pub(super) fn on_effect(turn: &mut Turn<'_>, answer: Result<Value, EffectFailure>) -> Progress {
    let remark = match answer {
        Ok(_) => "the approvers' topic was notified".to_owned(),
        Err(error) => format!(
            "the approvers' topic was not notified: {} ({})",
            error.message, error.code
        ),
    };
    turn.set_response(remark);
    Progress::Waiting
}

/// An Approve or Reject signal for the waiting step.
///
/// # Errors
/// When the sender is no approver or has spoken already.
pub(crate) fn signal(turn: &mut Turn<'_>, signal: &Signal) -> Result<Progress, Rejection> {
    let inputs = turn.current_inputs();
    let approvers = list_input(&inputs, "Approvers").unwrap_or_default();
    let decisions = with_decision(turn, &approvers, signal)?;
    let yes = decisions
        .iter()
        .filter(|decision| decision.approved)
        .count();
    let progress = if signal.kind != SignalKind::Approve {
        turn.set_outputs(outputs("Rejected", &decisions));
        let comment = decisions
            .last()
            .map_or("", |decision| decision.comment.as_str());
        let message = format!("Step was rejected by {}. {comment}", signal.by);
        Progress::Failed(Failure::refused(message.trim()))
    } else if needed(&inputs, &approvers).is_ok_and(|needed| yes >= needed) {
        Progress::Done(Success {
            outputs: outputs("Approved", &decisions),
            ..Success::default()
        })
    } else {
        turn.set_outputs(outputs("Waiting", &decisions));
        Progress::Waiting
    };
    turn.remember(Memory::Approval { decisions });
    Ok(progress)
}

/// The decisions so far and this one.
fn with_decision(
    turn: &Turn<'_>,
    approvers: &[String],
    signal: &Signal,
) -> Result<Vec<ApproverDecision>, Rejection> {
    let by = &signal.by;
    let refuse = |message: String| {
        let code = "InvalidAutomationSignalException".to_owned();
        Err(Rejection::Conflict { code, message })
    };
    if !approvers.iter().any(|approver| is_approver(approver, by)) {
        let all = approvers.join(", ");
        return refuse(format!(
            "{by} is not an approver of the step; approvers: {all}"
        ));
    }
    let Some(Memory::Approval { mut decisions }) = turn.memory() else {
        return refuse("the step does not wait for an approval".to_owned());
    };
    if decisions.iter().any(|decision| decision.approver == *by) {
        return refuse(format!("{by} has decided already"));
    }
    let approves = signal.kind == SignalKind::Approve;
    let plan = approved_plan(turn, signal).filter(|_| approves);
    if let Some(refused) = plan.as_ref().and_then(|plan| another(&decisions, plan)) {
        return refuse(refused);
    }
    let comment = signal
        .payload
        .get("Comment")
        .and_then(|texts| texts.first());
    decisions.push(ApproverDecision {
        approver: by.clone(),
        approved: approves,
        comment: comment
            .map(|text| text.chars().take(MAX_COMMENT).collect())
            .unwrap_or_default(),
        at: turn.cx.at,
        plan,
    });
    Ok(decisions)
}

/// The hash of the plan that an approval is of: its own, or that of the plan which the run is bound to.
fn approved_plan(turn: &Turn<'_>, signal: &Signal) -> Option<String> {
    let bound = || turn.run.request().agreed.as_ref();
    let plan = signal.agreed.as_ref().or_else(bound)?;
    (!plan.hash.is_empty()).then(|| plan.hash.clone())
}

/// Why this plan cannot be approved, where another has been: words about one plan do not count towards another.
fn another(decisions: &[ApproverDecision], plan: &str) -> Option<String> {
    let brief = |hash: &str| hash.chars().take(12).collect::<String>();
    decisions.iter().find_map(|decision| {
        let given = decision.plan.as_deref().filter(|given| *given != plan)?;
        Some(format!(
            "{} has approved the plan {}… already, which is not {}…: approve that one, or reject the step",
            decision.approver,
            brief(given),
            brief(plan)
        ))
    })
}

fn outputs(status: &str, decisions: &[ApproverDecision]) -> Map<String, Value> {
    let list: Vec<Value> = decisions
        .iter()
        .map(|decision| {
            json!({
                "Approver": decision.approver,
                "Decision": if decision.approved { "Approve" } else { "Reject" },
                "Comment": decision.comment,
                "Time": decision.at.to_string(),
            })
        })
        .collect();
    let mut outputs = Map::new();
    outputs.insert("ApprovalStatus".to_owned(), json!(status));
    outputs.insert("ApproverDecisions".to_owned(), Value::Array(list));
    outputs
}

/// Whether the principal `by` is meant by an entry of `Approvers`: a user name, a user's ARN, a role's ARN (any
/// session of it), or an assumed role's ARN (with or without the session).
fn is_approver(approver: &str, by: &str) -> bool {
    let approver = approver.trim();
    if approver.is_empty() {
        return false;
    }
    if approver == by {
        return true;
    }
    let Some(principal) = Arn::parse(by) else {
        return false;
    };
    if !approver.starts_with("arn:") {
        return principal
            .tail("user")
            .is_some_and(|path| path.rsplit('/').next() == Some(approver));
    }
    let Some(wanted) = Arn::parse(approver) else {
        return false;
    };
    let Some((role, session)) = principal
        .tail("assumed-role")
        .and_then(|tail| tail.split_once('/'))
    else {
        return false;
    };
    if wanted.account != principal.account || wanted.partition != principal.partition {
        return false;
    }
    match (wanted.tail("role"), wanted.tail("assumed-role")) {
        // A role's path does not show in the ARN of its sessions.
        (Some(path), _) => path.rsplit('/').next() == Some(role),
        (_, Some(tail)) => match tail.split_once('/') {
            Some((name, wanted_session)) => name == role && wanted_session == session,
            None => tail == role,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn approver_table() {
        let user = "arn:aws:iam::123456789012:user/team/ana";
        let session = "arn:aws:sts::123456789012:assumed-role/Ops/ana";
        let cases = [
            ("ana", user, true),
            ("team", user, false),
            (user, user, true),
            ("arn:aws:iam::123456789012:user/bo", user, false),
            ("arn:aws:iam::123456789012:role/Ops", session, true),
            (
                "arn:aws:iam::123456789012:role/some/path/Ops",
                session,
                true,
            ),
            ("arn:aws:iam::999999999999:role/Ops", session, false),
            ("arn:aws:sts::123456789012:assumed-role/Ops", session, true),
            (
                "arn:aws:sts::123456789012:assumed-role/Ops/ana",
                session,
                true,
            ),
            (
                "arn:aws:sts::123456789012:assumed-role/Ops/bo",
                session,
                false,
            ),
            ("ana", session, false),
            ("Ops", session, false),
            ("", user, false),
            ("ana", "ana", true),
            ("ana", "not an arn", false),
        ];
        for (approver, by, expected) in cases {
            assert_eq!(is_approver(approver, by), expected, "{approver} {by}");
        }
    }
}
