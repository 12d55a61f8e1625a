//! Credentials and where they come from, without I/O: parsers of files and answers, builders of the calls that fetch
//! them, and [`source::choose`], which says what to ask. The asking is the caller's.

pub mod bearer;
pub mod container;
pub mod imds;
mod ini;
pub mod login;
pub mod process;
pub mod profile;
pub mod shell_words;
pub mod source;
pub mod sso;
pub mod sts;

use jiff::Timestamp;
use serde_json::Value;

/// Keys to sign with. `Debug` never shows the secret nor the session token.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Access key id; public.
    pub access_key_id: String,
    /// Secret access key.
    pub secret_access_key: String,
    /// Session token of temporary credentials.
    pub session_token: Option<String>,
    /// When temporary credentials end.
    pub expires_at: Option<Timestamp>,
    /// Account that they belong to, where their source says so.
    pub account_id: Option<String>,
}

impl Credentials {
    /// Long-lived credentials.
    #[must_use]
    pub fn new(access_key_id: impl Into<String>, secret_access_key: impl Into<String>) -> Self {
        Self {
            access_key_id: access_key_id.into(),
            secret_access_key: secret_access_key.into(),
            session_token: None,
            expires_at: None,
            account_id: None,
        }
    }

    /// Whether they end within `margin_s` seconds after `at`, so that fresh ones should be fetched.
    #[must_use]
    pub fn is_stale(&self, at: Timestamp, margin_s: i64) -> bool {
        self.expires_at
            .is_some_and(|end| end.as_second().saturating_sub(at.as_second()) <= margin_s)
    }

    /// Credentials from `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN` (or `AWS_SECURITY_TOKEN`),
    /// `AWS_CREDENTIAL_EXPIRATION` and `AWS_ACCOUNT_ID`, looked up by `variable`. `None` without an access key id.
    ///
    /// # Errors
    /// [`AnswerError`] when there is an id without a secret, or an end that is no timestamp.
    pub fn from_variables(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, AnswerError> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let wrong = |reason: String| AnswerError {
            source_name: "environment",
            reason,
        };
        let Some(id) = set("AWS_ACCESS_KEY_ID") else {
            return Ok(None);
        };
        let secret = set("AWS_SECRET_ACCESS_KEY").ok_or_else(|| {
            wrong(
                "AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY; set both or none"
                    .to_owned(),
            )
        })?;
        let mut credentials = Self::new(id, secret);
        credentials.session_token = set("AWS_SECURITY_TOKEN").or_else(|| set("AWS_SESSION_TOKEN"));
        credentials.account_id = set("AWS_ACCOUNT_ID");
        credentials.expires_at = set("AWS_CREDENTIAL_EXPIRATION")
            .map(|end| {
                parse_end(&end).ok_or_else(|| {
                    wrong(format!(
                        "AWS_CREDENTIAL_EXPIRATION is not a timestamp: `{end}`"
                    ))
                })
            })
            .transpose()?;
        Ok(Some(credentials))
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// Why an answer of a credential source could not be used.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("answer of the {source_name}: {reason}")]
pub struct AnswerError {
    /// The source, as `instance metadata service`.
    pub source_name: &'static str,
    /// What is wrong.
    pub reason: String,
}

/// A JSON document of a source. The parser's own words are left out of the error: they may quote the document.
fn parse_json(source_name: &'static str, body: &[u8]) -> Result<Value, AnswerError> {
    serde_json::from_slice::<Value>(body)
        .ok()
        .filter(Value::is_object)
        .ok_or_else(|| AnswerError {
            source_name,
            reason: "it is not JSON, or not an object".to_owned(),
        })
}

/// A text in a source's document.
fn need(source_name: &'static str, document: &Value, key: &str) -> Result<String, AnswerError> {
    document
        .get(key)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
        .ok_or_else(|| AnswerError {
            source_name,
            reason: format!("`{key}` is missing"),
        })
}

/// An end of validity: RFC 3339, or with `UTC` in place of the zone as older AWS tools wrote it.
fn parse_end(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    match text.strip_suffix("UTC") {
        Some(civil) => format!("{}Z", civil.trim_end()).parse().ok(),
        None => text.parse().ok().or_else(|| {
            crate::timestamp::parse(text).and_then(crate::timestamp::Moment::to_timestamp)
        }),
    }
}

/// Which name a document has for the session token.
#[derive(Clone, Copy)]
enum TokenName {
    /// Container and instance.
    Token,
    /// A process.
    SessionToken,
}

/// Reads `{AccessKeyId, SecretAccessKey, Token or SessionToken, Expiration, AccountId}`.
fn parse_document(
    source_name: &'static str,
    body: &[u8],
    token: TokenName,
) -> Result<Credentials, AnswerError> {
    let document = parse_json(source_name, body)?;
    let wrong = |reason: String| AnswerError {
        source_name,
        reason,
    };
    let text = |key: &str| document.get(key).and_then(Value::as_str);
    if let Some(code) = text("Code").filter(|code| *code != "Success") {
        let code: String = code.chars().take(128).collect();
        return Err(wrong(format!("code `{code}`; is a role attached?")));
    }
    let expires_at = match document.get("Expiration") {
        None | Some(Value::Null) => None,
        Some(end) => Some(
            end.as_str()
                .and_then(parse_end)
                .ok_or_else(|| wrong("`Expiration` is not a timestamp".to_owned()))?,
        ),
    };
    let token = match token {
        TokenName::Token => text("Token"),
        TokenName::SessionToken => text("SessionToken"),
    };
    Ok(Credentials {
        access_key_id: need(source_name, &document, "AccessKeyId")?,
        secret_access_key: need(source_name, &document, "SecretAccessKey")?,
        session_token: token.filter(|token| !token.is_empty()).map(str::to_owned),
        expires_at,
        account_id: text("AccountId").map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(pairs: &[(&str, &str)]) -> Result<Option<Credentials>, AnswerError> {
        Credentials::from_variables(|name| {
            let found = pairs.iter().find(|(have, _)| *have == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn variables_go_together() {
        assert_eq!(from(&[("AWS_SECRET_ACCESS_KEY", "s")]), Ok(None));
        let half = from(&[("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "")]).unwrap_err();
        assert!(half.to_string().contains("set both or none"), "{half}");
        let keys = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "s")];
        assert_eq!(from(&keys), Ok(Some(Credentials::new("a", "s"))));
        let whole = [
            keys[0],
            keys[1],
            ("AWS_SESSION_TOKEN", "t"),
            ("AWS_ACCOUNT_ID", "123456789012"),
            ("AWS_CREDENTIAL_EXPIRATION", "2026-01-02T03:04:05+00:00"),
        ];
        let whole = from(&whole).unwrap().unwrap();
        assert_eq!(
            whole.expires_at,
            Some("2026-01-02T03:04:05Z".parse().unwrap())
        );
        assert_eq!(whole.session_token.as_deref(), Some("t"));
        assert!(from(&[keys[0], keys[1], ("AWS_CREDENTIAL_EXPIRATION", "soon")]).is_err());
    }

    #[test]
    fn ends_are_read_in_both_spellings() {
        for text in [
            "2026-01-02T03:04:05Z",
            "2026-01-02T03:04:05UTC",
            "2026-01-02T04:04:05+01:00",
        ] {
            assert_eq!(
                parse_end(text),
                Some("2026-01-02T03:04:05Z".parse().unwrap()),
                "{text}"
            );
        }
        for text in ["", "UTC", "soon"] {
            assert_eq!(parse_end(text), None, "{text}");
        }
    }
}
