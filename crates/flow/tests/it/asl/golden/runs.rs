//! Map runs, the executions around them, and activities.

use flow::asl::Execution;
use flow::asl::activity::Activity;
use flow::asl::map_run::MapRun;
use serde_json::{Value, json};

use super::flight::{Flight, Kept};
use super::kinds::{Named, machine, start};

/// A machine of one distributed Map with these fields.
fn distributed(fields: &Value) -> Value {
    let mut map = json!({"Type": "Map", "Label": "Each", "ItemsPath": "$.items", "End": true, "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "Look", "States": {"Look": {"Type": "Task", "End": true, "Parameters": {"QueueName": "q"},
            "Resource": "arn:aws:states:::aws-sdk:sqs:getQueueUrl"}}}});
    for (field, value) in fields.as_object().expect("fields") {
        map[field] = value.clone();
    }
    if map["ItemReader"].is_object() {
        map.as_object_mut().expect("a state").remove("ItemsPath");
    }
    machine(&[("Each", map)])
}

/// The parent that waits for its map run, and the run that has begun.
fn begun(fields: &Value) -> (Flight<Execution>, Flight<MapRun>) {
    let mut parent = Flight::new(1);
    parent.tell(start(&distributed(fields), &json!({})));
    let asked = parent.asked_for("begin_map_run");
    let mut begin = asked["begin"].clone();
    begin["type"] = json!("begin");
    let run: uuid::Uuid = serde_json::from_value(asked["run"].clone()).expect("an id");
    let mut run = Flight::new(run.as_u128());
    run.tell(begin);
    (parent, run)
}

/// Ends an execution of the run: the one that was started first and lives.
fn end(run: &mut Flight<MapRun>, good: bool) {
    let asked = run.asked_for("start");
    let member = &asked["start"]["member"];
    let status = if good { "SUCCEEDED" } else { "FAILED" };
    let mut end = json!({"status": status, "started": "2026-01-01T00:00:02Z", "stopped": "2026-01-01T00:00:03Z"});
    if good {
        end["output"] = json!(member["index"].to_string());
    } else {
        end["input"] = asked["start"]["input"].clone();
        (end["error"], end["redrivable"]) = (json!("Broken"), json!(true));
    }
    run.tell(json!({"type": "ended", "index": member["index"], "attempt": member["attempt"], "end": end}));
}

/// Tells the parent how its run ended.
fn report(parent: &mut Flight<Execution>, run: &mut Flight<MapRun>) {
    let mut report = run.asked_for("tell")["report"].clone();
    report["type"] = json!("map_run");
    parent.tell(report);
}

fn part(body: &str, range: &str) -> Value {
    json!({"Body": body, "ContentLength": body.len(), "ETag": "\"e\"", "ContentRange": format!("bytes {range}")})
}

/// Map runs of every kind, with their parents.
pub(super) fn map_runs() -> Vec<Named> {
    let mut all = running();
    all.extend([reading(), listing(), writing(), redriven()]);
    all.extend([waiting_parent(), failed_parent(), member(), activity()]);
    all
}

fn running() -> Vec<Named> {
    let fields = json!({"MaxConcurrency": 2, "ToleratedFailureCount": 2, "ToleratedFailurePercentage": 60,
        "ItemSelector": {"v.$": "$$.Map.Item.Value"}});
    let (_, mut run) = begun(&fields);
    end(&mut run, true);
    end(&mut run, false);
    let kept = run.keep();
    run.tell(json!({"type": "update", "concurrency": 5}));
    (0..3).for_each(|_| end(&mut run, true));
    let (_, mut stopped) =
        begun(&json!({"ItemBatcher": {"MaxItemsPerBatch": 2, "BatchInput": {"b": 1}}}));
    end(&mut stopped, true);
    stopped.tell(json!({"type": "stop"}));
    let ending = stopped.keep();
    (0..2).for_each(|_| end(&mut stopped, true));
    vec![
        ("map run, running", run.lands(kept)),
        ("map run with batches, ending", stopped.lands(ending)),
    ]
}

fn reading() -> Named {
    let reader = json!({"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSONL"},
        "Parameters": {"Bucket": "b", "Key": "k"}});
    let (_, mut run) = begun(&json!({"ItemReader": reader, "MaxConcurrency": 1}));
    run.done(part("{\"v\": 1}\n{\"v\": ", "0-14/21"));
    let kept = run.keep();
    // The line that was cut is read again as a whole.
    run.done(part("{\"v\": 22}\n3\n", "9-20/21"));
    (0..3).for_each(|_| end(&mut run, true));
    ("map run, reading an object", run.lands(kept))
}

fn listing() -> Named {
    let config = json!({"Transformation": "LOAD_AND_FLATTEN", "InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"});
    let reader = json!({"Resource": "arn:aws:states:::s3:listObjectsV2", "ReaderConfig": config,
        "Parameters": {"Bucket": "b", "Prefix": "d/"}});
    let (_, mut run) = begun(&json!({"ItemReader": reader}));
    let object = |key: &str| {
        json!({"Key": key, "Size": 8, "ETag": "\"e\"", "StorageClass": "STANDARD",
        "LastModified": "2026-01-01T00:00:00+00:00"})
    };
    run.done(json!({"Contents": [object("d/1"), object("d/2")], "IsTruncated": false}));
    let kept = run.keep();
    run.done(part("a,b\n1,2\n", "0-7/8"));
    run.done(part("a,b\n3,4\n", "0-7/8"));
    (0..2).for_each(|_| end(&mut run, true));
    ("map run, reading the objects of a listing", run.lands(kept))
}

fn writing() -> Named {
    let writer = json!({"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b", "Prefix": "out"},
        "WriterConfig": {"Transformation": "COMPACT"}});
    let (_, mut run) = begun(&json!({"ResultWriter": writer, "ToleratedFailureCount": 1}));
    end(&mut run, false);
    (0..4).for_each(|_| end(&mut run, true));
    run.done(json!({"ETag": "\"e\""}));
    let kept = run.keep();
    while run.asked.iter().any(|it| it["type"] == "perform") {
        run.done(json!({"ETag": "\"e\""}));
    }
    ("map run, writing its results", run.lands(kept))
}

fn redriven() -> Named {
    let (_, mut run) = begun(&json!({"MaxConcurrency": 1}));
    end(&mut run, true);
    end(&mut run, false);
    run.asked_for("tell");
    let kept = run.keep();
    run.tell(json!({"type": "redrive", "redrives": 1}));
    let good = |index: u32| {
        json!({"type": "ended", "index": index, "attempt": 0, "end": {"status": "SUCCEEDED",
        "output": "1", "started": "2026-01-01T00:00:02Z", "stopped": "2026-01-01T00:00:03Z", "redrives": 1}})
    };
    run.tell(good(1));
    (0..3).for_each(|_| end(&mut run, true));
    ("map run, failed and redriven", run.lands(kept))
}

fn waiting_parent() -> Named {
    let (mut parent, mut run) = begun(&json!({}));
    let kept = parent.keep();
    (0..5).for_each(|_| end(&mut run, true));
    report(&mut parent, &mut run);
    ("a map run is waited for", parent.lands(kept))
}

fn failed_parent() -> Named {
    let (mut parent, mut run) = begun(&json!({"MaxConcurrency": 1}));
    end(&mut run, false);
    report(&mut parent, &mut run);
    let kept = parent.keep();
    parent.tell(json!({"type": "redrive", "token": "t"}));
    run.tell(json!({"type": "redrive", "redrives": 1}));
    run.tell(json!({"type": "ended", "index": 0, "attempt": 0, "end": {"status": "SUCCEEDED", "output": "1",
        "started": "2026-01-01T00:00:02Z", "stopped": "2026-01-01T00:00:03Z", "redrives": 1}}));
    (0..4).for_each(|_| end(&mut run, true));
    report(&mut parent, &mut run);
    ("failed with its map run", parent.lands(kept))
}

fn member() -> Named {
    let (_, mut run) = begun(&json!({}));
    let mut begin = run.asked_for("start")["start"].clone();
    begin["type"] = json!("start");
    let mut child = Flight::<Execution>::new(2);
    child.tell(begin);
    let kept: Kept = child.keep();
    child.done(json!({"QueueUrl": "https://q"}));
    ("an execution of a map run", child.lands(kept))
}

fn activity() -> Named {
    let mut activity = Flight::<Activity>::new(3);
    let arn = "arn:aws:states:us-east-1:111111111111:activity:a";
    activity.tell(json!({"type": "create", "arn": arn, "name": "a", "tags": {"k": "v"}}));
    for token in ["one", "two", "three"] {
        activity.tell(json!({"type": "offer", "execution": uuid::Uuid::from_u128(1), "token": token, "input": "{}"}));
    }
    let kept = activity.keep();
    activity.tell(json!({"type": "take", "worker": "w"}));
    activity.tell(json!({"type": "withdraw", "token": "two"}));
    activity.tell(json!({"type": "take", "worker": null}));
    ("an activity with tasks", activity.lands(kept))
}
