//! All that can be said about a document before it runs: mistakes, and what a careful reader would ask about.
//!
//! Errors are those of [`parse`](super::document::parse). Warnings are told of a valid document only: with a mistake in
//! it, what leads where is not known. Knows no service: whether a call may be repeated is asked of the caller.

mod graph;
mod remedy;
mod shell;
mod warnings;

use serde_json::Value;

use super::document::{self, Diagnostic, DiagnosticKind, Format};

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The document is refused.
    Error,
    /// The document is taken; it may not do what its author thinks.
    Warning,
}

/// One thing that is said about a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How much it weighs.
    pub severity: Severity,
    /// What it is, as a word that stays the same from version to version, e.g. `unused-parameter`.
    pub code: &'static str,
    /// Line from 1; 0 when unknown.
    pub line: u32,
    /// Column from 1, in characters; 0 when unknown.
    pub column: u32,
    /// The step at fault.
    pub step: Option<String>,
    /// What is the case.
    pub message: String,
    /// What to do about it, unless the message says so.
    pub remedy: Option<String>,
}

/// Whether a call may be made again when nobody knows whether it happened: service, operation, parameters as written.
pub type Repeatable<'a> = dyn Fn(&str, &str, &Value) -> bool + 'a;

/// Says everything about a document's text, in the order of the text.
#[must_use]
pub fn review(content: &str, format: Format, repeatable: &Repeatable<'_>) -> Vec<Finding> {
    let (source, document, diagnostics) = match document::parse_with_places(content, format) {
        Ok(parts) => parts,
        Err(diagnostic) => return vec![refusal(&diagnostic, None)],
    };
    let mut findings: Vec<Finding> = if diagnostics.is_empty() {
        warnings::all(&source, &document, repeatable)
    } else {
        diagnostics
            .iter()
            .map(|diagnostic| refusal(diagnostic, Some(&document)))
            .collect()
    };
    findings.sort_by_key(|finding| (finding.line, finding.column));
    findings
}

fn refusal(diagnostic: &Diagnostic, document: Option<&document::Document>) -> Finding {
    Finding {
        severity: Severity::Error,
        code: match diagnostic.kind {
            DiagnosticKind::TooLarge => "too-large",
            DiagnosticKind::SchemaVersion => "schema-version",
            DiagnosticKind::Syntax => "syntax",
            DiagnosticKind::Content => "content",
            DiagnosticKind::UnsupportedAction => "unsupported",
        },
        line: diagnostic.line,
        column: diagnostic.column,
        step: diagnostic.step.clone(),
        message: diagnostic.message.clone(),
        remedy: remedy::of(&diagnostic.message, document),
    }
}
