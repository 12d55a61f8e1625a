//! The search through lists against a plain transcription of the rule it implements.
//!
//! The transcription tries every value for every field in path order, with no pruning, no index
//! and its own flattening of events.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rules::{Event, Pattern};
use serde_json::{Map, Value, json};

type Pins = BTreeMap<usize, usize>;
type Leaves = BTreeMap<String, Vec<(Value, Pins)>>;

fn flatten(value: &Value, path: &str, pins: &Pins, arrays: &mut usize, leaves: &mut Leaves) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                flatten(value, &path, pins, arrays, leaves);
            }
        }
        Value::Array(list) => {
            let array = *arrays;
            *arrays += 1;
            for (index, value) in list.iter().enumerate() {
                let mut inner = pins.clone();
                if value.is_object() || value.is_array() {
                    inner.insert(array, index);
                }
                flatten(value, path, &inner, arrays, leaves);
            }
        }
        leaf => leaves
            .entry(path.to_owned())
            .or_default()
            .push((leaf.clone(), pins.clone())),
    }
}

fn agree(one: &Pins, other: &Pins) -> bool {
    one.iter()
        .all(|(array, index)| other.get(array).is_none_or(|at| at == index))
}

fn holds(fields: &[(&String, &Vec<Value>)], leaves: &Leaves, pins: &Pins) -> bool {
    let Some(((path, accepted), rest)) = fields.split_first() else {
        return true;
    };
    let none = Vec::new();
    let here = leaves.get(*path).unwrap_or(&none);
    let consistent = || here.iter().filter(|(_, leaf)| agree(leaf, pins));
    if accepted.contains(&json!({"exists": false}))
        && consistent().next().is_none()
        && holds(rest, leaves, pins)
    {
        return true;
    }
    consistent().any(|(value, leaf)| {
        let meets = accepted.contains(value) || accepted.contains(&json!({"exists": true}));
        let mut both = pins.clone();
        both.extend(leaf);
        meets && holds(rest, leaves, &both)
    })
}

fn event() -> impl Strategy<Value = Value> {
    let key = || prop::sample::select(vec!["a", "b", "a.b"]);
    let leaf = prop::sample::select(vec![json!("x"), json!("y"), json!(null)]);
    let value = leaf.prop_recursive(5, 40, 4, move |inner| {
        prop_oneof![
            3 => prop::collection::vec(inner.clone(), 1..4).prop_map(Value::from),
            2 => prop::collection::vec((key(), inner), 1..4).prop_map(object),
        ]
    });
    prop::collection::vec((key(), value), 1..4).prop_map(object)
}

fn object(entries: Vec<(&str, Value)>) -> Value {
    Value::Object(
        entries
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect(),
    )
}

fn fields() -> impl Strategy<Value = BTreeMap<String, Vec<Value>>> {
    let path = prop::sample::select(vec!["a", "b", "a.a", "a.b", "b.a", "b.b", "a.b.a", "b.a.b"]);
    let accepted = prop::sample::select(vec![
        json!("x"),
        json!("y"),
        json!(null),
        json!({"exists": true}),
        json!({"exists": false}),
    ]);
    let accepted = prop::collection::vec(accepted, 1..3);
    prop::collection::btree_map(path.prop_map(str::to_owned), accepted, 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn the_search_agrees_with_the_rule(fields in fields(), event in event()) {
        let mut leaves = Leaves::new();
        flatten(&event, "", &Pins::new(), &mut 0, &mut leaves);
        let in_order: Vec<_> = fields.iter().collect();
        let expected = holds(&in_order, &leaves, &Pins::new());
        let object: Map<String, Value> =
            fields.iter().map(|(path, accepted)| (path.clone(), json!(accepted))).collect();
        let pattern = Pattern::parse(&Value::Object(object).to_string()).unwrap();
        let parsed = Event::parse(&event.to_string()).unwrap();
        prop_assert_eq!(pattern.matches(&parsed), expected);
    }
}
