//! Third-party documents: each is valid, or every complaint about it is a known one.

use std::collections::BTreeMap;
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

/// What the walk over all documents counts.
#[derive(Default)]
struct Table {
    documents: usize,
    valid: usize,
    refused: Vec<String>,
    steps: usize,
    /// Steps by action.
    actions: BTreeMap<&'static str, usize>,
    unsupported: Vec<String>,
    /// Script steps whose code is an attachment of the document.
    attached: usize,
}

impl Table {
    fn add(&mut self, name: &str, text: &str, format: Format) {
        let (document, diagnostics) = parse(text, format);
        assert_eq!(document.is_some(), diagnostics.is_empty(), "{name}");
        self.documents += 1;
        for diagnostic in diagnostics {
            let line = format!("{name}: {diagnostic}");
            if diagnostic.kind == DiagnosticKind::UnsupportedAction
                || diagnostic.message.starts_with("Unknown action")
            {
                self.unsupported.push(line);
            } else {
                self.refused.push(line);
            }
        }
        let Some(document) = document else { return };
        self.valid += 1;
        self.steps += document.steps.len();
        self.attached += document.attached_scripts().count();
        for step in &document.steps {
            *self.actions.entry(step.action.as_str()).or_default() += 1;
        }
    }

    fn print(&self) {
        println!("documents    {:>5}", self.documents);
        println!("  valid      {:>5}", self.valid);
        println!("  refused    {:>5}", self.documents - self.valid);
        println!("steps        {:>5}", self.steps);
        println!("actions      {:>5}", self.actions.len());
        for (action, steps) in &self.actions {
            println!("  {action:32} {steps:>5}");
        }
        println!("unsupported  {:>5}", self.unsupported.len());
        println!("attached     {:>5}", self.attached);
        let told = [&self.unsupported, &self.refused];
        told.into_iter()
            .flatten()
            .for_each(|line| println!("  {line}"));
    }
}

#[test]
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
    let mut table = Table::default();
    for path in &paths {
        let format = match path.extension().and_then(|ext| ext.to_str()) {
            Some("json") => Format::Json,
            Some("yml" | "yaml") => Format::Yaml,
            _ => continue,
        };
        let name = path.file_name().expect("a file").to_string_lossy();
        let text = std::fs::read_to_string(path).expect("readable");
        table.add(&name, &text, format);
    }
    table.print();
    assert!(table.unsupported.is_empty(), "{:#?}", table.unsupported);
    let surprising: Vec<&String> = table
        .refused
        .iter()
        .filter(|line| {
            !KNOWN
                .iter()
                .any(|(name, complaint)| line.contains(name) && line.contains(complaint))
        })
        .collect();
    assert!(surprising.is_empty(), "{surprising:#?}");
    assert!(
        table.valid * 100 >= table.documents * 85,
        "the documents are understood less well than they were"
    );
}
