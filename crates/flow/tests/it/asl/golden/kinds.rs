//! What a release keeps: one aggregate of each kind, in the middle of what it does, and what it is told from there on.

use flow::asl::Execution;
use serde_json::{Value, json};

use super::flight::{Flight, Kept};

pub(super) type Named = (&'static str, Kept);

const ARN: &str = "arn:aws:states:us-east-1:111111111111";
const LOOK: &str = "arn:aws:states:::aws-sdk:sqs:getQueueUrl";

/// What an execution of this definition is started with.
pub(super) fn start(definition: &Value, more: &Value) -> Value {
    let mut start = json!({
        "type": "start", "name": "e", "arn": format!("{ARN}:execution:m:e"),
        "machine_arn": format!("{ARN}:stateMachine:m"), "machine_name": "m",
        "definition": definition.to_string(), "role_arn": "arn:aws:iam::111111111111:role/r",
        "input": "{\"n\":5,\"items\":[\"a\",\"b\",\"c\",\"d\",\"e\"]}",
    });
    for (member, value) in more.as_object().expect("members") {
        start[member] = value.clone();
    }
    start
}

/// A machine of these states, in their order.
pub(super) fn machine(states: &[(&str, Value)]) -> Value {
    let mut made = json!({"StartAt": states[0].0, "States": {}});
    for (name, state) in states {
        made["States"][name] = state.clone();
    }
    made
}

/// A Task that makes a call.
fn task(name: &str, more: Value) -> Value {
    let mut state = json!({"Type": "Task", "Resource": LOOK, "Parameters": {"QueueName": name}});
    for (member, value) in more.as_object().expect("members") {
        state[member] = value.clone();
    }
    if state["Next"].is_null() {
        state.as_object_mut().expect("a state").remove("Next");
        state["End"] = json!(true);
    }
    state
}

/// An execution that is told `to` until it is kept, then `then`.
fn execution(
    name: &'static str,
    start: Value,
    to: impl FnOnce(&mut Flight<Execution>),
    then: impl FnOnce(&mut Flight<Execution>),
) -> Named {
    let mut flight = Flight::new(1);
    flight.tell(start);
    to(&mut flight);
    let kept = flight.keep();
    then(&mut flight);
    (name, flight.lands(kept))
}

fn url(flight: &mut Flight<Execution>) {
    flight.done(json!({"QueueUrl": "https://q"}));
}

/// Executions of every kind.
pub(super) fn executions() -> Vec<Named> {
    let mut all = tasks();
    all.extend(troubles());
    all.extend(jobs());
    all.extend(forks());
    all.extend(waits());
    all.extend(tokens());
    all.extend(offers());
    all.extend(ends());
    all
}

/// A machine in JSONPath whose call is retried.
fn called() -> Value {
    let retry = json!([{"ErrorEquals": ["Sqs.Slow"], "MaxAttempts": 1},
        {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 7, "MaxAttempts": 3, "MaxDelaySeconds": 9}]);
    let rule = json!([{"Variable": "$.n", "NumericGreaterThan": 3, "Next": "Look"}]);
    let set = json!({"Type": "Pass", "Assign": {"kept": {"deep": [1, null]}}, "Next": "Which"});
    let which = json!({"Type": "Choice", "Choices": rule, "Default": "Look"});
    let look = json!({"Retry": retry, "TimeoutSeconds": 90, "ResultPath": "$.url", "Next": "Say"});
    let say =
        json!({"Type": "Pass", "Parameters": {"all.$": "$", "kept.$": "$kept.deep"}, "End": true});
    machine(&[
        ("Set", set),
        ("Which", which),
        ("Look", task("q", look)),
        ("Say", say),
    ])
}

fn tasks() -> Vec<Named> {
    let jsonata = json!({"QueryLanguage": "JSONata", "StartAt": "Set", "States": {
        "Set": {"Type": "Pass", "Assign": {"kept": "{% $states.input.n * 2 %}"}, "Next": "Look"},
        "Look": {"Type": "Task", "Resource": LOOK, "Arguments": {"QueueName": "{% $string($kept) %}"},
            "Output": "{% {'url': $states.result.QueueUrl, 'kept': $kept} %}", "End": true}}});
    let of_version = json!({"revision": "r1", "version": format!("{ARN}:stateMachine:m:3"),
        "alias": format!("{ARN}:stateMachine:m:live")});
    let express = json!({"express": true, "logging": {"level": "all", "with_data": true,
        "group_arn": "arn:aws:logs:us-east-1:111111111111:log-group:g"}});
    let [path, express, jsonata] = [
        start(&called(), &of_version),
        start(&called(), &express),
        start(&jsonata, &json!({})),
    ];
    vec![
        execution("JSONPath, in a call", path, |_| {}, url),
        execution("JSONata, in a call", jsonata, |_| {}, url),
        execution("Express, in a call", express, |_| {}, url),
    ]
}

fn troubles() -> Vec<Named> {
    let begin = || start(&called(), &json!({}));
    let again = |it: &mut Flight<Execution>| {
        it.wait();
        it.fails("Broken");
        it.wait();
        url(it);
    };
    let late = |it: &mut Flight<Execution>| {
        it.wait();
        it.wait();
        it.asked_for("perform");
        url(it);
    };
    let kill = |it: &mut Flight<Execution>| {
        it.answer(json!({"type": "unknown", "reason": "the program was killed"}));
    };
    let resolve = |it: &mut Flight<Execution>| {
        let word = json!({"type": "succeeded", "output": {"QueueUrl": "seen"}});
        it.tell(json!({"type": "resolve", "state": "Look", "word": word}));
    };
    vec![
        execution("a retry waits", begin(), |it| it.fails("Broken"), again),
        execution("a call whose time runs out", begin(), |_| {}, late),
        execution("a call of unknown outcome", begin(), kill, resolve),
    ]
}

fn jobs() -> Vec<Named> {
    let nested = job(
        "states:startExecution.sync",
        json!({"StateMachineArn": "m"}),
    );
    let task = job(
        "ecs:runTask.sync",
        json!({"Cluster": "c", "TaskDefinition": "d"}),
    );
    let ended = |it: &mut Flight<Execution>| {
        it.done(json!({"executionArn": "x", "startDate": 0}));
        it.done(json!({"executionArn": "x", "status": "SUCCEEDED", "output": "[1]"}));
    };
    let followed = |it: &mut Flight<Execution>| {
        it.done(json!({"tasks": [{"taskArn": "t"}], "failures": []}));
        it.done(json!({"tasks": [], "failures": [{"arn": "t", "reason": "MISSING"}]}));
        it.wait();
        it.fails("Throttling");
    };
    let stopped = |it: &mut Flight<Execution>| {
        let done = json!({"LastStatus": "STOPPED", "Containers": [{"ExitCode": 0}]});
        it.wait();
        it.done(json!({"Tasks": [done], "Failures": []}));
    };
    vec![
        execution(
            "nested execution",
            start(&nested, &json!({})),
            |_| {},
            ended,
        ),
        execution(
            "a job is followed",
            start(&task, &json!({})),
            followed,
            stopped,
        ),
    ]
}

fn job(action: &str, parameters: Value) -> Value {
    let resource = format!("arn:aws:states:::{action}");
    machine(&[(
        "Job",
        json!({"Type": "Task", "Resource": resource, "Parameters": parameters, "End": true}),
    )])
}

fn forks() -> Vec<Named> {
    let branch = |name: &str| machine(&[(name, task(name, json!({"Assign": {"of": name}})))]);
    let parallel = machine(&[
        (
            "Both",
            json!({"Type": "Parallel", "Branches": [branch("X"), branch("Y")],
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Late"}], "Next": "Late"}),
        ),
        ("Late", json!({"Type": "Succeed"})),
    ]);
    let map = machine(&[(
        "Each",
        json!({"Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 2,
        "ToleratedFailureCount": 2, "ItemSelector": {"v.$": "$$.Map.Item.Value", "n.$": "$.n"},
        "ItemProcessor": machine(&[("Look", task("q", json!({})))]), "End": true}),
    )]);
    let cut = machine(&[(
        "Each",
        json!({"Type": "Map", "ItemsPath": "$.items", "End": true,
        "ItemProcessor": machine(&[("A", json!({"Type": "Pass", "Next": "B"})),
            ("B", json!({"Type": "Pass", "End": true}))])}),
    )]);
    let mut ready = Flight::<Execution>::new(1);
    ready.budget = 3;
    ready.tell(start(&cut, &json!({})));
    let kept = ready.keep();
    ready.budget = 100;
    ready.tell(json!({"type": "continue"}));
    vec![
        execution(
            "Parallel in the middle",
            start(&parallel, &json!({})),
            url,
            url,
        ),
        execution(
            "Parallel whose branch fails",
            start(&parallel, &json!({})),
            url,
            |it| it.fails("Broken"),
        ),
        execution(
            "Map in the middle",
            start(&map, &json!({})),
            |it| {
                url(it);
                it.fails("Broken");
            },
            |it| (0..3).for_each(|_| url(it)),
        ),
        ("a turn whose budget is spent", ready.lands(kept)),
    ]
}

fn waits() -> Vec<Named> {
    let nap = machine(&[
        (
            "Nap",
            json!({"Type": "Wait", "Seconds": 300, "Next": "End"}),
        ),
        ("End", json!({"Type": "Pass", "End": true})),
    ]);
    let mut limited = nap.clone();
    limited["TimeoutSeconds"] = json!(100);
    let [nap, limited] = [nap, limited].map(|machine| start(&machine, &json!({})));
    vec![
        execution("Wait", nap, |_| {}, Flight::wait),
        execution(
            "Wait with a time limit around it",
            limited,
            |_| {},
            Flight::wait,
        ),
    ]
}

/// A worker's word on the task that is waited for.
fn word(flight: &mut Flight<Execution>, word: &Value) {
    let token = token(flight);
    flight.tell(json!({"type": "token", "token": token, "word": word}));
}

fn done() -> Value {
    json!({"type": "succeeded", "output": {"answer": "yes"}})
}

fn tokens() -> Vec<Named> {
    let ask = json!({"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "HeartbeatSeconds": 60, "TimeoutSeconds": 600, "End": true,
        "Parameters": {"QueueUrl": "q", "MessageBody": {"t.$": "$$.Task.Token"}}});
    let begin = || start(&machine(&[("Ask", ask.clone())]), &json!({}));
    let sent = |it: &mut Flight<Execution>| {
        it.done(json!({"MessageId": "m"}));
    };
    let answered = |it: &mut Flight<Execution>| {
        word(it, &json!({"type": "heartbeat"}));
        word(it, &done());
    };
    vec![
        execution("a token is waited for", begin(), sent, answered),
        execution(
            "a token whose heartbeat is missed",
            begin(),
            sent,
            Flight::wait,
        ),
    ]
}

fn offers() -> Vec<Named> {
    let work = json!({"Type": "Task", "Resource": format!("{ARN}:activity:a"), "HeartbeatSeconds": 60, "End": true});
    let begin = || start(&machine(&[("Work", work.clone())]), &json!({}));
    let told = |it: &mut Flight<Execution>, word: Value| {
        let token = token(it);
        it.tell(json!({"type": "activity", "token": token, "word": word}));
    };
    let taken = |it: &mut Flight<Execution>| {
        told(it, json!({"type": "offered"}));
        told(it, json!({"type": "taken", "worker": "w"}));
    };
    let finished = |it: &mut Flight<Execution>| {
        taken(it);
        word(it, &done());
    };
    let failed = |it: &mut Flight<Execution>| {
        word(
            it,
            &json!({"type": "failed", "error": "Own", "cause": "because"}),
        );
    };
    vec![
        execution("an activity's task is offered", begin(), |_| {}, finished),
        execution("an activity's task is taken", begin(), taken, failed),
    ]
}

/// The token of the task that the execution waits for, as its frames have it.
fn token(flight: &Flight<Execution>) -> String {
    let threads = flight
        .frames
        .iter()
        .filter(|(key, _)| key.starts_with("thread/"));
    let mut found = threads.filter_map(|(_, it)| {
        let secret = it["phase"]["token"].as_str()?;
        Some(format!(
            "{}.{}.{secret}",
            uuid::Uuid::from_u128(1).simple(),
            it["id"]
        ))
    });
    found.next_back().expect("a token")
}

fn ends() -> Vec<Named> {
    let look = machine(&[("Look", task("q", json!({})))]);
    let nothing = |_: &mut Flight<Execution>| {};
    let redrive = |it: &mut Flight<Execution>| {
        it.tell(json!({"type": "redrive", "token": "t"}));
        url(it);
    };
    let mut limited = look.clone();
    limited["TimeoutSeconds"] = json!(100);
    let stop = json!({"type": "stop", "error": "Enough", "cause": "of it"});
    vec![
        execution("succeeded", start(&look, &json!({})), url, nothing),
        execution(
            "failed",
            start(&look, &json!({})),
            |it| it.fails("Broken"),
            redrive,
        ),
        execution(
            "timed out",
            start(&limited, &json!({})),
            |it| {
                it.wait();
                it.asked_for("perform");
            },
            redrive,
        ),
        execution(
            "aborted",
            start(&look, &json!({})),
            |it| {
                it.tell(stop);
                it.asked_for("perform");
            },
            redrive,
        ),
        execution(
            "redriven, in a call",
            start(&look, &json!({})),
            |it| {
                it.fails("Broken");
                it.tell(json!({"type": "redrive", "token": "t"}));
            },
            |it| {
                // The same redrive again changes nothing.
                it.tell(json!({"type": "redrive", "token": "t"}));
                url(it);
            },
        ),
    ]
}
