//! Scenarios 13 to 20 and 58 to 65: limits and patterns of plans, contacts and channels.

use model::Rejection;
use model::contact::{ActivationStatus, Contact, ContactChannel};
use model::plan::{ReplicationSet, ResponsePlan, ResponsePlanPatch};
use serde_json::{Value, json};

use super::world::{minutes, start_of_time};

fn field<T: std::fmt::Debug>(result: Result<T, Rejection>) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        Err(Rejection::Invalid { field, message }) => {
            assert!(!message.is_empty());
            field
        }
        Err(other) => panic!("{other:?}"),
    }
}

fn merged(base: &Value, change: Value) -> Value {
    let mut value = base.clone();
    if let (Value::Object(members), Value::Object(changes)) = (&mut value, change) {
        members.extend(changes);
    }
    value
}

fn plan(change: Value) -> ResponsePlan {
    let base = json!({ "name": "rp1", "incidentTemplate": { "title": "t", "impact": 3 } });
    serde_json::from_value(merged(&base, change)).expect("a plan's shape")
}

fn automation(change: Value) -> Value {
    let base = json!({ "documentName": "doc", "roleArn": "arn:aws:iam::123456789012:role/r" });
    json!({ "actions": [{ "ssmAutomation": merged(&base, change) }] })
}

#[test]
fn plans_have_limits() {
    let contact = "arn:aws:ssm-contacts:us-east-1:123456789012:contact/ana";
    let topic = "arn:aws:sns:us-east-1:123456789012:t";
    let cases = [
        (json!({}), "ok"),
        (json!({ "name": "bad name" }), "name"),
        (json!({ "name": "" }), "name"),
        (json!({ "displayName": "x".repeat(201) }), "displayName"),
        (
            json!({ "incidentTemplate": { "title": "t", "impact": 0 } }),
            "incidentTemplate.impact",
        ),
        (
            json!({ "incidentTemplate": { "title": "ü".repeat(200), "impact": 5 } }),
            "ok",
        ),
        (
            json!({ "incidentTemplate": { "title": "ü".repeat(201), "impact": 5 } }),
            "incidentTemplate.title",
        ),
        (
            json!({ "incidentTemplate": { "title": "t", "impact": 1, "notificationTargets": vec![json!({ "snsTopicArn": topic }); 11] } }),
            "incidentTemplate.notificationTargets",
        ),
        (
            json!({ "incidentTemplate": { "title": "t", "impact": 1, "incidentTags": { "aws:x": "" } } }),
            "incidentTemplate.incidentTags",
        ),
        (json!({ "engagements": vec![contact; 6] }), "engagements"),
        (
            json!({ "engagements": ["arn:aws:ssm-contacts:us-east-1:123456789012:rotation/x"] }),
            "engagements[0]",
        ),
        (
            json!({ "engagements": ["arn:aws:ssm-contacts:us-east-1:123456789012:contact-channel/ana/x"] }),
            "engagements[0]",
        ),
        (
            json!({ "chatChannel": { "chatbotSns": vec![topic; 6] } }),
            "chatChannel.chatbotSns",
        ),
        (json!({ "chatChannel": { "empty": {} } }), "ok"),
        (
            json!({ "actions": vec![automation(json!({}))["actions"][0].clone(); 2] }),
            "actions",
        ),
        (
            automation(json!({ "documentName": "a" })),
            "actions[0].ssmAutomation.documentName",
        ),
        (
            automation(json!({ "roleArn": "arn:aws:iam::1:user/x" })),
            "actions[0].ssmAutomation.roleArn",
        ),
        (
            automation(json!({ "parameters": { "A": ["x".repeat(513)] } })),
            "actions[0].ssmAutomation.parameters.A",
        ),
        (
            automation(json!({ "documentVersion": "", "parameters": {}, "dynamicParameters": {} })),
            "ok",
        ),
        (
            json!({ "displayName": "", "incidentTemplate": { "title": "t", "impact": 1, "summary": "", "dedupeString": "" } }),
            "ok",
        ),
        (json!({ "unknown": 1 }), "ok"),
    ];
    for (change, expected) in cases {
        assert_eq!(field(plan(change.clone()).validate()), expected, "{change}");
    }
}

#[test]
fn a_plan_goes_through_the_store_and_the_wire_unchanged() {
    let full = plan(merged(
        &automation(json!({
            "parameters": { "A": ["1", "2"] },
            "dynamicParameters": { "B": { "variable": "INCIDENT_RECORD_ARN" } },
            "targetAccount": "IMPACTED_ACCOUNT",
        })),
        json!({
            "chatChannel": { "chatbotSns": ["arn:aws:sns:us-east-1:123456789012:t"] },
            "integrations": [{ "pagerDutyConfiguration": { "name": "n", "secretId": "s",
                               "pagerDutyIncidentConfiguration": { "serviceId": "i" } } }],
        }),
    ));
    let stored = serde_json::to_value(&full).expect("JSON");
    assert_eq!(
        stored["actions"][0]["ssmAutomation"]["dynamicParameters"]["B"]["variable"],
        "INCIDENT_RECORD_ARN"
    );
    assert_eq!(
        stored["integrations"][0]["pagerDutyConfiguration"]["pagerDutyIncidentConfiguration"]["serviceId"],
        "i"
    );
    assert_eq!(
        serde_json::from_value::<ResponsePlan>(stored).expect("reads"),
        full
    );
    assert!(
        serde_json::from_value::<ResponsePlan>(
            json!({ "name": "x", "incidentTemplate": { "title": "t", "impact": 1 },
        "chatChannel": { "empty": {}, "chatbotSns": [] } })
        )
        .is_err(),
        "a union has one member"
    );
}

#[test]
fn updates_of_a_plan_are_patches() {
    let mut full = plan(json!({
        "displayName": "d",
        "engagements": ["arn:aws:ssm-contacts:us-east-1:123456789012:contact/ana"],
        "chatChannel": { "chatbotSns": ["arn:aws:sns:us-east-1:123456789012:t"] },
        "incidentTemplate": { "title": "t", "impact": 3, "summary": "s" },
    }));
    let patch =
        |value: Value| serde_json::from_value::<ResponsePlanPatch>(value).expect("a patch's shape");
    let before = full.clone();
    full.apply(patch(json!({ "arn": "x", "incidentTemplateTitle": "n" })));
    assert_eq!(full.incident_template.title, "n");
    full.incident_template
        .title
        .clone_from(&before.incident_template.title);
    assert_eq!(full, before, "nothing else changed");
    full.apply(patch(json!({ "engagements": [], "chatChannel": { "empty": {} }, "displayName": "", "incidentTemplateSummary": "" })));
    assert!(
        full.engagements.is_empty() && full.chat_channel.is_none() && full.display_name.is_none()
    );
    assert!(full.incident_template.summary.is_none());
}

#[test]
fn replication_sets_have_one_to_three_regions() {
    let set = |regions: &[&str]| {
        let region =
            json!({ "sseKmsKeyId": "DefaultKey", "status": "ACTIVE", "statusUpdateDateTime": 1.5 });
        let map: serde_json::Map<String, Value> = regions
            .iter()
            .map(|name| ((*name).to_owned(), region.clone()))
            .collect();
        let value = json!({ "arn": "a", "createdBy": "b", "createdTime": 1.25, "deletionProtected": false,
                            "lastModifiedBy": "b", "lastModifiedTime": 2, "regionMap": map, "status": "ACTIVE" });
        serde_json::from_value::<ReplicationSet>(value).expect("a set's shape")
    };
    assert_eq!(field(set(&["us-east-1"]).validate()), "ok");
    assert_eq!(field(set(&[]).validate()), "regions");
    assert_eq!(field(set(&["a", "b", "c", "d"]).validate()), "regions");
    assert_eq!(field(set(&["US EAST"]).validate()), "regions");
    assert_eq!(
        serde_json::to_value(set(&["us-east-1"])).expect("JSON")["createdTime"],
        1.25
    );
}

fn contact(change: Value) -> Contact {
    let base = json!({ "ContactArn": "arn:aws:ssm-contacts:us-east-1:123456789012:contact/ana", "Alias": "ana",
                       "Type": "PERSONAL", "Plan": { "Stages": [] } });
    serde_json::from_value(merged(&base, change)).expect("a contact's shape")
}

#[test]
fn contacts_have_limits() {
    let channel = "arn:aws:ssm-contacts:us-east-1:123456789012:contact-channel/ana/x";
    let stage = |minutes: i64, targets: Value| json!({ "Plan": { "Stages": [{ "DurationInMinutes": minutes, "Targets": targets }] } });
    let to_channel = |retry: i64| json!([{ "ChannelTargetInfo": { "ContactChannelId": channel, "RetryIntervalInMinutes": retry } }]);
    let to_contact = json!([{ "ContactTargetInfo": { "ContactId": "arn:aws:ssm-contacts:us-east-1:123456789012:contact/bo", "IsEssential": true } }]);
    let escalation = |change: Value| merged(&json!({ "Type": "ESCALATION" }), change);
    let cases = [
        (json!({}), "ok"),
        (json!({ "DisplayName": "" }), "ok"),
        (json!({ "Alias": "Bad Alias" }), "Alias"),
        (json!({ "DisplayName": "<b>" }), "DisplayName"),
        (stage(0, json!([])), "Plan.Stages[0].DurationInMinutes"),
        (stage(1, json!([])), "ok"),
        (stage(31, json!([])), "Plan.Stages[0].DurationInMinutes"),
        (stage(-1, json!([])), "Plan.Stages[0].DurationInMinutes"),
        (stage(0, to_channel(60)), "ok"),
        (
            stage(0, to_channel(61)),
            "Plan.Stages[0].Targets[0].ChannelTargetInfo.RetryIntervalInMinutes",
        ),
        (
            stage(0, to_contact.clone()),
            "Plan.Stages[0].Targets[0].ContactTargetInfo",
        ),
        (
            escalation(stage(0, to_channel(0))),
            "Plan.Stages[0].Targets[0].ChannelTargetInfo",
        ),
        (escalation(stage(0, to_contact)), "ok"),
        (
            merged(&json!({ "Type": "ONCALL_SCHEDULE" }), stage(1, json!([]))),
            "Plan.Stages",
        ),
        (
            json!({ "Type": "ONCALL_SCHEDULE", "Plan": { "Stages": [], "RotationIds": [] } }),
            "ok",
        ),
        (
            json!({ "Plan": { "RotationIds": ["arn:aws:ssm-contacts:us-east-1:123456789012:rotation/x"] } }),
            "Plan.RotationIds",
        ),
        (
            json!({ "Tags": [{ "Key": "k", "Value": "" }] }),
            "Tags[0].Value",
        ),
    ];
    for (change, expected) in cases {
        assert_eq!(
            field(contact(change.clone()).validate()),
            expected,
            "{change}"
        );
    }
    assert!(
        serde_json::from_value::<Contact>(
            json!({ "ContactArn": "a", "Alias": "a", "Type": "NOPE" })
        )
        .is_err()
    );
    let stages = serde_json::to_value(contact(stage(1, json!([])))).expect("JSON");
    assert_eq!(
        stages["Plan"]["Stages"][0]["Targets"],
        json!([]),
        "an empty list is echoed"
    );
}

fn channel(kind: &str, address: &str) -> ContactChannel {
    serde_json::from_value(json!({
        "ContactChannelArn": "arn:aws:ssm-contacts:us-east-1:123456789012:contact-channel/ana/x",
        "ContactArn": "arn:aws:ssm-contacts:us-east-1:123456789012:contact/ana",
        "Name": "mail", "Type": kind, "DeliveryAddress": { "SimpleAddress": address }, "ActivationStatus": "NOT_ACTIVATED",
    }))
    .expect("a channel's shape")
}

#[test]
fn addresses_fit_their_channel() {
    let address = "DeliveryAddress.SimpleAddress";
    let cases = [
        ("EMAIL", "ana@example.com", "ok"),
        ("EMAIL", "ana+x@mail.example.com", "ok"),
        ("EMAIL", "+15005550199", address),
        ("EMAIL", "a b@example.com", address),
        ("EMAIL", "ana@example.com, bo@example.com", address),
        ("EMAIL", "ana@example.com\r\nBcc: x@y", address),
        ("EMAIL", "@example.com", address),
        ("EMAIL", "", address),
        ("SMS", "+15005550199", "ok"),
        ("SMS", "15005550199", address),
        ("VOICE", "+1500555019x", address),
        ("VOICE", "ana@example.com", address),
    ];
    for (kind, text, expected) in cases {
        assert_eq!(
            field(channel(kind, text).validate()),
            expected,
            "{kind} {text}"
        );
    }
}

#[test]
fn a_channel_is_activated_by_the_code_that_was_sent() {
    let at = start_of_time();
    let mut mail = channel("EMAIL", "ana@example.com");
    assert_eq!(
        field(mail.activate("775533", at)),
        "ActivationCode",
        "no code was sent"
    );
    mail.expect_code("775533", at);
    let stored = serde_json::to_string(&mail).expect("JSON");
    assert!(!stored.contains("775533"), "only the hash is stored");
    let mut mail: ContactChannel = serde_json::from_str(&stored).expect("reads");
    for code in ["654321", "12345", "abcdef", "12345678901"] {
        assert_eq!(field(mail.activate(code, at)), "ActivationCode", "{code}");
    }
    let mut late = mail.clone();
    assert_eq!(
        field(late.activate("775533", at.checked_add(minutes(25 * 60)).expect("a time"))),
        "ActivationCode"
    );
    let mut guessed = mail.clone();
    for _ in 0..20 {
        assert!(guessed.activate("000000", at).is_err());
    }
    assert_eq!(
        field(guessed.activate("775533", at)),
        "ActivationCode",
        "too many guesses"
    );
    assert_eq!(field(mail.activate("775533", at)), "ok");
    assert_eq!(mail.activation_status, ActivationStatus::Activated);
    assert!(mail.activation_code_hash.is_none());
    mail.deactivate();
    assert_eq!(mail.activation_status, ActivationStatus::NotActivated);
}
