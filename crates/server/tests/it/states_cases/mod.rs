//! What AWS answered to the operations on state machines, activities, versions and aliases, and to `TestState`, played
//! against the server (third-party cases, read from `QUELL_CASES`). Histories and single states that end are compared
//! in `flow`; here it is the answers of the API, with the texts of its refusals.
//!
//! Stricter than the records ask for: what they call lenient is compared too, and every difference that stands is in
//! [`JUDGED`] with its reason.

mod answers;
#[expect(
    dead_code,
    reason = "some of what histories need is not needed for answers"
)]
#[path = "../../../../flow/tests/it/asl/compare.rs"]
mod compare;
mod play;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;

use play::{Played, play};

/// Differences that stand: the part of an id, the beginning of the difference, and why.
const JUDGED: &[(&str, &str, &str)] = &[
    (
        "test_sfn_api_map_run::test_map_state_label_too_long_fail",
        "map_state_label_too_long_fail.",
        "not a text of AWS: `Error=ValueError Args=` is an error of Python",
    ),
    (
        "test_sfn_api_variable_references::",
        "describe_response.encryptionConfiguration",
        "lenient in the record; other records of the operation have none, and there are no keys here",
    ),
    (
        "test_sfn_api_variable_references::",
        "describe_for_execution_response.encryptionConfiguration",
        "lenient in the record; other records of the operation have none, and there are no keys here",
    ),
    (
        "test_sfn_api_versioning::test_start_version_execution",
        "exec_list_resp.executions.0.redriveCount",
        "recorded before executions could be redriven; newer records of the operation have it",
    ),
    (
        "test_sfn_api_versioning::test_start_version_execution",
        "exec_version_list_resp.executions.0.redriveCount",
        "recorded before executions could be redriven; newer records of the operation have it",
    ),
];

/// How the records of one file went.
#[derive(Default)]
struct Row {
    equal: usize,
    judged: usize,
    differing: usize,
    not_run: usize,
    /// Answers compared.
    answers: usize,
    /// Answers that boto3 gave itself: there is nothing of the wire to compare.
    by_boto3: usize,
}

#[tokio::test]
async fn the_api_answers_as_on_the_service() {
    let Some(folder) = folder() else { return };
    let mut table: BTreeMap<(String, String), Row> = BTreeMap::new();
    let (mut failures, mut reasons) = (Vec::new(), Vec::new());
    let mut used = BTreeSet::new();
    for record in records(&folder)
        .iter()
        .filter(|record| is_of_the_api(record))
    {
        let id = record["id"].as_str().expect("an id");
        let file = id.split("::").next().unwrap_or_default();
        let kind = record["kind"].as_str().expect("a kind");
        let row = table.entry((file.to_owned(), kind.to_owned())).or_default();
        let (answers, by_boto3, lines) = match play(record).await {
            Played::NotRun(reason) => {
                row.not_run += 1;
                reasons.push(format!("not run: {id}: {reason}"));
                continue;
            }
            Played::Compared {
                answers,
                by_boto3,
                lines,
            } => (answers, by_boto3, lines),
        };
        row.answers += answers;
        row.by_boto3 += by_boto3;
        let (stand, differ): (Vec<_>, Vec<_>) = lines
            .into_iter()
            .map(|line| (judged(id, &line), line))
            .partition(|(at, _)| at.is_some());
        used.extend(stand.iter().filter_map(|(at, _)| *at));
        if !differ.is_empty() {
            row.differing += 1;
            let lines: Vec<_> = differ.into_iter().map(|(_, line)| line).collect();
            failures.push(format!("{id}\n    {}", lines.join("\n    ")));
        } else if stand.is_empty() {
            row.equal += 1;
        } else {
            row.judged += 1;
        }
    }
    print(&table, &reasons);
    for (n, (id, line, _)) in JUDGED.iter().enumerate() {
        assert!(
            used.contains(&n),
            "judged, but there is no such difference: {id} {line}"
        );
    }
    assert!(
        failures.is_empty(),
        "{} differ:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// Which judgement a difference falls under.
fn judged(id: &str, line: &str) -> Option<usize> {
    JUDGED
        .iter()
        .position(|(of, begins, _)| id.contains(of) && line.starts_with(begins))
}

/// Records whose answers are those of the API alone.
fn is_of_the_api(record: &Value) -> bool {
    let kind = record["kind"].as_str();
    let executions = kind == Some("Execution") && record["area"] == "api";
    matches!(kind, Some("Create" | "Api" | "Validate" | "TestState")) || executions
}

fn print(table: &BTreeMap<(String, String), Row>, reasons: &[String]) {
    println!(
        "{:<36} {:<10} {:>6} {:>7} {:>9} {:>8} {:>8} {:>9}",
        "file", "kind", "equal", "judged", "differing", "not run", "answers", "by boto3"
    );
    for ((file, kind), row) in table {
        println!(
            "{file:<36} {kind:<10} {:>6} {:>7} {:>9} {:>8} {:>8} {:>9}",
            row.equal, row.judged, row.differing, row.not_run, row.answers, row.by_boto3
        );
    }
    for reason in reasons {
        println!("{reason}");
    }
    for (id, line, why) in JUDGED {
        println!("judged: {id}: {line}: {why}");
    }
}

fn folder() -> Option<PathBuf> {
    let usual = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/cases");
    let root = std::env::var_os("QUELL_CASES").map_or_else(|| PathBuf::from(usual), PathBuf::from);
    let folder = root.join("asl");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("not run: no cases at {}; set QUELL_CASES", folder.display());
    None
}

fn records(folder: &std::path::Path) -> Vec<Value> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the cases")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|it| it == "jsonl"))
        .collect();
    files.sort();
    let texts = files
        .iter()
        .map(|path| std::fs::read_to_string(path).expect("a file"));
    let records = texts.flat_map(|text| {
        let lines = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("a record"));
        lines.collect::<Vec<Value>>()
    });
    records.collect()
}
