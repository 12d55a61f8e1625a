//! Quell's `{{ }}` variables in a response plan: dedupe string, title and runbook parameters.
//!
//! | Variable | Value |
//! |---|---|
//! | `event.<path>` | a scalar of the EventBridge envelope, e.g. `event.account`, `event.detail.type`, `event.resources[0]` |
//! | `event.json` | the whole event as JSON text, at most 60 KiB |
//! | `resource.id`, `.type`, `.arn` | the resource that a finding is about (see [`resource`]), else `resources[0]` |
//! | `finding.type`, `.title`, `.id`, `.severity`, `.remote_ip` | of a GuardDuty, Security Hub or CloudTrail event |
//! | `incident.arn`, `incident.id` | the incident that is opened (parameters only) |
//!
//! A value is never looked at again: `{{` inside an event stays text. What cannot be resolved is an error that the
//! place of use answers for: see [`dedupe_key`], [`title`] and [`parameters`].

pub mod alarm;
pub mod resource;

use std::collections::BTreeMap;

use model::ids;
use model::incident::cut;
use model::plan::{DynamicParameter, DynamicVariable, SsmAutomation};
use serde_json::Value;
use uuid::Uuid;

use model::text::one_line;

/// The longest event that `{{ event.json }}` gives, in bytes.
pub const JSON_BYTES: usize = 60 * 1024;
/// The longest deduplication key, in characters (AWS's limit for `dedupeString`).
const KEY_CHARS: usize = 1000;
/// Longer values stand in a key by their beginning and a digest.
const VALUE_CHARS: usize = 256;

/// Text or a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    Variable(&'a str),
}

/// What variables are resolved against.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'a> {
    /// The event's envelope, if the trigger was one.
    pub event: Option<&'a Value>,
    /// ARN and id of the incident, once it has them.
    pub incident: Option<(&'a str, Uuid)>,
}

/// Why a variable has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The path leads to nothing, or to an object, list or null.
    #[error("the variable `{{{{ {name} }}}}` has no value in this trigger")]
    Unresolved {
        /// The variable.
        name: String,
    },
    /// The event is too large for a parameter.
    #[error(
        "the event has {bytes} bytes, more than the {JSON_BYTES} that `{{{{ event.json }}}}` can pass on"
    )]
    TooLarge {
        /// Size of the JSON text.
        bytes: usize,
    },
}

/// Splits a template. An opening without a closing is text.
fn pieces(template: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once("{{") {
        let Some((inside, after)) = behind.split_once("}}") else {
            break;
        };
        if !before.is_empty() {
            pieces.push(Piece::Text(before));
        }
        pieces.push(Piece::Variable(inside.trim()));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    pieces
}

/// Whether a text holds variables.
#[must_use]
pub fn has_variables(template: &str) -> bool {
    pieces(template)
        .iter()
        .any(|piece| matches!(piece, Piece::Variable(_)))
}

impl Facts<'_> {
    /// The value of one variable.
    ///
    /// # Errors
    /// [`TemplateError`] when it has none.
    pub fn value(&self, name: &str) -> Result<String, TemplateError> {
        let unresolved = || TemplateError::Unresolved {
            name: cut(name, 100).to_owned(),
        };
        let (root, path) = name.split_once('.').ok_or_else(unresolved)?;
        let value = match root {
            "event" if path == "json" => return self.json(),
            "event" => self
                .event
                .and_then(|event| scalar(resource::at(event, path)?)),
            "resource" => self
                .event
                .and_then(resource::primary)
                .and_then(|primary| primary.member(path)),
            "finding" => self.event.and_then(|event| resource::finding(event, path)),
            "incident" => self.incident.and_then(|(arn, id)| match path {
                "arn" => Some(arn.to_owned()),
                "id" => Some(id.to_string()),
                _ => None,
            }),
            _ => None,
        };
        value
            .filter(|value| !value.is_empty())
            .ok_or_else(unresolved)
    }

    fn json(&self) -> Result<String, TemplateError> {
        let event = self.event.ok_or_else(|| TemplateError::Unresolved {
            name: "event.json".to_owned(),
        })?;
        let text = event.to_string();
        if text.len() > JSON_BYTES {
            return Err(TemplateError::TooLarge { bytes: text.len() });
        }
        Ok(text)
    }
}

/// A scalar as text.
pub(crate) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The deduplication key that a template with variables gives. Two different tuples of values never give one key:
/// inside a value every character but letters, digits and `._:@+=,-` is escaped as `%XX`, so that a separator of the
/// template such as `/` or a space can only come from the template; where the template has no such separator a digest
/// of all values is appended.
///
/// # Errors
/// [`TemplateError`] when a variable has no value: the caller must not fold then.
pub fn dedupe_key(template: &str, facts: &Facts<'_>) -> Result<String, TemplateError> {
    let pieces = pieces(template);
    let mut key = String::new();
    let mut parts = vec!["dedupe", template];
    let mut values = Vec::new();
    for piece in &pieces {
        match piece {
            Piece::Text(text) => key.push_str(text),
            Piece::Variable(name) => {
                let value = facts.value(name)?;
                key.push_str(&escaped(&value));
                values.push(value);
            }
        }
    }
    parts.extend(values.iter().map(String::as_str));
    let digest = ids::named(&parts).simple().to_string();
    if ambiguous(&pieces) {
        key.push('#');
        key.push_str(&digest);
    }
    Ok(if key.chars().count() > KEY_CHARS {
        digest
    } else {
        key
    })
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._:@+=,-".contains(c)
}

/// Whether values could run into each other: two neighbours without a separator, or no separator at all.
fn ambiguous(pieces: &[Piece<'_>]) -> bool {
    let separates = |piece: &Piece<'_>| match piece {
        Piece::Text(text) => text.chars().any(|c| !is_plain(c) && c != '%' && c != '~'),
        Piece::Variable(_) => false,
    };
    let mut open = false;
    for piece in pieces {
        match piece {
            Piece::Variable(_) if open => return true,
            Piece::Variable(_) => open = true,
            Piece::Text(_) if separates(piece) => open = false,
            Piece::Text(_) => {}
        }
    }
    !pieces.iter().any(separates)
}

fn escaped(value: &str) -> String {
    let short = cut(value, VALUE_CHARS);
    let mut text = String::new();
    for c in cut(
        short,
        if short.len() < value.len() {
            64
        } else {
            VALUE_CHARS
        },
    )
    .chars()
    {
        if is_plain(c) {
            text.push(c);
        } else {
            let mut buffer = [0; 4];
            text.extend(
                c.encode_utf8(&mut buffer)
                    .bytes()
                    .map(|byte| format!("%{byte:02X}")),
            );
        }
    }
    if short.len() < value.len() {
        text.push('~');
        text.push_str(&ids::named(&["dedupe value", value]).simple().to_string());
    }
    text
}

/// A title: values become one line, what has no value becomes `unknown`, at most 200 characters.
#[must_use]
pub fn title(template: &str, facts: &Facts<'_>) -> String {
    let mut text = String::new();
    for piece in pieces(template) {
        match piece {
            Piece::Text(part) => text.push_str(part),
            Piece::Variable(name) => {
                let value = facts.value(name).unwrap_or_else(|_| "unknown".to_owned());
                text.push_str(&one_line(&value, 200));
            }
        }
    }
    cut(&text, 200).to_owned()
}

/// The parameters of a plan's runbook. Variables of other families than `event`, `resource`, `finding` and `incident`
/// (such as Automation's own `{{ssm:...}}`) stay as they are.
///
/// # Errors
/// [`TemplateError`] for the first variable without a value: the runbook must not start with half a parameter.
pub fn parameters(
    action: &SsmAutomation,
    facts: &Facts<'_>,
    involved: &[String],
) -> Result<BTreeMap<String, Vec<String>>, TemplateError> {
    let mut all = BTreeMap::new();
    for (name, values) in &action.parameters {
        let values: Result<Vec<String>, TemplateError> =
            values.iter().map(|value| parameter(value, facts)).collect();
        all.insert(name.clone(), values?);
    }
    for (name, DynamicParameter::Variable(variable)) in &action.dynamic_parameters {
        let values = match variable {
            DynamicVariable::IncidentRecordArn => facts
                .incident
                .map(|(arn, _)| vec![arn.to_owned()])
                .unwrap_or_default(),
            DynamicVariable::InvolvedResources => involved.to_vec(),
        };
        all.insert(name.clone(), values);
    }
    Ok(all)
}

fn parameter(template: &str, facts: &Facts<'_>) -> Result<String, TemplateError> {
    let ours = |name: &str| {
        name.split_once('.')
            .is_some_and(|(root, _)| ["event", "resource", "finding", "incident"].contains(&root))
    };
    let mut text = String::new();
    for piece in pieces(template) {
        match piece {
            Piece::Text(part) => text.push_str(part),
            Piece::Variable(name) if ours(name) => text.push_str(&facts.value(name)?),
            Piece::Variable(name) => {
                text.push_str("{{ ");
                text.push_str(name);
                text.push_str(" }}");
            }
        }
    }
    Ok(text)
}
