//! What a target is sent: the event, a constant, a part of the event, or a filled-in template.
//!
//! Nothing is delivered here, and nothing is known of the kinds of targets. The messages of
//! [`TransformError`] that AWS has words for are AWS's words.

mod path;
mod template;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use path::Path;
use template::Template;

/// Longest constant input or template, in characters.
pub const MAX_TEXT_CHARACTERS: usize = 8192;
/// Most variables of a transformer.
pub const MAX_PATHS: usize = 100;
/// Longest JSONPath and longest variable name, in characters.
pub const MAX_NAME_CHARACTERS: usize = 256;
/// Largest rendered input, in bytes: what a target can be sent.
pub const MAX_RENDERED_BYTES: usize = 1024 * 1024;

const RULE_ARN: &str = "aws.events.rule-arn";
const RULE_NAME: &str = "aws.events.rule-name";
const INGESTION_TIME: &str = "aws.events.event.ingestion-time";
const EVENT: &str = "aws.events.event";
const EVENT_JSON: &str = "aws.events.event.json";

/// What a target gets instead of, or besides, the event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TargetInput {
    /// The event as it is.
    #[default]
    Event,
    /// A constant JSON text (`Input`).
    Input(String),
    /// The part of the event at a JSONPath (`InputPath`).
    InputPath(String),
    /// A template with values from the event (`InputTransformer`).
    Transformer(InputTransformer),
}

/// Values taken from the event and the template they are put into.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InputTransformer {
    /// Variable name to JSONPath (`InputPathsMap`).
    pub paths: BTreeMap<String, String>,
    /// The text with `<variable>` placeholders (`InputTemplate`).
    pub template: String,
}

/// What the reserved placeholders stand for.
#[derive(Clone, Copy, Debug)]
pub struct TransformContext<'a> {
    /// ARN of the rule that matched.
    pub rule_arn: &'a str,
    /// Name of the rule that matched.
    pub rule_name: &'a str,
    /// When the event was received.
    pub ingestion_time: jiff::Timestamp,
}

/// A target input that AWS would refuse, or that cannot be made from this event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransformError {
    /// More than one kind of input was given.
    #[error(
        "Only one of Input, InputPath, or InputTransformer must be provided for target {target}."
    )]
    MoreThanOne {
        /// Id of the target.
        target: String,
    },
    /// The template uses a variable that is neither defined nor reserved.
    #[error("InputTemplate for target {target} contains invalid placeholder {name}.")]
    UnknownPlaceholder {
        /// Id of the target.
        target: String,
        /// The variable.
        name: String,
    },
    /// The constant input is not JSON.
    #[error("JSON syntax error in input for target {target} at ({line},{column}).")]
    InvalidInput {
        /// Id of the target.
        target: String,
        /// Line, from 1.
        line: usize,
        /// Column in bytes, from 1.
        column: usize,
    },
    /// The template would not be JSON whatever the values.
    #[error("Invalid InputTemplate for target {target} : {reason}")]
    InvalidTemplate {
        /// Id of the target.
        target: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// A JSONPath cannot be read.
    #[error("{field} for target {target} is not a valid JSONPath: `{path}`: {reason}")]
    InvalidPath {
        /// Id of the target.
        target: String,
        /// `InputPath`, or `InputPathsMap` with the variable.
        field: String,
        /// The path.
        path: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// A variable name, or the number of variables, is out of bounds.
    #[error("InputPathsMap for target {target} is not valid: {reason}")]
    InvalidPaths {
        /// Id of the target.
        target: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// A text is too long.
    #[error("{field} for target {target} has {characters} characters: use at most {limit}")]
    TooLong {
        /// Id of the target.
        target: String,
        /// The field.
        field: &'static str,
        /// Length in characters.
        characters: usize,
        /// The limit in characters.
        limit: usize,
    },
    /// The event has nothing at the `InputPath`.
    #[error("the event has nothing at InputPath `{path}`: correct the path or narrow the rule")]
    NothingAtPath {
        /// The path.
        path: String,
    },
    /// A value cannot stand between quotes as it is.
    #[error(
        "the value of placeholder <{name}> breaks out of its quotes: write <{name}> without quotes"
    )]
    BreaksQuotes {
        /// The variable.
        name: String,
    },
    /// The filled-in template is not JSON.
    #[error(
        "the filled-in InputTemplate is not valid JSON at line {line}, column {column}: check the placeholders there"
    )]
    NotJson {
        /// Line, from 1.
        line: usize,
        /// Column in bytes, from 1.
        column: usize,
    },
    /// The filled-in template is too large.
    #[error("the filled-in InputTemplate has more than {limit} bytes: use fewer placeholders")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
}

impl TargetInput {
    /// Makes a target input of the three optional fields of a target and validates it.
    ///
    /// # Errors
    /// [`TransformError::MoreThanOne`] and everything [`TargetInput::validate`] reports.
    pub fn from_parts(
        target_id: &str,
        input: Option<String>,
        input_path: Option<String>,
        transformer: Option<InputTransformer>,
    ) -> Result<TargetInput, TransformError> {
        let chosen = match (input, input_path, transformer) {
            (None, None, None) => TargetInput::Event,
            (Some(input), None, None) => TargetInput::Input(input),
            (None, Some(path), None) => TargetInput::InputPath(path),
            (None, None, Some(transformer)) => TargetInput::Transformer(transformer),
            _ => {
                return Err(TransformError::MoreThanOne {
                    target: target_id.to_owned(),
                });
            }
        };
        chosen.validate(target_id)?;
        Ok(chosen)
    }

    /// Checks everything that does not depend on an event.
    ///
    /// # Errors
    /// A text AWS would answer `ValidationException` with.
    pub fn validate(&self, target_id: &str) -> Result<(), TransformError> {
        match self {
            TargetInput::Event => Ok(()),
            TargetInput::Input(input) => {
                check_length(target_id, "Input", input, MAX_TEXT_CHARACTERS)?;
                serde_json::from_str::<serde::de::IgnoredAny>(input)
                    .map(|_| ())
                    .map_err(|error| TransformError::InvalidInput {
                        target: target_id.to_owned(),
                        line: error.line(),
                        column: error.column(),
                    })
            }
            TargetInput::InputPath(path) => check_path(target_id, "InputPath", path),
            TargetInput::Transformer(transformer) => transformer.validate(target_id),
        }
    }

    /// The text a target is sent for an event.
    ///
    /// # Errors
    /// When the event has nothing to send or its values do not fit the template. An input that
    /// was never validated can also fail the way [`TargetInput::validate`] does.
    pub fn render(
        &self,
        event_json: &Value,
        context: &TransformContext<'_>,
    ) -> Result<String, TransformError> {
        match self {
            TargetInput::Event => Ok(event_json.to_string()),
            TargetInput::Input(input) => Ok(input.clone()),
            TargetInput::InputPath(path) => {
                let parsed = parse_path("", "InputPath", path)?;
                match parsed.find(event_json) {
                    Some(value) => Ok(value.to_string()),
                    None => Err(TransformError::NothingAtPath { path: path.clone() }),
                }
            }
            TargetInput::Transformer(transformer) => transformer.render(event_json, context),
        }
    }
}

impl InputTransformer {
    fn validate(&self, target: &str) -> Result<(), TransformError> {
        check_length(target, "InputTemplate", &self.template, MAX_TEXT_CHARACTERS)?;
        let refuse = |reason: String| {
            Err(TransformError::InvalidPaths {
                target: target.to_owned(),
                reason,
            })
        };
        if self.paths.len() > MAX_PATHS {
            return refuse(format!(
                "{} variables, use at most {MAX_PATHS}",
                self.paths.len()
            ));
        }
        for (name, path) in &self.paths {
            let length = name.chars().count();
            let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
            if length == 0 || length > MAX_NAME_CHARACTERS || !name.chars().all(allowed) {
                return refuse(format!(
                    "variable `{name}`: use 1 to {MAX_NAME_CHARACTERS} letters, digits, `_` and `-`"
                ));
            }
            check_path(target, &format!("InputPathsMap `{name}`"), path)?;
        }
        let template = Template::parse(&self.template);
        for name in template.names() {
            if !self.paths.contains_key(name) && !is_reserved(name) {
                let (target, name) = (target.to_owned(), name.to_owned());
                return Err(TransformError::UnknownPlaceholder { target, name });
            }
        }
        template
            .check()
            .map_err(|reason| TransformError::InvalidTemplate {
                target: target.to_owned(),
                reason,
            })
    }

    fn render(
        &self,
        event: &Value,
        context: &TransformContext<'_>,
    ) -> Result<String, TransformError> {
        let template = Template::parse(&self.template);
        let mut values = BTreeMap::new();
        for name in template.names() {
            let value = match self.paths.get(name) {
                Some(path) => parse_path("", "InputPathsMap", path)?.find(event),
                None => reserved(name, event, context),
            };
            values.insert(name.to_owned(), value);
        }
        template.fill(&values)
    }
}

/// What an event has at a JSONPath, as target parameters use it.
///
/// # Errors
/// [`TransformError::InvalidPath`].
pub fn look_up(path: &str, event: &Value) -> Result<Option<Value>, TransformError> {
    Ok(parse_path("", "a parameter", path)?.find(event))
}

fn is_reserved(name: &str) -> bool {
    matches!(
        name,
        RULE_ARN | RULE_NAME | INGESTION_TIME | EVENT | EVENT_JSON
    )
}

fn reserved(name: &str, event: &Value, context: &TransformContext<'_>) -> Option<Value> {
    match name {
        RULE_ARN => Some(Value::from(context.rule_arn)),
        RULE_NAME => Some(Value::from(context.rule_name)),
        INGESTION_TIME => Some(Value::from(
            context
                .ingestion_time
                .strftime("%Y-%m-%dT%H:%M:%SZ")
                .to_string(),
        )),
        EVENT_JSON => Some(event.clone()),
        EVENT => Some(envelope(event)),
        _ => None,
    }
}

/// The event without its detail, and with `detailType` for `detail-type`.
fn envelope(event: &Value) -> Value {
    let mut envelope = Map::new();
    for (name, value) in event.as_object().into_iter().flatten() {
        match name.as_str() {
            "detail" => {}
            "detail-type" => {
                envelope.insert("detailType".to_owned(), value.clone());
            }
            _ => {
                envelope.insert(name.clone(), value.clone());
            }
        }
    }
    Value::Object(envelope)
}

fn check_length(
    target: &str,
    field: &'static str,
    text: &str,
    limit: usize,
) -> Result<(), TransformError> {
    let characters = text.chars().count();
    if characters <= limit {
        return Ok(());
    }
    Err(TransformError::TooLong {
        target: target.to_owned(),
        field,
        characters,
        limit,
    })
}

fn check_path(target: &str, field: &str, path: &str) -> Result<(), TransformError> {
    parse_path(target, field, path).map(|_| ())
}

fn parse_path(target: &str, field: &str, path: &str) -> Result<Path, TransformError> {
    Path::parse(path).map_err(|reason| TransformError::InvalidPath {
        target: target.to_owned(),
        field: field.to_owned(),
        path: path.to_owned(),
        reason,
    })
}
