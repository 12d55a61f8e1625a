//! Scenarios 26 to 56, 82 and 83 at the machine.

mod related_items;
mod timeline;

use std::collections::BTreeMap;

use model::contact::contact_arn;
use model::incident::{
    EventReference, IncidentStatus, ItemIdentifier, ItemType, ItemValue, RelatedItem,
    TriggerDetails,
};
use model::plan::{
    Action, ChatChannel, DynamicParameter, DynamicVariable, NotificationTarget, ResponsePlan,
    SsmAutomation,
};
use model::report::RunReport;
use model::{Rejection, ids};
use response::engage::{EndNotice, EngagementNotice};
use response::incident::{Command, Input, RecordPatch, Update};
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
