//! Single states, as the service tries them (third-party cases, read from `QUELL_CASES`).

use flow::asl::definition::{MachineType, parse};
use flow::asl::trial::{Mock, Report, Trial, Tried, try_state};
use flow::asl::{Context, Start, single};
use jiff::Timestamp;
use model::Scope;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::cases::records;
use super::compare::{Rules, differences, opened};
use super::world::start;

#[test]
fn states_are_tried_as_on_the_service() {
    let Some(folder) = crate::cases("asl") else {
        return;
    };
    let (mut same, mut not_run) = (0, 0);
    let mut failures = Vec::new();
    for record in records(&folder) {
        if record["area"] != "test_state" {
            continue;
        }
        let needs = record["needs"].as_array().is_none_or(|it| !it.is_empty());
        let calls = record["calls"].as_array().cloned().unwrap_or_default();
        for (n, call) in calls.iter().enumerate() {
            let answer = calls.get(n + 1).and_then(|next| next["match"].as_str());
            let expected = answer.map(|key| &record["expect"]["recorded"][key]);
            let Some(expected) = expected.filter(|it| it["status"].is_string()) else {
                not_run += usize::from(call["op"] == "TestState");
                continue;
            };
            if needs {
                not_run += 1;
                continue;
            }
            let lines = one(&record, &call["params"], expected);
            if lines.is_empty() {
                same += 1;
            } else {
                failures.push(format!("{}: {lines:#?}", record["id"]));
            }
        }
    }
    println!("single states: {same} as on the service, {not_run} not run");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn one(record: &Value, params: &Value, expected: &Value) -> Vec<String> {
    let mut expected = expected.clone();
    if let Some(members) = expected.as_object_mut() {
        members.shift_remove("ResponseMetadata");
    }
    let level = params["inspectionLevel"].as_str().unwrap_or("INFO");
    let observed = match tried(params) {
        Ok(report) => shown(report, level != "INFO"),
        Err(why) => return vec![why],
    };
    let mut rules = Rules::of(record);
    // Names of the trial's own are placeholders in the record.
    let role = "arn:aws:iam::111111111111:role/r".to_owned();
    let shown_role = "arn:<partition>:iam::111111111111:role/<resource:2>".to_owned();
    rules.replace.push((role, shown_role));
    rules
        .replace
        .push(("trial-execution".to_owned(), "<resource:1>".to_owned()));
    rules
        .replace
        .push(("trial-machine".to_owned(), "<resource:3>".to_owned()));
    let numbers = [
        ("<resource:4>", "<resource:1>"),
        ("<resource:5>", "<resource:3>"),
    ];
    let text = numbers
        .iter()
        .fold(expected.to_string(), |text, (from, to)| {
            text.replace(from, to)
        });
    let expected: Value = serde_json::from_str(&text).expect("JSON");
    differences(&expected, &opened(&observed), &rules)
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn tried(params: &Value) -> Result<Report, String> {
    let definition = text(&params["definition"]).unwrap_or_default();
    let around = single::wrapped(&definition).unwrap_or(definition);
    let machine = parse(&around, MachineType::Standard).map_err(|it| format!("{it:?}"))?;
    let name = params["stateName"].as_str().unwrap_or(single::NAME);
    let at = single::locate(&machine, name).ok_or("no such state")?;
    let json_of = |value: &Value| text(value).and_then(|text| serde_json::from_str(&text).ok());
    let mock = &params["mock"];
    let mock = match (json_of(&mock["result"]), &mock["errorOutput"]) {
        (Some(result), _) => Some(Mock::Result(result)),
        (None, Value::Null) => None,
        (None, failed) => Some(Mock::Failed {
            error: text(&failed["error"]),
            cause: text(&failed["cause"]),
        }),
    };
    let config = &params["stateConfiguration"];
    let account = "arn:aws:states:us-east-1:111111111111";
    let trial = Trial {
        at,
        start: Start {
            name: "trial-execution".to_owned(),
            arn: format!("{account}:express:trial-machine:trial-execution"),
            machine_arn: format!("{account}:stateMachine:trial-machine"),
            machine_name: "trial-machine".to_owned(),
            definition: String::new(),
            express: true,
            input: text(&params["input"]).unwrap_or_else(|| "{}".to_owned()),
            ..start(&Value::Null, &Value::Null)
        },
        variables: Map::new(),
        context: json_of(&params["context"]),
        mock,
        retried: config["retrierRetryCount"].as_u64().unwrap_or(0),
        failures: config["mapIterationFailureCount"].as_u64(),
        read: json_of(&config["mapItemReaderData"]),
    };
    match try_state(machine, trial, &context()).map_err(|it| it.to_string())? {
        Tried::Ended(report) => Ok(report),
        Tried::Needs { resource, .. } => Err(format!("needs {resource}")),
    }
}

fn context() -> Context {
    Context {
        id: Uuid::from_u128(1),
        scope: Scope::new("111111111111", "us-east-1"),
        at: "2026-01-01T00:00:00Z"
            .parse::<Timestamp>()
            .expect("an instant"),
        entropy: [0; 32],
        budget: 1,
        definitions: std::sync::Arc::default(),
    }
}

/// As the service shows it: values as JSON texts.
fn shown(report: Report, inspects: bool) -> Value {
    let mut body = json!({"status": report.status});
    for (member, text) in [
        ("output", report.output),
        ("error", report.error),
        ("cause", report.cause),
        ("nextState", report.next),
    ] {
        if let Some(text) = text {
            body[member] = json!(text);
        }
    }
    if inspects {
        let notes = report.notes.into_iter().map(|(name, value)| {
            let plain = value.is_number() || name == "errorDetails";
            let value = if plain {
                value
            } else {
                json!(value.to_string())
            };
            (name, value)
        });
        body["inspectionData"] = notes.collect();
    }
    body
}

#[test]
fn a_map_or_parallel_is_given_what_its_threads_bring() {
    let map = r#"{"Type":"Map","ItemsPath":"$.v","MaxConcurrency":3,"ResultPath":"$.r","Next":"After",
        "ItemProcessor":{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}},
        "Catch":[{"ErrorEquals":["Bad"],"ResultPath":"$.e","Next":"Caught"}]}"#;
    let params = |mock: Value| json!({"definition": map, "input": r#"{"v":[1,2]}"#, "mock": mock});
    let report = tried(&params(json!({"result": "[10,20]"}))).expect("a report");
    assert_eq!(
        (report.status, report.next.as_deref()),
        ("SUCCEEDED", Some("After"))
    );
    assert_eq!(report.output.as_deref(), Some(r#"{"v":[1,2],"r":[10,20]}"#));
    assert_eq!(report.notes["maxConcurrency"], 3);
    assert_eq!(report.notes["afterItemsPath"], json!([1, 2]));
    let failed = json!({"errorOutput": {"error": "Bad", "cause": "why"}});
    let report = tried(&params(failed)).expect("a report");
    assert_eq!(
        (report.status, report.next.as_deref()),
        ("CAUGHT_ERROR", Some("Caught"))
    );
    let want = r#"{"v":[1,2],"e":{"Error":"Bad","Cause":"why"}}"#;
    assert_eq!(report.output.as_deref(), Some(want));
}

#[test]
fn a_distributed_map_shows_its_items_on_their_way() {
    let map = r#"{"Type":"Map","End":true,
        "ItemReader":{"Resource":"arn:aws:states:::s3:getObject","Parameters":{"Bucket":"b","Key":"k"},
            "ReaderConfig":{"InputType":"JSON","ItemsPointer":"/list"}},
        "ItemSelector":{"v.$":"$$.Map.Item.Value"},
        "ItemBatcher":{"MaxItemsPerBatchPath":"$.n","BatchInput":{"k":"v"}},
        "ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"EXPRESS"},
            "StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}}"#;
    let params = |read: &str, n: i64| {
        json!({"definition": map, "input": json!({"n": n}).to_string(), "mock": {"result": "[]"},
            "stateConfiguration": {"mapItemReaderData": read}})
    };
    let report = tried(&params(r#"{"list":[1,2,3]}"#, 2)).expect("a report");
    assert_eq!(report.status, "SUCCEEDED");
    assert_eq!(report.notes["afterItemsPointer"], json!([1, 2, 3]));
    assert_eq!(
        report.notes["afterItemSelector"],
        json!([{"v": 1}, {"v": 2}, {"v": 3}])
    );
    let batches = json!([{"BatchInput": {"k": "v"}, "Items": [{"v": 1}, {"v": 2}]},
        {"BatchInput": {"k": "v"}, "Items": [{"v": 3}]}]);
    assert_eq!(report.notes["afterItemBatcher"], batches);
    let report = tried(&params(r#"{"other":[]}"#, 2)).expect("a report");
    assert_eq!(report.error.as_deref(), Some("States.ItemReaderFailed"));
    let report = tried(&params(r#"{"list":[1]}"#, 0)).expect("a report");
    let cause = report.cause.expect("a cause");
    assert!(
        cause.ends_with("field MaxItemsPerBatch must be positive"),
        "{cause}"
    );
}

#[test]
fn a_trial_makes_no_more_of_items_than_it_can_show() {
    let map = |more: &str| {
        format!(
            r#"{{"Type":"Map","End":true,{more}
            "ItemReader":{{"Resource":"arn:aws:states:::s3:getObject","Parameters":{{"Bucket":"b","Key":"k"}},
                "ReaderConfig":{{"InputType":"JSON"}}}},
            "ItemProcessor":{{"ProcessorConfig":{{"Mode":"DISTRIBUTED","ExecutionType":"EXPRESS"}},
                "StartAt":"P","States":{{"P":{{"Type":"Pass","End":true}}}}}}}}"#
        )
    };
    let long = json!({"text": "x".repeat(100_000)}).to_string();
    let many = json!(vec![1; 100_000]).to_string();
    for (more, input, words) in [
        (
            r#""ItemSelector":{"all.$":"$"},"#,
            long.as_str(),
            "`ItemSelector` makes more than 4194304 bytes of the items of the Map: try the state with fewer items",
        ),
        (
            r#""ItemSelector":{"v.$":"$$.Map.Item.Index"},"#,
            long.as_str(),
            "`ItemSelector` looks at more than 67108864 bytes",
        ),
        (
            r#""ItemBatcher":{"MaxItemsPerBatch":1,"BatchInput":{"all.$":"$"}},"#,
            long.as_str(),
            "`ItemBatcher` makes more than 4194304 bytes",
        ),
        (r#""ItemBatcher":{"MaxItemsPerBatch":1},"#, "{}", ""),
    ] {
        let params = json!({"definition": map(more), "input": input, "mock": {"result": "[]"},
            "stateConfiguration": {"mapItemReaderData": many}});
        match tried(&params) {
            Ok(report) => assert_eq!((report.status, words), ("SUCCEEDED", "")),
            Err(error) => assert!(!words.is_empty() && error.contains(words), "{error}"),
        }
    }
}
