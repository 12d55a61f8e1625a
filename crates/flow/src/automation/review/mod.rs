//! All that can be said about a document before it runs: mistakes, and what a careful reader would ask about.
//!
//! Errors are those of [`parse`](super::document::parse). Warnings are told of a valid document only: with a mistake in
//! it, what leads where is not known. Knows no service: whether a call may be repeated is asked of the caller.

mod graph;
mod remedy;
mod shell;
mod warnings;

pub(crate) use shell::is_code;

use super::document::{self, Diagnostic, DiagnosticKind, Format};
use crate::finding::{Finding, Repeatable, Severity};

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
        part: diagnostic.step.clone(),
        message: diagnostic.message.clone(),
        remedy: remedy::of(&diagnostic.message, document),
    }
}
