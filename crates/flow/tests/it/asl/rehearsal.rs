//! Executions without a world: mocks answer, time passes at once, expectations are looked at.

use flow::asl::Status;
use flow::asl::rehearsal::mocks::Mocks;
use flow::asl::rehearsal::{Ended, Reply, Stuck, rehearse};
use serde_json::{Value, json};

fn retrying() -> Value {
    json!({"StartAt": "Snapshot", "States": {
        "Snapshot": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:ec2:createSnapshot",
            "Parameters": {"VolumeId.$": "$.volume"}, "ResultPath": "$.snapshot", "Next": "Wait",
            "Retry": [{"ErrorEquals": ["Ec2.Ec2Exception"], "IntervalSeconds": 10, "MaxAttempts": 2}],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Tell"}]},
        "Wait": {"Type": "Wait", "Seconds": 7_200, "Next": "Done"},
        "Tell": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Parameters": {"TopicArn": "t", "Message": "m"}, "Next": "Lost"},
        "Lost": {"Type": "Fail", "Error": "NoEvidence"},
        "Done": {"Type": "Pass", "OutputPath": "$.snapshot.SnapshotId", "End": true},
    }})
}

fn file() -> Value {
    json!({
        "StateMachines": {"keep": {"TestCases": {
            "slow": {"Snapshot": "SecondTime"},
            "never": {"Snapshot": "Refused", "Tell": "Told"},
            "bare": {},
        }}},
        "MockedResponses": {
            "SecondTime": {
                "0": {"Throw": {"Error": "Ec2.Ec2Exception", "Cause": "busy"}},
                "1": {"Return": {"SnapshotId": "snap-1"}},
            },
            "Refused": {"0-2": {"Throw": {"Error": "Ec2.Ec2Exception", "Cause": "no"}}},
            "Told": {"0": {"Return": {"MessageId": "m"}}},
        },
        "Expectations": {"keep": {
            "slow": {"Status": "SUCCEEDED", "Output": "snap-1", "Path": ["Snapshot", "Wait", "Done"],
                "Calls": ["ec2:CreateSnapshot", "ec2:CreateSnapshot"]},
            "never": {"Status": "FAILED", "Error": "NoEvidence"},
        }},
    })
}

fn play(mocks: &Mocks, name: &str) -> Result<Ended, Stuck> {
    let case = mocks.cases("keep").expect("the machine").iter();
    let case = case
        .clone()
        .find(|case| case.name == name)
        .expect("the case");
    let mut answers = |state: &str, call: u64| mocks.answer(case, state, call);
    let definition = retrying().to_string();
    rehearse(
        ("keep", &definition, false),
        r#"{"volume": "vol-1"}"#,
        &mut answers,
    )
}

#[test]
fn mocks_answer_call_by_call_and_time_passes() {
    let mocks = Mocks::parse(&file().to_string()).expect("a mock configuration");
    let ended = play(&mocks, "slow").expect("an end");
    assert_eq!(ended.status, Status::Succeeded);
    assert_eq!(ended.seconds, 10 + 7_200, "a retry's wait and the state's");
    assert_eq!(ended.calls[1].params, json!({"VolumeId": "vol-1"}));
    let ended = play(&mocks, "never").expect("an end");
    assert_eq!(ended.path, ["Snapshot", "Tell", "Lost"]);
    assert_eq!(ended.calls.len(), 4, "{:?}", ended.calls);
    let stuck = play(&mocks, "bare").expect_err("no mock");
    let words = stuck.to_string();
    assert!(
        words.contains("`Snapshot`") && words.contains("`bare`"),
        "{words}"
    );
}

#[test]
fn expectations_are_met_or_not() {
    let mocks = Mocks::parse(&file().to_string()).expect("a mock configuration");
    for case in mocks.cases("keep").into_iter().flatten() {
        if let Some(expectation) = &case.expectation {
            let ended = play(&mocks, &case.name).expect("an end");
            assert_eq!(expectation.unmet(&ended), Vec::<String>::new());
        }
    }
    let mut wrong = file();
    wrong["Expectations"]["keep"]["slow"] = json!({"Status": "FAILED", "Output": "snap-2", "Error": "X",
        "Path": ["Snapshot"], "Calls": []});
    let mocks = Mocks::parse(&wrong.to_string()).expect("a mock configuration");
    let ended = play(&mocks, "slow").expect("an end");
    let case = &mocks.cases("keep").expect("cases")[0];
    let unmet = case.expectation.as_ref().expect("one").unmet(&ended);
    assert_eq!(unmet.len(), 5, "{unmet:?}");
    assert!(
        unmet[0].contains("should be FAILED, is SUCCEEDED"),
        "{unmet:?}"
    );
}

#[test]
fn branches_and_items_are_answered_each_by_its_state() {
    let task = |end: Value| json!({"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:ec2:createTags", "End": true, "Parameters": end});
    let definition = json!({"StartAt": "Fan", "States": {"Fan": {"Type": "Map", "End": true, "ItemsPath": "$.items",
        "ItemProcessor": {"StartAt": "Both", "States": {"Both": {"Type": "Parallel", "End": true, "Branches": [
            {"StartAt": "Left", "States": {"Left": task(json!({"x.$": "$"}))}},
            {"StartAt": "Right", "States": {"Right": task(json!({}))}}]}}}}}});
    let mut answers = |state: &str, call: u64| Ok(Reply::Return(json!(format!("{state}{call}"))));
    let ended = rehearse(
        ("m", &definition.to_string(), false),
        r#"{"items": [1, 2]}"#,
        &mut answers,
    )
    .expect("an end");
    let output: Value = serde_json::from_str(&ended.output.expect("output")).expect("JSON");
    assert_eq!(output, json!([["Left0", "Right0"], ["Left1", "Right1"]]));
}

#[test]
fn files_that_say_nothing_sensible_are_refused_with_the_place() {
    let mut cases: Vec<(Value, &str)> = Vec::new();
    let mut with = |pointer: &str, value: Value, at: &'static str| {
        let mut file = file();
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
        file.pointer_mut(parent).expect("a parent")[key] = value;
        cases.push((file, at));
    };
    with("/More", json!({}), "the file: `More`");
    with(
        "/StateMachines/keep/TestCases/slow/Snapshot",
        json!("Nope"),
        "StateMachines/keep/TestCases/slow/Snapshot: there is no `Nope`",
    );
    with(
        "/MockedResponses/Told/0",
        json!({"Return": 1, "Throw": {}}),
        "MockedResponses/Told/0: must have either",
    );
    with(
        "/MockedResponses/Told/x",
        json!({"Return": 1}),
        "MockedResponses/Told/x: must be a number",
    );
    with(
        "/MockedResponses/Refused/2",
        json!({"Return": 1}),
        "MockedResponses/Refused/2: another entry",
    );
    with(
        "/MockedResponses/Told/0",
        json!({"Throw": {"Cause": "c"}}),
        "MockedResponses/Told/0/Throw: `Error`",
    );
    with(
        "/Expectations/keep/gone",
        json!({}),
        "Expectations/keep: there is no test case `gone`",
    );
    with(
        "/Expectations/keep/slow/Status",
        json!("DONE"),
        "Expectations/keep/slow/Status: must be one of",
    );
    with(
        "/Expectations/keep/slow/Paths",
        json!([]),
        "Expectations/keep/slow: `Paths`",
    );
    for (file, wanted) in cases {
        let refused = Mocks::parse(&file.to_string())
            .expect_err(wanted)
            .to_string();
        assert!(refused.starts_with(wanted), "{refused}");
    }
    assert!(Mocks::parse("{").is_err());
}

#[test]
fn what_nothing_wakes_is_told() {
    let mut answers = |_: &str, _: u64| Err("none".to_owned());
    let refused = rehearse(("m", "{}", false), "{}", &mut answers);
    assert!(matches!(refused, Err(Stuck::Refused(_))), "{refused:?}");
}

/// A distributed Map over its input: each item is looked for, and naps.
fn spread(fields: &Value) -> String {
    let mut map = json!({"Type": "Map", "End": true, "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "Look",
        "States": {
            "Look": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sqs:getQueueUrl",
                "Parameters": {"QueueName.$": "$"}, "Next": "Nap"},
            "Nap": {"Type": "Wait", "Seconds": 60, "OutputPath": "$.QueueUrl", "End": true},
        },
    }});
    for (field, value) in fields.as_object().expect("fields") {
        map[field] = value.clone();
    }
    json!({"StartAt": "Map", "States": {"Map": map}}).to_string()
}

#[test]
fn a_distributed_map_is_played_with_its_executions() {
    let mut answers = |state: &str, call: u64| match (state, call) {
        ("Look", 0..=2) => Ok(Reply::Return(json!({"QueueUrl": format!("url-{call}")}))),
        _ => Err("no such call".to_owned()),
    };
    let definition = spread(&json!({}));
    let played = rehearse(
        ("m", &definition, false),
        r#"["a", "b", "c"]"#,
        &mut answers,
    );
    let played = played.expect("an end");
    assert_eq!(played.status, Status::Succeeded, "{:?}", played.cause);
    assert_eq!(
        played.output.as_deref(),
        Some(r#"["url-0","url-1","url-2"]"#)
    );
    assert_eq!(
        played.path.iter().filter(|state| *state == "Nap").count(),
        3
    );
    assert_eq!(played.seconds, 60, "they nap side by side");
    let unanswered = rehearse(("m", &definition, false), r#"[1, 2, 3, 4]"#, &mut answers);
    assert!(matches!(unanswered, Err(Stuck::Unanswered { state, .. }) if state == "Look"));
}

#[test]
fn executions_of_a_played_map_run_that_were_to_begin_are_stopped_with_it() {
    let mut calls = 0;
    let mut answers = |_: &str, _: u64| {
        calls += 1;
        Ok(Reply::Throw {
            error: "Sqs.QueueDoesNotExistException".to_owned(),
            cause: "gone".to_owned(),
        })
    };
    let definition = spread(&json!({"ToleratedFailureCount": 1}));
    let played = rehearse(
        ("m", &definition, false),
        r#"["a", "b", "c", "d"]"#,
        &mut answers,
    );
    let played = played.expect("an end");
    assert_eq!(
        played.error.as_deref(),
        Some("States.ExceedToleratedFailureThreshold")
    );
    assert_eq!(
        calls, 2,
        "the others are stopped before their calls are answered"
    );
}
