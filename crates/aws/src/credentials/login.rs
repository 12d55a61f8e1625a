//! Credentials that `aws login` left on this machine.
//!
//! They are used while they last. Renewing them needs a proof of possession that only `aws login` makes, so that is
//! what the error then asks for.

use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{AnswerError, Credentials, need, parse_end, parse_json};

const SOURCE: &str = "cache of `aws login`";

/// Name of the file in `~/.aws/login/cache` (or `AWS_LOGIN_CACHE_DIRECTORY`) for a `login_session`.
#[must_use]
pub fn cache_file_name(session: &str) -> String {
    format!(
        "{}.json",
        hex::encode(Sha256::digest(session.trim().as_bytes()))
    )
}

/// Reads the file at the time `at`.
///
/// # Errors
/// [`AnswerError`] when it holds no keys, or these have ended.
pub fn parse(body: &[u8], at: Timestamp) -> Result<Credentials, AnswerError> {
    let wrong = |reason: &str| AnswerError {
        source_name: SOURCE,
        reason: reason.to_owned(),
    };
    let document = parse_json(SOURCE, body)?;
    let keys = document.get("accessToken").unwrap_or(&Value::Null);
    let end = need(SOURCE, keys, "expiresAt")?;
    let expires_at = parse_end(&end).ok_or_else(|| wrong("`expiresAt` is not a timestamp"))?;
    if expires_at <= at {
        return Err(wrong("its keys have ended; run `aws login`"));
    }
    Ok(Credentials {
        access_key_id: need(SOURCE, keys, "accessKeyId")?,
        secret_access_key: need(SOURCE, keys, "secretAccessKey")?,
        session_token: Some(need(SOURCE, keys, "sessionToken")?),
        expires_at: Some(expires_at),
        account_id: keys
            .get("accountId")
            .and_then(Value::as_str)
            .map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_used_while_they_last() {
        let body = br#"{"accessToken": {"accessKeyId": "a", "secretAccessKey": "s", "sessionToken": "t",
            "accountId": "123456789012", "expiresAt": "2026-01-02T03:04:05Z"}, "refreshToken": "r"}"#;
        let keys = parse(body, "2026-01-02T03:04:04Z".parse().unwrap()).unwrap();
        assert_eq!(
            (keys.access_key_id.as_str(), keys.session_token.as_deref()),
            ("a", Some("t"))
        );
        let ended = parse(body, "2026-01-02T03:04:05Z".parse().unwrap()).unwrap_err();
        assert!(ended.to_string().contains("run `aws login`"), "{ended}");
        assert!(parse(b"{}", Timestamp::UNIX_EPOCH).is_err());
        // As botocore names it: the SHA-256 of the session.
        let name = cache_file_name(" arn:aws:iam::123456789012:user/me ");
        assert_eq!(name.len(), 69);
        assert_eq!(name, cache_file_name("arn:aws:iam::123456789012:user/me"));
    }
}
