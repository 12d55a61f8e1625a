//! The first trigger opens an incident, later ones fold into it.

use model::arn::Arn;
use model::contact::alias_of;
use model::incident::{
    Dedupe, IncidentRecord, IncidentRecordSource, IncidentStatus, ItemIdentifier, ItemType,
    ItemValue, Trigger, epoch, incident_arn,
};
use model::plan::{Action, ChatChannel, SsmAutomation, at_most, check_impact};
use model::report::StartRun;
use model::{Decision, Rejection, ids};
use serde_json::{Value, json};
use uuid::Uuid;

use super::state::{EngagementRef, Incident, Moments, RawTrigger, RunRef};
use super::turn::{START_OPERATION, Turn, raw_data};
use super::{Command, Engage};
use crate::recall::{Recall, Request};
use crate::template::{self, Facts};
use model::text::{one_line, paragraph};
use model::{Context, frames};

/// `SSM Incident Trigger`.
const TRIGGER: &str = "SSM Incident Trigger";
/// `SSM Incident Start`.
pub(super) const START: &str = "SSM Incident Start";
/// `SSM Automation Execution Start Failure for Incident`.
pub(super) const START_FAILURE: &str = "SSM Automation Execution Start Failure for Incident";
/// Runs that an incident remembers.
const RUNS: usize = 100;

/// Opens an incident. Order of effects: record, trigger and start events, tags, related items, parent item, runbook,
/// engagements, topics.
pub(super) fn open(
    trigger: Trigger,
    cx: &Context,
) -> Result<Decision<Incident, Command>, Rejection> {
    let record = record(&trigger, cx)?;
    let mut turn = Turn::new(fresh(record, &trigger, cx), cx);
    turn.index("all", "1");
    turn.claims.extend(trigger.dedupe_claim());
    turn.fact(
        "incident.opened",
        json!({ "arn": turn.state.record.arn, "title": turn.state.record.title, "plan": trigger.plan_arn,
                "impact": turn.state.record.impact, "source": trigger.source }),
    );
    keep_raw(&mut turn, &trigger);
    trigger_event(&mut turn, &trigger, true);
    start_event(&mut turn, &trigger);
    relate(&mut turn, &trigger)?;
    parent(&mut turn);
    for Action::SsmAutomation(action) in &trigger.plan.actions {
        run(&mut turn, &trigger, action);
    }
    engage(&mut turn, &trigger);
    let detail = json!({ "incidentTitle": turn.state.record.title, "incidentRecordArn": turn.state.record.arn,
                         "impact": turn.state.record.impact });
    turn.publish(START, detail);
    remember(&mut turn, &trigger);
    Ok(turn.decide())
}

/// Folds a trigger into an open incident. A client token seen before gets its answer again, even after the end.
pub(super) fn fold(
    state: &Incident,
    trigger: Trigger,
    cx: &Context,
) -> Result<Decision<Incident, Command>, Rejection> {
    if let Some(reply) = state.recall.answer(&request(&trigger))? {
        let mut decision = Decision::unchanged(state.clone());
        decision.reply = reply;
        return Ok(decision);
    }
    if state.record.status == IncidentStatus::Resolved {
        return Err(Rejection::Closed);
    }
    let mut turn = Turn::new(state.clone(), cx);
    turn.state.triggers = turn.state.triggers.saturating_add(1);
    turn.state.moments.detected = turn
        .state
        .moments
        .detected
        .min(epoch::to_millis(trigger.detected));
    let (number, arn) = (turn.state.triggers, turn.state.record.arn.clone());
    turn.fact("incident.folded", json!({ "arn": arn, "trigger": number }));
    keep_raw(&mut turn, &trigger);
    trigger_event(&mut turn, &trigger, false);
    // A full list of related items is no reason to lose a trigger.
    for arn in trigger
        .involved_resources
        .iter()
        .filter(|arn| Arn::parse(arn).is_some())
    {
        let identifier = ItemIdentifier {
            kind: ItemType::InvolvedResource,
            value: ItemValue::Arn(arn.clone()),
        };
        if turn.relate(identifier, None).is_err() {
            break;
        }
    }
    for item in &trigger.related_items {
        if turn
            .relate(item.identifier.clone(), item.title.clone())
            .is_err()
        {
            break;
        }
    }
    remember(&mut turn, &trigger);
    Ok(turn.decide())
}

fn record(trigger: &Trigger, cx: &Context) -> Result<IncidentRecord, Rejection> {
    let template = &trigger.plan.incident_template;
    let title = trigger
        .title
        .clone()
        .unwrap_or_else(|| template.title.clone());
    let impact = trigger.impact.unwrap_or(template.impact);
    at_most("title", Some(&title), 200)?;
    check_impact("impact", impact)?;
    let at = epoch::to_millis(cx.at);
    let chat = trigger.plan.chat_channel.clone();
    Ok(IncidentRecord {
        arn: incident_arn(&cx.scope, &trigger.plan.name, cx.id),
        automation_executions: Vec::new(),
        chat_channel: chat.filter(|chat| !matches!(chat, ChatChannel::Empty {})),
        creation_time: at,
        dedupe_string: match &trigger.dedupe {
            Dedupe::Key(key) => key.clone(),
            Dedupe::None => ids::random(&cx.entropy, "dedupe string").to_string(),
        },
        impact,
        incident_record_source: IncidentRecordSource {
            created_by: trigger.caller_arn.clone(),
            invoked_by: trigger.invoked_by.clone(),
            resource_arn: trigger.trigger_arn.clone(),
            source: trigger.source.clone(),
        },
        last_modified_by: trigger.caller_arn.clone(),
        last_modified_time: at,
        notification_targets: template.notification_targets.clone(),
        resolved_time: None,
        status: IncidentStatus::Open,
        summary: template.summary.clone(),
        title,
    })
}

fn fresh(record: IncidentRecord, trigger: &Trigger, cx: &Context) -> Incident {
    let opened = record.creation_time;
    Incident {
        id: cx.id,
        scope: cx.scope.clone(),
        record,
        plan_arn: trigger.plan_arn.clone(),
        region: trigger.region.clone(),
        related: Vec::new(),
        tags: trigger.plan.incident_template.incident_tags.clone(),
        dedupe_key: trigger.dedupe_claim().map(|claim| claim.key),
        triggers: 1,
        sequence: 0,
        engagements: Vec::new(),
        runs: Vec::new(),
        moments: Moments {
            detected: epoch::to_millis(trigger.detected).min(opened),
            opened,
            first_page: None,
            first_ack: None,
            contained: None,
            resolved: None,
        },
        deleted: false,
        recall: Recall::default(),
    }
}

/// Keeps the whole event, whatever its length.
fn keep_raw(turn: &mut Turn, trigger: &Trigger) {
    if trigger.raw.is_empty() && trigger.input.is_none() {
        return;
    }
    let body = RawTrigger {
        at: turn.at,
        source: trigger.source.clone(),
        trigger_arn: trigger.trigger_arn.clone(),
        raw_data: trigger.raw.clone(),
        input: trigger.input.clone(),
    };
    let key = format!("{}{}", RawTrigger::FRAMES, turn.state.triggers);
    turn.frames.push(frames::put(&key, &body));
}

fn trigger_event(turn: &mut Turn, trigger: &Trigger, created: bool) {
    let mut data = json!({ "createdIncident": created, "incidentSource": trigger.source });
    if let Some(arn) = &trigger.trigger_arn {
        data["triggerArn"] = Value::from(arn.as_str());
    }
    let raw = trigger.input.as_deref().unwrap_or(&trigger.raw);
    if !raw.is_empty() {
        data["rawData"] = Value::from(raw_data(raw));
    }
    turn.event(TRIGGER, &data, &[]);
}

fn start_event(turn: &mut Turn, trigger: &Trigger) {
    let contacts = trigger.plan.engagements.iter();
    let contacts: Vec<Value> = contacts
        .map(|arn| json!({ "contactArn": arn, "contactName": alias_of(arn) }))
        .collect();
    let mut data = json!({ "incidentTitle": turn.state.record.title, "contactsEngage": contacts });
    if let Some(Action::SsmAutomation(action)) = trigger.plan.actions.first() {
        data["ssmDocumentName"] = Value::from(action.document_name.as_str());
        data["ssmDocumentVersion"] = Value::from(version(action).unwrap_or("$DEFAULT"));
    }
    if let Some(arn) = &trigger.trigger_arn {
        data["triggerArn"] = Value::from(arn.as_str());
    }
    turn.event(START, &data, &[]);
}

fn version(action: &SsmAutomation) -> Option<&str> {
    action
        .document_version
        .as_deref()
        .filter(|version| !version.is_empty())
}

fn relate(turn: &mut Turn, trigger: &Trigger) -> Result<(), Rejection> {
    // One place stays free for the parent item and one for the runbook.
    for item in trigger.related_items.iter().take(98) {
        turn.relate(item.identifier.clone(), item.title.clone())?;
    }
    let known = trigger
        .involved_resources
        .iter()
        .filter(|arn| Arn::parse(arn).is_some());
    for arn in known {
        if turn.state.related.len() >= 98 {
            break;
        }
        let identifier = ItemIdentifier {
            kind: ItemType::InvolvedResource,
            value: ItemValue::Arn(arn.clone()),
        };
        turn.relate(identifier, None)?;
    }
    Ok(())
}

/// The parent item: the OpsItem that stands for the incident elsewhere.
fn parent(turn: &mut Turn) {
    let state = &turn.state;
    let id = ids::named(&["opsitem", &state.id.to_string()])
        .simple()
        .to_string();
    let short = id.get(..12).unwrap_or(&id);
    let arn = format!(
        "arn:{}:ssm:{}:{}:opsitem/oi-{short}",
        state.scope.partition(),
        state.region,
        state.scope.account
    );
    let identifier = ItemIdentifier {
        kind: ItemType::Parent,
        value: ItemValue::Arn(arn),
    };
    let value =
        json!({ "itemToAdd": { "identifier": identifier, "title": "parentItem" } }).to_string();
    let Ok((item, _)) = turn.relate(identifier, Some("parentItem".to_owned())) else {
        return;
    };
    let data = json!({
        "modifiedBy": turn.state.record.last_modified_by,
        "modifiedAttributes": [{ "attributeName": "relatedItems", "newValue": value }],
        "incidentTitle": turn.state.record.title,
    });
    turn.event(super::record::UPDATE, &data, &[item]);
}

/// Asks for the plan's runbook, or writes why it cannot start.
fn run(turn: &mut Turn, trigger: &Trigger, action: &SsmAutomation) {
    let number = turn.state.runs.len();
    let run = ids::named(&[
        "incident run",
        &turn.state.id.to_string(),
        &number.to_string(),
    ]);
    let event: Option<Value> = serde_json::from_str(&trigger.raw)
        .ok()
        .filter(|event: &Value| event.is_object());
    let arn = turn.state.record.arn.clone();
    let facts = Facts {
        event: event.as_ref(),
        incident: Some((&arn, turn.state.id)),
    };
    match template::parameters(action, &facts, &trigger.involved_resources) {
        Ok(parameters) => {
            turn.state.runs.push(RunRef {
                id: run,
                document: action.document_name.clone(),
                status: "Pending".to_owned(),
            });
            let request = StartRun {
                document_name: action.document_name.clone(),
                document_version: version(action).map(str::to_owned),
                parameters,
                executed_by: action.role_arn.clone(),
                region: trigger.region.clone(),
                mode: "Auto".to_owned(),
                incident: Some(turn.state.id),
                tags: Default::default(),
                ..StartRun::default()
            };
            let request = Box::new(request);
            turn.commands.push(Command::StartRun { run, request });
        }
        Err(error) => start_failure(turn, run, &action.document_name, &error.to_string()),
    }
}

/// The timeline event of a runbook that could not start, with its related item.
pub(super) fn start_failure(turn: &mut Turn, run: Uuid, document: &str, reason: &str) {
    let arn = execution_arn(turn, run);
    let item = automation_item(turn, &arn, document);
    let data = json!({ "ssmExecutionArn": arn, "ssmDocumentName": document, "reason": paragraph(reason, 4000) });
    turn.fact(
        "incident.run_not_started",
        json!({ "run": run, "document": document, "reason": reason }),
    );
    turn.event(START_FAILURE, &data, &item);
    turn.state.runs.retain(|known| known.id != run);
}

/// The related item of a run; none when the list is full.
pub(super) fn automation_item(turn: &mut Turn, arn: &str, document: &str) -> Vec<String> {
    let identifier = ItemIdentifier {
        kind: ItemType::Automation,
        value: ItemValue::Arn(arn.to_owned()),
    };
    let title = Some(one_line(document, 200));
    turn.relate(identifier, title)
        .map(|(id, _)| vec![id])
        .unwrap_or_default()
}

/// `arn:aws:ssm:<region>:<account>:automation-execution/<uuid>`.
pub(super) fn execution_arn(turn: &Turn, run: Uuid) -> String {
    let state = &turn.state;
    format!(
        "arn:{}:ssm:{}:{}:automation-execution/{run}",
        state.scope.partition(),
        state.region,
        state.scope.account
    )
}

/// Remembers a run that was started for this incident; forgets the oldest beyond [`RUNS`].
pub(super) fn know_run(turn: &mut Turn, run: Uuid, document: &str, status: &str) {
    if let Some(known) = turn.state.runs.iter_mut().find(|known| known.id == run) {
        status.clone_into(&mut known.status);
        return;
    }
    if turn.state.runs.len() >= RUNS {
        turn.state.runs.remove(0);
    }
    turn.state.runs.push(RunRef {
        id: run,
        document: document.to_owned(),
        status: status.to_owned(),
    });
}

fn engage(turn: &mut Turn, trigger: &Trigger) {
    let content = content(turn, trigger);
    let impact = turn.state.record.impact;
    for (number, contact_arn) in trigger.plan.engagements.iter().enumerate() {
        let engagement = ids::named(&[
            "incident engagement",
            &turn.state.id.to_string(),
            &number.to_string(),
        ]);
        turn.state.engagements.push(EngagementRef {
            id: engagement,
            contact_arn: contact_arn.clone(),
            ended: false,
            acknowledged: None,
        });
        turn.commands.push(Command::Engage(Engage {
            engagement,
            contact_arn: contact_arn.clone(),
            incident_id: turn.state.id,
            incident_arn: turn.state.record.arn.clone(),
            subject: one_line(
                &format!("[{}] {}", impact_name(impact), turn.state.record.title),
                200,
            ),
            content: content.clone(),
            public_subject: format!("Incident: {} impact", impact_name(impact)),
            public_content: format!("An incident of {} impact needs you.", impact_name(impact)),
            sender: "ssm-incidents.amazonaws.com".to_owned(),
        }));
    }
}

fn impact_name(impact: i64) -> &'static str {
    match impact {
        1 => "Critical",
        2 => "High",
        3 => "Medium",
        4 => "Low",
        _ => "No Impact",
    }
}

/// Values of the event stand on one line each: they are an attacker's.
fn content(turn: &Turn, trigger: &Trigger) -> String {
    let record = &turn.state.record;
    let mut lines = vec![
        one_line(&record.title, 200),
        String::new(),
        format!("Impact: {} ({})", record.impact, impact_name(record.impact)),
        format!("Response plan: {}", trigger.plan.name),
        format!("Source: {}", one_line(&trigger.source, 50)),
        format!("Opened: {}", record.creation_time),
    ];
    let resources = trigger.involved_resources.iter().take(5);
    lines.extend(resources.map(|arn| format!("Resource: {}", one_line(arn, 300))));
    if let Some(summary) = &record.summary {
        lines.push(String::new());
        lines.push(paragraph(summary, 4000));
    }
    lines.join("\n")
}

/// The token with all that the caller sent; what the server adds (times, the plan's text) does not count.
fn request(trigger: &Trigger) -> Request<'_> {
    let sent = json!([
        trigger.plan_arn,
        trigger.title,
        trigger.impact,
        trigger.related_items,
        trigger.source,
        trigger.trigger_arn,
        trigger.raw
    ]);
    Request::new(START_OPERATION, trigger.client_token.as_deref(), &sent)
}

/// Answers with the ARN, remembers the token and claims it.
fn remember(turn: &mut Turn, trigger: &Trigger) {
    turn.claims.extend(trigger.token_claim(turn.at));
    let reply = json!({ "incidentRecordArn": turn.state.record.arn });
    turn.answer(&request(trigger), reply);
}
