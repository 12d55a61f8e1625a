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
        .expect("no panic held it")
        .insert("RebootInstances".to_owned(), Recovery::Ask);
    world
        .outside
        .answers
        .lock()
        .expect("no panic held it")
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
    // Never repeated blindly, and the next step waits.
    assert_eq!(world.outside.names(), ["RebootInstances"]);

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
            .expect("no panic held it")
            .insert("CreateSnapshot".to_owned(), Recovery::Probe);
        world
            .outside
            .answers
            .lock()
            .expect("no panic held it")
            .insert("CreateSnapshot".to_owned(), Answer::Unknown);
        world
            .outside
            .probes
            .lock()
            .expect("no panic held it")
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
                .expect("no panic held it")
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

#[tokio::test]
async fn a_refused_call_fails_the_run_with_the_services_words() {
    let (world, _) = World::new().await;
    world
        .outside
        .answer("StopInstances", Answer::Failed("IncorrectInstanceState"));
    world
        .document(
            "Stop",
            json!([
                call("Stop", "StopInstances"),
                call("After", "DescribeInstances")
            ]),
        )
        .await;
    let id = ids::named(&["stop"]);
    world.run(id, "Stop").await.expect("started");
    world.settle().await;
    let run = world.run_view(id).await;
    assert_eq!(run.status().as_str(), "Failed");
    let message = run.failure_message().unwrap_or_default();
    assert!(message.contains("IncorrectInstanceState"), "{message}");
    assert_eq!(
        world.outside.names(),
        ["StopInstances"],
        "the run ends at the failed step"
    );
}

/// Deciding the journal's turns again gives the stored state: the journal holds all that a decider saw.
#[tokio::test]
async fn the_journal_replayed_gives_the_state() {
    let (world, store) = World::new().await;
    world.outside.answer(
        "DescribeInstances",
        Answer::Done(json!({"Reservations": [{"OwnerId": "1"}]})),
    );
    world
        .document(
            "Mixed",
            json!([
                call("Read", "DescribeInstances"),
                {"name": "Wait", "action": "aws:sleep", "inputs": {"Duration": "PT2S"}},
                call("Tag", "CreateTags"),
            ]),
        )
        .await;
    let id = ids::named(&["replay"]);
    world.run(id, "Mixed").await.expect("started");
    world.settle().await;
    world.fast_forward(std::time::Duration::from_secs(3)).await;
    let stored = world.run_view(id).await;
    assert_eq!(stored.status().as_str(), "Success");

    let rows = ports::Store::journal(store.as_ref(), Some(AggregateId::run(id)), 0, 100)
        .await
        .expect("the journal");
    assert!(rows.len() >= 4, "{} turns", rows.len());
    let mut run = None;
    for row in rows {
        for (index, input) in row.entry.inputs.iter().enumerate() {
            let cx = flow::automation::Context {
                id,
                scope: scope(),
                at: row.at,
                entropy: ids::secret(&row.entry.entropy, &format!("input/{index}")),
                budget: 10_000,
                throttle_retry_secs: 0,
            };
            let decision =
                flow::automation::step(run.take(), journaled(input), &cx).expect("decided again");
            run = Some(decision.state);
        }
    }
    assert_eq!(run, Some(stored));
}

/// A run's input as the journal holds it.
fn journaled(body: &Value) -> RunInput {
    let read = |name: &str| body["input"][name].clone();
    match body["machine"].as_str() {
        Some("start_run") => {
            let mut request: model::report::StartRun =
                serde_json::from_value(body["input"].clone()).expect("a request");
            request.undo.capture = true;
            RunInput::Start(Box::new(flow::automation::Start {
                request,
                document: serde_json::from_value(body["document"].clone()).expect("a document"),
                parsed: flow::automation::Parsed::default(),
                target_type: None,
                queued: body["queued"] == true,
            }))
        }
        Some("settled") => RunInput::Effect {
            effect: serde_json::from_value(read("effect")).expect("an id"),
            outcome: serde_json::from_value(read("outcome")).expect("an outcome"),
        },
        Some("timer") => RunInput::Timer {
            key: serde_json::from_value(read("key")).expect("a key"),
        },
        other => panic!("no run takes {other:?}"),
    }
}

#[tokio::test]
async fn a_bug_in_one_turn_costs_that_turn_only() {
    let (world, _) = World::new().await;
    let id = ids::named(&["bug"]);
    world.document("Bug", json!([call("Bug", "Panic")])).await;
    let answer = world.run(id, "Bug").await;
    assert!(matches!(answer, Err(AskError::Broken(_))), "{answer:?}");
    world
        .document("Fine", json!([call("Fine", "CreateTags")]))
        .await;
    // The same aggregate takes inputs again, and others never noticed.
    for id in [id, ids::named(&["other"])] {
        world.run(id, "Fine").await.expect("started");
        world.settle().await;
        assert_eq!(world.run_view(id).await.status().as_str(), "Success");
    }
}
