//! Text to document: syntax, the top level, and all that can be wrong there.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use super::declarations::{read_parameters, read_variables};
use super::{Diagnostic, DiagnosticKind, Document, Format, MAX_BYTES, references, steps};
use crate::expr::value_type::kind_of;
use crate::source::{Place, Source, child_pointer};

const TOP_KEYS: [&str; 8] = [
    "schemaVersion",
    "description",
    "assumeRole",
    "parameters",
    "variables",
    "mainSteps",
    "outputs",
    "files",
];

/// Reads a document. The document is there exactly when there is nothing to complain about.
#[must_use]
pub fn parse(content: &str, format: Format) -> (Option<Document>, Vec<Diagnostic>) {
    match parse_with_places(content, format) {
        Err(diagnostic) => (None, vec![diagnostic]),
        Ok((_, document, list)) if list.is_empty() => (Some(document), list),
        Ok((_, _, list)) => (None, list),
    }
}

/// Reads a document as far as it can be read: its data with places, itself, and the complaints about it.
pub(crate) fn parse_with_places(
    content: &str,
    format: Format,
) -> Result<(Source, Document, Vec<Diagnostic>), Diagnostic> {
    let source = load(content, format)?;
    let mut notes = Notes {
        source: &source,
        list: Vec::new(),
    };
    let document = read(&mut notes);
    let list = notes.list;
    Ok((source, document, list))
}

/// Text to data with places.
pub(super) fn load(content: &str, format: Format) -> Result<Source, Diagnostic> {
    if content.len() > MAX_BYTES {
        return Err(Diagnostic {
            kind: DiagnosticKind::TooLarge,
            line: 1,
            column: 1,
            step: None,
            message: format!(
                "the document has {} bytes, at most {MAX_BYTES} are allowed",
                content.len()
            ),
        });
    }
    let loaded = match format {
        Format::Json => crate::json::parse(content, crate::source::DOCUMENT),
        Format::Yaml => crate::yaml::parse(content),
    };
    loaded.map_err(|error| Diagnostic {
        kind: DiagnosticKind::Syntax,
        line: error.place.line,
        column: error.place.column,
        step: None,
        message: format!("not valid {}: {}", format.as_str(), error.message),
    })
}

/// Collects diagnostics and knows where things stand.
pub(super) struct Notes<'a> {
    pub(super) source: &'a Source,
    pub(super) list: Vec<Diagnostic>,
}

impl Notes<'_> {
    /// Notes a broken rule at a place of the text.
    pub(super) fn add(&mut self, pointer: &str, message: impl Into<String>) {
        self.note(DiagnosticKind::Content, pointer, None, message.into());
    }

    /// Notes a broken rule of one step.
    pub(super) fn add_step(&mut self, pointer: &str, step: &str, message: impl Into<String>) {
        self.note(
            DiagnosticKind::Content,
            pointer,
            Some(step.to_owned()),
            message.into(),
        );
    }

    pub(super) fn note(
        &mut self,
        kind: DiagnosticKind,
        pointer: &str,
        step: Option<String>,
        message: String,
    ) {
        let Place { line, column } = self.source.place(pointer);
        let diagnostic = Diagnostic {
            kind,
            line,
            column,
            step,
            message,
        };
        // A broken document can repeat one mistake thousands of times.
        if self.list.len() < 200 && !self.list.contains(&diagnostic) {
            self.list.push(diagnostic);
        }
    }
}

fn read(notes: &mut Notes<'_>) -> Document {
    let source = notes.source;
    let Some(top) = source.value.as_object() else {
        notes.add(
            "",
            format!(
                "the document must be a map with schemaVersion and mainSteps, not a {}",
                kind_of(&source.value)
            ),
        );
        return Document::default();
    };
    for key in top.keys().filter(|key| !TOP_KEYS.contains(&key.as_str())) {
        notes.add(
            &child_pointer("", key),
            format!("unknown key \"{key}\"; known are {}", TOP_KEYS.join(", ")),
        );
    }
    check_version(notes, top.get("schemaVersion"));
    let mut document = Document {
        description: read_text(notes, top, "", "description"),
        assume_role: read_text(notes, top, "", "assumeRole"),
        parameters: read_parameters(notes, top.get("parameters")),
        variables: read_variables(notes, top.get("variables")),
        outputs: Vec::new(),
        files: read_files(notes, top.get("files")),
        steps: Vec::new(),
        by_name: HashMap::new(),
    };
    steps::read_all(notes, top.get("mainSteps"), &mut document);
    read_outputs(notes, top.get("outputs"), &mut document);
    references::check(notes, &document);
    document
}

/// `files: {NAME: {checksums: {sha256: HEX}}}`: the attachments that scripts may come from.
fn read_files(notes: &mut Notes<'_>, files: Option<&Value>) -> BTreeMap<String, String> {
    let mut read = BTreeMap::new();
    let files = match files {
        None | Some(Value::Null) => return read,
        Some(Value::Object(files)) => files,
        Some(_) => {
            notes.add("/files", "\"files\" must be a map of file names");
            return read;
        }
    };
    for (name, file) in files {
        let sum = file.pointer("/checksums/sha256").and_then(Value::as_str);
        let sum = sum.filter(|sum| sum.len() == 64 && sum.bytes().all(|b| b.is_ascii_hexdigit()));
        match sum {
            Some(sum) => {
                read.insert(name.clone(), sum.to_ascii_lowercase());
            }
            None => notes.add(
                &child_pointer("/files", name),
                format!(
                    "file \"{name}\" must have checksums with a sha256 of 64 hexadecimal digits"
                ),
            ),
        }
    }
    read
}

fn check_version(notes: &mut Notes<'_>, version: Option<&Value>) {
    let fits = match version {
        Some(Value::String(text)) => text.trim() == "0.3",
        Some(Value::Number(number)) => number.to_string() == "0.3",
        _ => false,
    };
    if !fits {
        let found = version.map_or_else(|| "nothing".to_owned(), ToString::to_string);
        notes.note(
            DiagnosticKind::SchemaVersion,
            "/schemaVersion",
            None,
            format!("schemaVersion of an Automation document must be \"0.3\", found {found}"),
        );
    }
}

/// A text member; numbers and booleans are taken as text, null as absent.
pub(super) fn read_text(
    notes: &mut Notes<'_>,
    map: &Map<String, Value>,
    pointer: &str,
    key: &str,
) -> Option<String> {
    match map.get(key)? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other @ (Value::Number(_) | Value::Bool(_)) => Some(other.to_string()),
        other => {
            notes.add(
                &child_pointer(pointer, key),
                format!("\"{key}\" must be a text, not a {}", kind_of(other)),
            );
            None
        }
    }
}

fn read_outputs(notes: &mut Notes<'_>, value: Option<&Value>, document: &mut Document) {
    let list = match value {
        None | Some(Value::Null) => return,
        Some(Value::Array(list)) => list,
        Some(other) => {
            notes.add(
                "/outputs",
                format!(
                    "\"outputs\" must be a list of step.Output texts, not a {}",
                    kind_of(other)
                ),
            );
            return;
        }
    };
    for (n, item) in list.iter().enumerate() {
        let here = format!("/outputs/{n}");
        let name = item.as_str().map(str::trim).unwrap_or_default();
        let Some((step, output)) = name
            .split_once('.')
            .filter(|(step, output)| !step.is_empty() && !output.is_empty())
        else {
            notes.add(
                &here,
                format!("output {item} must be a text of the form step.Output"),
            );
            continue;
        };
        // When a step could not be read, complaining about its outputs would mislead.
        if !document.by_name.contains_key(step) && !steps::is_named(notes.source, step) {
            notes.add(
                &here,
                format!("Unknown step name: \"{step}\" in outputs (\"{step}.{output}\")"),
            );
        }
        document.outputs.push(name.to_owned());
    }
}
