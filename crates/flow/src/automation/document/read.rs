//! Text to document: syntax, the top level, and all that can be wrong there.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::declared::{Constraints, Parameter, Variable, read_type};
use super::{Diagnostic, DiagnosticKind, Document, Format, MAX_BYTES, references, steps};
use crate::expr::reference::{Reference, whole};
use crate::expr::value_type::{ValueType, kind_of};
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
/// Most parameters of one document (SSM's own limit of StartAutomationExecution).
const MAX_PARAMETERS: usize = 200;

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
        Format::Json => crate::json::parse(content),
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
        steps: Vec::new(),
        by_name: HashMap::new(),
    };
    if !top
        .get("files")
        .is_none_or(|files| files.is_object() || files.is_null())
    {
        notes.add("/files", "\"files\" must be a map of file names");
    }
    steps::read_all(notes, top.get("mainSteps"), &mut document);
    read_outputs(notes, top.get("outputs"), &mut document);
    references::check(notes, &document);
    document
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

fn entries<'a>(
    notes: &mut Notes<'_>,
    value: Option<&'a Value>,
    what: &str,
) -> Vec<(&'a String, &'a Map<String, Value>)> {
    let pointer = format!("/{what}");
    let map = match value {
        None | Some(Value::Null) => return Vec::new(),
        Some(Value::Object(map)) => map,
        Some(other) => {
            notes.add(
                &pointer,
                format!("\"{what}\" must be a map, not a {}", kind_of(other)),
            );
            return Vec::new();
        }
    };
    if map.len() > MAX_PARAMETERS {
        notes.add(
            &pointer,
            format!("at most {MAX_PARAMETERS} {what} are allowed"),
        );
    }
    let mut found = Vec::new();
    for (name, body) in map {
        let here = child_pointer(&pointer, name);
        match body.as_object() {
            Some(body) => found.push((name, body)),
            None => notes.add(
                &here,
                format!(
                    "\"{name}\" of {what} must be a map with a type, not a {}",
                    kind_of(body)
                ),
            ),
        }
    }
    found
}

fn read_parameters(notes: &mut Notes<'_>, value: Option<&Value>) -> Vec<Parameter> {
    let mut parameters = Vec::new();
    for (name, body) in entries(notes, value, "parameters") {
        let here = child_pointer("/parameters", name);
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric()) || name.len() > 50 {
            notes.add(
                &here,
                format!("Parameter name \"{name}\" is not alpha-numeric."),
            );
        }
        let type_name = read_text(notes, body, &here, "type").unwrap_or_default();
        let Some((value_type, implied)) = read_type(&type_name) else {
            notes.add(&here, unknown_type("Parameter", name, &type_name));
            continue;
        };
        let default = body
            .get("default")
            .filter(|value| !value.is_null())
            .cloned();
        check_default(notes, &here, (&type_name, value_type), default.as_ref());
        parameters.push(Parameter {
            name: name.clone(),
            value_type,
            description: read_text(notes, body, &here, "description"),
            default,
            constraints: read_constraints(notes, body, &here, implied),
            type_name,
        });
    }
    parameters
}

fn unknown_type(what: &str, name: &str, found: &str) -> String {
    format!(
        "{what} \"{name}\" has the unknown type \"{found}\"; known are String, StringList, Integer, Boolean, StringMap, MapList, and resource types such as AWS::EC2::Instance::Id"
    )
}

fn read_variables(notes: &mut Notes<'_>, value: Option<&Value>) -> Vec<Variable> {
    let mut variables = Vec::new();
    for (name, body) in entries(notes, value, "variables") {
        let here = child_pointer("/variables", name);
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            notes.add(
                &here,
                format!("Variable name \"{name}\" is not alpha-numeric."),
            );
        }
        let type_name = read_text(notes, body, &here, "type").unwrap_or_default();
        let Some(value_type) = ValueType::parse(&type_name) else {
            notes.add(&here, unknown_type("Variable", name, &type_name));
            continue;
        };
        let default = body
            .get("default")
            .filter(|value| !value.is_null())
            .cloned();
        let default = default.map(|value| {
            if value_type == ValueType::String || !value.is_string() {
                value
            } else {
                value_type.convert(value.clone()).unwrap_or(value)
            }
        });
        if default
            .as_ref()
            .is_some_and(|value| !value_type.holds(value))
        {
            notes.add(
                &here,
                format!("Wrong default value for a \"{type_name}\" parameters"),
            );
        }
        let constraints = read_constraints(notes, body, &here, None);
        variables.push(Variable {
            name: name.clone(),
            value_type,
            default,
            constraints,
        });
    }
    variables
}

fn check_default(
    notes: &mut Notes<'_>,
    here: &str,
    wanted: (&str, ValueType),
    default: Option<&Value>,
) {
    let Some(default) = default else { return };
    let (type_name, value_type) = wanted;
    let ssm = default
        .as_str()
        .and_then(whole)
        .is_some_and(|reference| matches!(reference, Reference::Ssm(_)));
    let fits = match value_type {
        // Scalars in the place of a text are common in YAML: `default: 5`.
        ValueType::String => !default.is_array() && !default.is_object(),
        ValueType::Integer => {
            ValueType::Integer.holds(default)
                || default
                    .as_str()
                    .is_some_and(|t| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit()))
        }
        ValueType::Boolean => default.is_boolean(),
        ValueType::StringList => default.is_array() || ssm,
        ValueType::StringMap | ValueType::MapList if default.is_string() => {
            value_type.convert(default.clone()).is_ok()
        }
        ValueType::StringMap => default.is_object(),
        ValueType::MapList => ValueType::MapList.holds(default),
    };
    if !fits {
        notes.add(
            here,
            format!("Wrong default value for a \"{type_name}\" parameters"),
        );
    }
    if ssm && !matches!(value_type, ValueType::String | ValueType::StringList) {
        notes.add(
            here,
            "a default from the parameter store needs the type String or StringList",
        );
    }
    let mut nested = false;
    crate::expr::reference::visit_texts(default, &mut |text| {
        nested |= crate::expr::reference::find(text).iter().any(|found| {
            !matches!(
                found.reference,
                Reference::Ssm(_) | Reference::Automation(_) | Reference::Global(_)
            )
        });
    });
    if nested && !ssm {
        notes.add(
            here,
            "a default may not refer to parameters, variables or outputs",
        );
    }
}

fn read_constraints(
    notes: &mut Notes<'_>,
    body: &Map<String, Value>,
    here: &str,
    implied: Option<&'static str>,
) -> Constraints {
    let allowed_pattern = read_text(notes, body, here, "allowedPattern");
    if let Some(pattern) = &allowed_pattern
        && let Err(error) = super::super::parameters::compile(pattern)
    {
        notes.add(&child_pointer(here, "allowedPattern"), error);
    }
    let allowed_values = match body.get("allowedValues") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(values)) => values.clone(),
        Some(other) => {
            notes.add(
                &child_pointer(here, "allowedValues"),
                format!("\"allowedValues\" must be a list, not a {}", kind_of(other)),
            );
            Vec::new()
        }
    };
    let mut number = |key: &str| -> Option<i64> {
        let value = body.get(key).filter(|value| !value.is_null())?;
        let number = value
            .as_i64()
            .or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()));
        if number.is_none() {
            notes.add(
                &child_pointer(here, key),
                format!("\"{key}\" must be a whole number"),
            );
        }
        number
    };
    let count = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok());
    Constraints {
        min_items: count(number("minItems")),
        max_items: count(number("maxItems")),
        min_chars: count(number("minChars")),
        max_chars: count(number("maxChars")),
        min_value: number("minValue"),
        max_value: number("maxValue"),
        allowed_values,
        allowed_pattern,
        implied_pattern: implied,
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
