//! What a mocked result of `TestState` must look like: the answer of the call that it stands for, by the service's model.
//!
//! The models that this server carries know neither upper limits nor lengths of bytes: of those only [`BOUNDS`] are
//! checked.

use aws::model::{self, Member, Ref, Service, Shape, Structure};
use serde_json::Value;

use crate::error::ApiError;

/// Bounds of members that the carried models do not hold: service, member, what it is bounded by. The lengths are those of
/// all answers in the models that AWS publishes; the memory is what `TestState` was recorded to refuse.
const BOUNDS: &[(&str, &str, Bound)] = &[
    ("bedrock", "data", Bound::Bytes(1)),
    ("bedrock", "document", Bound::Bytes(1)),
    ("bedrock", "formData", Bound::Bytes(10)),
    ("bedrock-agent-runtime", "bytes", Bound::Bytes(1)),
    ("bedrock-runtime", "bytes", Bound::Bytes(1)),
    ("cloudfront", "ConnectionFunctionCode", Bound::Bytes(1)),
    ("cloudfront", "FunctionCode", Bound::Bytes(1)),
    ("iot", "BIN", Bound::Bytes(1)),
    ("kms", "CiphertextBlob", Bound::Bytes(1)),
    ("kms", "CiphertextForRecipient", Bound::Bytes(1)),
    ("kms", "ImportToken", Bound::Bytes(1)),
    ("kms", "Mac", Bound::Bytes(1)),
    ("kms", "Plaintext", Bound::Bytes(1)),
    ("kms", "PrivateKeyCiphertextBlob", Bound::Bytes(1)),
    ("kms", "PrivateKeyPlaintext", Bound::Bytes(1)),
    ("kms", "PublicKey", Bound::Bytes(1)),
    ("kms", "SharedSecret", Bound::Bytes(1)),
    ("kms", "Signature", Bound::Bytes(1)),
    ("lambda", "MemorySize", Bound::Most(10_240)),
    ("rekognition", "Bytes", Bound::Bytes(1)),
    ("secretsmanager", "SecretBinary", Bound::Bytes(1)),
    ("transfer", "FaviconFile", Bound::Bytes(1)),
    ("transfer", "LogoFile", Bound::Bytes(1)),
    ("workspaces-web", "body", Bound::Bytes(1)),
];

/// What a member is bounded by.
#[derive(Debug, Clone, Copy)]
enum Bound {
    /// Least number of bytes; their text may be plain or base64, so only an empty one is known to be too short for one.
    Bytes(usize),
    /// Largest number.
    Most(i64),
}

impl Bound {
    fn check(self, name: &str, value: &Value) -> Result<(), String> {
        match self {
            Self::Bytes(least) if value.as_str().is_some_and(|text| text.len() < least) => {
                Err(format!("Field '{name}' is smaller than the minimum length"))
            }
            Self::Most(most) if value.as_i64().is_some_and(|number| number > most) => {
                Err(format!("Field '{name}' exceeds the maximum value"))
            }
            _ => Ok(()),
        }
    }
}

/// How closely a mocked result is looked at (`fieldValidationMode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// What is there must fit, and what every answer has must be there.
    Strict,
    /// What is there must fit.
    Present,
    /// Anything.
    None,
}

/// Checks a mocked result against the answer of `operation`.
pub(super) fn check(
    (service, operation): (&str, &str),
    result: &Value,
    mode: Mode,
) -> Result<(), ApiError> {
    if mode == Mode::None {
        return Ok(());
    }
    let Ok(service) = model::catalog().service(service) else {
        return Ok(());
    };
    let output = service
        .operation(operation)
        .and_then(|operation| operation.output.as_ref())
        .and_then(|output| service.structure(output));
    let Some(output) = output else { return Ok(()) };
    let check = Check {
        service: &service,
        strict: mode == Mode::Strict,
    };
    if !result.is_object() {
        return Err(refused(
            "Mock result must be a valid JSON object".to_owned(),
        ));
    }
    check.structure(output, result).map_err(refused)
}

fn refused(why: String) -> ApiError {
    ApiError::validation(format!("Mock result schema validation error: {why}"))
}

struct Check<'a> {
    service: &'a Service,
    strict: bool,
}

impl Check<'_> {
    fn structure(&self, structure: &Structure, value: &Value) -> Result<(), String> {
        if structure.document {
            return Ok(());
        }
        for member in &structure.members {
            // Results spell members with a capital, whatever the service does.
            let mut letters = member.name.chars();
            let first = letters.next().map(|letter| letter.to_ascii_uppercase());
            let name: String = first.into_iter().chain(letters).collect();
            match value.get(&name) {
                None | Some(Value::Null) if self.strict && member.required => {
                    return Err(format!("Required field '{name}' is missing"));
                }
                None | Some(Value::Null) => {}
                // A body of bytes is shown as the JSON that it is.
                Some(_) if self.is_body_of_bytes(structure, member) => {}
                Some(value) => {
                    self.value(&name, &member.target, value)?;
                    self.bound(member)
                        .map_or(Ok(()), |bound| bound.check(&name, value))?;
                }
            }
        }
        Ok(())
    }

    fn bound(&self, member: &Member) -> Option<Bound> {
        let known = BOUNDS
            .iter()
            .find(|(service, name, _)| *service == self.service.name && *name == member.name);
        known.map(|(_, _, bound)| *bound)
    }

    fn is_body_of_bytes(&self, structure: &Structure, member: &Member) -> bool {
        let whole = structure
            .payload_member()
            .is_some_and(|payload| payload.name == member.name);
        let is_blob = matches!(self.service.shape(&member.target), Shape::Blob);
        is_blob && (whole || member.target.traits().streaming)
    }

    fn value(&self, name: &str, target: &Ref, value: &Value) -> Result<(), String> {
        let must = |fits: bool, what: &str| {
            if fits {
                Ok(())
            } else {
                Err(format!("Field '{name}' must be {what}"))
            }
        };
        match self.service.shape(target) {
            Shape::Structure(structure) if structure.document => Ok(()),
            Shape::Structure(structure) => {
                must(value.is_object(), "an object")?;
                self.structure(structure, value)
            }
            Shape::List { member, .. } => {
                must(value.is_array(), "an array")?;
                let mut items = value.as_array().into_iter().flatten();
                items.try_for_each(|item| self.value(name, member, item))
            }
            Shape::Map { value: held, .. } => {
                must(value.is_object(), "an object")?;
                let mut values = value.as_object().into_iter().flatten();
                values.try_for_each(|(_, item)| self.value(name, held, item))
            }
            Shape::String { min, values } => {
                must(value.is_string(), "a string")?;
                text(name, value.as_str().unwrap_or_default(), (*min, values))
            }
            Shape::Integer { min } | Shape::Long { min } => {
                must(value.is_number(), "a number")?;
                match (value.as_i64(), min) {
                    (Some(number), Some(least)) if number < *least => {
                        Err(format!("Field '{name}' is less than the minimum value"))
                    }
                    _ => Ok(()),
                }
            }
            Shape::Float | Shape::Double => must(value.is_number(), "a number"),
            Shape::Boolean => must(value.is_boolean(), "a boolean"),
            Shape::Timestamp | Shape::Blob => must(value.is_string(), "a string"),
        }
    }
}

fn text(name: &str, text: &str, (min, values): (u32, &[model::Name])) -> Result<(), String> {
    if text.chars().count() < usize::try_from(min).unwrap_or(usize::MAX) {
        return Err(format!("Field '{name}' is smaller than the minimum length"));
    }
    let known = values.is_empty() || values.iter().any(|value| &**value == text);
    if known {
        Ok(())
    } else {
        Err(format!("Field '{name}' is not an expected value"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of a mocked result, JSON text.
    fn said((service, operation): (&str, &str), result: &str, mode: Mode) -> String {
        let result = serde_json::from_str(result).expect("JSON");
        let found = check((service, operation), &result, mode).err();
        let said = found.map(|error| error.message().to_owned());
        let said = said.unwrap_or_default();
        said.replace("Mock result schema validation error: ", "")
    }

    #[test]
    fn a_mocked_result_may_have_to_be_whole() {
        let start = ("stepfunctions", "StartExecution");
        let missing = "Required field 'ExecutionArn' is missing";
        let not_text = "Field 'ExecutionArn' must be a string";
        for (result, mode, want) in [
            ("{}", Mode::Strict, missing),
            ("{}", Mode::Present, ""),
            (r#"{"executionArn":1}"#, Mode::Present, ""),
            (r#"{"ExecutionArn":1}"#, Mode::Present, not_text),
            (r#"{"ExecutionArn":1}"#, Mode::None, ""),
            (
                "[1]",
                Mode::Strict,
                "Mock result must be a valid JSON object",
            ),
        ] {
            assert_eq!(said(start, result, mode), want, "{result}");
        }
    }

    #[test]
    fn a_mocked_result_has_the_types_of_the_answer() {
        let entries = r#"{"Entries":[{"EventId":"x"},{"EventId":[]}]}"#;
        let capacity = r#"{"ConsumedCapacity":{"CapacityUnits":"1.5"}}"#;
        let memory = r#"{"Configuration":{"MemorySize":127}}"#;
        let small = "Field 'MemorySize' is less than the minimum value";
        let class = "Field 'StorageClass' is not an expected value";
        for (call, result, want) in [
            (
                "events PutEvents",
                r#"{"Entries":"x"}"#,
                "Field 'Entries' must be an array",
            ),
            (
                "events PutEvents",
                entries,
                "Field 'EventId' must be a string",
            ),
            (
                "lambda Invoke",
                r#"{"StatusCode":"2"}"#,
                "Field 'StatusCode' must be a number",
            ),
            (
                "lambda Invoke",
                r#"{"Payload":"x","SdkHttpMetadata":{}}"#,
                "",
            ),
            ("lambda Invoke", r#"{"Payload":{"a":1}}"#, ""),
            ("lambda GetFunction", memory, small),
            (
                "lambda GetFunction",
                r#"{"Configuration":{"MemorySize":10241}}"#,
                "Field 'MemorySize' exceeds the maximum value",
            ),
            (
                "lambda GetFunction",
                r#"{"Configuration":{"MemorySize":10240}}"#,
                "",
            ),
            (
                "kms Encrypt",
                r#"{"CiphertextBlob":""}"#,
                "Field 'CiphertextBlob' is smaller than the minimum length",
            ),
            ("kms Encrypt", r#"{"CiphertextBlob":"YQ=="}"#, ""),
            (
                "dynamodb PutItem",
                capacity,
                "Field 'CapacityUnits' must be a number",
            ),
            ("s3 GetObject", r#"{"StorageClass":"Papyrus"}"#, class),
        ] {
            let call = call.split_once(' ').expect("a call");
            assert_eq!(said(call, result, Mode::Present), want, "{call:?} {result}");
        }
    }
}
