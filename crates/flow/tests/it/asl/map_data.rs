//! Map runs whose items lie in a bucket and whose results go into one, in the world without time.

use std::collections::BTreeMap;

use flow::asl::Status;
use serde_json::{Value, json};
use uuid::Uuid;

use super::telling::distributed;
use super::world::{World, start};

/// Runs a machine of one distributed Map among these objects.
fn run(fields: &Value, states: &Value, objects: &[(&str, &str)], input: &Value) -> World {
    let objects: BTreeMap<String, Vec<u8>> = objects
        .iter()
        .map(|(key, body)| ((*key).to_owned(), body.as_bytes().to_vec()))
        .collect();
    let start = start(&distributed("STANDARD", fields, states), input);
    World::run_among((Uuid::from_u128(1), objects), start, 3).expect("a machine")
}

fn reader(config: Value) -> Value {
    json!({"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": config,
        "Parameters": {"Bucket": "b", "Key": "k"}})
}

fn output(world: &World) -> Value {
    assert_eq!(
        world.execution.status(),
        Status::Succeeded,
        "{:?}",
        world.execution.failure()
    );
    serde_json::from_str(world.execution.output().expect("an output")).expect("JSON")
}

fn pass() -> Value {
    json!({"P": {"Type": "Pass", "End": true}})
}

/// Fails for the item 1.
fn picky() -> Value {
    json!({
        "C": {"Type": "Choice", "Choices": [{"Variable": "$", "NumericEquals": 1, "Next": "F"}], "Default": "S"},
        "F": {"Type": "Fail", "Error": "Bad", "Cause": "one"},
        "S": {"Type": "Succeed"},
    })
}

#[test]
fn more_items_than_one_window_brings_are_all_given() {
    let rows: String = (0..25_000).map(|n| format!("{n}\n")).collect();
    let fields = json!({"ItemReader": reader(json!({"InputType": "JSONL"})),
        "ItemBatcher": {"MaxItemsPerBatch": 6_000}, "ItemSelector": {"v.$": "$$.Map.Item.Value"}});
    let count = json!({"P": {"Type": "Pass", "End": true,
        "Parameters": {"count.$": "States.ArrayLength($.Items)", "first.$": "$.Items[0].v"}}});
    let world = run(&fields, &count, &[("k", &rows)], &json!({}));
    let want = json!([{"count": 6000, "first": 0}, {"count": 6000, "first": 6000}, {"count": 6000, "first": 12000},
        {"count": 6000, "first": 18000}, {"count": 1000, "first": 24000}]);
    assert_eq!(output(&world), want);
}

#[test]
fn most_items_are_numbers_of_the_data() {
    for (most, want) in [
        (json!(2), Ok(json!([1, 2]))),
        (json!("1"), Ok(json!([1]))),
        (json!(0), Ok(json!([1, 2, 3]))),
        (json!(-1), Err("field MaxItems must be positive")),
        (
            json!(1.5),
            Err(
                "The MaxItemsPath field refers to value '1.5' which is not a valid integer: $.most",
            ),
        ),
    ] {
        let fields =
            json!({"ItemReader": reader(json!({"InputType": "JSON", "MaxItemsPath": "$.most"}))});
        let world = run(
            &fields,
            &pass(),
            &[("k", "[1, 2, 3]")],
            &json!({"most": most}),
        );
        match want {
            Ok(items) => assert_eq!(output(&world), items),
            Err(cause) => {
                let failure = (Some("States.ItemReaderFailed"), Some(cause));
                assert_eq!(world.execution.failure(), failure);
            }
        }
    }
}

#[test]
fn a_failed_run_writes_what_succeeded_what_failed_and_what_never_began() {
    let fields = json!({"MaxConcurrency": 1, "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject",
        "Parameters": {"Bucket": "b", "Prefix": "out"}, "WriterConfig": {"Transformation": "COMPACT"}}});
    let world = run(&fields, &picky(), &[], &json!([0, 1, 2, 3]));
    assert_eq!(
        world.execution.failure().0,
        Some("States.ExceedToleratedFailureThreshold")
    );
    let written = |name: &str| -> Value {
        let found = world.objects.iter().find(|(key, _)| key.ends_with(name));
        let (key, body) = found.expect("a file");
        assert!(key.starts_with("out/"), "{key}");
        serde_json::from_slice(body).expect("JSON")
    };
    assert_eq!(written("SUCCEEDED_0.json"), json!([0]));
    let failed = written("FAILED_0.json");
    assert_eq!(
        (&failed[0]["Error"], &failed[0]["Input"]),
        (&json!("Bad"), &json!("1"))
    );
    let pending = written("PENDING_0.json");
    let inputs: Vec<&Value> = pending
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| &it["Input"])
        .collect();
    assert_eq!(inputs, ["2", "3"]);
    let manifest = written("manifest.json");
    assert_eq!(manifest["DestinationBucket"], "b");
    assert_eq!(world.objects.len(), 4);
}

#[test]
fn results_may_be_larger_than_a_state_s_result_when_they_are_written() {
    let items: Vec<String> = (0..30)
        .map(|n| format!("{n}{}", "x".repeat(100_000)))
        .collect();
    let fields = json!({"ItemReader": reader(json!({"InputType": "JSON"})),
        "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b"}}});
    let body = json!(items).to_string();
    let world = run(&fields, &pass(), &[("k", &body)], &json!({}));
    let details = &output(&world)["ResultWriterDetails"];
    let key = details["Key"].as_str().expect("a key");
    let manifest: Value = serde_json::from_slice(&world.objects[key]).expect("JSON");
    let files = manifest["ResultFiles"]["SUCCEEDED"]
        .as_array()
        .expect("files");
    assert!(files.len() > 1, "{manifest}");
    let mut outputs = Vec::new();
    for file in files {
        let bytes = &world.objects[file["Key"].as_str().expect("a key")];
        assert_eq!(file["Size"], json!(bytes.len()));
        let records: Vec<Value> = serde_json::from_slice(bytes).expect("JSON");
        outputs.extend(
            records
                .into_iter()
                .map(|it| it["Output"].as_str().expect("a text").to_owned()),
        );
    }
    let want: Vec<String> = items.iter().map(|item| json!(item).to_string()).collect();
    assert_eq!(outputs, want);
}

#[test]
fn items_tell_where_they_come_from() {
    let objects = [("d/1", "1\n2\n"), ("d/2", "3\n")];
    let selector = json!({"v.$": "$$.Map.Item.Source"});
    let sources = |fields: Value, input: &Value| -> Vec<String> {
        let mut fields = fields;
        fields["ItemSelector"] = selector.clone();
        let found = output(&run(&fields, &pass(), &objects, input));
        let found = found.as_array().expect("a list").iter();
        found
            .map(|item| item["v"].as_str().expect("a text").to_owned())
            .collect()
    };
    assert_eq!(sources(json!({}), &json!([1])), ["STATE_DATA"]);
    let listing = |config: Value| {
        json!({"ItemReader": {"Resource": "arn:aws:states:::s3:listObjectsV2", "ReaderConfig": config,
            "Parameters": {"Bucket": "b", "Prefix": "d/"}}})
    };
    let found = sources(listing(json!({})), &json!({}));
    assert_eq!(found, ["s3://b", "s3://b"]);
    let flat = json!({"Transformation": "LOAD_AND_FLATTEN", "InputType": "JSONL"});
    let found = sources(listing(flat), &json!({}));
    assert_eq!(found, ["s3://b/d/1", "s3://b/d/1", "s3://b/d/2"]);
}
