//! Credentials by assuming a role: parameters for the two STS calls and the reading of their answers.
//!
//! Make a [`crate::Call`] to `sts` with operation [`ASSUME_ROLE`] or [`ASSUME_ROLE_WITH_WEB_IDENTITY`] (the latter
//! goes out unsigned), and give the decoded answer to [`parse`].

use serde_json::{Map, Value, json};

use super::{AnswerError, Credentials};
use crate::client::AssumedRole;

/// Operation for [`assume_role_params`].
pub const ASSUME_ROLE: &str = "AssumeRole";
/// Operation for [`web_identity_params`].
pub const ASSUME_ROLE_WITH_WEB_IDENTITY: &str = "AssumeRoleWithWebIdentity";

const SOURCE: &str = "security token service";

/// Parameters of `AssumeRole`. Characters of the session name that STS refuses become `-`, and it is cut at 64.
#[must_use]
pub fn assume_role_params(role: &AssumedRole) -> Value {
    let mut params = base(role);
    let tags = role
        .tags
        .iter()
        .map(|(key, value)| json!({"Key": key, "Value": value}))
        .collect();
    for (name, value) in [
        ("ExternalId", role.external_id.as_deref().map(Value::from)),
        (
            "SourceIdentity",
            role.source_identity.as_deref().map(Value::from),
        ),
        ("Tags", filled(tags)),
        (
            "TransitiveTagKeys",
            filled(texts(&role.transitive_tag_keys)),
        ),
    ] {
        set(&mut params, name, value);
    }
    Value::Object(params)
}

/// Parameters of `AssumeRoleWithWebIdentity`, which has no external id, source identity nor tags (those are in the
/// token); `token` is the content of the token file.
#[must_use]
pub fn web_identity_params(role: &AssumedRole, token: &str) -> Value {
    let mut params = base(role);
    set(&mut params, "WebIdentityToken", Some(token.trim().into()));
    Value::Object(params)
}

fn base(role: &AssumedRole) -> Map<String, Value> {
    let mut params = Map::new();
    let policies = role
        .policy_arns
        .iter()
        .map(|arn| json!({"arn": arn}))
        .collect();
    for (name, value) in [
        ("RoleArn", Some(role.role_arn.as_str().into())),
        (
            "RoleSessionName",
            Some(session_name(&role.session_name).into()),
        ),
        ("DurationSeconds", role.duration_s.map(Value::from)),
        ("Policy", role.policy.as_deref().map(Value::from)),
        ("PolicyArns", filled(policies)),
    ] {
        set(&mut params, name, value);
    }
    params
}

fn set(params: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        params.insert(name.to_owned(), value);
    }
}

fn texts(all: &[String]) -> Vec<Value> {
    all.iter().map(|text| text.as_str().into()).collect()
}

fn filled(list: Vec<Value>) -> Option<Value> {
    (!list.is_empty()).then_some(Value::Array(list))
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
        account_id: account_of(answer),
    })
}

/// Account of the assumed role, `arn:aws:sts::123456789012:assumed-role/name/session`.
fn account_of(answer: &Value) -> Option<String> {
    let arn = answer.pointer("/AssumedRoleUser/Arn")?.as_str()?;
    let account = arn.split(':').nth(4)?;
    (!account.is_empty()).then(|| account.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(
        clippy::too_many_lines,
        reason = "a table of cases is best in one place"
    )]
    fn parameters_and_answer() {
        let role = AssumedRole {
            role_arn: "arn:aws:iam::123456789012:role/r".to_owned(),
            session_name: "run/1 x".to_owned(),
            duration_s: Some(900),
            external_id: Some("ext".to_owned()),
            ..AssumedRole::default()
        };
        assert_eq!(
            assume_role_params(&role),
            json!({"RoleArn": role.role_arn, "RoleSessionName": "run-1-x", "DurationSeconds": 900, "ExternalId": "ext"})
        );
        let whole = AssumedRole {
            policy: Some("{}".to_owned()),
            policy_arns: vec!["arn:aws:iam::aws:policy/ReadOnlyAccess".to_owned()],
            source_identity: Some("alice".to_owned()),
            tags: vec![("team".to_owned(), "sec".to_owned())],
            transitive_tag_keys: vec!["team".to_owned()],
            ..role.clone()
        };
        let params = assume_role_params(&whole);
        assert_eq!(params["Policy"], "{}");
        assert_eq!(
            params["PolicyArns"],
            json!([{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}])
        );
        assert_eq!(params["SourceIdentity"], "alice");
        assert_eq!(params["Tags"], json!([{"Key": "team", "Value": "sec"}]));
        assert_eq!(params["TransitiveTagKeys"], json!(["team"]));
        let web = web_identity_params(&whole, " token\n");
        assert_eq!(web["WebIdentityToken"], "token");
        for absent in ["ExternalId", "SourceIdentity", "Tags", "TransitiveTagKeys"] {
            assert!(web.get(absent).is_none(), "{absent}");
        }
        // Both fit the models.
        for (operation, params) in [
            (ASSUME_ROLE, &params),
            (ASSUME_ROLE_WITH_WEB_IDENTITY, &web),
        ] {
            let call = crate::Call {
                service: "sts",
                operation,
                params,
                region: "eu-west-1",
                endpoint_url: None,
                token: "",
                options: crate::CallOptions::defaults(),
            };
            crate::prepare(&call).unwrap();
        }
        let answer = json!({"Credentials": {"AccessKeyId": "a", "SecretAccessKey": "b", "SessionToken": "c",
            "Expiration": "2026-01-02T03:04:05+00:00"},
            "AssumedRoleUser": {"Arn": "arn:aws:sts::123456789012:assumed-role/r/s"}});
        let credentials = parse(&answer).unwrap();
        assert_eq!(
            credentials.expires_at,
            Some("2026-01-02T03:04:05Z".parse().unwrap())
        );
        assert_eq!(credentials.account_id.as_deref(), Some("123456789012"));
        assert!(
            parse(&json!({}))
                .unwrap_err()
                .to_string()
                .contains("AccessKeyId")
        );
    }
}
