//! Tasks that wait: for workers of activities, as recorded of the service, and for jobs.

use flow::asl::activity::Word;
use flow::asl::{Command, Input, Settlement, Status};
use model::effect::{Failure, Outcome};
use serde_json::{Value, json};

use super::cases::records;
use super::compare::{Rules, differences, opened};
use super::world::{World, start};

fn task(resource: &str, members: Value) -> Value {
    let mut state = json!({"Type": "Task", "Resource": resource, "End": true});
    for (member, value) in members.as_object().expect("members") {
        state[member] = value.clone();
    }
    json!({"StartAt": "S", "States": {"S": state}})
}

fn kinds(world: &World) -> Vec<&str> {
    let kinds = world.history.iter().map(|event| event["type"].as_str());
    kinds.map(Option::unwrap_or_default).collect()
}

/// The offer that the execution made last.
fn offer(world: &mut World) -> (String, String) {
    match world.asked.pop() {
        Some(Command::Offer { token, input, .. }) => (token, input),
        other => panic!("no offer: {other:?}"),
    }
}

fn say(world: &mut World, token: &str, word: Word) {
    let token = token.to_owned();
    world.tell(Input::Activity { token, word });
}

fn event<'a>(history: &'a Value, kind: &str) -> Option<&'a Value> {
    let events = history.as_array()?;
    events.iter().find(|event| event["type"] == kind)
}

/// What the recorded worker did with a task, done again.
fn work(world: &mut World, expected: &Value) {
    let (token, input) = offer(world);
    if event(expected, "ActivityScheduled").is_none() {
        return say(world, &token, Word::Missing);
    }
    say(world, &token, Word::Offered);
    let begun = event(expected, "ActivityStarted").expect("a worker");
    let worker = begun["activityStartedEventDetails"]["workerName"].as_str();
    let worker = worker.map(str::to_owned);
    say(world, &token, Word::Taken { worker });
    let output: Value = serde_json::from_str(&input).expect("JSON");
    let word = match event(expected, "ActivityFailed") {
        None => Settlement::Succeeded { output },
        Some(failed) => Settlement::Failed {
            error: failed["activityFailedEventDetails"]["error"]
                .as_str()
                .map(str::to_owned),
            cause: Some(input),
        },
    };
    world.tell(Input::Token { token, word });
}

#[test]
fn workers_of_activities_are_told_of_as_on_the_service() {
    let Some(folder) = crate::cases("asl") else {
        return;
    };
    let mut compared = 0;
    for record in records(&folder) {
        if record["area"] != "activities" {
            continue;
        }
        let expected = &record["expect"]["history"];
        let begin = start(&record["definition"], &record["input"]);
        let mut world = World::run(begin, 10).expect("a machine");
        work(&mut world, expected);
        let mut rules = Rules::of(&record);
        let resource = &record["definition"]["States"]["ActivityTask"]["Resource"];
        let arn = resource.as_str().expect("an ARN").to_owned();
        rules.replace.push((arn, "activity_arn".to_owned()));
        let role = "arn:aws:iam::111111111111:role/r".to_owned();
        rules.replace.push((role, "snf_role_arn".to_owned()));
        let observed = opened(&json!({"events": world.history}));
        let lines = differences(&json!({"events": expected}), &observed, &rules);
        assert!(lines.is_empty(), "{}: {lines:#?}", record["id"]);
        compared += 1;
    }
    println!("activities: {compared} as on the service");
}

const ACTIVITY: &str = "arn:aws:states:us-east-1:111111111111:activity:a";

#[test]
fn a_worker_that_falls_silent_loses_its_task() {
    let limits = json!({"TimeoutSeconds": 600, "HeartbeatSeconds": 60});
    let mut world = World::run(start(&task(ACTIVITY, limits), &json!({})), 10).expect("a machine");
    let (token, _) = offer(&mut world);
    let begun = world.at;
    let taken = Word::Taken { worker: None };
    world.asked.push(Command::Continue);
    say(&mut world, &token, taken);
    let beat = Input::Token {
        token: token.clone(),
        word: Settlement::Heartbeat,
    };
    world.tell(beat);
    world.asked.clear();
    // Nothing more comes: time goes on.
    world.tell(Input::Continue);
    let lasted = world.at.duration_since(begun).as_secs();
    assert_eq!((world.execution.status(), lasted), (Status::Failed, 60));
    let want = ["ActivityScheduled", "ActivityStarted", "ActivityTimedOut"];
    assert_eq!(kinds(&world)[2..5], want);
    assert!(world.asked.is_empty(), "what a worker has is not withdrawn");
}

#[test]
fn what_no_worker_took_in_time_is_withdrawn() {
    let limits = json!({"TimeoutSeconds": 5});
    let mut world = World::run(start(&task(ACTIVITY, limits), &json!({})), 10).expect("a machine");
    let (token, _) = offer(&mut world);
    say(&mut world, &token, Word::Offered);
    assert_eq!(world.execution.failure().0, Some("States.Timeout"));
    let withdrawn =
        matches!(&world.asked[..], [Command::Withdraw { token: back, .. }] if *back == token);
    assert!(withdrawn, "{:?}", world.asked);
}

fn done(world: &mut World, result: Value) -> (String, Value) {
    settle(world, Outcome::Done { result })
}

fn settle(world: &mut World, outcome: Outcome) -> (String, Value) {
    let (effect, call) = world.calls.remove(0);
    world.tell(Input::Effect { effect, outcome });
    (call.operation, call.params)
}

const SYNC: &str = "arn:aws:states:::states:startExecution.sync:2";

fn job(parameters: Value) -> World {
    let machine = task(SYNC, json!({"Parameters": parameters}));
    World::run(start(&machine, &json!({})), 10).expect("a machine")
}

#[test]
fn a_job_is_looked_at_until_it_is_over() {
    let mut world = job(json!({"StateMachineArn": "m", "Input": {"a": 1}}));
    let begun = done(
        &mut world,
        json!({"executionArn": "x", "startDate": "2026-01-01T00:00:00Z"}),
    );
    assert_eq!(
        begun,
        (
            "StartExecution".to_owned(),
            json!({"stateMachineArn": "m", "input": "{\"a\":1}"})
        )
    );
    for status in ["RUNNING", "RUNNING", "SUCCEEDED"] {
        let answer = json!({"executionArn": "x", "status": status, "output": "{\"b\":2}"});
        let look = done(&mut world, answer);
        assert_eq!(
            look,
            ("DescribeExecution".to_owned(), json!({"ExecutionArn": "x"}))
        );
    }
    let want = r#"{"ExecutionArn":"x","Status":"SUCCEEDED","Output":{"b":2}}"#;
    assert_eq!(world.execution.output(), Some(want));
    let want = [
        "TaskScheduled",
        "TaskStarted",
        "TaskSubmitted",
        "TaskSucceeded",
    ];
    assert_eq!(kinds(&world)[2..6], want);
    let details = &world.history[2]["taskScheduledEventDetails"];
    assert_eq!(details["resource"], "startExecution.sync:2");
}

#[test]
fn a_job_that_failed_fails_the_task_with_what_is_known_of_it() {
    let mut world = job(json!({"StateMachineArn": "m"}));
    done(&mut world, json!({"executionArn": "x"}));
    done(
        &mut world,
        json!({"status": "FAILED", "error": "E", "redriveCount": 0}),
    );
    let want = (
        Some("States.TaskFailed"),
        Some(r#"{"Status":"FAILED","Error":"E"}"#),
    );
    assert_eq!(world.execution.failure(), want);
}

#[test]
fn a_task_of_ecs_may_be_missing_at_first_but_not_for_ever() {
    let missing =
        || json!({"tasks": [], "failures": [{"arn": "t", "reason": "MISSING", "detail": null}]});
    let machine = task(
        "arn:aws:states:::ecs:runTask.sync",
        json!({"Parameters": {"Cluster": "c", "TaskDefinition": "d"}}),
    );
    let begun = || {
        let mut world = World::run(start(&machine, &json!({})), 10).expect("a machine");
        done(
            &mut world,
            json!({"tasks": [{"taskArn": "t"}], "failures": []}),
        );
        world
    };
    let mut late = begun();
    for _ in 0..5 {
        done(&mut late, missing());
        assert_eq!(late.execution.failure(), (None, None));
    }
    let stopped = json!({"Tasks": [{"LastStatus": "STOPPED", "Containers": [{"ExitCode": 0}]}], "Failures": []});
    done(&mut late, stopped);
    assert!(late.execution.output().is_some());
    let mut gone = begun();
    for _ in 0..9 {
        done(&mut gone, missing());
        assert_eq!(gone.execution.failure(), (None, None));
    }
    done(&mut gone, missing());
    let (error, cause) = gone.execution.failure();
    assert_eq!(error, Some("States.TaskFailed"));
    assert!(cause.is_some_and(|cause| cause.contains("MISSING")));
}

#[test]
fn looks_may_fail_for_a_while_and_a_stop_ends_the_job() {
    let failure = |transient| {
        Outcome::Failed(Failure {
            code: "ThrottlingException".to_owned(),
            message: "later".to_owned(),
            status: Some(400),
            request_id: None,
            extended_request_id: None,
            shape: None,
            transient,
        })
    };
    let mut world = job(json!({"StateMachineArn": "m"}));
    done(&mut world, json!({"executionArn": "x"}));
    for _ in 0..30 {
        settle(&mut world, failure(true));
    }
    assert_eq!(world.execution.status(), Status::Running);
    done(&mut world, json!({"status": "RUNNING"}));
    for _ in 0..2 {
        settle(&mut world, failure(false));
    }
    world.tell(Input::Stop {
        error: None,
        cause: None,
    });
    assert_eq!(world.execution.status(), Status::Aborted);
    let (_, stop) = world.calls.pop().expect("a call");
    assert_eq!(
        (stop.operation.as_str(), stop.params),
        ("StopExecution", json!({"ExecutionArn": "x"}))
    );
}

#[test]
fn unknown_calls_of_one_state_are_told_apart() {
    let send = json!({"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "End": true,
        "Parameters": {"QueueUrl": "q", "MessageBody.$": "States.Format('{}', $)"}});
    let definition = json!({"StartAt": "All", "States": {"All": {"Type": "Map", "End": true,
        "ItemProcessor": {"StartAt": "Send", "States": {"Send": send}}}}});
    let mut world = World::run(start(&definition, &json!(["a", "b", "c"])), 1_000).expect("starts");
    for (effect, _) in std::mem::take(&mut world.calls) {
        let reason = "the server died".to_owned();
        let outcome = Outcome::Unknown { reason };
        world.tell(Input::Effect { effect, outcome });
    }
    let (second, event, within) = {
        let all: Vec<_> = world.execution.unknown().collect();
        assert_eq!(all.len(), 3);
        (all[1].call, all[1].event, format!("{:?}", all[1].within))
    };
    assert_eq!(within, r#"[("All", 1)]"#);
    let asked = world.history.iter().find(|one| one["id"] == event);
    let asked = asked.expect("the event")["taskScheduledEventDetails"]["parameters"].to_string();
    assert!(asked.contains(r#"\"MessageBody\":\"b\""#), "{asked}");
    let say = |call| Input::Resolve {
        state: "Send".to_owned(),
        call,
        word: Settlement::Succeeded { output: json!("b") },
    };
    let refused = world.refuses(say(None));
    assert!(
        refused.contains("3 calls of state `Send` have an unknown outcome"),
        "{refused}"
    );
    world.tell(say(Some(second)));
    let left: Vec<_> = world.execution.unknown().map(|one| one.within).collect();
    assert_eq!(left, [[("All", 0)], [("All", 2)]]);
    let refused = world.refuses(say(Some(second)));
    assert!(refused.contains("has an unknown outcome"), "{refused}");
}
