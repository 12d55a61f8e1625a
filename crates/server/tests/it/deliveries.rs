//! What targets outside are asked, and what becomes of events that they do not take.

use std::time::Duration;

use model::effect::Failure;
use model::{EffectCommand, Outcome};
use serde_json::{Value, json};

use crate::world::World;

const PLACE: &str = "us-east-1:123456789012";
const DETAIL: &str = r#"{"who":"ana","n":7,"group":"g1"}"#;

/// A rule for source `app` with these targets.
async fn rule(world: &World, targets: Value) {
    let client = world.client();
    let pattern = json!({ "Name": "r", "EventPattern": "{\"source\":[\"app\"]}" });
    client.ok("AWSEvents.PutRule", pattern).await;
    let targets = json!({ "Rule": "r", "Targets": targets });
    let answer = client.ok("AWSEvents.PutTargets", targets).await;
    assert_eq!(answer["FailedEntryCount"], 0, "{answer}");
}

/// Puts one event on a bus; answers its id.
async fn put(world: &World, bus: &str) -> String {
    let entry = json!({ "Source": "app", "DetailType": "t", "Detail": DETAIL, "EventBusName": bus,
                        "Resources": ["r1"] });
    let answer = world
        .client()
        .ok("AWSEvents.PutEvents", json!({ "Entries": [entry] }))
        .await;
    assert_eq!(answer["FailedEntryCount"], 0, "{answer}");
    world.settle().await;
    answer["Entries"][0]["EventId"]
        .as_str()
        .expect("an id")
        .to_owned()
}

fn commands(world: &World) -> Vec<EffectCommand> {
    world
        .outside
        .seen
        .lock()
        .expect("no test has panicked")
        .clone()
}

/// The parameters of the one call of this operation.
fn params(world: &World, operation: &str) -> Value {
    let all = commands(world);
    let mut found = all.iter().filter_map(|command| match command {
        EffectCommand::DeliverByAws(call) if call.operation == operation => Some(call),
        _ => None,
    });
    let call = found.next().unwrap_or_else(|| panic!("no {operation}"));
    assert!(found.next().is_none(), "{operation} twice");
    assert_eq!(call.region, "us-east-1");
    call.params.clone()
}

fn refuse(world: &World, operation: &str, code: &str, transient: bool) {
    let failure = Failure {
        code: code.to_owned(),
        message: "no".to_owned(),
        status: Some(400),
        request_id: None,
        extended_request_id: None,
        shape: None,
        transient,
    };
    world.outside.answer(operation, Outcome::Failed(failure));
}

#[tokio::test]
async fn each_kind_of_target_is_asked_in_its_own_way() {
    let world = World::new().await;
    let role = "arn:aws:iam::123456789012:role/events";
    rule(
        &world,
        json!([
            { "Id": "machine", "Arn": format!("arn:aws:states:{PLACE}:stateMachine:m"), "RoleArn": role },
            { "Id": "function", "Arn": format!("arn:aws:lambda:{PLACE}:function:f"), "InputPath": "$.detail" },
            { "Id": "queue", "Arn": format!("arn:aws:sqs:{PLACE}:q.fifo"), "Input": "{\"x\":1}",
              "SqsParameters": { "MessageGroupId": "$.detail.group" } },
            { "Id": "stream", "Arn": format!("arn:aws:kinesis:{PLACE}:stream/s"),
              "KinesisParameters": { "PartitionKeyPath": "$.detail.n" } },
            { "Id": "topic", "Arn": format!("arn:aws:sns:{PLACE}:t"),
              "InputTransformer": { "InputPathsMap": { "w": "$.detail.who" }, "InputTemplate": "\"hello <w>\"" } },
        ]),
    )
    .await;
    let event_id = put(&world, "default").await;
    let machine = params(&world, "StartExecution");
    assert_eq!(
        machine["stateMachineArn"],
        format!("arn:aws:states:{PLACE}:stateMachine:m")
    );
    let name = machine["name"].as_str().expect("a name").to_owned();
    let input: Value =
        serde_json::from_str(machine["input"].as_str().expect("text")).expect("JSON");
    assert_eq!(
        (input["id"].as_str(), &input["detail"]["n"]),
        (Some(event_id.as_str()), &json!(7))
    );
    let roles: Vec<_> = commands(&world)
        .into_iter()
        .filter_map(|command| match command {
            EffectCommand::DeliverByAws(call) => call.assume_role,
            _ => None,
        })
        .collect();
    assert_eq!(roles.len(), 1);
    assert_eq!(roles[0].role_arn, role);
    assert_eq!(roles[0].session_name, format!("events-{name}"));
    let function = params(&world, "Invoke");
    assert_eq!(function["InvocationType"], "Event");
    assert_eq!(function["Payload"], DETAIL);
    let queue = params(&world, "SendMessage");
    assert_eq!(
        queue["QueueUrl"],
        "https://sqs.us-east-1.amazonaws.com/123456789012/q.fifo"
    );
    assert_eq!(
        (&queue["MessageBody"], &queue["MessageGroupId"]),
        (&json!("{\"x\":1}"), &json!("g1"))
    );
    assert_eq!(
        queue["MessageDeduplicationId"]
            .as_str()
            .expect("an id")
            .len(),
        36
    );
    let stream = params(&world, "PutRecord");
    assert_eq!(
        (&stream["PartitionKey"], &stream["StreamARN"]),
        (
            &json!("7"),
            &json!(format!("arn:aws:kinesis:{PLACE}:stream/s"))
        )
    );
    let topic = params(&world, "Publish");
    assert_eq!(topic["Message"], "\"hello ana\"");
}

#[tokio::test]
async fn log_groups_and_foreign_buses_are_asked_in_their_own_way() {
    let world = World::new().await;
    rule(
        &world,
        json!([
            { "Id": "a", "Arn": format!("arn:aws:logs:{PLACE}:log-group:/aws/events/a:*") },
            { "Id": "b", "Arn": format!("arn:aws:logs:{PLACE}:log-group:/aws/events/b"),
              "InputTransformer": { "InputPathsMap": { "w": "$.detail.who" },
                                    "InputTemplate": "{\"timestamp\":1234,\"message\":\"<w>\"}" } },
            { "Id": "bus", "Arn": "arn:aws:events:us-east-1:999999999999:event-bus/theirs" },
            { "Id": "hose", "Arn": format!("arn:aws:firehose:{PLACE}:deliverystream/h") },
        ]),
    )
    .await;
    let event_id = put(&world, "default").await;
    let mut lines: Vec<_> = commands(&world)
        .into_iter()
        .filter_map(|command| match command {
            EffectCommand::AppendLog(line) => Some(line),
            _ => None,
        })
        .collect();
    lines.sort_by(|one, other| one.group.cmp(&other.group));
    assert_eq!(
        (lines[0].group.as_str(), lines[0].region.as_str()),
        ("/aws/events/a", "us-east-1")
    );
    assert_eq!(
        lines[0].timestamp,
        crate::world::start_time().as_millisecond()
    );
    let event: Value = serde_json::from_str(&lines[0].message).expect("JSON");
    assert_eq!(event["id"], event_id);
    assert_eq!(
        (lines[1].timestamp, lines[1].message.as_str()),
        (1234, "ana")
    );
    let entry = params(&world, "PutEvents")["Entries"][0].clone();
    assert_eq!(
        entry["EventBusName"],
        "arn:aws:events:us-east-1:999999999999:event-bus/theirs"
    );
    assert_eq!(
        (&entry["Source"], &entry["Resources"]),
        (&json!("app"), &json!(["r1"]))
    );
    let detail: Value =
        serde_json::from_str(entry["Detail"].as_str().expect("text")).expect("JSON");
    assert_eq!(detail["who"], "ana");
    let hose = params(&world, "PutRecord");
    assert_eq!(hose["DeliveryStreamName"], "h");
    assert!(
        hose["Record"]["Data"]
            .as_str()
            .expect("text")
            .contains(&event_id)
    );
}

#[tokio::test]
async fn a_refused_event_goes_to_the_dead_letter_queue() {
    let world = World::new().await;
    refuse(&world, "StartExecution", "StateMachineDoesNotExist", false);
    let machine = format!("arn:aws:states:{PLACE}:stateMachine:m");
    let dead = json!({ "Arn": format!("arn:aws:sqs:{PLACE}:dead") });
    rule(
        &world,
        json!([
            { "Id": "machine", "Arn": machine, "DeadLetterConfig": dead, "Input": "{}" },
        ]),
    )
    .await;
    let event_id = put(&world, "default").await;
    let message = params(&world, "SendMessage");
    let event: Value =
        serde_json::from_str(message["MessageBody"].as_str().expect("text")).expect("JSON");
    assert_eq!(
        event["id"], event_id,
        "the original event, not the target's input"
    );
    let attribute = |name: &str| message["MessageAttributes"][name]["StringValue"].clone();
    assert_eq!(
        attribute("RULE_ARN"),
        format!("arn:aws:events:{PLACE}:rule/r")
    );
    assert_eq!(attribute("TARGET_ARN"), machine);
    assert_eq!(attribute("ERROR_CODE"), "NO_RESOURCE");
    assert_eq!(attribute("RETRY_ATTEMPTS"), "0");
    let listed = list(&world, "dead_lettered").await;
    assert_eq!(
        (&listed[0]["errorCode"], &listed[0]["targetId"]),
        (&json!("NO_RESOURCE"), &json!("machine"))
    );
}

async fn list(world: &World, state: &str) -> Vec<Value> {
    let path = format!("/api/v1/deliveries?state={state}");
    let answer = world.client().rest("quell", "GET", &path, None).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body["deliveries"]
        .as_array()
        .expect("a list")
        .clone()
}

#[tokio::test]
async fn dropped_and_waiting_deliveries_are_shown_and_tried_again() {
    let world = World::new().await;
    refuse(&world, "Invoke", "AccessDeniedException", false);
    refuse(&world, "Publish", "Throttling", true);
    rule(
        &world,
        json!([
            { "Id": "function", "Arn": format!("arn:aws:lambda:{PLACE}:function:f") },
            { "Id": "topic", "Arn": format!("arn:aws:sns:{PLACE}:t") },
        ]),
    )
    .await;
    put(&world, "default").await;
    let (dropped, waiting) = (list(&world, "dropped").await, list(&world, "waiting").await);
    assert_eq!((dropped.len(), waiting.len()), (1, 1));
    assert_eq!(
        (&dropped[0]["state"], &dropped[0]["errorCode"]),
        (&json!("dropped"), &json!("NO_PERMISSIONS"))
    );
    assert_eq!(dropped[0]["reason"], "AccessDeniedException: no");
    assert_eq!(
        (&waiting[0]["state"], &waiting[0]["errorCode"]),
        (&json!("waiting"), &json!("THROTTLING"))
    );
    let client = world.client();
    for name in ["Invoke", "Publish"] {
        world
            .outside
            .answer(name, Outcome::Done { result: json!({}) });
    }
    for delivery in dropped.iter().chain(&waiting) {
        let id = delivery["id"].as_str().expect("an id");
        let one = client
            .rest("quell", "GET", &format!("/api/v1/deliveries/{id}"), None)
            .await;
        assert_eq!(&one.body, delivery);
        let path = format!("/api/v1/deliveries/{id}/retry");
        let answer = client.rest("quell", "POST", &path, Some(json!({}))).await;
        assert_eq!(
            (answer.status, &answer.body["state"]),
            (200, &json!("posting")),
            "{}",
            answer.body
        );
        world.settle().await;
        let again = client.rest("quell", "POST", &path, Some(json!({}))).await;
        assert_eq!(
            again.status, 404,
            "a delivery that ended well is not kept: {}",
            again.body
        );
    }
    assert_eq!(
        (
            world.outside.count("Invoke"),
            world.outside.count("Publish")
        ),
        (2, 2)
    );
    assert!(list(&world, "dropped").await.is_empty() && list(&world, "waiting").await.is_empty());
    let bad = client
        .rest("quell", "GET", "/api/v1/deliveries?state=all", None)
        .await;
    assert_eq!(bad.status, 400);
}

#[tokio::test]
async fn local_targets_that_cannot_take_an_event_give_it_to_the_dead_letter_queue() {
    let world = World::new().await;
    let dead = |name: &str| json!({ "Arn": format!("arn:aws:sqs:{PLACE}:{name}") });
    rule(
        &world,
        json!([
            { "Id": "plan", "Arn": "arn:aws:ssm-incidents::123456789012:response-plan/gone", "DeadLetterConfig": dead("plan") },
            { "Id": "text", "Arn": "https://hooks.example.com/x", "DeadLetterConfig": dead("text"), "InputPath": "$.detail.nothing" },
            { "Id": "run", "Arn": format!("arn:aws:ssm:{PLACE}:document/D"), "DeadLetterConfig": dead("run"), "InputPath": "$.detail.n" },
            { "Id": "absent", "Arn": format!("arn:aws:ssm:{PLACE}:document/D"), "DeadLetterConfig": dead("absent") },
            { "Id": "bus", "Arn": format!("arn:aws:events:{PLACE}:event-bus/gone"), "DeadLetterConfig": dead("bus") },
        ]),
    )
    .await;
    put(&world, "default").await;
    let mut codes = std::collections::BTreeMap::new();
    for command in commands(&world) {
        let EffectCommand::DeliverByAws(call) = command else {
            panic!("{command:?}")
        };
        let queue = call.params["QueueUrl"]
            .as_str()
            .expect("a queue")
            .to_owned();
        let name = queue.rsplit('/').next().expect("a name").to_owned();
        codes.insert(
            name,
            call.params["MessageAttributes"]["ERROR_CODE"]["StringValue"].clone(),
        );
    }
    assert_eq!(
        json!(codes),
        json!({ "absent": "NO_RESOURCE", "bus": "NO_RESOURCE", "plan": "NO_RESOURCE", "run": "INVALID_PARAMETER", "text": "INVALID_JSON" })
    );
}

#[tokio::test]
async fn buses_pass_events_on_and_circles_end() {
    let world = World::new().await;
    let client = world.client();
    for bus in ["one", "two"] {
        client
            .ok("AWSEvents.CreateEventBus", json!({ "Name": bus }))
            .await;
    }
    let arn = |bus: &str| format!("arn:aws:events:{PLACE}:event-bus/{bus}");
    for (bus, to) in [("default", "one"), ("one", "two"), ("two", "default")] {
        let pattern =
            json!({ "Name": "on", "EventBusName": bus, "EventPattern": "{\"source\":[\"app\"]}" });
        client.ok("AWSEvents.PutRule", pattern).await;
        let targets = json!([{ "Id": "bus", "Arn": arn(to) },
                             { "Id": "web", "Arn": format!("https://hooks.example.com/{bus}") }]);
        let targets = json!({ "Rule": "on", "EventBusName": bus, "Targets": targets });
        client.ok("AWSEvents.PutTargets", targets).await;
    }
    put(&world, "one").await;
    for bus in ["default", "one", "two"] {
        assert_eq!(
            world
                .outside
                .count(&format!("https://hooks.example.com/{bus}")),
            1,
            "{bus}"
        );
    }
    let origin = |command: &EffectCommand| match command {
        EffectCommand::PostWebhook(post) => {
            let body: Value = serde_json::from_str(&post.body).expect("JSON");
            (body["TopicArn"].clone(), body["Message"].clone())
        }
        other => panic!("{other:?}"),
    };
    let (origins, events): (Vec<_>, Vec<_>) = commands(&world).iter().map(origin).unzip();
    assert!(
        events.iter().all(|event| *event == events[0]),
        "the same event under the same id"
    );
    assert!(origins.contains(&json!(format!("arn:aws:events:{PLACE}:rule/two/on"))));
    let own_input =
        json!({ "Rule": "on", "Targets": [{ "Id": "bus", "Arn": arn("one"), "Input": "{}" }] });
    let answer = client.ok("AWSEvents.PutTargets", own_input).await;
    assert_eq!(
        answer["FailedEntries"][0]["ErrorCode"],
        "ValidationException"
    );
}

#[tokio::test]
async fn events_for_a_bus_that_is_not_there_are_counted() {
    let world = World::new().await;
    put(&world, "nowhere").await;
    put(&world, "default").await;
    let counts = world
        .client()
        .rest("quell", "GET", "/api/v1/events/counts", None)
        .await;
    assert_eq!(
        counts.body,
        json!({ "seen": 2, "unmatched": 2, "unknownBus": 1 })
    );
}

#[tokio::test]
async fn a_target_that_fails_in_passing_is_tried_until_its_limit() {
    let world = World::new().await;
    refuse(&world, "Invoke", "Timeout", true);
    rule(
        &world,
        json!([{ "Id": "f", "Arn": format!("arn:aws:lambda:{PLACE}:function:f"),
                 "RetryPolicy": { "MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 3600 },
                 "DeadLetterConfig": { "Arn": format!("arn:aws:sqs:{PLACE}:dead") } }]),
    )
    .await;
    put(&world, "default").await;
    for _ in 0..6 {
        world.fast_forward(Duration::from_secs(60)).await;
    }
    assert_eq!(world.outside.count("Invoke"), 3);
    let message = params(&world, "SendMessage");
    let attribute = |name: &str| message["MessageAttributes"][name]["StringValue"].clone();
    assert_eq!(
        attribute("EXHAUSTED_RETRY_CONDITION"),
        "MaximumRetryAttempts"
    );
    assert_eq!(
        (attribute("ERROR_CODE"), attribute("RETRY_ATTEMPTS")),
        (json!("TIMEOUT"), json!("2"))
    );
}
