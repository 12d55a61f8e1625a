//! Credentials of a role in IAM Identity Center: the token that `aws sso login` left on this machine, its renewal, and
//! what is asked with it.
//!
//! Steps: read the file [`SsoRole::cache_file_name`], give it to [`CachedToken::parse`], and ask [`CachedToken::state`]
//! what to do. To renew, call `sso-oidc` with [`CachedToken::renewal_params`] and write [`CachedToken::renewed`] back.
//! Then call `sso` with [`SsoRole::params`] and give the answer to [`SsoRole::parse`]. Both calls go out unsigned, in
//! [`SsoRole::region`]. Source: SDK reference guide, "IAM Identity Center credential provider".

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};

use super::{AnswerError, Credentials, need, parse_end, parse_json};

/// Service and operation for [`SsoRole::params`].
pub const GET_ROLE_CREDENTIALS: (&str, &str) = ("sso", "GetRoleCredentials");
/// Service and operation for [`CachedToken::renewal_params`].
pub const CREATE_TOKEN: (&str, &str) = ("sso-oidc", "CreateToken");

/// A token is renewed when it ends within this, in seconds; as botocore has it.
const RENEWAL_S: i64 = 15 * 60;
/// Longest life of a renewed token that is believed, in seconds.
const MAX_LIFE_S: i64 = 90 * 24 * 60 * 60;
const CACHE: &str = "cache of `aws sso login`";
const OIDC: &str = "IAM Identity Center token service";
const PORTAL: &str = "IAM Identity Center portal";

/// A role in an account, as a profile names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SsoRole {
    /// Profile.
    pub profile: String,
    /// Name of the `[sso-session]` section; `None` for a profile that has it all itself, whose token is not renewed.
    pub session: Option<String>,
    /// Address of the portal.
    pub start_url: String,
    /// Region of the portal.
    pub region: String,
    /// Account.
    pub account_id: String,
    /// Name of the role (the permission set).
    pub role_name: String,
}

impl SsoRole {
    /// Name of the token's file in `~/.aws/sso/cache`.
    #[must_use]
    pub fn cache_file_name(&self) -> String {
        let key = self.session.as_deref().unwrap_or(&self.start_url);
        format!("{}.json", hex::encode(Sha1::digest(key.as_bytes())))
    }

    /// What a person has to do when there is no token that works.
    #[must_use]
    pub fn remedy(&self) -> String {
        format!("run `aws sso login --profile {}`", self.profile)
    }

    /// Parameters of [`GET_ROLE_CREDENTIALS`].
    #[must_use]
    pub fn params(&self, token: &CachedToken) -> Value {
        json!({"roleName": self.role_name, "accountId": self.account_id, "accessToken": token.access_token})
    }

    /// Reads the decoded answer of [`GET_ROLE_CREDENTIALS`].
    ///
    /// # Errors
    /// [`AnswerError`] when it has no keys.
    pub fn parse(&self, answer: &Value) -> Result<Credentials, AnswerError> {
        let keys = answer.get("roleCredentials").unwrap_or(&Value::Null);
        let end = keys.get("expiration").and_then(Value::as_i64);
        let expires_at = end
            .and_then(|end| Timestamp::from_millisecond(end).ok())
            .ok_or_else(|| AnswerError {
                source_name: PORTAL,
                reason: "`expiration` is not a time in milliseconds".to_owned(),
            })?;
        Ok(Credentials {
            access_key_id: need(PORTAL, keys, "accessKeyId")?,
            secret_access_key: need(PORTAL, keys, "secretAccessKey")?,
            session_token: Some(need(PORTAL, keys, "sessionToken")?),
            expires_at: Some(expires_at),
            account_id: Some(self.account_id.clone()),
        })
    }
}

/// A token as the cache holds it. `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub struct CachedToken {
    access_token: String,
    expires_at: Timestamp,
    registration: Option<Registration>,
}

#[derive(Clone, PartialEq, Eq)]
struct Registration {
    refresh_token: String,
    client_id: String,
    client_secret: String,
    /// As the file has it.
    ends: String,
    expires_at: Timestamp,
}

impl std::fmt::Debug for CachedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CachedToken")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenState {
    /// It lasts.
    Good,
    /// It still works, and should be renewed.
    Renew,
    /// It works no more, and can be renewed.
    Ended,
    /// It works no more, and a person has to log in.
    Lost,
}

impl CachedToken {
    /// Reads the file.
    ///
    /// # Errors
    /// [`AnswerError`] when it holds no token.
    pub fn parse(body: &[u8]) -> Result<Self, AnswerError> {
        let document = parse_json(CACHE, body)?;
        let end = need(CACHE, &document, "expiresAt")?;
        Ok(Self {
            access_token: need(CACHE, &document, "accessToken")?,
            expires_at: parse_end(&end).ok_or_else(|| AnswerError {
                source_name: CACHE,
                reason: "`expiresAt` is not a timestamp".to_owned(),
            })?,
            registration: registration(&document),
        })
    }

    /// What to do with it at the time `at`.
    #[must_use]
    pub fn state(&self, role: &SsoRole, at: Timestamp) -> TokenState {
        let left = self.expires_at.as_second().saturating_sub(at.as_second());
        let renewable = role.session.is_some()
            && self
                .registration
                .as_ref()
                .is_some_and(|registration| registration.expires_at > at);
        match (left > 0, renewable) {
            (true, true) if left < RENEWAL_S => TokenState::Renew,
            (true, _) => TokenState::Good,
            (false, true) => TokenState::Ended,
            (false, false) => TokenState::Lost,
        }
    }

    /// The token itself, for services that take it as bearer token.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.access_token
    }

    /// Parameters of [`CREATE_TOKEN`]; `None` without a registration.
    #[must_use]
    pub fn renewal_params(&self) -> Option<Value> {
        let registration = self.registration.as_ref()?;
        Some(json!({
            "grantType": "refresh_token",
            "clientId": registration.client_id,
            "clientSecret": registration.client_secret,
            "refreshToken": registration.refresh_token,
        }))
    }

    /// The token that the decoded answer of [`CREATE_TOKEN`] brings, received at the time `at`.
    ///
    /// # Errors
    /// [`AnswerError`] when it brings none.
    pub fn renewed(&self, answer: &Value, at: Timestamp) -> Result<Self, AnswerError> {
        let life = answer
            .get("expiresIn")
            .and_then(Value::as_i64)
            .filter(|life| (1..=MAX_LIFE_S).contains(life))
            .ok_or_else(|| AnswerError {
                source_name: OIDC,
                reason: "`expiresIn` is not a number of seconds".to_owned(),
            })?;
        let refresh_token = answer.get("refreshToken").and_then(Value::as_str);
        Ok(Self {
            access_token: need(OIDC, answer, "accessToken")?,
            expires_at: at
                .checked_add(SignedDuration::from_secs(life))
                .unwrap_or(at),
            // Without a new refresh token the next renewal is a login: the old one is used up.
            registration: self.registration.clone().zip(refresh_token).map(
                |(registration, token)| Registration {
                    refresh_token: token.to_owned(),
                    ..registration
                },
            ),
        })
    }

    /// The text of the file, which AWS's own tools read too.
    #[must_use]
    pub fn to_file(&self, role: &SsoRole) -> String {
        let end = Timestamp::from_second(self.expires_at.as_second()).unwrap_or(self.expires_at);
        let mut file = json!({
            "startUrl": role.start_url,
            "region": role.region,
            "accessToken": self.access_token,
            "expiresAt": end.to_string(),
        });
        if let (Some(registration), Some(file)) = (&self.registration, file.as_object_mut()) {
            for (key, value) in [
                ("clientId", &registration.client_id),
                ("clientSecret", &registration.client_secret),
                ("registrationExpiresAt", &registration.ends),
                ("refreshToken", &registration.refresh_token),
            ] {
                file.insert(key.to_owned(), value.as_str().into());
            }
        }
        file.to_string()
    }
}

fn registration(document: &Value) -> Option<Registration> {
    let text = |key: &str| document.get(key).and_then(Value::as_str).map(str::to_owned);
    let ends = text("registrationExpiresAt")?;
    Some(Registration {
        refresh_token: text("refreshToken")?,
        client_id: text("clientId")?,
        client_secret: text("clientSecret")?,
        expires_at: parse_end(&ends)?,
        ends,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(session: Option<&str>) -> SsoRole {
        SsoRole {
            profile: "dev".to_owned(),
            session: session.map(str::to_owned),
            start_url: "https://d-abc123.awsapps.com/start".to_owned(),
            region: "eu-west-1".to_owned(),
            account_id: "123456789012".to_owned(),
            role_name: "ops".to_owned(),
        }
    }

    const WHOLE: &[u8] = br#"{"accessToken": "tok", "expiresAt": "2026-01-02T03:00:00Z", "refreshToken": "ref",
        "clientId": "cid", "clientSecret": "csecret", "registrationExpiresAt": "2026-02-01T00:00:00Z"}"#;
    const LEGACY: &[u8] =
        br#"{"accessToken": "tok", "expiresAt": "2026-01-02T03:00:00UTC", "region": "x"}"#;

    #[test]
    fn files_are_named_as_aws_names_them() {
        // SHA-1 of the session's name or of the start URL, as Python's hashlib gives it.
        assert_eq!(
            role(Some("my-sso")).cache_file_name(),
            "0ad374308c5a4e22f723adf10145eafad7c4031c.json"
        );
        assert_eq!(
            role(None).cache_file_name(),
            "40a89917e3175433e361b710a9d43528d7f1890a.json"
        );
    }

    #[test]
    fn a_token_is_renewed_in_time_or_lost() {
        let table = [
            (WHOLE, Some("s"), "2026-01-02T02:44:59Z", TokenState::Good),
            (WHOLE, Some("s"), "2026-01-02T02:45:01Z", TokenState::Renew),
            (WHOLE, Some("s"), "2026-01-02T03:00:00Z", TokenState::Ended),
            (WHOLE, Some("s"), "2026-02-01T00:00:00Z", TokenState::Lost),
            (WHOLE, None, "2026-01-02T02:59:59Z", TokenState::Good),
            (WHOLE, None, "2026-01-02T03:00:00Z", TokenState::Lost),
            (LEGACY, Some("s"), "2026-01-02T02:59:59Z", TokenState::Good),
            (LEGACY, Some("s"), "2026-01-02T03:00:00Z", TokenState::Lost),
        ];
        for (file, session, at, state) in table {
            let token = CachedToken::parse(file).unwrap();
            assert_eq!(
                token.state(&role(session), at.parse().unwrap()),
                state,
                "{at}"
            );
        }
        for bad in [
            &b"{}"[..],
            b"tok",
            br#"{"accessToken": "tok"}"#,
            br#"{"accessToken": "tok", "expiresAt": "x"}"#,
        ] {
            let fault = CachedToken::parse(bad).unwrap_err().to_string();
            assert!(!fault.contains("`tok`"), "{fault}");
        }
    }

    #[test]
    fn renewal_and_roles() {
        let at: Timestamp = "2026-01-02T02:50:00.5Z".parse().unwrap();
        let token = CachedToken::parse(WHOLE).unwrap();
        assert!(
            !format!("{token:?}").contains("csecret") && !format!("{token:?}").contains("tok\"")
        );
        assert_eq!(
            token.renewal_params().unwrap(),
            json!({"grantType": "refresh_token", "clientId": "cid", "clientSecret": "csecret", "refreshToken": "ref"})
        );
        let answer = json!({"accessToken": "new", "expiresIn": 3600, "refreshToken": "ref2"});
        let new = token.renewed(&answer, at).unwrap();
        assert_eq!(new.expose(), "new");
        let file = new.to_file(&role(Some("s")));
        let read: Value = serde_json::from_str(&file).unwrap();
        assert_eq!(read["expiresAt"], "2026-01-02T03:50:00Z");
        assert_eq!(read["registrationExpiresAt"], "2026-02-01T00:00:00Z");
        assert_eq!(read["refreshToken"], "ref2");
        assert_eq!(
            CachedToken::parse(file.as_bytes())
                .unwrap()
                .renewal_params(),
            new.renewal_params()
        );
        let used_up = token
            .renewed(&json!({"accessToken": "new", "expiresIn": 60}), at)
            .unwrap();
        assert_eq!(used_up.renewal_params(), None);
        for bad in [
            json!({"accessToken": "new"}),
            json!({"accessToken": "n", "expiresIn": -5}),
            json!({"expiresIn": 5}),
        ] {
            assert!(token.renewed(&bad, at).is_err());
        }
        let role = role(None);
        assert_eq!(role.params(&token)["accessToken"], "tok");
        let answer = json!({"roleCredentials": {"accessKeyId": "a", "secretAccessKey": "s", "sessionToken": "t",
            "expiration": 1_767_322_800_000_i64}});
        let keys = role.parse(&answer).unwrap();
        assert_eq!(
            keys.expires_at,
            Some("2026-01-02T03:00:00Z".parse().unwrap())
        );
        assert_eq!(keys.account_id.as_deref(), Some("123456789012"));
        assert!(role.parse(&json!({})).is_err());
    }
}
