//! What the table says of ten services beyond their shapes, against what botocore's own files say.
//!
//! Compared value by value: paginators, waiters, contexts of the endpoint rules, signature schemes, and the enumerations
//! at every place in reach of an operation.

use std::collections::HashSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use aws::model::{
    AcceptorState, ContextSource, Matcher, Name, Operation, Paginator, Ref, Service, Shape, Waiter,
    catalog,
};
use serde_json::{Map, Value, json};

const SERVICES: [&str; 11] = [
    "ec2",
    "s3",
    "s3control",
    "iam",
    "dynamodb",
    "route53",
    "cloudwatch",
    "rds",
    "kinesis",
    "acm-pca",
    "sts",
];

/// Prints the same facts from botocore's files.
const BOTOCORE: &str = r#"
import json, sys
from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader

loader = Loader()

def load(name, kind):
    try:
        return loader.load_service_model(name, kind)
    except UnknownServiceError:
        return {}

def listed(value):
    return value if isinstance(value, list) else [value] if value is not None else []

def enums(model):
    found, shapes = {}, model["shapes"]
    def walk(place, name, seen):
        if name in seen:
            return
        seen.add(name)
        shape = shapes[name]
        if shape.get("enum"):
            found[place] = shape["enum"]
        for member, target in shape.get("members", {}).items():
            walk(place + "/" + member, target["shape"], seen)
        for part in ("member", "key", "value"):
            if part in shape:
                walk(place + "/" + part + "*", shape[part]["shape"], seen)
    for name, operation in model["operations"].items():
        for end in ("input", "output"):
            if end in operation:
                walk(name + "/" + end, operation[end]["shape"], set())
    return found

def context(model, operation):
    found = [[k, "static", v["value"]] for k, v in operation.get("staticContextParams", {}).items()]
    members = model["shapes"][operation["input"]["shape"]].get("members", {}) if "input" in operation else {}
    found += [[m["contextParam"]["name"], "member", k] for k, m in members.items() if "contextParam" in m]
    found += [[k, "path", v["path"]] for k, v in operation.get("operationContextParams", {}).items()]
    return found

out = {}
for name in sys.stdin.read().split():
    model = load(name, "service-2")
    pages = load(name, "paginators-1").get("pagination", {})
    waiters = load(name, "waiters-2").get("waiters", {})
    out[name] = {
        "auth": model["metadata"].get("auth", []),
        "operations": {k: {"auth": v.get("auth", []), "context": context(model, v)}
                       for k, v in model["operations"].items()},
        "paginators": {k: {
            "input": listed(v["input_token"]), "output": listed(v["output_token"]),
            "results": listed(v.get("result_key")), "constant": listed(v.get("non_aggregate_keys")),
            "limit": v.get("limit_key"), "more": v.get("more_results")} for k, v in pages.items()},
        "waiters": {k: {
            "operation": v["operation"], "delay": v["delay"], "attempts": v["maxAttempts"],
            "acceptors": [[a["state"], a["matcher"], a.get("argument"), a["expected"]] for a in v["acceptors"]]}
            for k, v in waiters.items()},
        "enums": enums(model),
    }
json.dump(out, sys.stdout)
"#;

#[test]
fn the_table_says_what_botocore_says() {
    let Some(theirs) = botocore() else {
        return;
    };
    let mut compared = 0;
    for name in SERVICES {
        let service = catalog().service(name).unwrap();
        let ours = facts(&service);
        for part in ["auth", "operations", "paginators", "waiters", "enums"] {
            let (ours, theirs) = (&ours[part], &theirs[name][part]);
            if let (Value::Object(ours), Value::Object(theirs)) = (ours, theirs) {
                let places: HashSet<&String> = ours.keys().chain(theirs.keys()).collect();
                for place in places {
                    assert_eq!(ours.get(place), theirs.get(place), "{name} {part} {place}");
                }
                compared += theirs.len();
            }
            assert_eq!(ours, theirs, "{name} {part}");
        }
    }
    println!("{compared} facts compared");
    assert!(compared > 5_000, "{compared}");
}

/// botocore's facts, if the pinned version is there.
fn botocore() -> Option<Value> {
    let repository = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.venv");
    let venv = std::env::var_os("QUELL_VENV").unwrap_or_else(|| repository.into());
    let python = PathBuf::from(venv).join("bin/python");
    let version = Command::new(&python)
        .args(["-c", "import botocore; print(botocore.__version__)"])
        .output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    if version.as_deref().ok() != Some(catalog().version()) {
        println!(
            "not run: `{}` has no botocore {}; set QUELL_VENV",
            python.display(),
            catalog().version()
        );
        return None;
    }
    let mut child = Command::new(&python)
        .args(["-c", BOTOCORE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let names = SERVICES.join(" ");
    child
        .stdin
        .take()
        .unwrap()
        .write_all(names.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn facts(service: &Service) -> Value {
    let operations = service.operations.iter();
    let each = |fact: fn(&Operation) -> Option<Value>| -> Map<String, Value> {
        let facts = operations
            .clone()
            .filter_map(|o| Some((o.name.to_owned(), fact(o)?)));
        facts.collect()
    };
    let waiters = service
        .waiters
        .iter()
        .map(|waiter| (waiter.name.to_owned(), waits(waiter)));
    let mut enums = Map::new();
    for operation in operations.clone() {
        for (end, target) in [("input", &operation.input), ("output", &operation.output)] {
            if let Some(target) = target {
                let place = format!("{}/{end}", operation.name);
                walk(service, place, target, &mut HashSet::new(), &mut enums);
            }
        }
    }
    json!({
        "auth": service.auth,
        "operations": each(|operation| Some(json!({"auth": operation.auth, "context": context(operation)}))),
        "paginators": each(|operation| operation.paginator.as_deref().map(pages)),
        "waiters": waiters.collect::<Map<_, _>>(),
        "enums": enums,
    })
}

fn context(operation: &Operation) -> Vec<Value> {
    let each = operation.context.iter().map(|param| match &param.source {
        ContextSource::Static(value) => json!([param.name, "static", value]),
        ContextSource::Member(name) => json!([param.name, "member", name]),
        ContextSource::Path(path) => json!([param.name, "path", path]),
    });
    each.collect()
}

fn pages(paginator: &Paginator) -> Value {
    json!({
        "input": paginator.input_tokens, "output": paginator.output_tokens,
        "results": paginator.result_keys, "constant": paginator.non_aggregate_keys,
        "limit": paginator.limit_key, "more": paginator.more_results,
    })
}

fn waits(waiter: &Waiter) -> Value {
    let none: Option<Name> = None;
    let acceptors = waiter.acceptors.iter().map(|acceptor| {
        let state = match acceptor.state {
            AcceptorState::Success => "success",
            AcceptorState::Failure => "failure",
            AcceptorState::Retry => "retry",
        };
        match &acceptor.matcher {
            Matcher::Status(status) => json!([state, "status", none, status]),
            Matcher::Error(Some(code)) => json!([state, "error", none, code]),
            Matcher::Error(None) => json!([state, "error", none, true]),
            Matcher::NoError => json!([state, "error", none, false]),
            Matcher::Path { path, expected } => json!([state, "path", path, expected]),
            Matcher::PathAll { path, expected } => json!([state, "pathAll", path, expected]),
            Matcher::PathAny { path, expected } => json!([state, "pathAny", path, expected]),
        }
    });
    json!({
        "operation": waiter.operation, "delay": waiter.delay_s, "attempts": waiter.max_attempts,
        "acceptors": acceptors.collect::<Vec<_>>(),
    })
}

fn walk(
    service: &Service,
    place: String,
    target: &Ref,
    seen: &mut HashSet<u32>,
    found: &mut Map<String, Value>,
) {
    if !seen.insert(target.shape) {
        return;
    }
    match service.shape(target) {
        Shape::Structure(structure) => {
            for member in &structure.members {
                let place = format!("{place}/{}", member.name);
                walk(service, place, &member.target, seen, found);
            }
        }
        Shape::List { member, .. } => {
            walk(service, format!("{place}/member*"), member, seen, found);
        }
        Shape::Map { key, value } => {
            walk(service, format!("{place}/key*"), key, seen, found);
            walk(service, format!("{place}/value*"), value, seen, found);
        }
        Shape::String { values, .. } if !values.is_empty() => {
            found.insert(place, json!(values));
        }
        _ => {}
    }
}
