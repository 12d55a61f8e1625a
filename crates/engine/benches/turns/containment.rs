//! Containment: from a finding to the first call of its runbook.

use std::path::Path;

use engine::{Handle, PutEntry, ResourceChange};
use model::bus::{RULE, Rule, RuleState, Target};
use model::plan::{RESPONSE_PLAN, ResponsePlan};
use model::resource::Expect;
use serde_json::json;

use crate::{Figures, document, figures, now, put_document, scope, world};

/// Findings of the containment slice.
const FINDINGS: usize = 100;

/// A rule, a plan and a runbook for findings.
async fn install_containment(handle: &Handle) {
    put_document(handle, "Contain", document(3)).await;
    let plan: ResponsePlan = serde_json::from_value(json!({
        "name": "contain",
        "incidentTemplate": {"title": "t", "impact": 1, "dedupeString": "{{ resource.id }}"},
        "actions": [{"ssmAutomation": {
            "documentName": "Contain", "roleArn": "arn:aws:iam::123456789012:role/r",
            "parameters": {"Key": ["{{ resource.id }}"]},
        }}],
    }))
    .expect("a plan");
    let rule = Rule {
        name: "findings".to_owned(),
        bus: "default".to_owned(),
        event_pattern: Some(r#"{"source":["aws.guardduty"]}"#.to_owned()),
        schedule_expression: None,
        state: RuleState::Enabled,
        description: None,
        role_arn: None,
        targets: [(
            "plan".to_owned(),
            target("arn:aws:ssm-incidents::123456789012:response-plan/contain"),
        )]
        .into(),
        tags: std::collections::BTreeMap::new(),
    };
    let put = |scope, kind, name: &str, body| ResourceChange {
        scope,
        kind,
        name: name.to_owned(),
        expect: Expect::Absent,
        body: Some(body),
    };
    handle
        .change(vec![
            put(scope().global(), RESPONSE_PLAN, "contain", json!(plan)),
            put(scope(), RULE, "default/findings", json!(rule)),
        ])
        .await
        .expect("resources");
}

/// From the sending of a finding to the first call of its runbook leaving the engine.
pub(crate) async fn containment(dir: &Path, round: usize) -> Figures {
    let world = world(dir, &format!("containment-{round}.sqlite")).await;
    let handle = &world.handle;
    install_containment(handle).await;
    let (start, mut times) = (now(), Vec::new());
    for number in 0..FINDINGS {
        let instance = format!("i-{number:017}");
        let detail = json!({"resource": {"resourceType": "Instance", "instanceDetails": {"instanceId": instance}}});
        let entry = PutEntry {
            bus: "default".to_owned(),
            source: "aws.guardduty".to_owned(),
            detail_type: "GuardDuty Finding".to_owned(),
            detail: detail.to_string(),
            resources: Vec::new(),
            time: None,
            ..PutEntry::default()
        };
        let sent = now();
        handle
            .put_events(&scope(), vec![entry])
            .await
            .expect("accepted");
        world.engine.settle().await;
        let first = world
            .effects
            .first
            .lock()
            .expect("no panic held it")
            .get(&instance)
            .copied()
            .expect("a containment call");
        times.push(first.saturating_duration_since(sent));
    }
    let figures = figures(times, start.elapsed(), FINDINGS as u64);
    world.engine.stop().await;
    figures
}

fn target(arn: &str) -> Target {
    serde_json::from_value(json!({"Id": "plan", "Arn": arn})).expect("a target")
}
