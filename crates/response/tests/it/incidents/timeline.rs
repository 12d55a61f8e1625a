//! The timeline: what runs and people write on it.

use jiff::SignedDuration;
use model::Rejection;
use model::contact::contact_arn;
use model::incident::{EventReference, IncidentStatus, ItemType};
use model::report::RunReport;
use response::engage::{EngagementNotice, PageNotice};
use response::incident::{Command, Input, NewTimelineEvent, RawTrigger, TimelineEventPatch};
use response::view;
use serde_json::{Value, json};

use super::super::world::{Desk, manual, response_plan, scope, start_of_time};
use super::{full_plan, resolve};

fn note(text: &str) -> NewTimelineEvent {
    NewTimelineEvent {
        event_type: "Note".to_owned(),
        event_data: text.to_owned(),
        event_time: "2020-01-01T00:00:00.123Z".parse().expect("a time"),
        event_references: Vec::new(),
        client_token: None,
    }
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
