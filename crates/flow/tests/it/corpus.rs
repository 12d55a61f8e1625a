//! Third-party documents: each is valid, or every complaint about it is a known one.

use std::path::PathBuf;

use flow::automation::document::{DiagnosticKind, Format, parse};

/// What is wrong with documents that are no valid Automation documents: (part of the name, part of the complaint).
const KNOWN: [(&str, &str); 14] = [
    // Skeletons of a documentation template.
    (
        "Design__schema.json",
        "mainSteps must be a list with at least one step",
    ),
    (
        "CopySnapshot__Design",
        "Unknown step name: \"copySnapshot\" in outputs",
    ),
    (
        "PatchWindowsInASG__Design",
        "a default may not refer to parameters",
    ),
    // A CloudFormation template.
    ("cfn-create-ssm-automation-parameters-adjoin", "unknown key"),
    (
        "cfn-create-ssm-automation-parameters-adjoin",
        "schemaVersion of an Automation document",
    ),
    (
        "cfn-create-ssm-automation-parameters-adjoin",
        "mainSteps must be a list",
    ),
    // Mistakes that a strict reader tells: a key given twice, a quoted text whose next line is not indented, a step
    // without an action (its template adds one), defaults that refer to parameters, conditions with two members.
    ("SSMStopStartSAPv1.0", "duplicate mapping key: description"),
    (
        "update_version_rest",
        "invalid indentation in multiline quoted scalar",
    ),
    (
        "reboot_cluster",
        "Missing \"action\" in step \"InjectFailure\"",
    ),
    (
        "AddNetworkLatencyUsingAppliance",
        "a default may not refer to parameters",
    ),
    ("lambda_function_management", "`Not` must stand alone"),
    ("lambda_function_management", "`And` must stand alone"),
    ("lambda_function_management", "`Or` must stand alone"),
    ("", "%%"),
];

#[test]
#[expect(clippy::too_many_lines, reason = "one walk with its figures")]
fn every_third_party_document_is_understood() {
    let Some(folder) = crate::cases("automation-documents") else {
        return;
    };
    let entries = std::fs::read_dir(&folder).expect("the documents");
    let mut paths: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    let (mut parsed, mut valid, mut unsupported, mut other) = (0, 0, 0, Vec::new());
    for path in &paths {
        let format = match path.extension().and_then(|ext| ext.to_str()) {
            Some("json") => Format::Json,
            Some("yml" | "yaml") => Format::Yaml,
            _ => continue,
        };
        let name = path
            .file_name()
            .expect("a file")
            .to_string_lossy()
            .into_owned();
        let text = std::fs::read_to_string(path).expect("readable");
        let (document, diagnostics) = parse(&text, format);
        assert_eq!(document.is_some(), diagnostics.is_empty(), "{name}");
        if !diagnostics.iter().any(|d| d.kind == DiagnosticKind::Syntax) {
            parsed += 1;
        }
        if document.is_some() {
            valid += 1;
        } else if diagnostics
            .iter()
            .all(|d| d.kind == DiagnosticKind::UnsupportedAction)
        {
            unsupported += 1;
        } else {
            other.extend(
                diagnostics
                    .iter()
                    .filter(|d| d.kind != DiagnosticKind::UnsupportedAction)
                    .map(|d| format!("{name}: {d}")),
            );
        }
    }
    println!(
        "documents: parsed {parsed}, valid {valid}, only unsupported actions {unsupported}, other {}",
        other.len()
    );
    other.iter().for_each(|line| println!("  {line}"));
    let surprising: Vec<&String> = other
        .iter()
        .filter(|line| {
            !KNOWN
                .iter()
                .any(|(name, complaint)| line.contains(name) && line.contains(complaint))
        })
        .collect();
    assert!(surprising.is_empty(), "{surprising:#?}");
    assert!(
        parsed >= 95 && valid >= 40 && valid + unsupported >= 80,
        "the corpus is understood less well than it was"
    );
}
