//! What runs and engagements tell an incident.

use jiff::Timestamp;
use model::Decision;
use model::incident::{AutomationExecution, IncidentStatus, epoch};
use model::report::RunReport;
use serde_json::{Value, json};
use uuid::Uuid;

use super::state::{EngagementRef, Incident};
use super::turn::Turn;
use super::{Command, open};
use crate::engage::{EndNotice, EngagementNotice, PageNotice};
use model::Context;
use model::text::paragraph;

const RUN_START: &str = "SSM Automation Execution Start for Incident";
const RUN_STEP: &str = "SSM Automation Execution Step for Incident";
const RUN_END: &str = "SSM Automation Execution End for Incident";
const PAGE: &str = "SSM Contacts Page for Incident";
const PAGE_FAILURE: &str = "SSM Contacts Page Failure for Incident";
const PAGE_ACK: &str = "SSM Contacts Page Acknowledgement for Incident";
const UNANSWERED: &str = "SSM Contacts Engagement Unanswered for Incident";
const ENGAGEMENT_END: &str = "SSM Contacts Engagement End for Incident";

/// Engagements remembered.
const ENGAGEMENTS: usize = 100;
/// Executions shown by the record.
const EXECUTIONS: usize = 100;

/// A run reports.
pub(super) fn run(
    state: &Incident,
    report: RunReport,
    cx: &Context,
) -> Decision<Incident, Command> {
    let mut turn = Turn::new(state.clone(), cx);
    match report {
        RunReport::Started {
            run,
            document,
            version,
        } => started(&mut turn, run, &document, &version),
        RunReport::StartFailed {
            run,
            document,
            reason,
        } => open::start_failure(&mut turn, run, &document, &reason),
        RunReport::Step {
            run,
            step,
            action,
            status,
            started,
            ended,
            message,
        } => {
            let mut data = json!({
                "ssmExecutionArn": open::execution_arn(&turn, run),
                "stepName": step,
                "action": action,
                "status": status,
                "startTime": started.to_string(),
            });
            put_end(&mut data, started, ended);
            put_message(&mut data, message);
            turn.event(RUN_STEP, &data, &[]);
        }
        RunReport::Ended {
            run,
            status,
            outputs,
            message,
        } => {
            let mut data = json!({ "status": status });
            if outputs
                .as_object()
                .is_some_and(|outputs| !outputs.is_empty())
            {
                data["outputs"] = Value::from(paragraph(&outputs.to_string(), 4000));
            }
            put_message(&mut data, message);
            ended(&mut turn, run, &status, data);
        }
    }
    turn.decide()
}

fn started(turn: &mut Turn, run: Uuid, document: &str, version: &str) {
    open::know_run(turn, run, document, "InProgress");
    let arn = open::execution_arn(turn, run);
    let execution = AutomationExecution::SsmExecutionArn(arn.clone());
    let executions = &mut turn.state.record.automation_executions;
    if executions.len() < EXECUTIONS && !executions.contains(&execution) {
        executions.push(execution);
    }
    let item = open::automation_item(turn, &arn, document);
    let data = json!({ "ssmExecutionArn": arn, "ssmDocumentName": document, "ssmDocumentVersion": version });
    turn.event(RUN_START, &data, &item);
}

fn ended(turn: &mut Turn, run: Uuid, status: &str, mut data: Value) {
    let known = turn.state.runs.iter().find(|known| known.id == run);
    let document = known.map(|known| known.document.clone());
    open::know_run(turn, run, document.as_deref().unwrap_or_default(), status);
    if status == "Success" {
        turn.state.moments.contained.get_or_insert(turn.at);
    }
    data["ssmExecutionArn"] = Value::from(open::execution_arn(turn, run));
    if let Some(document) = document {
        data["ssmDocumentName"] = Value::from(document);
    }
    turn.fact(
        "incident.run_ended",
        json!({ "run": run, "status": status }),
    );
    turn.event(RUN_END, &data, &[]);
}

fn put_end(data: &mut Value, started: Timestamp, ended: Option<Timestamp>) {
    if let Some(ended) = ended {
        data["endTime"] = Value::from(ended.to_string());
        data["durationInMilliseconds"] =
            Value::from(ended.as_millisecond() - started.as_millisecond());
    }
}

fn put_message(data: &mut Value, message: Option<String>) {
    if let Some(message) = message.filter(|message| !message.is_empty()) {
        data["message"] = Value::from(paragraph(&message, 4000));
    }
}

/// An engagement reports.
pub(super) fn engagement(
    state: &Incident,
    notice: EngagementNotice,
    cx: &Context,
) -> Decision<Incident, Command> {
    let mut turn = Turn::new(state.clone(), cx);
    match notice {
        EngagementNotice::PageSent(page) => {
            turn.state
                .moments
                .first_page
                .get_or_insert(epoch::to_millis(page.at));
            know(&mut turn, &page);
            turn.event(PAGE, &page_data(&page), &[]);
        }
        EngagementNotice::PageFailed { page, reason } => {
            let mut data = page_data(&page);
            data["pageArn"] = Value::from(page.page_arn);
            data["reason"] = Value::from(paragraph(&reason, 1000));
            turn.event(PAGE_FAILURE, &data, &[]);
        }
        EngagementNotice::Acknowledged(page) => acknowledged(&mut turn, &page),
        EngagementNotice::Unanswered(end) => turn.event(UNANSWERED, &end_data(&end), &[]),
        EngagementNotice::Ended(end) => {
            let known = turn
                .state
                .engagements
                .iter_mut()
                .find(|known| known.id == end.engagement);
            // One that the incident itself stopped, or that was answered, tells nothing new.
            let news = known
                .as_ref()
                .is_none_or(|known| !known.ended && known.acknowledged.is_none());
            if let Some(known) = known {
                known.ended = true;
            }
            if news && end.reason != "acknowledged" {
                turn.event(ENGAGEMENT_END, &end_data(&end), &[]);
            }
        }
    }
    turn.decide()
}

/// Remembers an engagement that a person started for this incident, so that resolving stops it too.
fn know(turn: &mut Turn, page: &PageNotice) {
    let open = turn.state.record.status == IncidentStatus::Open;
    let engagements = &mut turn.state.engagements;
    let known = engagements.iter().any(|known| known.id == page.engagement);
    if open && !known && engagements.len() < ENGAGEMENTS {
        engagements.push(EngagementRef {
            id: page.engagement,
            contact_arn: page.contact_arn.clone(),
            ended: false,
            acknowledged: None,
        });
    }
}

fn acknowledged(turn: &mut Turn, page: &PageNotice) {
    let at = epoch::to_millis(page.at);
    turn.state.moments.first_ack.get_or_insert(at);
    if let Some(known) = turn
        .state
        .engagements
        .iter_mut()
        .find(|known| known.id == page.engagement)
    {
        known.acknowledged.get_or_insert(at);
    }
    let data = page_data(page);
    turn.event(PAGE_ACK, &data, &[]);
    turn.fact("incident.acknowledged", data.clone());
    let mut detail = data;
    detail["incidentTitle"] = Value::from(turn.state.record.title.as_str());
    turn.publish(PAGE_ACK, detail);
}

fn page_data(page: &PageNotice) -> Value {
    json!({ "contactArn": page.contact_arn, "engagementArn": page.engagement_arn })
}

fn end_data(end: &EndNotice) -> Value {
    json!({ "contactArn": end.contact_arn, "engagementArn": end.engagement_arn, "reason": end.reason })
}
