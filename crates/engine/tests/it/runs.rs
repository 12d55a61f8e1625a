//! Runs: how many commits they cost, and what happens when an outcome is unknown.

use engine::{AskError, Input};
use flow::automation::{Input as RunInput, Resolution};
use model::{AggregateId, Recovery, ids};
use serde_json::{Value, json};

use crate::world::{Answer, World, call, scope};

/// A document of `count` steps that need nothing of the world. In YAML's short form: 1,000 of them fit into a document.
fn chain(count: usize) -> String {
    let steps: String = (0..count)
        .map(|number| {
            format!("- {{name: S{number}, action: aws:sleep, inputs: {{Duration: PT0S}}}}\n")
        })
        .collect();
    format!("schemaVersion: '0.3'\nmainSteps:\n{steps}")
}

#[tokio::test]
async fn a_chain_of_effect_free_steps_is_one_turn() {
    for count in [100, 1_000] {
        let (world, store) = World::new().await;
        world.document_text("Chain", "YAML", chain(count)).await;
        let before = store.commits();
        let id = ids::named(&["chain"]);
        world.run(id, "Chain").await.expect("started");
        world.settle().await;
        assert_eq!(store.commits() - before, 1, "{count} steps");
        let run = world.run_view(id).await;
        assert_eq!(run.status().as_str(), "Success");
        assert_eq!(run.executions().count(), count);
    }
}

#[tokio::test]
async fn n_steps_with_effects_cost_n_plus_one_commits() {
    for count in [1, 2, 7] {
        let (world, store) = World::new().await;
        let steps: Vec<Value> = (0..count)
            .map(|n| call(&format!("S{n}"), "CreateTags"))
            .collect();
        world.document("Calls", json!(steps)).await;
        let before = store.commits();
        let id = ids::named(&["calls"]);
        world.run(id, "Calls").await.expect("started");
        world.settle().await;
        assert_eq!(world.run_view(id).await.status().as_str(), "Success");
        assert_eq!(store.commits() - before, count + 1, "{count} steps");
        assert_eq!(world.outside.count("CreateTags") as u64, count);
    }
}

#[tokio::test]
async fn a_budget_lets_others_pass_and_the_run_goes_on() {
    let (world, store) = World::new().await;
    // One turn takes at most the budget; a longer run continues through its own inbox.
    world.document("Loop", json!([
        {"name": "A", "action": "aws:branch", "inputs": {"Choices": [{"NextStep": "A", "Variable": "a", "StringEquals": "a"}], "Default": "A"}},
    ])).await;
    let id = ids::named(&["loop"]);
    world.run(id, "Loop").await.expect("started");
    world.settle().await;
    let run = world.run_view(id).await;
    assert_eq!(
        run.status().as_str(),
        "Failed",
        "an endless loop meets the cap of step executions"
    );
    assert!(store.commits() < 10, "and does not cost a commit per step");
}

#[tokio::test]
async fn an_unknown_outcome_is_shown_and_settled_by_a_person() {
    let (world, _) = World::new().await;
    world
        .outside
        .classes
        .lock()
        .unwrap()
        .insert("RebootInstances".to_owned(), Recovery::Ask);
    world
        .outside
        .answers
        .lock()
        .unwrap()
        .insert("RebootInstances".to_owned(), Answer::Unknown);
    world
        .document(
            "Reboot",
            json!([
                call("Reboot", "RebootInstances"),
                call("After", "DescribeInstances")
            ]),
        )
        .await;
    let id = ids::named(&["reboot"]);
    world.run(id, "Reboot").await.expect("started");
    world.settle().await;
    assert_eq!(
        world.outside.count("RebootInstances"),
        1,
        "never repeated blindly"
    );
    assert_eq!(
        world.outside.count("DescribeInstances"),
        0,
        "the next step waits"
    );

    let resolve = |resolution| RunInput::Resolve {
        step: "Reboot".to_owned(),
        resolution,
        by: "arn:aws:iam::123456789012:user/ana".to_owned(),
    };
    let settle = resolve(Resolution::Succeeded {
        outputs: serde_json::Map::new(),
        result: Some(json!({})),
    });
    world
        .handle
        .ask(AggregateId::run(id), &scope(), Input::Run(Box::new(settle)))
        .await
        .expect("settled");
    world.settle().await;
    assert_eq!(
        world.outside.names(),
        ["RebootInstances", "DescribeInstances"]
    );
    assert_eq!(world.run_view(id).await.status().as_str(), "Success");

    let again = Input::Run(Box::new(resolve(Resolution::Retry)));
    let refused = world
        .handle
        .ask(AggregateId::run(id), &scope(), again)
        .await;
    assert!(matches!(refused, Err(AskError::Rejected(_))), "{refused:?}");
}

#[tokio::test]
async fn a_probe_settles_what_it_can() {
    for (happened, calls) in [(true, 1), (false, 2)] {
        let (world, _) = World::new().await;
        world
            .outside
            .classes
            .lock()
            .unwrap()
            .insert("CreateSnapshot".to_owned(), Recovery::Probe);
        world
            .outside
            .answers
            .lock()
            .unwrap()
            .insert("CreateSnapshot".to_owned(), Answer::Unknown);
        world
            .outside
            .probes
            .lock()
            .unwrap()
            .insert("CreateSnapshot".to_owned(), happened);
        world
            .document("Snap", json!([call("Snap", "CreateSnapshot")]))
            .await;
        let id = ids::named(&["snap"]);
        world.run(id, "Snap").await.expect("started");
        if !happened {
            // The first look says that it did not happen; the repeat then succeeds.
            tokio::task::yield_now().await;
            world
                .outside
                .answers
                .lock()
                .unwrap()
                .remove("CreateSnapshot");
        }
        world.settle().await;
        assert_eq!(
            world.run_view(id).await.status().as_str(),
            "Success",
            "happened: {happened}"
        );
        assert!(world.outside.count("CreateSnapshot") <= calls);
    }
}

#[tokio::test]
async fn a_missing_document_starts_nothing() {
    let (world, _) = World::new().await;
    let id = ids::named(&["none"]);
    let answer = world.run(id, "Nope").await;
    world.settle().await;
    assert!(world.outside.names().is_empty());
    let told = format!("{answer:?}");
    assert!(answer.is_err() && told.contains("Nope"), "{told}");
}
