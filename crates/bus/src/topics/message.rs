//! A message as it is published: its limits, and what each subscription makes of it.
//!
//! Limits and texts: `Publish`, Amazon SNS API Reference, and "Amazon SNS message attributes", Developer Guide.

use std::collections::BTreeMap;

use model::topic::{MessageAttribute, Protocol};
use serde_json::Value;

/// Largest message with its attributes, in bytes.
pub const MAX_BYTES: usize = 256 * 1024;
/// Longest subject, in characters.
const MAX_SUBJECT: usize = 100;
/// Longest name of an attribute, in characters.
const MAX_NAME: usize = 256;

/// What is published.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// Subject.
    pub subject: Option<String>,
    /// What is sent where no protocol has a text of its own.
    pub default: String,
    /// Texts for single protocols, of a message with `MessageStructure=json`.
    pub by_protocol: BTreeMap<String, String>,
    /// Attributes.
    pub attributes: BTreeMap<String, MessageAttribute>,
}

/// Why a message is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// A member breaks a rule: SNS's `InvalidParameter`.
    #[error("Invalid parameter: {0}")]
    Parameter(String),
    /// An attribute breaks a rule: SNS's `ParameterValueInvalid`.
    #[error("{0}")]
    Attribute(String),
}

fn invalid<T>(text: &str) -> Result<T, MessageError> {
    Err(MessageError::Parameter(text.to_owned()))
}

impl Message {
    /// A message under the rules of `Publish`.
    ///
    /// # Errors
    /// What breaks a rule, in AWS's words where AWS has words for it.
    pub fn new(
        message: &str,
        subject: Option<&str>,
        structure: Option<&str>,
        attributes: BTreeMap<String, MessageAttribute>,
    ) -> Result<Self, MessageError> {
        if message.is_empty() {
            return invalid("Empty message");
        }
        if let Some(subject) = subject {
            check_subject(subject)?;
        }
        for (name, attribute) in &attributes {
            check_attribute(name, attribute)?;
        }
        if message.len() + attributes_size(&attributes) > MAX_BYTES {
            return invalid("Message too long");
        }
        let (default, by_protocol) = match structure {
            None => (message.to_owned(), BTreeMap::new()),
            Some("json") => structured(message)?,
            Some(other) => {
                let shown = model::incident::cut(other, 64);
                return invalid(&format!(
                    "MessageStructure Reason: `{shown}` must be json, or left out"
                ));
            }
        };
        Ok(Self {
            subject: subject.map(str::to_owned),
            default,
            by_protocol,
            attributes,
        })
    }

    /// A message of this server's own, such as a rule's target makes it of an event. What of the subject does not fit
    /// is cut off.
    ///
    /// # Errors
    /// The text is empty or too long.
    pub fn plain(message: &str, subject: &str) -> Result<Self, MessageError> {
        let subject = model::text::one_line(subject, MAX_SUBJECT);
        let subject = Some(subject.as_str()).filter(|subject| !subject.is_empty());
        Self::new(message, subject, None, BTreeMap::new())
    }

    /// What it weighs, in bytes: its texts and its attributes.
    #[must_use]
    pub fn size(&self) -> usize {
        let texts = self.by_protocol.iter();
        let texts: usize = texts.map(|(name, text)| name.len() + text.len()).sum();
        self.default.len() + texts + attributes_size(&self.attributes)
    }

    /// The text for a protocol.
    #[must_use]
    pub fn text_for(&self, protocol: Protocol) -> &str {
        self.by_protocol
            .get(protocol.as_str())
            .unwrap_or(&self.default)
    }
}

/// What attributes weigh, in bytes.
fn attributes_size(attributes: &BTreeMap<String, MessageAttribute>) -> usize {
    let sizes = attributes.iter().map(|(name, attribute)| {
        let value = match base_type(&attribute.data_type) {
            // Base64: four letters for three bytes.
            "Binary" => attribute.value.len() / 4 * 3,
            _ => attribute.value.len(),
        };
        name.len() + attribute.data_type.len() + value
    });
    sizes.sum()
}

fn check_subject(subject: &str) -> Result<(), MessageError> {
    let first_fits = subject.chars().next().is_some_and(|c| !c.is_whitespace());
    let long = subject.chars().count() > MAX_SUBJECT;
    if !first_fits || long || subject.chars().any(char::is_control) {
        return invalid(
            "Subject Reason: it must have 1 to 100 characters, no line breaks or control characters, and not begin with a space",
        );
    }
    Ok(())
}

/// The texts of a message with `MessageStructure=json`. Members that are no texts are passed over.
fn structured(message: &str) -> Result<(String, BTreeMap<String, String>), MessageError> {
    let Ok(Value::Object(members)) = serde_json::from_str::<Value>(message) else {
        return invalid("Message Structure - JSON message body failed to parse");
    };
    let texts = members.into_iter().filter_map(|(name, value)| match value {
        Value::String(text) => Some((name, text)),
        _ => None,
    });
    let mut texts: BTreeMap<String, String> = texts.collect();
    match texts.remove("default") {
        Some(default) => Ok((default, texts)),
        None => invalid("Message Structure - No default entry in JSON message body"),
    }
}

/// `String`, `String.Array`, `Number` or `Binary`, without a suffix of the sender's own.
pub(super) fn base_type(data_type: &str) -> &str {
    if data_type == "String.Array" {
        return data_type;
    }
    data_type.split('.').next().unwrap_or_default()
}

fn check_attribute(name: &str, attribute: &MessageAttribute) -> Result<(), MessageError> {
    let shown = model::incident::cut(name, 64);
    let refuse = |text: String| Err(MessageError::Attribute(text));
    let letters = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let lower = name.to_ascii_lowercase();
    let reserved = lower.starts_with("aws.") || lower.starts_with("amazon.");
    let dots = name.starts_with('.') || name.ends_with('.') || name.contains("..");
    let length = name.chars().count();
    if length == 0 || length > MAX_NAME || !name.chars().all(letters) || dots || reserved {
        return refuse(format!(
            "The message attribute name '{shown}' is invalid: give it 1 to 256 letters, digits and characters of `_-.`, no dot at either end or twice in a row, and no prefix AWS. or Amazon."
        ));
    }
    let base = base_type(&attribute.data_type);
    if !matches!(base, "String" | "String.Array" | "Number" | "Binary")
        || attribute.data_type.chars().count() > MAX_NAME
    {
        return refuse(format!(
            "The message attribute '{shown}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String."
        ));
    }
    if attribute.value.is_empty() {
        return refuse(format!(
            "The message attribute '{shown}' must contain non-empty message attribute value for message attribute type '{}'.",
            attribute.data_type
        ));
    }
    let finite = |text: &str| text.parse::<f64>().is_ok_and(f64::is_finite);
    if base == "Number" && !finite(&attribute.value) {
        return refuse(format!(
            "Could not cast message attribute '{shown}' value to number."
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, data_type: &str, value: &str) -> Result<Message, MessageError> {
        let attribute = MessageAttribute {
            data_type: data_type.to_owned(),
            value: value.to_owned(),
        };
        Message::new(
            "m",
            None,
            None,
            BTreeMap::from([(name.to_owned(), attribute)]),
        )
    }

    #[test]
    fn members_have_their_rules() {
        let new = |message: &str, subject: Option<&str>, structure: Option<&str>| {
            Message::new(message, subject, structure, BTreeMap::new())
        };
        let long = "x".repeat(MAX_BYTES + 1);
        for (message, subject, structure, words) in [
            ("", None, None, "Empty message"),
            (long.as_str(), None, None, "Message too long"),
            ("m", Some(""), None, "Subject"),
            ("m", Some("two\nlines"), None, "Subject"),
            ("m", Some(" x"), None, "Subject"),
            ("{", None, Some("json"), "failed to parse"),
            ("{}", None, Some("json"), "No default entry"),
            (r#"{"default":1}"#, None, Some("json"), "No default entry"),
            ("m", None, Some("xml"), "must be json"),
        ] {
            let error = new(message, subject, structure)
                .expect_err(words)
                .to_string();
            assert!(
                error.starts_with("Invalid parameter: ") && error.contains(words),
                "{error}"
            );
        }
        assert!(new(&"x".repeat(MAX_BYTES), Some(&"é".repeat(100)), None).is_ok());
        assert!(new("m", Some(&"é".repeat(101)), None).is_err());
    }

    #[test]
    fn a_structured_message_speaks_to_each_protocol() {
        let text = r#"{"default":"d","email":"e","email-json":5}"#;
        let message = Message::new(text, None, Some("json"), BTreeMap::new()).expect("valid");
        assert_eq!(message.text_for(Protocol::Email), "e");
        assert_eq!(message.text_for(Protocol::EmailJson), "d");
        assert_eq!(message.text_for(Protocol::Https), "d");
    }

    #[test]
    fn attributes_have_their_rules() {
        for (name, data_type, value) in [
            ("a", "String", "x"),
            ("a.b-c_d", "String.mine", "x"),
            ("n", "Number", "-1.5e3"),
            ("n", "Number.price", "1"),
            ("l", "String.Array", "[]"),
            ("b", "Binary.png", "AAEC"),
        ] {
            assert!(with(name, data_type, value).is_ok(), "{name} {data_type}");
        }
        for (name, data_type, value, words) in [
            ("", "String", "x", "name"),
            ("a b", "String", "x", "name"),
            (".a", "String", "x", "name"),
            ("a..b", "String", "x", "name"),
            ("AWS.x", "String", "x", "name"),
            ("a", "Text", "x", "supported type prefixes"),
            ("a", "String", "", "non-empty"),
            ("a", "Number", "x", "to number"),
            ("a", "Number", "NaN", "to number"),
        ] {
            let error = with(name, data_type, value).expect_err(words).to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn an_own_message_is_cut_to_fit() {
        let message =
            Message::plain("m", &format!("two\nlines {}", "x".repeat(200))).expect("valid");
        assert!(
            message
                .subject
                .is_some_and(|s| s.starts_with("two lines") && s.len() == 100)
        );
        assert_eq!(Message::plain("m", "").expect("valid").subject, None);
    }
}
