//! Scenarios 44, 47 and 49: filters and orders of lists.

use model::Rejection;
use response::filters::{EventFilters, IncidentFilters, sort_events, sort_incidents};
use response::incident::{Input, NewTimelineEvent};
use serde_json::{Value, json};

use super::world::{CALLER, Desk, manual, minutes, response_plan};

fn texts(key: &str, values: &[&str]) -> Value {
    json!({ "key": key, "condition": { "equals": { "stringValues": values } } })
}

#[test]
fn incident_filters_are_and_of_or() {
    let desk = Desk::opened(manual(&response_plan(), "t"));
    let record = &desk.incident().record;
    let passes = |filters: Value| {
        IncidentFilters::parse(&filters)
            .expect("valid")
            .matches(record)
    };
    let impact = |values: &[i64]| json!({ "key": "impact", "condition": { "equals": { "integerValues": values } } });
    let time = |condition: Value| json!({ "key": "creationTime", "condition": condition });
    let opened = model::incident::epoch::seconds(record.creation_time);
    assert!(passes(Value::Null) && passes(json!([])));
    assert!(passes(json!([impact(&[1, 3]), texts("status", &["OPEN"])])));
    assert!(!passes(json!([
        impact(&[1, 2]),
        texts("status", &["OPEN"])
    ])));
    assert!(!passes(json!([
        impact(&[3]),
        texts("status", &["RESOLVED"])
    ])));
    assert!(passes(json!([texts("createdBy", &["x", CALLER])])));
    assert!(passes(json!([
        time(json!({ "after": opened - 1.0 })),
        time(json!({ "before": "2030-01-01T00:00:00Z" }))
    ])));
    assert!(!passes(json!([time(json!({ "before": opened }))])));
}

#[test]
fn bad_filters_are_refused_with_their_place() {
    let cases = [
        (json!({}), "filters"),
        (json!(vec![texts("status", &["OPEN"]); 6]), "filters"),
        (json!([texts("colour", &["red"])]), "filters[0].key"),
        (
            json!([{ "key": "impact", "condition": {} }]),
            "filters[0].condition",
        ),
        (
            json!([{ "key": "impact", "condition": { "after": 1, "before": 2 } }]),
            "filters[0].condition",
        ),
        (
            json!([{ "key": "impact", "condition": { "before": 2 } }]),
            "filters[0].condition",
        ),
        (
            json!([texts("impact", &["1"])]),
            "filters[0].condition.equals",
        ),
        (
            json!([{ "key": "creationTime", "condition": { "before": "soon" } }]),
            "filters[0].condition",
        ),
        (
            json!([{ "key": "creationTime", "condition": { "before": 1e300 } }]),
            "filters[0].condition",
        ),
    ];
    for (filters, place) in cases {
        let rejection = IncidentFilters::parse(&filters).expect_err("refused");
        assert!(
            matches!(rejection, Rejection::Invalid { ref field, .. } if field == place),
            "{filters}: {rejection:?}"
        );
    }
    assert!(EventFilters::parse(&json!([texts("status", &["OPEN"])])).is_err());
}

#[test]
fn events_are_filtered_and_sorted() {
    let mut desk = Desk::opened(manual(&response_plan(), "t"));
    let incident = desk.incident().record.arn.clone();
    let note = NewTimelineEvent {
        event_type: "Note".to_owned(),
        event_data: "\"n\"".to_owned(),
        event_time: desk.now,
        event_references: vec![model::incident::EventReference::Resource(
            "arn:aws:s3:::b".to_owned(),
        )],
        client_token: None,
    };
    desk.apply(Input::CreateTimelineEvent(note))
        .expect("writes");
    let mut events = desk.timeline();
    let passing = |filters: Value| {
        let filters = EventFilters::parse(&filters).expect("valid");
        desk.timeline()
            .into_iter()
            .filter(|event| filters.matches(event))
            .map(|event| event.event_type)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        passing(json!([texts("eventType", &["SSM Incident Trigger"])])),
        ["SSM Incident Trigger"]
    );
    assert_eq!(
        passing(json!([texts("eventReference", &["arn:aws:s3:::b"])])),
        ["Note"]
    );
    assert_eq!(
        passing(json!([texts("eventReference", &[&incident])])).len(),
        3
    );
    let late = desk.now.checked_add(minutes(1)).expect("a time");
    let after = json!([{ "key": "eventTime", "condition": { "after": model::incident::epoch::seconds(late) } }]);
    assert!(passing(after).is_empty());
    sort_events(&mut events, Some("EVENT_TIME"), None).expect("newest first");
    let order: Vec<_> = events
        .iter()
        .map(|event| event.event_type.as_str())
        .collect();
    assert_eq!(
        order,
        [
            "Note",
            "SSM Incident Record Update",
            "SSM Incident Start",
            "SSM Incident Trigger"
        ]
    );
    assert!(sort_events(&mut events, Some("COLOUR"), None).is_err());
    assert!(sort_events(&mut events, None, Some("SIDEWAYS")).is_err());
}

#[test]
fn incidents_are_listed_newest_first() {
    let old = Desk::opened(manual(&response_plan(), "t"))
        .incident()
        .clone();
    let mut new = old.clone();
    new.record.creation_time = old
        .record
        .creation_time
        .checked_add(minutes(1))
        .expect("a time");
    let mut all = vec![old, new.clone()];
    sort_incidents(&mut all, |incident| &incident.record);
    assert_eq!(all[0], new);
}
