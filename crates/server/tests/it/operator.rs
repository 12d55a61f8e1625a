//! Quell's own API: unknown outcomes, whole events, the journal.

use model::Outcome;
use model::plan::{RESPONSE_PLAN, ResponsePlan};
use model::resource::Expect;
use serde_json::{Value, json};

use crate::world::{ACCOUNT, Client, World};

const DOCUMENT: &str = r#"{"schemaVersion":"0.3","mainSteps":[
 {"name":"Stop","action":"aws:executeAwsApi","inputs":{"Service":"ec2","Api":"StopInstances","InstanceIds":["i-1"]}}
]}"#;

async fn unknown_run(world: &World) -> String {
    let client = world.client();
    world.outside.answer(
        "StopInstances",
        Outcome::Unknown {
            reason: "the connection broke".to_owned(),
        },
    );
    client
        .ok(
            "AmazonSSM.CreateDocument",
            json!({ "Name": "Doc", "DocumentType": "Automation", "Content": DOCUMENT }),
        )
        .await;
    let started = client
        .ok(
            "AmazonSSM.StartAutomationExecution",
            json!({ "DocumentName": "Doc" }),
        )
        .await;
    world.settle().await;
    started["AutomationExecutionId"]
        .as_str()
        .expect("an id")
        .to_owned()
}

#[tokio::test]
async fn an_unknown_outcome_is_shown_and_settled() {
    let world = World::new().await;
    let client = world.client();
    let id = unknown_run(&world).await;
    let unknown = client
        .rest("quell", "GET", "/api/v1/runs?outcome=unknown", None)
        .await;
    assert_eq!(unknown.status, 200);
    let run = &unknown.body["runs"][0];
    assert_eq!(
        (
            run["AutomationExecutionId"].as_str(),
            run["UnknownOutcome"]["Step"].as_str()
        ),
        (Some(id.as_str()), Some("Stop"))
    );
    let path = format!("/api/v1/runs/{id}/resolve");
    for (body, status, word) in [
        (
            json!({ "step": "Stop", "resolution": "maybe" }),
            400,
            "enum value set",
        ),
        (json!({ "resolution": "skip" }), 400, "step"),
        (
            json!({ "step": "Stop", "resolution": "skip", "output": {} }),
            400,
            "succeeded",
        ),
        (json!({ "step": "None", "resolution": "skip" }), 404, "None"),
    ] {
        let refused = client.rest("quell", "POST", &path, Some(body)).await;
        assert_eq!(refused.status, status, "{}", refused.body);
        assert!(refused.message().contains(word), "{}", refused.body);
    }
    let settled = client
        .rest(
            "quell",
            "POST",
            &path,
            Some(json!({ "step": "Stop", "resolution": "succeeded" })),
        )
        .await;
    assert_eq!(settled.status, 200, "{}", settled.body);
    world.settle().await;
    let got = client
        .ok(
            "AmazonSSM.GetAutomationExecution",
            json!({ "AutomationExecutionId": id }),
        )
        .await;
    assert_eq!(
        got["AutomationExecution"]["AutomationExecutionStatus"],
        "Success"
    );
    let none = client
        .rest("quell", "GET", "/api/v1/runs?outcome=unknown", None)
        .await;
    assert_eq!(none.body["runs"], json!([]));
    assert_eq!(
        client.rest("quell", "GET", "/api/v1/runs", None).await.body["runs"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    let twice = client
        .rest(
            "quell",
            "POST",
            &path,
            Some(json!({ "step": "Stop", "resolution": "retry" })),
        )
        .await;
    assert_eq!(twice.status, 409, "{}", twice.body);
    assert_eq!(
        world.outside.count("StopInstances"),
        1,
        "never repeated blindly"
    );
}

/// What the one event and its open incident come to.
async fn the_figures_of_a_report(client: &Client<'_>, id: &str) {
    let path = format!("/api/v1/incidents/{id}/times");
    let times = client.rest("quell", "GET", &path, None).await;
    assert_eq!(times.status, 200, "{}", times.body);
    assert!(times.body["opened"].is_string() && times.body["detected"].is_string());
    assert!(times.body["seconds"]["detect"].as_f64() >= Some(0.0));
    // Nobody was paged, nothing ran, nobody resolved it.
    for open in ["acknowledge", "contain", "resolve"] {
        assert!(times.body["seconds"][open].is_null(), "{}", times.body);
    }
    let counts = client
        .rest("quell", "GET", "/api/v1/events/counts", None)
        .await;
    assert_eq!(
        counts.body,
        json!({ "seen": 1, "unmatched": 0, "unknownBus": 0 })
    );
}

#[tokio::test]
async fn an_incident_keeps_its_whole_events() {
    let world = World::new().await;
    let client = world.client();
    let plan: ResponsePlan = serde_json::from_value(
        json!({ "name": "p", "incidentTemplate": { "title": "t", "impact": 1 } }),
    )
    .expect("a plan");
    let change = engine::ResourceChange {
        scope: model::Scope::new(ACCOUNT, ""),
        kind: RESPONSE_PLAN,
        name: "p".to_owned(),
        expect: Expect::Absent,
        body: Some(json!(plan)),
    };
    world.handle.change(vec![change]).await.expect("a plan");
    client
        .ok(
            "AWSEvents.PutRule",
            json!({ "Name": "r", "EventPattern": "{\"source\":[\"app\"]}" }),
        )
        .await;
    let target =
        json!({ "Id": "t", "Arn": format!("arn:aws:ssm-incidents::{ACCOUNT}:response-plan/p") });
    client
        .ok(
            "AWSEvents.PutTargets",
            json!({ "Rule": "r", "Targets": [target] }),
        )
        .await;
    let long = "x".repeat(20_000);
    let entry = json!({ "Source": "app", "DetailType": "t", "Detail": json!({ "long": long }).to_string() });
    client
        .ok("AWSEvents.PutEvents", json!({ "Entries": [entry] }))
        .await;
    world.settle().await;
    let journal = client
        .rest("quell", "GET", "/api/v1/journal?limit=50", None)
        .await;
    let aggregate = journal.body["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .find_map(|entry| {
            entry["aggregate"]
                .as_str()
                .filter(|id| id.starts_with("incident/"))
        })
        .expect("an incident in the journal")
        .to_owned();
    let id = aggregate.trim_start_matches("incident/");
    let triggers = client
        .rest(
            "quell",
            "GET",
            &format!("/api/v1/incidents/{id}/triggers"),
            None,
        )
        .await;
    assert_eq!(triggers.status, 200, "{}", triggers.body);
    let first = &triggers.body["triggers"][0];
    assert_eq!(
        first["event"]["detail"]["long"].as_str().map(str::len),
        Some(20_000)
    );
    let own = client
        .rest(
            "quell",
            "GET",
            &format!("/api/v1/journal?aggregate={aggregate}"),
            None,
        )
        .await;
    let all_own = own.body["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .all(|entry| entry["aggregate"] == aggregate.as_str());
    assert!(all_own && own.body["entries"] != json!([]), "{}", own.body);
    the_figures_of_a_report(&client, id).await;
}

#[tokio::test]
async fn bad_questions_are_refused_with_the_remedy() {
    let world = World::new().await;
    let client = world.client();
    let id = "6f1d8c1e-2b7a-4d43-9a0e-71c4e3b85a10";
    for (method, path, status, word) in [
        ("GET", "/api/v1/runs?outcome=fine", 400, "unknown"),
        ("GET", "/api/v1/runs?limit=0", 400, "limit"),
        ("GET", "/api/v1/runs?after=x", 400, "after"),
        ("GET", "/api/v1/journal?aggregate=thing/x", 400, "incident"),
        ("GET", "/api/v1/journal?aggregate=run/x", 400, "UUID"),
        (
            "GET",
            &format!("/api/v1/incidents/{id}/triggers"),
            404,
            "no incident",
        ),
        ("GET", "/api/v1/incidents/x/triggers", 400, "UUID"),
        (
            "GET",
            &format!("/api/v1/incidents/{id}/times"),
            404,
            "no incident",
        ),
    ] {
        let answer = client.rest("quell", method, path, None).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        assert!(answer.message().contains(word), "{path}: {}", answer.body);
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert_eq!(answer.body["status"], Value::from(status));
    }
}
