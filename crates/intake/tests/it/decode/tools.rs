//! Alerts of other tools.

use intake::decode::{Kind, pagerduty};
use serde_json::{Value, json};

use super::{auto, detail, event, in_format, one, refusal};

fn alertmanager() -> Value {
    json!({"version": "4", "groupKey": "{}:{alertname=\"Disk\"}", "truncatedAlerts": 2, "status": "firing",
        "receiver": "quell", "groupLabels": {"alertname": "Disk"}, "commonLabels": {"alertname": "Disk"},
        "commonAnnotations": {}, "externalURL": "https://am.example",
        "alerts": [
            {"status": "firing", "labels": {"alertname": "Disk", "severity": "critical"},
             "annotations": {"summary": "Disk\u{202e} is full"}, "startsAt": "2026-03-01T10:00:00Z",
             "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "https://prom.example", "fingerprint": "aa11"},
            {"status": "resolved", "labels": {"alertname": "Disk", "severity": "odd"}, "annotations": {},
             "startsAt": "2026-03-01T09:00:00Z", "endsAt": "2026-03-01T10:01:00Z", "fingerprint": "bb22"}]})
}

#[test]
fn alertmanager_gives_one_event_for_each_alert() {
    let body = alertmanager().to_string();
    let signals = auto(&body).unwrap();
    assert_eq!(signals.len(), 2);
    let (open, closed) = (&signals[0], &signals[1]);
    assert_eq!(
        (open.source.as_str(), open.detail_type.as_str()),
        ("alertmanager", "Alertmanager Alert")
    );
    assert_eq!(
        detail(open)["signal"],
        json!({"title": "Disk is full", "severity": "CRITICAL", "score": 90, "status": "open", "key": "aa11", "truncated": 2})
    );
    assert_eq!(detail(open)["labels"]["severity"], "critical");
    assert_eq!(detail(open)["notification"]["receiver"], "quell");
    assert_eq!(
        detail(closed)["signal"],
        json!({"title": "Disk", "status": "closed", "key": "bb22", "truncated": 2})
    );
    assert_eq!(open.time.unwrap().to_string(), "2026-03-01T10:00:00Z");
    assert_eq!(closed.time.unwrap().to_string(), "2026-03-01T10:01:00Z");
    assert!(
        open.notes[0].contains("left out 2 alerts"),
        "{:?}",
        open.notes
    );
    assert!(open.own_id);
    event(open);
    assert_eq!(in_format("alertmanager", &body).unwrap(), signals);
    let mut again = alertmanager();
    again["alerts"][0]["status"] = "resolved".into();
    let again = auto(&again.to_string()).unwrap();
    assert_ne!(again[0].id, open.id, "its end is another signal");
    assert_eq!(again[1].id, closed.id);
    assert_eq!(detail(&again[0])["signal"]["key"], "aa11");
}

#[test]
fn alerts_without_fingerprint_are_known_by_their_labels() {
    let mut body = alertmanager();
    let alerts = body["alerts"].as_array_mut().unwrap();
    for alert in alerts.iter_mut() {
        alert.as_object_mut().unwrap().remove("fingerprint");
    }
    let keys: Vec<Value> = auto(&body.to_string())
        .unwrap()
        .iter()
        .map(|signal| detail(signal)["signal"]["key"].clone())
        .collect();
    assert_ne!(keys[0], keys[1]);
    let labels = json!({"severity": "critical", "alertname": "Disk"});
    body["alerts"][0]["labels"] = labels;
    assert_eq!(
        detail(&auto(&body.to_string()).unwrap()[0])["signal"]["key"],
        keys[0],
        "in any order"
    );
}

#[test]
fn a_notification_without_alerts_is_shown() {
    let signal =
        one(r#"{"version":"4","status":"firing","receiver":"r","alerts":[],"truncatedAlerts":3}"#);
    assert_eq!(
        (signal.kind, signal.detail_type.as_str()),
        (Kind::Alertmanager, "Notification Without Alerts")
    );
    assert_eq!(detail(&signal)["signal"]["truncated"], 3);
    assert_eq!(
        refusal("alertmanager", r#"{"status":"firing"}"#),
        "`body` has no `alerts`, which the format `alertmanager` needs; send it, or choose another format"
    );
    assert_eq!(
        refusal("alertmanager", r#"{"alerts":[1]}"#),
        "`body.alerts[0]` has a `alerts` that is not a list of objects; send a list of objects"
    );
}

#[test]
fn grafana_is_told_apart() {
    let mut body = alertmanager();
    body["orgId"] = 1.into();
    body["title"] = "[FIRING:1] Disk".into();
    body["alerts"][0]["valueString"] = "[ var='A' value=1 ]".into();
    let signals = auto(&body.to_string()).unwrap();
    assert_eq!(
        (signals[0].source.as_str(), signals[0].detail_type.as_str()),
        ("grafana", "Grafana Alert")
    );
    assert_eq!(
        detail(&signals[0])["notification"]["title"],
        "[FIRING:1] Disk"
    );
    assert_eq!(detail(&signals[0])["valueString"], "[ var='A' value=1 ]");
}

fn pager(action: &str) -> Value {
    json!({"routing_key": "r0ut1ngk3y", "event_action": action, "dedup_key": "disk/1",
        "payload": {"summary": "Disk is full", "source": "host-1", "severity": "error",
                    "timestamp": "2026-03-01T10:00:00.000+0000", "custom_details": {"n": 1}},
        "client": "Nagios", "links": []})
}

#[test]
fn pagerduty_events_have_a_status_and_no_secret() {
    for (action, status) in [
        ("trigger", "open"),
        ("acknowledge", "acknowledged"),
        ("resolve", "closed"),
    ] {
        let signal = one(&pager(action).to_string());
        assert_eq!(
            (signal.source.as_str(), signal.detail_type.as_str()),
            ("pagerduty", "PagerDuty Event")
        );
        assert_eq!(
            detail(&signal)["signal"],
            json!({"title": "Disk is full", "severity": "HIGH", "score": 70, "status": status, "key": "disk/1"})
        );
        assert!(!signal.detail.contains("r0ut1ngk3y"));
        assert!(!signal.own_id, "an equal trigger may be a new one");
        assert_eq!(signal.time.unwrap().to_string(), "2026-03-01T10:00:00Z");
        assert_eq!(
            pagerduty::accepted(&[signal]),
            json!({"status": "success", "message": "Event processed", "dedup_key": "disk/1"})
        );
    }
    let short = one(r#"{"routing_key":"k","event_action":"resolve","dedup_key":"disk/1"}"#);
    assert_eq!(
        detail(&short)["signal"],
        json!({"status": "closed", "key": "disk/1"})
    );
}

#[test]
fn pagerduty_gives_a_key_and_refuses_as_documented() {
    let mut body = pager("trigger");
    body.as_object_mut().unwrap().remove("dedup_key");
    let signal = one(&body.to_string());
    let answer = pagerduty::accepted(std::slice::from_ref(&signal));
    assert_eq!(answer["dedup_key"].as_str().unwrap().len(), 32);
    assert_eq!(answer["dedup_key"], detail(&signal)["signal"]["key"]);
    body["event_action"] = "resolve".into();
    let error = in_format("pagerduty", &body.to_string()).unwrap_err();
    let answer = pagerduty::refused(&error);
    assert_eq!((pagerduty::ACCEPTED, pagerduty::REFUSED), (202, 400));
    assert_eq!(answer["status"], "invalid event");
    assert!(
        answer["errors"][0]
            .as_str()
            .unwrap()
            .starts_with("`body` has no `dedup_key`"),
        "{answer}"
    );
    for (change, reason) in [
        (
            json!({"event_action": "close"}),
            "`body` has a `event_action` that is not `trigger`, `acknowledge` or `resolve`",
        ),
        (
            json!({"dedup_key": "x".repeat(256)}),
            "`body` has a `dedup_key` that is not at most 255 characters",
        ),
        (
            json!({"payload": {"source": "s", "severity": "info"}}),
            "`body.payload` has no `summary`",
        ),
    ] {
        let mut body = pager("trigger");
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let error = refusal("pagerduty", &body.to_string());
        assert!(error.starts_with(reason), "{error}");
    }
}

#[test]
fn falco_alerts_are_known_by_their_uuid_or_their_words() {
    let body = r#"{"uuid":"u-1","output":"10:00 Critical shell","priority":"Critical","rule":"Terminal shell","hostname":"n1",
        "time":"2026-03-01T10:00:00.123456789Z","source":"syscall","tags":["mitre_execution","T1059"],
        "output_fields":{"evt.time":1772359200123456789}}"#;
    let signal = one(body);
    assert_eq!(
        (signal.source.as_str(), signal.detail_type.as_str()),
        ("falco", "Falco Alert")
    );
    assert_eq!(
        detail(&signal)["signal"],
        json!({"title": "Terminal shell", "severity": "CRITICAL", "score": 90, "status": "open", "key": "Terminal shell@n1"})
    );
    assert!(
        signal.detail.contains("1772359200123456789"),
        "a number beyond a double keeps its digits"
    );
    assert_eq!(
        signal.time.unwrap().to_string(),
        "2026-03-01T10:00:00.123456789Z"
    );
    assert_eq!(one(&body.replace("10:00 ", "10:01 ")).id, signal.id);
    let bare = body.replace(r#""uuid":"u-1","#, "");
    assert_ne!(one(&bare.replace("10:00 ", "10:01 ")).id, one(&bare).id);
    event(&signal);
    assert!(
        refusal("falco", &body.replace("\"Critical\"", "\"Huge\""))
            .starts_with("`body` has a `priority` that is not one of")
    );
}

#[test]
fn wazuh_levels_are_severities() {
    let body = |level: &str| {
        format!(
            r#"{{"timestamp":"2026-03-01T10:00:00.123+0000","rule":{{"level":{level},"description":"sshd brute force","id":"5763",
            "mitre":{{"id":["T1110"]}}}},"agent":{{"id":"001","name":"web","ip":"10.0.0.1"}},"manager":{{"name":"m"}},
            "id":"1772359200.1","full_log":"x","data":{{"srcip":"192.0.2.1"}}}}"#
        )
    };
    for (level, severity) in [
        ("0", "INFORMATIONAL"),
        ("3", "LOW"),
        ("7", "MEDIUM"),
        ("12", "HIGH"),
        ("15", "CRITICAL"),
    ] {
        let signal = one(&body(level));
        assert_eq!(
            (signal.source.as_str(), signal.detail_type.as_str()),
            ("wazuh", "Wazuh Alert")
        );
        assert_eq!(detail(&signal)["signal"]["severity"], severity);
        assert_eq!(detail(&signal)["signal"]["key"], "5763@001");
        assert_eq!(signal.time.unwrap().to_string(), "2026-03-01T10:00:00.123Z");
        event(&signal);
    }
    assert_eq!(
        refusal("wazuh", &body("99")),
        "`body.rule` has a `level` that is not a whole number from 0 to 16; send a whole number from 0 to 16"
    );
}
