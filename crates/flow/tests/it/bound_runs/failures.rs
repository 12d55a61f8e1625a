//! Failures that a plan has foreseen.

use model::EffectCommand;
use model::effect::{AwsCall, Outcome};
use serde_json::{Value, json};

use super::{agreed, begun, message, run};
use crate::preview::{answer, api, doc};
use crate::world::failed;

/// A call that fails on purpose, and what then follows.
fn failing(on_failure: &str) -> Value {
    doc(vec![
        json!({"name": "Stop", "action": "aws:executeAwsApi", "onFailure": on_failure, "nextStep": "Tag",
            "inputs": {"Service": "ec2", "Api": "StopThing", "Id": "i-1"}}),
        json!({"name": "Back", "action": "aws:executeAwsApi", "isEnd": true,
            "inputs": {"Service": "ec2", "Api": "StartThing", "Id": "i-1"}}),
        api("Tag", "TagThing", json!({"Id": "i-1"})),
    ])
}

#[test]
fn a_run_goes_the_way_of_a_failure_that_was_planned() {
    let stop_fails = |call: &AwsCall| match call.operation.as_str() {
        "StopThing" => Err("Broken".to_owned()),
        _ => Ok(json!({})),
    };
    for (on_failure, last) in [("step:Back", "StartThing"), ("Continue", "TagThing")] {
        let (world, made) = run(&failing(on_failure), &|_| Ok(json!({})), &stop_fails);
        assert_eq!(made.len(), 2, "{made:?}: {}", message(&world));
        assert!(made[1].starts_with(last), "{made:?}");
        assert!(!message(&world).contains("Drift"), "{}", message(&world));
    }
}

#[test]
fn a_run_goes_the_way_of_a_reading_that_fails() {
    let computes = "def main(events, context):\n    return {}";
    let verify = |action: &str| {
        let inputs = match action {
            "aws:executeScript" => {
                json!({"Runtime": "python3.11", "Handler": "main", "Script": computes})
            }
            _ => json!({"Service": "ec2", "Api": "DescribeThing"}),
        };
        json!({"name": "Verify", "action": action, "onFailure": "step:Rollback", "isEnd": true, "inputs": inputs})
    };
    for action in ["aws:executeAwsApi", "aws:executeScript"] {
        let document = doc(vec![
            api("Stop", "StopThing", json!({"Id": "i-1"})),
            verify(action),
            api("Rollback", "StartThing", json!({"Id": "i-1"})),
        ]);
        let mut world = begun(&document, agreed(&document, &|_| Ok(json!({})), None));
        let mut made = Vec::new();
        world.play(|_, command| match command {
            EffectCommand::CallAws(call) if call.operation != "DescribeThing" => {
                made.push(call.operation.clone());
                Outcome::Done { result: json!({}) }
            }
            EffectCommand::Preview(ask) => {
                answer(ask, &|_| Err("Broken".to_owned()), &mut Vec::new())
            }
            _ => failed("Broken"),
        });
        assert_eq!(made, ["StopThing", "StartThing"], "{}", message(&world));
        assert!(!message(&world).contains("Drift"), "{}", message(&world));
    }
}
