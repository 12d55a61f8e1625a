//! What a `credential_process` prints. Running it is the caller's.
//!
//! Source: SDK reference guide, "Process credential provider".

use serde_json::Value;

use super::{AnswerError, Credentials, TokenName, parse_document, parse_json};

const SOURCE: &str = "credential process";

/// Reads the output of the process.
///
/// # Errors
/// [`AnswerError`] when it is not a document of version 1 with keys. The error never quotes the output.
pub fn parse_output(output: &[u8]) -> Result<Credentials, AnswerError> {
    let wrong = |reason: String| AnswerError {
        source_name: SOURCE,
        reason,
    };
    match parse_json(SOURCE, output)?.get("Version") {
        Some(Value::Number(version)) if version.as_u64() == Some(1) => {
            parse_document(SOURCE, output, TokenName::SessionToken)
        }
        Some(Value::Number(version)) => Err(wrong(format!(
            "`Version` is {version}, only 1 is supported"
        ))),
        Some(_) => Err(wrong("`Version` is not the number 1".to_owned())),
        None => Err(wrong("`Version` is missing, it must be 1".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_version_one_is_read() {
        let good =
            br#"{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "s", "SessionToken": "t",
            "Expiration": "2026-01-02T03:04:05Z", "AccountId": "123456789012"}"#;
        let keys = parse_output(good).unwrap();
        assert_eq!(keys.session_token.as_deref(), Some("t"));
        assert_eq!(keys.account_id.as_deref(), Some("123456789012"));
        assert!(keys.expires_at.is_some());
        let plain = br#"{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "s"}"#;
        assert_eq!(parse_output(plain), Ok(Credentials::new("a", "s")));
        for (bad, words) in [
            (&b"hunter2"[..], "not JSON"),
            (b"[1]", "not an object"),
            (
                br#"{"AccessKeyId": "a", "SecretAccessKey": "hunter2"}"#,
                "`Version` is missing",
            ),
            (
                br#"{"Version": 2, "SecretAccessKey": "hunter2"}"#,
                "`Version` is 2",
            ),
            (
                br#"{"Version": "1", "SecretAccessKey": "hunter2"}"#,
                "not the number 1",
            ),
            (
                br#"{"Version": 1, "SecretAccessKey": "hunter2"}"#,
                "`AccessKeyId` is missing",
            ),
            (
                br#"{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "s", "Expiration": 5}"#,
                "`Expiration`",
            ),
        ] {
            let fault = parse_output(bad).unwrap_err().to_string();
            assert!(
                fault.contains(words) && !fault.contains("hunter2"),
                "{fault}"
            );
        }
    }
}
