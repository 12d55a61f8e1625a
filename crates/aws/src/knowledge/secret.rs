//! Which members of parameters and answers are secrets, told by their names, so that a record need not keep them.
//!
//! The models mark whole names, tags and addresses as sensitive, which a record of what was done cannot go without;
//! this is the narrower question of what gives access to something.

use serde_json::{Map, Value};

/// What stands in a secret's place.
pub const MASK: &str = "***";

/// Members that are secret wherever these words occur in their normalised names.
const WORDS: [&str; 22] = [
    "password",
    "passphrase",
    "secret",
    "privatekey",
    "credential",
    "accesstoken",
    "authtoken",
    "authorizationtoken",
    "authenticationtoken",
    "sessiontoken",
    "securitytoken",
    "refreshtoken",
    "oauthtoken",
    "bearertoken",
    "identitytoken",
    "idtoken",
    "apikey",
    "keymaterial",
    "samlassertion",
    "authenticationcode",
    "tokencode",
    "mfacode",
];

/// Members that are secret only under exactly this name.
const NAMES: [&str; 9] = [
    "plaintext",
    "userdata",
    "ssecustomerkey",
    "copysourcessecustomerkey",
    "pin",
    "variables",
    "signedurl",
    "presignedurl",
    "authorization",
];

/// Endings that make a name one of a thing that is not secret itself.
const HARMLESS_ENDINGS: [&str; 17] = [
    "id",
    "ids",
    "arn",
    "arns",
    "name",
    "names",
    "type",
    "policy",
    "enabled",
    "required",
    "age",
    "length",
    "status",
    "report",
    "md5",
    "algorithm",
    "rotation",
];

/// A copy in which every secret is [`MASK`]: members by their names, and the `Value` beside `Type: SecureString`.
#[must_use]
pub fn masked(value: &Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(masked_map(map)),
        Value::Array(items) => Value::Array(items.iter().map(masked).collect()),
        // Lists and structures may come as JSON text.
        Value::String(text) => match opened(text) {
            Some(inner) => Value::String(masked(&inner).to_string()),
            None => value.clone(),
        },
        other => other.clone(),
    }
}

fn masked_map(map: &Map<String, Value>) -> Map<String, Value> {
    let secure = map.get("Type").and_then(Value::as_str) == Some("SecureString");
    let member = |(name, value): (&String, &Value)| {
        let hidden = is_secret(name) || (secure && name == "Value");
        let value = if hidden { hide(value) } else { masked(value) };
        (name.clone(), value)
    };
    map.iter().map(member).collect()
}

/// Names in a hidden map stay, so that a reader sees what was set.
fn hide(value: &Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) => value.clone(),
        Value::Object(map) if !map.contains_key("$base64") => Value::Object(
            map.iter()
                .map(|(name, value)| (name.clone(), hide(value)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(hide).collect()),
        _ => MASK.into(),
    }
}

fn opened(text: &str) -> Option<Value> {
    let trimmed = text.trim_start();
    if !trimmed.starts_with(['{', '[']) {
        return None;
    }
    let inner: Value = serde_json::from_str(text).ok()?;
    // Only a text with a secret in it is written anew: any other stays as it was, to the letter.
    (masked(&inner) != inner).then_some(inner)
}

fn is_secret(name: &str) -> bool {
    let name: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|letter| letter.to_ascii_lowercase())
        .collect();
    if NAMES.contains(&name.as_str()) {
        return true;
    }
    let harmless = HARMLESS_ENDINGS.iter().any(|ending| name.ends_with(ending));
    !harmless && WORDS.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_told_by_their_names() {
        for name in [
            "Password",
            "MasterUserPassword",
            "SecretString",
            "SecretAccessKey",
            "clientSecret",
            "PrivateKey",
            "SessionToken",
            "DB_PASSWORD",
            "apiKey",
            "UserData",
            "Plaintext",
            "SSECustomerKey",
            "TokenCode",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in [
            "SecretId",
            "SecretArn",
            "NextToken",
            "ClientToken",
            "PasswordPolicy",
            "MaxPasswordAge",
            "PasswordResetRequired",
            "AccessKeyId",
            "KeyName",
            "SSECustomerKeyMD5",
            "GroupId",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn what_is_around_a_secret_stays() {
        let given = json!({
            "Name": "/db", "Type": "SecureString", "Value": "hunter2",
            "Environment": {"Variables": {"A": "1", "B": {"$base64": "eA=="}}},
            "List": [{"Password": "x", "Enabled": true}],
            "Text": "{\"Password\":\"x\",\"A\":1}", "Policy": "{ \"Version\": \"2012-10-17\" }",
        });
        let want = json!({
            "Name": "/db", "Type": "SecureString", "Value": "***",
            "Environment": {"Variables": {"A": "***", "B": "***"}},
            "List": [{"Password": "***", "Enabled": true}],
            "Text": "{\"Password\":\"***\",\"A\":1}", "Policy": "{ \"Version\": \"2012-10-17\" }",
        });
        assert_eq!(masked(&given), want);
    }
}
