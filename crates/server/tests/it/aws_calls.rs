//! AWS calls of operators: committed, answered, settled, kept apart.

use model::effect::Failure;
use model::{EffectCommand, Outcome};
use serde_json::{Value, json};

use crate::world::{Client, World};

const CALLS: &str = "/api/v1/aws/calls";

async fn post(client: &Client<'_>, body: Value) -> (u16, Value) {
    let answer = client.rest("quell", "POST", CALLS, Some(body)).await;
    (answer.status, answer.body)
}

async fn get(client: &Client<'_>, path: &str) -> Value {
    let answer = client.rest("quell", "GET", path, None).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer.body
}

async fn made(world: &World, body: Value) -> Value {
    let client = world.client();
    let (status, accepted) = post(&client, body).await;
    assert_eq!(status, 202, "{accepted}");
    world.settle().await;
    let id = accepted["id"].as_str().expect("an id");
    get(&client, &format!("{CALLS}/{id}")).await
}

#[tokio::test]
async fn a_call_is_made_once_and_its_answer_kept() {
    let world = World::new().await;
    let result = json!({"AccessKey": {"UserName": "ana", "SecretAccessKey": "told-once"}});
    world.outside.answer(
        "CreateAccessKey",
        Outcome::Done {
            result: result.clone(),
        },
    );
    let token = "6fa459ea-ee8a-4ca4-894e-db77e160355e";
    let asked = json!({
        "service": "iam", "operation": "create-access-key", "params": {"UserName": "ana"}, "clientToken": token,
    });
    let first = made(&world, asked.clone()).await;
    assert_eq!(
        (first["id"].as_str(), first["status"].as_str()),
        (Some(token), Some("succeeded"))
    );
    assert_eq!(first["answer"], result);
    assert_eq!(first["operation"], "CreateAccessKey");
    assert_eq!(first["class"], "changes, not repeatable");
    assert_eq!(first["by"], "arn:aws:iam::123456789012:user/ingest");
    let again = made(&world, asked.clone()).await;
    assert_eq!(again["answer"], result);
    assert_eq!(
        world.outside.count("CreateAccessKey"),
        1,
        "a repeat of the request is the same call"
    );
    let mut other = asked;
    other["params"]["UserName"] = "bo".into();
    let (status, refused) = post(&world.client(), other).await;
    assert_eq!(status, 409, "{refused}");
    assert!(
        refused.to_string().contains("with other parameters"),
        "{refused}"
    );
    let journal = get(
        &world.client(),
        &format!("/api/v1/journal?aggregate=call/{token}"),
    )
    .await;
    let names: Vec<&str> = journal["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .filter_map(|entry| entry["facts"][0]["name"].as_str())
        .collect();
    assert_eq!(names, ["call.started", "call.ended"]);
    assert!(!journal.to_string().contains("told-once"), "{journal}");
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_before_it_is_committed() {
    let world = World::new().await;
    let client = world.client();
    let ec2 =
        |params: Value| json!({"service": "ec2", "operation": "StopInstances", "params": params});
    let role = |role: &str, account: &str| json!({"service": "sts", "operation": "GetCallerIdentity", "role": role, "account": account});
    for (body, words) in [
        (json!({}), "'service'"),
        (json!({"service": "ec3", "operation": "X"}), "did you mean"),
        (
            json!({"service": "ec2", "operation": "StopInstance"}),
            "did you mean `StopInstances`",
        ),
        (
            ec2(json!({})),
            "Missing required parameter in input: \"InstanceIds\"",
        ),
        (
            ec2(json!({"InstanceIds": ["i"], "X": 1})),
            "Unknown parameter in input: \"X\"",
        ),
        (role("R", "12"), "length"),
        (role("a b", "123456789012"), "names no role"),
        (
            role("arn:aws:iam::123456789012:role/R", "111122223333"),
            "not of 111122223333",
        ),
        (
            json!({"service": "sts", "operation": "GetCallerIdentity", "dryrun": true}),
            "`dryrun` is not known",
        ),
        (
            json!({"service": "sts", "operation": "GetCallerIdentity", "clientToken": "x"}),
            "must be a UUID",
        ),
    ] {
        let (status, refused) = post(&client, body).await;
        assert_eq!(status, 400, "{refused}");
        assert!(
            refused.to_string().replace("\\\"", "\"").contains(words),
            "{words}: {refused}"
        );
    }
    assert_eq!(get(&client, CALLS).await["calls"], json!([]));
    assert!(world.outside.seen.lock().expect("sound").is_empty());
}

#[tokio::test]
async fn a_dry_run_sends_and_keeps_nothing() {
    let world =
        World::with(|config| config.aws_endpoint_url = Some("http://127.0.0.1:5000".to_owned()))
            .await;
    let asked = json!({
        "service": "ec2", "operation": "stop_instances", "params": {"InstanceIds": ["i-1"]},
        "role": "Responder", "account": "111122223333", "region": "eu-west-1", "dryRun": true,
    });
    let (status, told) = post(&world.client(), asked).await;
    assert_eq!(
        (status, told["url"].as_str()),
        (200, Some("http://127.0.0.1:5000/"))
    );
    assert_eq!(told["role"], "arn:aws:iam::111122223333:role/Responder");
    assert!(
        told["body"]
            .as_str()
            .is_some_and(|body| body.contains("Action=StopInstances")),
        "{told}"
    );
    assert!(world.outside.seen.lock().expect("sound").is_empty());
    assert_eq!(get(&world.client(), CALLS).await["calls"], json!([]));
}

#[tokio::test]
async fn role_and_account_are_those_asked_for() {
    let world = World::new().await;
    let asked = json!({"service": "ec2", "operation": "RebootInstances", "params": {"InstanceIds": ["i-1"]}});
    let with = |name: &str, value: &str| {
        let mut body = asked.clone();
        body[name] = value.into();
        body
    };
    world.outside.answer(
        "GetCallerIdentity",
        Outcome::Done {
            result: json!({"Account": "123456789012"}),
        },
    );
    let wrong = made(&world, with("account", "111122223333")).await;
    assert_eq!(
        (wrong["status"].as_str(), wrong["failure"]["code"].as_str()),
        (Some("failed"), Some("AccountMismatch"))
    );
    assert_eq!(world.outside.count("RebootInstances"), 0);
    let right = made(&world, with("account", "123456789012")).await;
    assert_eq!(right["status"], "succeeded");
    let arn = "arn:aws:iam::111122223333:role/Responder";
    let acted = made(&world, with("role", arn)).await;
    let seen = world.outside.seen.lock().expect("sound");
    let Some(EffectCommand::CallAws(last)) = seen.last() else {
        panic!("a call")
    };
    let role = last.assume_role.as_ref().expect("a role");
    assert_eq!(
        (role.role_arn.as_str(), Some(role.session_name.as_str())),
        (arn, acted["id"].as_str())
    );
}

#[tokio::test]
async fn a_failure_keeps_the_services_words() {
    let world = World::new().await;
    let failure = Failure {
        code: "InvalidInstanceID.NotFound".to_owned(),
        message: "The instance ID 'i-1' does not exist".to_owned(),
        status: Some(400),
        request_id: Some("r-1".to_owned()),
        extended_request_id: None,
        shape: None,
        transient: false,
    };
    world
        .outside
        .answer("StopInstances", Outcome::Failed(failure));
    let body =
        json!({"service": "ec2", "operation": "StopInstances", "params": {"InstanceIds": ["i-1"]}});
    let ended = made(&world, body).await;
    assert_eq!(ended["status"], "failed");
    let want = json!({
        "code": "InvalidInstanceID.NotFound", "message": "The instance ID 'i-1' does not exist", "status": 400, "requestId": "r-1",
    });
    assert_eq!(ended["failure"], want);
}

#[tokio::test]
async fn an_unknown_outcome_is_listed_and_settled_by_a_person() {
    let world = World::new().await;
    let client = world.client();
    let reason = "the connection broke".to_owned();
    world
        .outside
        .answer("RebootInstances", Outcome::Unknown { reason });
    let body = json!({"service": "ec2", "operation": "RebootInstances", "params": {"InstanceIds": ["i-1"]}});
    let call = made(&world, body).await;
    assert_eq!(
        (call["status"].as_str(), call["unknown"].as_str()),
        (Some("unknown"), Some("the connection broke"))
    );
    made(
        &world,
        json!({"service": "sts", "operation": "GetCallerIdentity"}),
    )
    .await;
    let unknown = get(&client, "/api/v1/aws/calls?status=unknown").await;
    assert_eq!(unknown["calls"].as_array().map(Vec::len), Some(1));
    let page = get(&client, "/api/v1/aws/calls?limit=1").await;
    assert_eq!(page["calls"][0]["operation"], "GetCallerIdentity");
    let next = page["nextAfter"].as_str().expect("a next page");
    let page = get(&client, &format!("/api/v1/aws/calls?limit=1&after={next}")).await;
    assert_eq!(page["calls"][0]["operation"], "RebootInstances");
    let path = format!("{CALLS}/{}/resolve", call["id"].as_str().expect("an id"));
    let say = |body: Value| client.rest("quell", "POST", &path, Some(body));
    assert_eq!(say(json!({"resolution": "maybe"})).await.status, 400);
    assert_eq!(
        say(json!({"resolution": "failed", "result": {}}))
            .await
            .status,
        400
    );
    let said = say(json!({"resolution": "succeeded", "result": {"A": 1}})).await;
    assert_eq!(said.status, 200, "{}", said.body);
    assert_eq!(
        (said.body["status"].as_str(), &said.body["answer"]),
        (Some("succeeded"), &json!({"A": 1}))
    );
    assert_eq!(
        said.body["resolvedBy"],
        "arn:aws:iam::123456789012:user/ingest"
    );
    assert_eq!(say(json!({"resolution": "retry"})).await.status, 409);
    assert_eq!(
        world.outside.count("RebootInstances"),
        1,
        "never repeated blindly"
    );
    let missing = format!("{CALLS}/{}", uuid_of(9));
    assert_eq!(
        client.rest("quell", "GET", &missing, None).await.status,
        404
    );
    assert_eq!(
        client
            .rest("quell", "GET", &format!("{CALLS}/x"), None)
            .await
            .status,
        400
    );
    assert_eq!(
        client
            .rest("quell", "GET", "/api/v1/aws/calls?status=x", None)
            .await
            .status,
        400
    );
}

fn uuid_of(number: u8) -> String {
    format!("00000000-0000-0000-0000-0000000000{number:02}")
}
