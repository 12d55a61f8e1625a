//! Real messages of third parties, when they are there: each is recognised as what it is.

use std::fs;
use std::path::{Path, PathBuf};

use intake::decode::{Format, Kind, Limits, decode};

use super::{event, message};

/// Folder of samples, the kinds that its messages may be, and how many there must be at least.
const FOLDERS: [(&str, &[Kind], usize); 12] = [
    ("eb_guardduty", &[Kind::EventBridge], 12),
    ("eb_securityhub", &[Kind::EventBridge], 11),
    ("eb_cloudtrail", &[Kind::EventBridge], 5),
    ("eb_other", &[Kind::EventBridge, Kind::Unrecognized], 50),
    (
        "cloudtrail",
        &[Kind::CloudTrail, Kind::Record, Kind::Unrecognized],
        120,
    ),
    ("cloudtrail_file", &[Kind::CloudTrail], 6),
    ("config_rule_event", &[Kind::ConfigRule], 4),
    ("cloudwatch_alarm_sns", &[Kind::Alarm], 2),
    ("cloudwatch_alarm_lambda", &[Kind::Alarm], 1),
    ("cloudevents", &[Kind::CloudEvent], 18),
    ("falco", &[Kind::Falco], 3),
    (
        "lambda_sns",
        &[Kind::Alarm, Kind::EventBridge, Kind::Unrecognized],
        6,
    ),
];

/// Messages that wrap anything.
const WRAPPED: [(&str, &str); 3] = [
    ("lambda_sqs", "sqs"),
    ("lambda_kinesis", "kinesis"),
    ("sns_message", "sns"),
];

fn samples() -> Option<PathBuf> {
    let root = std::env::var_os("QUELL_CASES").map_or_else(
        || {
            PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../../shared/cases"
            ))
        },
        PathBuf::from,
    );
    let path = root.join("../samples");
    if path.is_dir() {
        return Some(path);
    }
    println!("not run: no {}", path.display());
    None
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.display().to_string(), fs::read(&path).unwrap())
        })
        .collect()
}

#[test]
fn samples_are_what_they_are() {
    let Some(root) = samples() else {
        return;
    };
    let limits = Limits {
        body: 8 << 20,
        ..Limits::default()
    };
    for (folder, kinds, least) in FOLDERS {
        let files = files(&root.join(folder));
        assert!(files.len() >= least, "{folder}");
        let (mut known, mut total) = (0, 0);
        for (name, body) in &files {
            let signals = decode(&Format::Auto, &message(body), &limits);
            let signals = signals.unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(!signals.is_empty(), "{name}");
            for signal in &signals {
                assert!(
                    kinds.contains(&signal.kind),
                    "{name}: {} {:?}",
                    signal.kind,
                    signal.notes
                );
                event(signal);
                total += 1;
                known += usize::from(signal.kind != Kind::Unrecognized);
            }
        }
        println!(
            "{folder}: {} files, {total} signals, {known} of a known kind",
            files.len()
        );
    }
}

#[test]
fn wrapped_samples_are_unwrapped() {
    let Some(root) = samples() else {
        return;
    };
    for (folder, layer) in WRAPPED {
        let mut unwrapped = 0;
        for (name, body) in files(&root.join(folder)) {
            let signals = decode(&Format::Auto, &message(&body), &Limits::default());
            for signal in signals.unwrap_or_else(|error| panic!("{name}: {error}")) {
                unwrapped += usize::from(signal.layers.iter().any(|have| have.word() == layer));
                event(&signal);
            }
        }
        println!("{folder}: {unwrapped} contents");
        assert!(unwrapped >= 8, "{folder}: {unwrapped}");
    }
}

#[test]
fn every_other_sample_is_kept() {
    let Some(root) = samples() else {
        return;
    };
    let limits = Limits {
        body: 8 << 20,
        detail: 8 << 20,
        ..Limits::default()
    };
    let mut count = 0;
    for folder in [
        "asff",
        "guardduty",
        "k8s_audit",
        "ocsf",
        "stix_bundle",
        "waf",
    ] {
        for (name, body) in files(&root.join(folder)) {
            let signals = decode(&Format::Auto, &message(&body), &limits);
            count += signals
                .unwrap_or_else(|error| panic!("{name}: {error}"))
                .len();
        }
    }
    println!("{count} signals of kinds that have no decoder");
    assert!(count >= 100, "{count}");
}
