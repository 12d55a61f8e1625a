//! Scenarios 26 to 56, 82 and 83 at the machine.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use model::contact::contact_arn;
use model::incident::{
    EventReference, IncidentStatus, ItemIdentifier, ItemType, ItemValue, RelatedItem,
    RelatedItemsUpdate, TriggerDetails,
};
use model::plan::{
    Action, ChatChannel, DynamicParameter, DynamicVariable, NotificationTarget, ResponsePlan,
    SsmAutomation,
};
use model::report::RunReport;
use model::{Rejection, ids};
use response::engage::{EndNotice, EngagementNotice, PageNotice};
use response::incident::{
    Command, Input, NewTimelineEvent, RawTrigger, RecordPatch, TimelineEventPatch, Update,
};
use response::{plan, view};
use serde_json::{Value, json};

use super::world::{CALLER, Desk, PLAN_ARN, manual, minutes, response_plan, scope, start_of_time};

fn full_plan() -> ResponsePlan {
    let mut plan = response_plan();
    plan.incident_template.summary = Some("what to know".to_owned());
    plan.incident_template.incident_tags = BTreeMap::from([("team".to_owned(), "sec".to_owned())]);
    let topic = |name: &str| format!("arn:aws:sns:eu-west-1:123456789012:{name}");
    plan.incident_template.notification_targets =
        vec![NotificationTarget::SnsTopicArn(topic("told"))];
    plan.chat_channel = Some(ChatChannel::ChatbotSns(vec![topic("chat")]));
    plan.engagements = vec![contact_arn(&scope(), "esc"), contact_arn(&scope(), "ana")];
    plan.actions = vec![Action::SsmAutomation(SsmAutomation {
        document_name: "isolate".to_owned(),
        document_version: Some(String::new()),
        role_arn: "arn:aws:iam::123456789012:role/runbook".to_owned(),
        target_account: None,
        parameters: BTreeMap::from([("Mode".to_owned(), vec!["full".to_owned()])]),
        dynamic_parameters: BTreeMap::from([(
            "Incident".to_owned(),
            DynamicParameter::Variable(DynamicVariable::IncidentRecordArn),
        )]),
    })];
    plan
}

fn update(patch: RecordPatch) -> Input {
    Input::Update(Update {
        patch,
        by: CALLER.to_owned(),
        client_token: None,
    })
}

fn resolve() -> Input {
    update(RecordPatch {
        status: Some(IncidentStatus::Resolved),
        ..RecordPatch::default()
    })
}

fn note(text: &str) -> NewTimelineEvent {
    NewTimelineEvent {
        event_type: "Note".to_owned(),
        event_data: text.to_owned(),
        event_time: "2020-01-01T00:00:00.123Z".parse().expect("a time"),
        event_references: Vec::new(),
        client_token: None,
    }
}

fn kinds(commands: &[Command]) -> Vec<&'static str> {
    commands
        .iter()
        .map(|command| match command {
            Command::Engage(_) => "engage",
            Command::StopEngagement { .. } => "stop",
            Command::StartRun { .. } => "run",
            Command::PublishSns(_) => "sns",
        })
        .collect()
}

#[test]
fn a_plain_start_opens_with_the_template() {
    let mut desk = Desk::new();
    let decision = desk
        .apply(Input::Trigger(Box::new(manual(&response_plan(), "t1"))))
        .expect("opens");
    let arn = format!(
        "arn:aws:ssm-incidents::123456789012:incident-record/rp1/{}",
        desk.id
    );
    assert_eq!(decision.reply["incidentRecordArn"], arn.as_str());
    let record = view::incident_record(desk.incident());
    assert_eq!(
        (&record["status"], &record["title"], &record["impact"]),
        (&json!("OPEN"), &json!("t"), &json!(3))
    );
    assert_eq!(
        record["incidentRecordSource"]["source"],
        "aws.ssm-incidents.custom"
    );
    assert_eq!(record["incidentRecordSource"]["createdBy"], CALLER);
    assert!(!record["dedupeString"].as_str().expect("text").is_empty());
    assert_eq!(record["notificationTargets"], json!([]));
    assert!(record["creationTime"].is_f64());
    assert_eq!(model::incident::incident_id(&arn), Some(desk.id));
    assert!(
        decision
            .claims
            .iter()
            .all(|claim| claim.scope == "client-token/StartIncident"),
        "no key, no claim"
    );
}

#[test]
fn effects_come_in_order_and_the_parent_item_is_there() {
    let desk = Desk::opened(manual(&full_plan(), "t1"));
    assert_eq!(
        kinds(&desk.commands),
        ["run", "engage", "engage", "sns", "sns"]
    );
    assert_eq!(
        desk.types(),
        [
            "SSM Incident Trigger",
            "SSM Incident Start",
            "SSM Incident Record Update"
        ]
    );
    let parent = desk.related(ItemType::Parent);
    assert_eq!(parent[0].title.as_deref(), Some("parentItem"));
    assert_eq!(desk.incident().tags["team"], "sec");
    let start = &desk.data("SSM Incident Start")[0];
    assert_eq!(start["contactsEngage"][0]["contactName"], "esc");
    assert_eq!(
        (&start["ssmDocumentName"], &start["ssmDocumentVersion"]),
        (&json!("isolate"), &json!("$DEFAULT"))
    );

    let arn = desk.incident().record.arn.clone();
    let Command::StartRun { run, request } = &desk.commands[0] else {
        panic!("a run")
    };
    assert_eq!(request.parameters["Incident"][0], arn);
    assert_eq!(request.parameters["Mode"], ["full"]);
    assert_eq!(
        (request.document_version.clone(), request.incident),
        (None, Some(desk.id))
    );
    assert_eq!(desk.incident().runs[0].id, *run);
    let Command::Engage(engage) = &desk.commands[1] else {
        panic!("an engagement")
    };
    let start = engage.clone().start();
    assert_eq!(start.incident_id.as_deref(), Some(arn.as_str()));
    assert!(
        engage.content.contains("what to know") && engage.subject == "[Medium] t",
        "{engage:?}"
    );
    assert!(!engage.public_content.contains("what to know"));
    let Command::PublishSns(sns) = &desk.commands[3] else {
        panic!("a message")
    };
    assert_eq!(
        (sns.topic_arn.as_str(), sns.region.as_str()),
        ("arn:aws:sns:eu-west-1:123456789012:chat", "eu-west-1")
    );
    let message: Value = serde_json::from_str(&sns.message).expect("JSON");
    assert_eq!(
        (&message["detail-type"], &message["resources"][0]),
        (&json!("SSM Incident Start"), &json!(arn))
    );
}

#[test]
fn a_key_folds_later_triggers_until_the_incident_is_resolved() {
    let mut plan = full_plan();
    plan.incident_template.dedupe_string = Some("db".to_owned());
    let mut desk = Desk::new();
    let opened = desk
        .apply(Input::Trigger(Box::new(manual(&plan, "t1"))))
        .expect("opens");
    let key = opened
        .claims
        .iter()
        .find(|claim| claim.scope == "incident-dedupe")
        .expect("claimed");
    assert_eq!((key.key.as_str(), key.expires), ("db", None));
    assert_eq!(desk.incident().record.dedupe_string, "db");
    let commands = desk.commands.len();

    let folded = desk
        .apply(Input::Trigger(Box::new(manual(&plan, "t2"))))
        .expect("folds");
    assert_eq!(folded.reply, opened.reply);
    assert_eq!(
        desk.commands.len(),
        commands,
        "no second run, nobody engaged again"
    );
    let triggers = desk.data("SSM Incident Trigger");
    let created: Vec<_> = triggers
        .iter()
        .map(|trigger| trigger["createdIncident"].clone())
        .collect();
    assert_eq!(created, [true, false]);

    let resolved = desk.apply(resolve()).expect("resolves");
    assert_eq!(
        resolved.releases,
        [("incident-dedupe".to_owned(), "db".to_owned())]
    );
    let again = desk.apply(Input::Trigger(Box::new(manual(&plan, "t3"))));
    assert!(matches!(again, Err(Rejection::Closed)));
    let replay = desk
        .apply(Input::Trigger(Box::new(manual(&plan, "t2"))))
        .expect("a known token, even after the end");
    assert_eq!(replay.reply, opened.reply);
}

#[test]
fn a_client_token_means_one_request() {
    let plan = response_plan();
    let mut desk = Desk::new();
    let first = desk
        .apply(Input::Trigger(Box::new(manual(&plan, "t1"))))
        .expect("opens");
    desk.now = desk.now.checked_add(minutes(5)).expect("a time");
    let again = desk
        .apply(Input::Trigger(Box::new(manual(&plan, "t1"))))
        .expect("the same");
    assert_eq!(first.reply, again.reply);
    assert!(again.frames.is_empty());
    let mut other = manual(&plan, "t1");
    other.title = Some("other".to_owned());
    let rejection = desk
        .apply(Input::Trigger(Box::new(other)))
        .expect_err("other parameters");
    assert!(matches!(rejection, Rejection::Conflict { .. }));
    // A token that is forgotten gives its claim back, so that it never leads to an incident that does not know it.
    let mut forgotten = Vec::new();
    let mut keyed = plan.clone();
    keyed.incident_template.dedupe_string = Some("k".to_owned());
    for number in 0..200 {
        let trigger = manual(&keyed, &format!("n{number}"));
        forgotten.extend(
            desk.apply(Input::Trigger(Box::new(trigger)))
                .expect("folds")
                .releases,
        );
    }
    assert_eq!(forgotten.len(), 201 - 128);
    assert_eq!(
        forgotten[0],
        ("client-token/StartIncident".to_owned(), "t1".to_owned())
    );
}

#[test]
fn raw_data_is_cut_on_the_timeline_and_whole_in_its_frame() {
    let raw = format!("{{\"text\":\"{}\"}}", "\\\"ü\\n".repeat(9_000));
    let mut trigger = manual(&response_plan(), "t1");
    trigger.raw.clone_from(&raw);
    let desk = Desk::opened(trigger);
    let event = &desk.timeline()[0];
    assert!(
        event.event_data.chars().count() <= 12_000,
        "{}",
        event.event_data.chars().count()
    );
    let data: Value = serde_json::from_str(&event.event_data).expect("still JSON");
    let shown = data["rawData"].as_str().expect("text");
    assert!(
        shown.chars().count() <= 10_000 && raw.starts_with(shown) && shown.chars().count() > 5_000
    );
    let kept = RawTrigger::read("trigger/1", desk.frames["trigger/1"].clone()).expect("reads");
    assert_eq!(kept.raw_data, raw);
    let plain = "x".repeat(20_000);
    let mut trigger = manual(&response_plan(), "t1");
    trigger.raw.clone_from(&plain);
    let desk = Desk::opened(trigger);
    assert_eq!(
        desk.data("SSM Incident Trigger")[0]["rawData"]
            .as_str()
            .expect("text")
            .len(),
        10_000
    );
}

#[test]
fn starts_are_validated() {
    let start = |change: &dyn Fn(&mut plan::ManualStart<'_>)| {
        let plan = response_plan();
        let mut start = plan::ManualStart {
            plan: &plan,
            plan_arn: PLAN_ARN,
            title: None,
            impact: None,
            details: Some(TriggerDetails {
                raw_data: None,
                source: "mine".to_owned(),
                timestamp: start_of_time(),
                trigger_arn: None,
            }),
            related_items: Vec::new(),
            client_token: None,
            caller_arn: CALLER,
            region: "us-east-1",
            at: start_of_time(),
        };
        change(&mut start);
        match plan::trigger_from_start(start) {
            Ok(_) => String::new(),
            Err(Rejection::Invalid { field, .. }) => field,
            Err(other) => panic!("{other:?}"),
        }
    };
    assert_eq!(start(&|_| {}), "");
    assert_eq!(start(&|start| start.impact = Some(9)), "impact");
    assert_eq!(start(&|start| start.title = Some("x".repeat(201))), "title");
    let raw = |length| {
        move |start: &mut plan::ManualStart<'_>| {
            start.details.as_mut().expect("details").raw_data = Some("ü".repeat(length));
        }
    };
    assert_eq!(start(&raw(10_000)), "");
    assert_eq!(start(&raw(10_001)), "triggerDetails.rawData");
    let bad_arn = |start: &mut plan::ManualStart<'_>| {
        start.details.as_mut().expect("details").trigger_arn = Some("nonsense".to_owned());
    };
    assert_eq!(start(&bad_arn), "triggerDetails.triggerArn");
    let sent_id = |start: &mut plan::ManualStart<'_>| {
        let mut item = item("arn:aws:ec2:us-east-1:123456789012:instance/i-1");
        item.generated_id = Some("related-item/OTHER/0".to_owned());
        start.related_items.push(item);
    };
    assert_eq!(start(&sent_id), "relatedItems[0].generatedId");
}

fn item(arn: &str) -> RelatedItem {
    RelatedItem {
        generated_id: None,
        identifier: ItemIdentifier {
            kind: ItemType::InvolvedResource,
            value: ItemValue::Arn(arn.to_owned()),
        },
        title: Some("the box".to_owned()),
    }
}

#[test]
fn related_items_get_ids_and_are_added_once() {
    let mut trigger = manual(&response_plan(), "t1");
    trigger
        .related_items
        .push(item("arn:aws:ec2:us-east-1:123456789012:instance/i-1"));
    let mut desk = Desk::opened(trigger);
    let involved = desk.related(ItemType::InvolvedResource);
    let id = involved[0].generated_id.clone().expect("an id");
    let hex = id
        .strip_prefix("related-item/INVOLVED_RESOURCE/")
        .expect("its form");
    assert!(
        hex.len() == 32
            && hex
                .chars()
                .all(|c| c.is_ascii_digit() || ('A'..='F').contains(&c)),
        "{id}"
    );

    let change = |update| Input::UpdateRelatedItems {
        update,
        by: CALLER.to_owned(),
        client_token: None,
    };
    let added = item("arn:aws:s3:::bucket");
    for _ in 0..2 {
        desk.apply(change(RelatedItemsUpdate::ItemToAdd(added.clone())))
            .expect("adds");
    }
    assert_eq!(desk.related(ItemType::InvolvedResource).len(), 2);
    let updates = desk.data("SSM Incident Record Update");
    assert_eq!(updates.len(), 2, "the parent item and one addition");
    let value: Value = serde_json::from_str(
        updates[1]["modifiedAttributes"][0]["newValue"]
            .as_str()
            .expect("text"),
    )
    .expect("JSON");
    assert_eq!(value["itemToAdd"]["title"], "the box");
    for _ in 0..2 {
        desk.apply(change(RelatedItemsUpdate::ItemToRemove(
            added.identifier.clone(),
        )))
        .expect("removes");
    }
    assert_eq!(desk.related(ItemType::InvolvedResource).len(), 1);
    let mut last = Ok(());
    for number in 0..200 {
        let arn = format!("arn:aws:s3:::bucket-{number}");
        last = desk
            .apply(change(RelatedItemsUpdate::ItemToAdd(item(&arn))))
            .map(|_| ());
        if last.is_err() {
            break;
        }
    }
    assert!(matches!(last, Err(Rejection::Quota { .. })), "{last:?}");
    assert_eq!(desk.incident().related.len(), 100);
}

#[test]
fn an_unresolvable_parameter_opens_the_incident_without_its_run() {
    let mut plan = full_plan();
    let Action::SsmAutomation(action) = &mut plan.actions[0];
    action.parameters.insert(
        "InstanceId".to_owned(),
        vec!["{{ resource.id }}".to_owned()],
    );
    let desk = Desk::opened(manual(&plan, "t1"));
    assert_eq!(kinds(&desk.commands), ["engage", "engage", "sns", "sns"]);
    let failures = desk.data("SSM Automation Execution Start Failure for Incident");
    assert!(
        failures[0]["reason"]
            .as_str()
            .expect("text")
            .contains("{{ resource.id }}"),
        "{failures:?}"
    );
    let event = desk
        .timeline()
        .into_iter()
        .find(|event| event.event_type.contains("Start Failure"))
        .expect("there");
    let automation = |reference: &EventReference| matches!(reference, EventReference::RelatedItemId(id) if id.starts_with("related-item/AUTOMATION/"));
    assert!(event.event_references.iter().any(automation));
    assert_eq!(desk.related(ItemType::Automation).len(), 1);
}

#[test]
fn runs_tell_their_story_and_the_times_are_kept() {
    let mut desk = Desk::opened(manual(&full_plan(), "t1"));
    let Command::StartRun { run, .. } = desk.commands[0].clone() else {
        panic!("a run")
    };
    let later = |desk: &mut Desk, seconds: i64| {
        desk.now = desk
            .now
            .checked_add(SignedDuration::from_secs(seconds))
            .expect("a time");
    };
    later(&mut desk, 1);
    let started = RunReport::Started {
        run,
        document: "isolate".to_owned(),
        version: "1".to_owned(),
    };
    desk.apply(Input::Run(started)).expect("taken");
    later(&mut desk, 4);
    let step = RunReport::Step {
        run,
        step: "swap".to_owned(),
        action: "aws:executeAwsApi".to_owned(),
        status: "Success".to_owned(),
        started: start_of_time(),
        ended: Some(
            start_of_time()
                .checked_add(SignedDuration::from_millis(1500))
                .expect("a time"),
        ),
        message: Some("done".to_owned()),
    };
    desk.apply(Input::Run(step)).expect("taken");
    later(&mut desk, 5);
    let ended = RunReport::Ended {
        run,
        status: "Success".to_owned(),
        outputs: json!({ "a.b": "c" }),
        message: None,
    };
    desk.apply(Input::Run(ended)).expect("taken");

    let arn = format!("arn:aws:ssm:us-east-1:123456789012:automation-execution/{run}");
    let record = view::incident_record(desk.incident());
    assert_eq!(
        record["automationExecutions"],
        json!([{ "ssmExecutionArn": arn }])
    );
    assert_eq!(
        desk.data("SSM Automation Execution Step for Incident")[0]["durationInMilliseconds"],
        1500
    );
    assert_eq!(
        desk.data("SSM Automation Execution End for Incident")[0]["status"],
        "Success"
    );
    assert_eq!(desk.related(ItemType::Automation).len(), 1);
    assert_eq!(desk.incident().runs[0].status, "Success");

    let page = PageNotice {
        engagement: desk.incident().engagements[0].id,
        engagement_arn: "arn:aws:ssm-contacts:us-east-1:123456789012:engagement/ana/x".to_owned(),
        page_arn: "arn:aws:ssm-contacts:us-east-1:123456789012:page/ana/y".to_owned(),
        contact_arn: contact_arn(&scope(), "ana"),
        at: desk.now,
    };
    desk.apply(Input::Engagement(EngagementNotice::PageSent(page.clone())))
        .expect("taken");
    later(&mut desk, 20);
    let acknowledged = PageNotice {
        at: desk.now,
        ..page.clone()
    };
    desk.apply(Input::Engagement(EngagementNotice::Acknowledged(
        acknowledged,
    )))
    .expect("taken");
    let data = &desk.data("SSM Contacts Page Acknowledgement for Incident")[0];
    assert_eq!(
        (&data["contactArn"], &data["engagementArn"]),
        (&json!(page.contact_arn), &json!(page.engagement_arn))
    );
    assert_eq!(desk.data("SSM Contacts Page for Incident").len(), 1);
    later(&mut desk, 30);
    desk.apply(resolve()).expect("resolves");
    let times = desk.incident().times();
    let seconds = |time: Option<SignedDuration>| time.expect("known").as_secs();
    assert_eq!(
        (
            times.detect.as_secs(),
            seconds(times.contain),
            seconds(times.acknowledge),
            seconds(times.resolve)
        ),
        (0, 10, 30, 60)
    );
}

#[test]
fn a_run_that_cannot_start_is_on_the_timeline() {
    let mut desk = Desk::opened(manual(&full_plan(), "t1"));
    let run = desk.incident().runs[0].id;
    let report = RunReport::StartFailed {
        run,
        document: "isolate".to_owned(),
        reason: "document `isolate` does not exist".to_owned(),
    };
    desk.apply(Input::Run(report)).expect("taken");
    let data = &desk.data("SSM Automation Execution Start Failure for Incident")[0];
    assert!(
        data["reason"]
            .as_str()
            .expect("text")
            .contains("does not exist")
    );
    assert_eq!(desk.incident().record.status, IncidentStatus::Open);
    assert!(desk.incident().record.automation_executions.is_empty());
}

#[test]
fn resolving_stops_the_engagements_once_and_reopening_claims_the_key() {
    let mut plan = full_plan();
    plan.incident_template.dedupe_string = Some("db".to_owned());
    let mut desk = Desk::opened(manual(&plan, "t1"));
    let ended = EngagementNotice::Ended(EndNotice {
        engagement: desk.incident().engagements[1].id,
        engagement_arn: "arn:aws:ssm-contacts:us-east-1:123456789012:engagement/ana/x".to_owned(),
        contact_arn: contact_arn(&scope(), "ana"),
        at: desk.now,
        reason: "nobody can be paged: the contact does not exist".to_owned(),
    });
    desk.apply(Input::Engagement(ended)).expect("taken");
    assert_eq!(
        desk.data("SSM Contacts Engagement End for Incident").len(),
        1,
        "that nobody was paged is told"
    );
    desk.commands.clear();
    let decision = desk.apply(resolve()).expect("resolves");
    assert_eq!(
        kinds(&decision.commands),
        ["stop", "sns", "sns"],
        "only the one that still runs"
    );
    let record = &desk.incident().record;
    assert!(record.resolved_time.is_some() && record.last_modified_by == CALLER);
    let data = desk.data("SSM Incident Record Update");
    assert_eq!(
        data.last().expect("one")["modifiedAttributes"],
        json!([{ "attributeName": "status", "newValue": "RESOLVED" }])
    );
    assert_eq!(
        view::incident_summary(desk.incident())["status"],
        "RESOLVED"
    );
    assert!(
        desk.apply(resolve()).expect("again").releases.is_empty(),
        "a second resolve releases nothing"
    );

    let reopen = update(RecordPatch {
        status: Some(IncidentStatus::Open),
        ..RecordPatch::default()
    });
    let decision = desk.apply(reopen).expect("reopens");
    assert_eq!(decision.claims[0].key, "db");
    assert!(desk.incident().record.resolved_time.is_none());
    assert!(
        view::incident_summary(desk.incident())
            .get("resolvedTime")
            .is_none()
    );
}

#[test]
fn updates_are_patches() {
    let mut desk = Desk::opened(manual(&response_plan(), "t1"));
    let patch = RecordPatch {
        summary: Some("s".to_owned()),
        impact: Some(2),
        ..RecordPatch::default()
    };
    desk.apply(update(patch)).expect("updates");
    let record = &desk.incident().record;
    assert_eq!(
        (
            record.title.as_str(),
            record.summary.as_deref(),
            record.impact
        ),
        ("t", Some("s"), 2)
    );
    for (patch, field) in [
        (
            RecordPatch {
                impact: Some(0),
                ..RecordPatch::default()
            },
            "impact",
        ),
        (
            RecordPatch {
                title: Some("x".repeat(201)),
                ..RecordPatch::default()
            },
            "title",
        ),
        (
            RecordPatch {
                chat_channel: Some(ChatChannel::ChatbotSns(Vec::new())),
                ..RecordPatch::default()
            },
            "chatChannel.chatbotSns",
        ),
    ] {
        let rejection = desk.apply(update(patch)).expect_err("refused");
        assert!(
            matches!(rejection, Rejection::Invalid { field: ref found, .. } if found == field),
            "{rejection:?}"
        );
    }
    let nothing = Desk::new().apply(resolve()).expect_err("unknown");
    assert!(matches!(nothing, Rejection::NotFound { kind, .. } if kind == "INCIDENT_RECORD"));
}

#[test]
fn people_write_change_and_delete_their_own_events() {
    let mut desk = Desk::opened(manual(&response_plan(), "t1"));
    let incident = desk.incident().record.arn.clone();
    let mut new = note("\"x\"");
    new.event_references = vec![EventReference::Resource(incident.clone())];
    new.client_token = Some("c1".to_owned());
    let first = desk
        .apply(Input::CreateTimelineEvent(new.clone()))
        .expect("writes")
        .reply;
    let again = desk
        .apply(Input::CreateTimelineEvent(new.clone()))
        .expect("the same")
        .reply;
    assert_eq!(first, again);
    let other = NewTimelineEvent {
        event_data: "other".to_owned(),
        ..new
    };
    assert!(matches!(
        desk.apply(Input::CreateTimelineEvent(other)),
        Err(Rejection::Conflict { .. })
    ));

    let written = desk.timeline()[0].clone();
    assert_eq!(
        written.event_data, "\"x\"",
        "kept verbatim, and older than the incident"
    );
    assert_eq!(
        view::timeline_event(&written)["eventTime"],
        1_577_836_800.123
    );
    assert!(view::timeline_event(&written).get("sequence").is_none());
    let patch = TimelineEventPatch {
        event_id: written.event_id,
        existing: Some(written.clone()),
        event_data: None,
        event_type: None,
        event_time: None,
        event_references: Some(vec![EventReference::Resource("arn:aws:s3:::b".to_owned())]),
        client_token: None,
    };
    desk.apply(Input::UpdateTimelineEvent(patch.clone()))
        .expect("changes");
    let changed = desk.timeline()[0].clone();
    assert_eq!(
        changed.event_references,
        [EventReference::Resource("arn:aws:s3:::b".to_owned())]
    );
    assert_eq!(changed.event_data, "\"x\"");
    assert!(changed.event_updated_time > written.event_updated_time);

    let own = desk
        .timeline()
        .into_iter()
        .find(|event| event.event_type == "SSM Incident Trigger")
        .expect("there");
    let forbidden = Input::DeleteTimelineEvent {
        event_id: own.event_id,
        existing: Some(own.clone()),
    };
    assert!(matches!(
        desk.apply(forbidden),
        Err(Rejection::Invalid { .. })
    ));
    let missing = TimelineEventPatch {
        existing: None,
        ..patch
    };
    let rejection = desk
        .apply(Input::UpdateTimelineEvent(missing))
        .expect_err("missing");
    assert!(matches!(rejection, Rejection::NotFound { kind, .. } if kind == "TIMELINE_EVENT"));
    for existing in [Some(changed.clone()), None] {
        desk.apply(Input::DeleteTimelineEvent {
            event_id: changed.event_id,
            existing,
        })
        .expect("idempotent");
    }
    assert!(!desk.types().contains(&"Note".to_owned()));
}

#[test]
fn events_have_limits() {
    let mut desk = Desk::opened(manual(&response_plan(), "t1"));
    let reference = EventReference::Resource("arn:aws:s3:::b".to_owned());
    let cases = [
        (
            NewTimelineEvent {
                event_data: "x".repeat(12_001),
                ..note("")
            },
            "eventData",
        ),
        (
            NewTimelineEvent {
                event_references: vec![reference; 11],
                ..note("")
            },
            "eventReferences",
        ),
        (
            NewTimelineEvent {
                event_type: "x".repeat(101),
                ..note("")
            },
            "eventType",
        ),
        (
            NewTimelineEvent {
                event_type: "SSM Incident Trigger".to_owned(),
                ..note("")
            },
            "eventType",
        ),
        (
            NewTimelineEvent {
                event_references: vec![EventReference::RelatedItemId("x".to_owned())],
                ..note("")
            },
            "eventReferences[0].relatedItemId",
        ),
    ];
    for (event, field) in cases {
        let rejection = desk
            .apply(Input::CreateTimelineEvent(event))
            .expect_err(field);
        assert!(
            matches!(rejection, Rejection::Invalid { field: ref found, .. } if found == field),
            "{rejection:?}"
        );
    }
    desk.apply(Input::CreateTimelineEvent(NewTimelineEvent {
        event_data: "x".repeat(12_000),
        ..note("")
    }))
    .expect("at the limit");
}

#[test]
fn tags_and_the_removal() {
    let mut plan = full_plan();
    plan.incident_template.dedupe_string = Some("db".to_owned());
    let mut desk = Desk::opened(manual(&plan, "t1"));
    desk.apply(Input::Tag {
        tags: BTreeMap::from([("a".to_owned(), String::new())]),
    })
    .expect("an empty value");
    assert_eq!(desk.incident().tags["a"], "");
    let reserved = Input::Tag {
        tags: BTreeMap::from([("aws:x".to_owned(), String::new())]),
    };
    assert!(matches!(
        desk.apply(reserved),
        Err(Rejection::Invalid { .. })
    ));
    desk.apply(Input::Untag {
        keys: vec!["a".to_owned(), "b".to_owned()],
    })
    .expect("untags");
    assert!(!desk.incident().tags.contains_key("a"));
    desk.commands.clear();
    let decision = desk.apply(Input::Delete).expect("deletes");
    assert_eq!(decision.frames, [model::FrameWrite::delete("")]);
    assert_eq!(kinds(&decision.commands), ["stop", "stop"]);
    let releases: Vec<_> = decision
        .releases
        .iter()
        .map(|(scope, _)| scope.as_str())
        .collect();
    assert_eq!(releases, ["incident-dedupe", "client-token/StartIncident"]);
    assert!(matches!(
        desk.apply(Input::Run(RunReport::Started {
            run: ids::named(&["r"]),
            document: String::new(),
            version: String::new()
        })),
        Err(Rejection::NotFound { .. })
    ));
}
