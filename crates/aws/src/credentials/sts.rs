//! Credentials by assuming a role: parameters for the two STS calls and the reading of their answers.
//!
//! Make a [`crate::Call`] to `sts` with operation [`ASSUME_ROLE`] or [`ASSUME_ROLE_WITH_WEB_IDENTITY`] (the latter
//! goes out unsigned), and give the decoded answer to [`parse`].

use serde_json::{Value, json};

use super::{AnswerError, Credentials};

/// Operation for [`assume_role_params`].
pub const ASSUME_ROLE: &str = "AssumeRole";
/// Operation for [`web_identity_params`].
pub const ASSUME_ROLE_WITH_WEB_IDENTITY: &str = "AssumeRoleWithWebIdentity";

const SOURCE: &str = "security token service";

/// What role to assume and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoleRequest<'a> {
    /// ARN of the role.
    pub role_arn: &'a str,
    /// Session name; shown in CloudTrail. Characters that STS refuses become `-`, and it is cut at 64.
    pub session_name: &'a str,
    /// External id that the role's trust policy may ask for.
    pub external_id: Option<&'a str>,
    /// Life in seconds, 900 to 43200; STS's default is 3600.
    pub duration_s: Option<u32>,
    /// Session policy document.
    pub policy: Option<&'a str>,
    /// Source identity.
    pub source_identity: Option<&'a str>,
}

/// Parameters of `AssumeRole`.
#[must_use]
pub fn assume_role_params(role: &RoleRequest<'_>) -> Value {
    let mut params =
        json!({"RoleArn": role.role_arn, "RoleSessionName": session_name(role.session_name)});
    let optional = [
        ("ExternalId", role.external_id.map(Value::from)),
        ("DurationSeconds", role.duration_s.map(Value::from)),
        ("Policy", role.policy.map(Value::from)),
        ("SourceIdentity", role.source_identity.map(Value::from)),
    ];
    for (name, value) in optional {
        if let (Some(value), Some(params)) = (value, params.as_object_mut()) {
            params.insert(name.to_owned(), value);
        }
    }
    params
}

/// Parameters of `AssumeRoleWithWebIdentity`; `token` is the content of the token file.
#[must_use]
pub fn web_identity_params(role: &RoleRequest<'_>, token: &str) -> Value {
    let mut params = assume_role_params(&RoleRequest {
        external_id: None,
        source_identity: None,
        ..role.clone()
    });
    if let Some(params) = params.as_object_mut() {
        params.insert("WebIdentityToken".to_owned(), token.trim().into());
    }
    params
}

fn session_name(given: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "+=,.@-_".contains(c);
    let name: String = given
        .chars()
        .map(|c| if allowed(c) { c } else { '-' })
        .take(64)
        .collect();
    if name.len() < 2 {
        format!("s-{name}")
    } else {
        name
    }
}

/// Reads the credentials from the decoded answer of either operation.
///
/// # Errors
/// [`AnswerError`] when the answer has none.
pub fn parse(answer: &Value) -> Result<Credentials, AnswerError> {
    let text = |key: &str| {
        answer
            .pointer(&format!("/Credentials/{key}"))
            .and_then(Value::as_str)
    };
    let need = |key: &str| {
        text(key).map(str::to_owned).ok_or_else(|| AnswerError {
            source_name: SOURCE,
            reason: format!("`Credentials.{key}` is missing"),
        })
    };
    Ok(Credentials {
        access_key_id: need("AccessKeyId")?,
        secret_access_key: need("SecretAccessKey")?,
        session_token: Some(need("SessionToken")?),
        expires_at: text("Expiration")
            .and_then(crate::timestamp::parse)
            .and_then(crate::timestamp::Moment::to_timestamp),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_and_answer() {
        let role = RoleRequest {
            role_arn: "arn:aws:iam::123456789012:role/r",
            session_name: "run/1 x",
            duration_s: Some(900),
            external_id: Some("e"),
            ..RoleRequest::default()
        };
        assert_eq!(
            assume_role_params(&role),
            json!({"RoleArn": role.role_arn, "RoleSessionName": "run-1-x", "ExternalId": "e", "DurationSeconds": 900})
        );
        let web = web_identity_params(&role, " tok\n");
        assert_eq!(web["WebIdentityToken"], "tok");
        assert!(web.get("ExternalId").is_none());
        let answer = json!({"Credentials": {"AccessKeyId": "a", "SecretAccessKey": "b", "SessionToken": "c",
            "Expiration": "2026-01-02T03:04:05+00:00"}});
        let credentials = parse(&answer).unwrap();
        assert_eq!(
            credentials.expires_at,
            Some("2026-01-02T03:04:05Z".parse().unwrap())
        );
        assert!(
            parse(&json!({}))
                .unwrap_err()
                .to_string()
                .contains("AccessKeyId")
        );
    }
}
