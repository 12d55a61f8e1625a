//! Credentials and where they come from, without I/O: parsers of files and answers, builders of the calls that fetch
//! them. The order in which sources are asked, and the asking, is the caller's.

pub mod container;
pub mod imds;
pub mod profile;
pub mod sts;

use jiff::Timestamp;

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
        }
    }

    /// Whether they end within `margin_s` seconds after `at`, so that fresh ones should be fetched.
    #[must_use]
    pub fn is_stale(&self, at: Timestamp, margin_s: i64) -> bool {
        self.expires_at
            .is_some_and(|end| end.as_second() - at.as_second() <= margin_s)
    }

    /// Credentials from `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`, looked up by `variable`.
    /// `None` if either of the first two is absent or empty.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let mut credentials = Self::new(set("AWS_ACCESS_KEY_ID")?, set("AWS_SECRET_ACCESS_KEY")?);
        credentials.session_token = set("AWS_SESSION_TOKEN");
        Some(credentials)
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

/// Reads the JSON that the instance metadata service and container endpoints give:
/// `{AccessKeyId, SecretAccessKey, Token, Expiration}`.
fn parse_document(source_name: &'static str, body: &[u8]) -> Result<Credentials, AnswerError> {
    let wrong = |reason: String| AnswerError {
        source_name,
        reason,
    };
    let document: serde_json::Value =
        serde_json::from_slice(body).map_err(|error| wrong(format!("not JSON: {error}")))?;
    let text = |key: &str| document.get(key).and_then(serde_json::Value::as_str);
    if let Some(code) = text("Code").filter(|code| *code != "Success") {
        return Err(wrong(format!("code `{code}`; is a role attached?")));
    }
    let need = |key: &str| {
        text(key)
            .map(str::to_owned)
            .ok_or_else(|| wrong(format!("`{key}` is missing")))
    };
    let expires_at = match text("Expiration") {
        None => None,
        Some(end) => Some(
            end.parse()
                .map_err(|_| wrong(format!("`Expiration` is not a timestamp: `{end}`")))?,
        ),
    };
    Ok(Credentials {
        access_key_id: need("AccessKeyId")?,
        secret_access_key: need("SecretAccessKey")?,
        session_token: text("Token").map(str::to_owned),
        expires_at,
    })
}
