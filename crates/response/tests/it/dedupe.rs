//! What an event makes of a plan: keys, titles, parameters, involved resources.

mod resources;

use std::collections::BTreeMap;

use model::Event;
use model::incident::{Dedupe, Trigger, TriggerDetails};
use model::plan::{
    Action, DynamicParameter, DynamicVariable, ResponsePlan, SsmAutomation, TargetAccount,
};
use response::incident::Command;
use response::plan::{EventStart, ManualStart, trigger_from_event, trigger_from_start};
use response::template::{self, Facts, TemplateError};
use serde_json::{Value, json};

use super::world::{CALLER, Desk, PLAN_ARN, response_plan, start_of_time};

const RULE: &str = "arn:aws:events:us-east-1:123456789012:rule/gd";
const TEMPLATE: &str = "{{ event.account }}/{{ event.region }}/{{ resource.id }}";

fn event(id: &str, detail_type: &str, detail: Value) -> Event {
    Event {
        version: "0".to_owned(),
        id: id.to_owned(),
        detail_type: detail_type.to_owned(),
        source: "aws.guardduty".to_owned(),
        account: "111122223333".to_owned(),
        time: "2026-03-01T09:59:00Z".to_owned(),
        region: "eu-west-1".to_owned(),
        resources: Vec::new(),
        detail,
    }
}

fn finding(id: &str, instance: &str) -> Event {
    let detail = json!({
        "schemaVersion": "2.0", "accountId": "111122223333", "region": "eu-west-1", "partition": "aws",
        "id": "f1", "type": "UnauthorizedAccess:EC2/TorClient", "severity": 8, "title": "Tor {{ event.id }}\r\nclient",
        "resource": { "resourceType": "Instance", "instanceDetails": { "instanceId": instance } },
        "service": {
            "eventFirstSeen": "2026-03-01T09:58:00.000Z",
            "action": { "actionType": "NETWORK_CONNECTION",
                        "networkConnectionAction": { "remoteIpDetails": { "ipAddressV4": "198.51.100.7" } } } },
    });
    event(id, "GuardDuty Finding", detail)
}

fn trigger(plan: &ResponsePlan, event: &Event) -> Trigger {
    let raw = serde_json::to_string(event).expect("JSON");
    trigger_from_event(&EventStart {
        plan,
        plan_arn: PLAN_ARN,
        rule_arn: RULE,
        event,
        raw: &raw,
        input: &raw,
        at: start_of_time(),
    })
}

fn keyed(template: &str) -> ResponsePlan {
    let mut plan = response_plan();
    plan.incident_template.dedupe_string = Some(template.to_owned());
    plan
}

fn key(trigger: &Trigger) -> &str {
    match &trigger.dedupe {
        Dedupe::Key(key) => key,
        Dedupe::None => "",
    }
}

#[test]
fn findings_on_one_resource_share_a_key_and_a_second_victim_has_its_own() {
    let plan = keyed(TEMPLATE);
    let first = trigger(&plan, &finding("e1", "i-0aaa"));
    let update = trigger(&plan, &finding("e2", "i-0aaa"));
    let second = trigger(&plan, &finding("e3", "i-0bbb"));
    assert_eq!(key(&first), "111122223333/eu-west-1/i-0aaa");
    assert_eq!(first.dedupe, update.dedupe);
    assert_ne!(first.dedupe, second.dedupe);
    assert_eq!(first.source, "aws.events");
    assert_eq!(first.trigger_arn.as_deref(), Some(RULE));
    assert_eq!(first.detected.to_string(), "2026-03-01T09:58:00Z");
    assert_eq!(
        first.involved_resources,
        ["arn:aws:ec2:eu-west-1:111122223333:instance/i-0aaa"]
    );
}

#[test]
fn without_a_template_awss_rules_hold() {
    let plan = response_plan();
    assert_eq!(key(&trigger(&plan, &finding("e1", "i-0aaa"))), RULE);
    assert_eq!(
        key(&trigger(&keyed(""), &finding("e1", "i-0aaa"))),
        RULE,
        "Terraform's empty string is none"
    );
    assert_eq!(key(&trigger(&keyed("db"), &finding("e1", "i-0aaa"))), "db");
}

#[test]
fn manual_starts_fold_only_when_an_alarm_or_a_rule_is_named() {
    let plan = response_plan();
    let alarm = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:cpu";
    let dedupe = |plan: &ResponsePlan, details: Option<(&str, &str)>| {
        let details = details.map(|(source, raw)| TriggerDetails {
            raw_data: Some(raw.to_owned()),
            source: source.to_owned(),
            timestamp: start_of_time(),
            trigger_arn: Some(alarm.to_owned()),
        });
        let start = ManualStart {
            plan,
            plan_arn: PLAN_ARN,
            title: None,
            impact: None,
            details,
            related_items: Vec::new(),
            client_token: None,
            caller_arn: CALLER,
            region: "us-east-1",
            at: start_of_time(),
        };
        trigger_from_start(start).expect("valid").dedupe
    };
    let key = |text: &str| Dedupe::Key(text.to_owned());
    assert_eq!(dedupe(&plan, None), Dedupe::None);
    assert_eq!(dedupe(&plan, Some(("aws.cloudwatch", ""))), key(alarm));
    assert_eq!(dedupe(&plan, Some(("mine", ""))), Dedupe::None);
    assert_eq!(dedupe(&keyed("db"), None), key("db"));
    assert_eq!(
        dedupe(&keyed(TEMPLATE), None),
        Dedupe::None,
        "nothing to resolve, nothing folded"
    );
    let raw = serde_json::to_string(&finding("e1", "i-0aaa")).expect("JSON");
    assert_eq!(
        dedupe(&keyed(TEMPLATE), Some(("mine", &raw))),
        key("111122223333/eu-west-1/i-0aaa"),
        "raw data that is an event is read like one"
    );
}

#[test]
fn a_variable_without_a_value_never_folds_unrelated_things() {
    for template in [
        "{{ event.detail.nope }}",
        "{{ resource.id }}",
        "{{ resorce.id }}",
        "{{ event.detail }}",
        "{{}}",
    ] {
        let plan = keyed(template);
        let nothing = |id: &str| event(id, "Something", json!({ "a": {} }));
        let (one, two) = (
            trigger(&plan, &nothing("e1")),
            trigger(&plan, &nothing("e2")),
        );
        assert_eq!(key(&one), format!("{RULE}#e1"), "{template}");
        assert_ne!(one.dedupe, two.dedupe);
        assert_eq!(
            one.dedupe,
            trigger(&plan, &nothing("e1")).dedupe,
            "the same event again does fold"
        );
    }
}

#[test]
fn different_values_never_give_one_key() {
    let templates = [
        "{{event.a}}/{{event.b}}",
        "{{event.a}}{{event.b}}",
        "{{event.a}}-{{event.b}}",
        "x {{event.a}}:{{event.b}}",
    ];
    let long = "y".repeat(300);
    let longer = format!("{}z", "y".repeat(300));
    let values = [
        "a",
        "b",
        "ab",
        "a/b",
        "a%2Fb",
        "/",
        "-",
        "a-",
        "-b",
        ":",
        "a:b",
        "{{event.b}}",
        "é",
        "~",
        &long,
        &longer,
    ];
    for template in templates {
        let mut keys = BTreeMap::new();
        for a in values {
            for b in values {
                let event = json!({ "a": a, "b": b });
                let facts = Facts {
                    event: Some(&event),
                    incident: None,
                };
                let key = template::dedupe_key(template, &facts).expect("resolves");
                assert!(key.chars().count() <= 1000);
                let before = keys.insert(key.clone(), (a, b));
                assert_eq!(before, None, "{template}: {key}");
            }
        }
    }
    let event = json!({ "a": "db" });
    let facts = Facts {
        event: Some(&event),
        incident: None,
    };
    let bare = template::dedupe_key("{{ event.a }}", &facts).expect("resolves");
    assert_ne!(
        bare, "db",
        "an attacker's name must not reach a plan's constant key"
    );
}

#[test]
fn titles_take_values_but_never_obey_them() {
    let mut plan = response_plan();
    plan.incident_template.title =
        "{{ finding.type }} on {{resource.id}} ({{ event.detail.nope }}): {{ finding.title }}"
            .to_owned();
    let title = trigger(&plan, &finding("e1", "i-0aaa"))
        .title
        .expect("templated");
    assert_eq!(
        title,
        "UnauthorizedAccess:EC2/TorClient on i-0aaa (unknown): Tor {{ event.id }} client"
    );
    plan.incident_template.title = "plain {{ title".to_owned();
    assert_eq!(trigger(&plan, &finding("e1", "i-0aaa")).title, None);
    plan.incident_template.title = "{{ finding.title }}".repeat(12);
    assert!(
        trigger(&plan, &finding("e1", "i"))
            .title
            .expect("templated")
            .chars()
            .count()
            <= 200
    );
}

fn runbook(parameters: &[(&str, &str)]) -> SsmAutomation {
    SsmAutomation {
        document_name: "isolate".to_owned(),
        document_version: None,
        role_arn: "arn:aws:iam::123456789012:role/runbook".to_owned(),
        target_account: None,
        parameters: parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), vec![(*value).to_owned()]))
            .collect(),
        dynamic_parameters: BTreeMap::from([(
            "Resources".to_owned(),
            DynamicParameter::Variable(DynamicVariable::InvolvedResources),
        )]),
    }
}

#[test]
fn a_runbook_gets_what_it_asks_for() {
    let mut plan = keyed(TEMPLATE);
    plan.actions = vec![Action::SsmAutomation(runbook(&[
        ("InstanceId", "{{ resource.id }}"),
        ("Region", "{{ event.region }}"),
        ("RemoteIp", "{{ finding.remote_ip }}"),
        ("Finding", "{{ event.json }}"),
        ("Incident", "{{ incident.id }} {{ incident.arn }}"),
        ("Other", "{{ssm:name}} {{ global:DATE }}"),
    ]))];
    let event = finding("e1", "i-0aaa");
    let desk = Desk::opened(trigger(&plan, &event));
    let Some(Command::StartRun { request, .. }) = desk.commands.first() else {
        panic!("a run")
    };
    let value = |name: &str| request.parameters[name][0].as_str();
    assert_eq!(
        (value("InstanceId"), value("Region"), value("RemoteIp")),
        ("i-0aaa", "eu-west-1", "198.51.100.7")
    );
    let passed: Value = serde_json::from_str(value("Finding")).expect("JSON");
    assert_eq!(passed, serde_json::to_value(&event).expect("JSON"));
    assert_eq!(
        value("Incident"),
        format!("{} {}", desk.id, desk.incident().record.arn)
    );
    assert_eq!(value("Other"), "{{ ssm:name }} {{ global:DATE }}");
    assert_eq!(
        value("Resources"),
        "arn:aws:ec2:eu-west-1:111122223333:instance/i-0aaa"
    );
    assert_eq!(request.region, "us-east-1", "the rule's region");
    let Action::SsmAutomation(action) = &mut plan.actions[0];
    action.target_account = Some(TargetAccount::ImpactedAccount);
    assert_eq!(
        trigger(&plan, &event).region,
        "eu-west-1",
        "the event's region"
    );
}

#[test]
fn an_event_that_is_too_large_is_not_passed_on_in_part() {
    let big = json!({ "detail": "x".repeat(61 * 1024) });
    let facts = Facts {
        event: Some(&big),
        incident: None,
    };
    let error = template::parameters(&runbook(&[("Finding", "{{ event.json }}")]), &facts, &[])
        .expect_err("too large");
    assert!(matches!(error, TemplateError::TooLarge { .. }));
}

#[test]
fn an_input_of_its_own_is_shown_and_the_event_kept() {
    let plan = response_plan();
    let event = finding("e1", "i-0aaa");
    let raw = serde_json::to_string(&event).expect("JSON");
    let start = EventStart {
        plan: &plan,
        plan_arn: PLAN_ARN,
        rule_arn: RULE,
        event: &event,
        raw: &raw,
        input: "\"short\"",
        at: start_of_time(),
    };
    let desk = Desk::opened(trigger_from_event(&start));
    assert_eq!(desk.data("SSM Incident Trigger")[0]["rawData"], "\"short\"");
    assert_eq!(desk.frames["trigger/1"]["rawData"], raw.as_str());
}

#[test]
fn a_second_finding_on_the_resource_merges_what_is_involved() {
    let plan = keyed("db");
    let mut desk = Desk::opened(trigger(&plan, &finding("e1", "i-0aaa")));
    for _ in 0..2 {
        let again = trigger(&plan, &finding("e2", "i-0bbb"));
        desk.apply(response::incident::Input::Trigger(Box::new(again)))
            .expect("folds");
    }
    assert_eq!(
        desk.related(model::incident::ItemType::InvolvedResource)
            .len(),
        2
    );
    assert_eq!(desk.incident().triggers, 3);
    assert!(desk.frames.contains_key("trigger/3"));
}
