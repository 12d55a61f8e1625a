//! CPU time of one call without the network, ours and boto3's in the same run: `cargo bench -p aws --bench calls`.
//!
//! A call is everything between the caller's JSON and the socket and back: check, endpoint, encode, sign, decode.
//! boto3 makes the same calls with the same answers (`boto3_calls.py`); absolute figures say little on a shared
//! machine, the ratios say more.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on stops")]

mod answers;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use aws::{Call, CallOptions, Credentials, HttpResponse, prepare};
use jiff::Timestamp;
use serde_json::{Value, json};

/// The allocator of the binary that is shipped.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Time spent on one case.
const SLICE: Duration = Duration::from_millis(1_500);
/// boto3 must take at least this many times longer.
const RATIO: f64 = 10.0;

struct Case {
    name: &'static str,
    service: &'static str,
    operation: &'static str,
    params: Value,
    content_type: &'static str,
    body: String,
    /// Most microseconds a call may take.
    goal: Option<f64>,
}

fn cases() -> Vec<Case> {
    let filters = json!({"Filters": [{"Name": "instance-state-name", "Values": ["running"]}], "MaxResults": 1000});
    let xml = "text/xml;charset=UTF-8";
    vec![
        Case {
            name: "ec2 DescribeInstances, empty answer",
            service: "ec2",
            operation: "DescribeInstances",
            params: filters.clone(),
            content_type: xml,
            body: answers::instances(0),
            goal: Some(100.0),
        },
        Case {
            name: "ec2 DescribeInstances, 100 instances",
            service: "ec2",
            operation: "DescribeInstances",
            params: filters,
            content_type: xml,
            body: answers::instances(100),
            goal: Some(1_000.0),
        },
        Case {
            name: "guardduty GetFindings, 50 findings",
            service: "guardduty",
            operation: "GetFindings",
            params: json!({"DetectorId": "12abc34d567e8fa901bc2d34e56789f0", "FindingIds": ["0"]}),
            content_type: "application/json",
            body: answers::findings(50),
            goal: None,
        },
        Case {
            name: "s3 ListObjectsV2, 1,000 keys",
            service: "s3",
            operation: "ListObjectsV2",
            params: json!({"Bucket": "evidence", "Prefix": "cases/"}),
            content_type: "application/xml",
            body: answers::keys(1000),
            goal: None,
        },
        Case {
            name: "sts GetCallerIdentity",
            service: "sts",
            operation: "GetCallerIdentity",
            params: json!({}),
            content_type: xml,
            body: answers::identity(),
            goal: None,
        },
    ]
}

#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
fn now() -> Instant {
    Instant::now()
}

/// Median time of one call in microseconds. The answer is dropped outside of the measured time, as a caller keeps it.
fn ours(case: &Case) -> f64 {
    let credentials = Credentials {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
        session_token: None,
        expires_at: None,
        account_id: None,
    };
    let at: Timestamp = "2026-11-21T05:00:00Z".parse().unwrap();
    let response = HttpResponse {
        status: 200,
        headers: vec![
            ("content-type".to_owned(), case.content_type.to_owned()),
            ("x-amzn-requestid".to_owned(), "4f1c-e7".to_owned()),
        ],
        body: case.body.clone().into(),
    };
    let call = Call {
        service: case.service,
        operation: case.operation,
        params: &case.params,
        region: "us-east-1",
        endpoint_url: None,
        token: "00000000-0000-4000-8000-000000000000",
        options: CallOptions::defaults(),
    };
    let begun = now();
    let mut times = Vec::new();
    while begun.elapsed() < SLICE {
        let one = now();
        let prepared = prepare(&call).unwrap();
        let signed = prepared.sign(&credentials, at).unwrap();
        let answer = prepared.decode(&response).unwrap();
        times.push(one.elapsed());
        assert!(answer.is_object() && signed.header("authorization").is_some());
    }
    times.sort_unstable();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    median.as_secs_f64() * 1e6
}

/// The venv's Python, as the other tests find it.
fn python() -> Option<PathBuf> {
    let venv = std::env::var_os("QUELL_VENV").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.venv")),
        PathBuf::from,
    );
    Some(venv.join("bin/python")).filter(|python| python.exists())
}

/// boto3's median times in microseconds, in the order of the cases.
fn theirs(cases: &[&Case]) -> Option<Vec<f64>> {
    let python = python()?;
    let given: Vec<Value> = cases
        .iter()
        .map(|case| {
            json!({"service": case.service, "operation": case.operation, "params": case.params,
            "contentType": case.content_type, "body": case.body})
        })
        .collect();
    let folder = std::env::temp_dir().join(format!("quell-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("cases.json");
    std::fs::write(&file, json!(given).to_string()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/boto3_calls.py");
    let output = Command::new(python)
        .arg(script)
        .arg(&file)
        .output()
        .unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "NOT MET" }
}

fn main() {
    // `cargo test --benches` runs this with `--test`: a bench has nothing to test.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    // A word as argument chooses cases: `cargo bench -p aws --bench calls -- ec2`.
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let all = cases();
    let chosen: Vec<&Case> = all
        .iter()
        .filter(|case| words.is_empty() || words.iter().any(|word| case.name.contains(word)))
        .collect();
    let boto = theirs(&chosen);
    println!(
        "| call without the network | answer, bytes | us | goal | boto3, us | ratio | goal 10x |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (at, case) in chosen.iter().enumerate() {
        let us = ours(case);
        let goal = case.goal.map_or_else(
            || "-".to_owned(),
            |goal| format!("{goal:.0}: {}", verdict(us <= goal)),
        );
        let theirs = boto.as_ref().and_then(|times| times.get(at)).map_or_else(
            || "not run: no venv; set QUELL_VENV | - | -".to_owned(),
            |theirs| {
                let ratio = theirs / us;
                format!("{theirs:.0} | {ratio:.1} | {}", verdict(ratio >= RATIO))
            },
        );
        println!(
            "| {} | {} | {us:.1} | {goal} | {theirs} |",
            case.name,
            case.body.len()
        );
    }
}
