//! The shipped playbooks: valid, and through every failure to an end.

use std::path::Path;

use flow::automation::document::{Document, Format, parse};
use flow::automation::{SignalKind, Status};
use model::effect::Outcome;
use serde_json::{Map, Value, json};

use crate::world::{ANA, World, failed, unknown};

/// Name, text and document of each shipped playbook.
fn playbooks() -> Vec<(String, String, Document)> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../playbooks"));
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.ends_with(".yaml") {
            continue;
        }
        let text = std::fs::read_to_string(entry.path()).expect("readable");
        let (document, diagnostics) = parse(&text, Format::Yaml);
        match document {
            Some(document) => found.push((name, text, document)),
            None => panic!("{name} is not valid: {diagnostics:#?}"),
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    if found.is_empty() {
        println!("not run: no playbooks are shipped yet");
    }
    found
}

/// Values that satisfy the parameters that have no default.
fn parameters(document: &Document) -> Vec<(&str, &'static str)> {
    let required = document
        .parameters
        .iter()
        .filter(|parameter| parameter.default.is_none());
    required
        .map(|parameter| {
            let value = match parameter.name.as_str() {
                name if name.contains("Instance") => "i-0123456789abcdef0",
                name if name.contains("Ip") => "198.51.100.7",
                name if name.contains("Json") => "{}",
                _ => "arn:aws:iam::123456789012:role/R",
            };
            (parameter.name.as_str(), value)
        })
        .collect()
}

/// An answer in which every declared selector of the waiting step finds something of its type.
fn fitting(world: &World) -> Outcome {
    let mut answer = Value::Object(Map::new());
    let step = world
        .run()
        .current()
        .and_then(|record| world.run().document().step(&record.name));
    let inputs = world
        .run()
        .current()
        .map(|record| Value::Object(record.inputs.clone()))
        .unwrap_or_default();
    let selectors: Vec<(String, &str)> = step
        .map(|step| {
            step.outputs
                .iter()
                .map(|output| (output.selector.to_string(), output.value_type.as_str()))
                .collect()
        })
        .unwrap_or_default();
    for (selector, value_type) in selectors {
        let value = match value_type {
            "Integer" => json!(0),
            "Boolean" => json!(true),
            "StringList" => json!(["x"]),
            "StringMap" => json!({"x": "y"}),
            "MapList" => json!([{"x": "y"}]),
            _ => json!("none"),
        };
        plant(&mut answer, &selector, value);
    }
    if let (Some(selector), Some(wanted)) = (
        inputs["PropertySelector"].as_str(),
        inputs["DesiredValues"].get(0),
    ) {
        plant(&mut answer, selector, wanted.clone());
    }
    Outcome::Done { result: answer }
}

/// Puts a value where a plain selector looks.
fn plant(root: &mut Value, selector: &str, value: Value) {
    let mut at = root;
    let plain = selector
        .replace("..", ".")
        .replace("['", ".")
        .replace("']", "")
        .replace("[*]", "[0]");
    for part in plain
        .trim_start_matches('$')
        .split(['.', '['])
        .filter(|part| !part.is_empty())
    {
        match part.trim_end_matches(']').parse::<usize>() {
            Ok(n) => {
                if !at.is_array() {
                    *at = json!([]);
                }
                let list = at.as_array_mut().expect("a list");
                while list.len() <= n {
                    list.push(Value::Null);
                }
                at = &mut list[n];
            }
            Err(_) => {
                if !at.is_object() {
                    *at = json!({});
                }
                at = at
                    .as_object_mut()
                    .expect("a map")
                    .entry(part)
                    .or_insert(Value::Null);
            }
        }
    }
    *at = value;
}

/// A playbook's run after its first turn.
fn begun(text: &str, document: &Document) -> World {
    let mut world = World::of(text, &parameters(document));
    world.check_frames = false;
    world
}

/// Plays a run to its end; `answer` sees the number of the effect, from 0. Whoever is asked agrees.
fn play(mut world: World, mut answer: impl FnMut(usize, &World) -> Outcome) -> World {
    let mut count = 0;
    for _ in 0..5_000 {
        if world.status().is_final() {
            return world;
        }
        if !world.effects.is_empty() {
            let outcome = answer(count, &world);
            count += 1;
            world.answer(outcome);
        } else if world.run().unknown().is_some() {
            let step = world.run().current().expect("waits").name.clone();
            let resolution = flow::automation::Resolution::Retry;
            let input = flow::automation::Input::Resolve {
                step,
                resolution,
                by: ANA.to_owned(),
            };
            world.feed(input).expect("taken");
        } else if world.status() == Status::Waiting
            && (world.signal(SignalKind::Approve, &[], ANA).is_ok()
                || world.signal(SignalKind::Resume, &[], ANA).is_ok())
        {
        } else {
            world.tick();
        }
    }
    panic!("the playbook does not end");
}

#[test]
fn every_playbook_is_valid_and_ends() {
    for (name, text, document) in playbooks() {
        let mut world = begun(&text, &document);
        world.check_frames = true;
        let world = play(world, |_, world| fitting(world));
        println!(
            "{name}: {} after {} step executions, {} effects",
            world.status().as_str(),
            world.trail().len(),
            world.performed.len()
        );
        println!("  {:?} {:?}", world.trail(), world.run().failure_message());
        assert!(world.status().is_final());
    }
}

#[test]
fn every_playbook_ends_when_any_effect_fails() {
    for (name, text, document) in playbooks() {
        let base = begun(&text, &document);
        let effects = play(base.clone(), |_, world| fitting(world))
            .performed
            .len();
        for broken in 0..effects.min(200) {
            let world = play(base.clone(), |n, world| {
                if n == broken {
                    failed("Boom")
                } else {
                    fitting(world)
                }
            });
            assert!(world.status().is_final(), "{name}: effect {broken} fails");
        }
    }
}

#[test]
fn a_repeated_effect_leads_to_the_same_end() {
    for (name, text, document) in playbooks() {
        let base = begun(&text, &document);
        let plain = play(base.clone(), |_, world| fitting(world));
        let wanted: Vec<String> = plain.trail().into_iter().map(str::to_owned).collect();
        for lost in 0..plain.performed.len().min(200) {
            let mut again = false;
            let world = play(base.clone(), |n, world| {
                if n == lost
                    && world
                        .run()
                        .current()
                        .is_some_and(|record| record.action == "aws:executeAwsApi")
                {
                    again = true;
                    unknown()
                } else {
                    fitting(world)
                }
            });
            assert_eq!(
                (world.trail(), world.status()),
                (wanted.iter().map(String::as_str).collect(), plain.status()),
                "{name}: effect {lost}"
            );
            assert!(
                !again || world.performed.len() > plain.performed.len(),
                "{name}: effect {lost} was not repeated"
            );
        }
    }
}
