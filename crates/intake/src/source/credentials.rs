//! How a sender proves who it is: keys in headers, Basic, bearer tokens, PagerDuty's routing keys, OAuth clients.
//!
//! Any number of credentials is valid at once, so that a key can be replaced without a gap. All of them are compared
//! in constant time, whichever fits.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::oauth::Token;
use super::secret::{MAX_SECRET, MIN_SECRET, SecretDigest};
use super::settings::{check_accounts, check_regions, is_word};

/// How a credential is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialKind {
    /// The secret stands in the header `name`.
    Header,
    /// `Authorization: Basic` with the user `name`.
    Basic,
    /// `Authorization: Bearer` with the secret.
    Bearer,
    /// `Authorization: Bearer` with a token that the client `name` got from `POST /oauth/token` for its secret.
    Oauth,
    /// The body's `routing_key`, as PagerDuty's senders show it.
    RoutingKey,
}

/// One credential of a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// How it is shown.
    pub kind: CredentialKind,
    /// Name of the header, user or client.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The secret in clear: taken in, never kept ([`Credential::seal`]).
    #[serde(default, skip_serializing)]
    pub secret: Option<Clear>,
    /// The environment variable that holds the secret. File only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_env: Option<String>,
    /// SHA-256 of the secret, 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_sha256: Option<SecretDigest>,
    /// Accounts that events shown with it may come from; empty allows all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<String>,
    /// Regions that events shown with it may come from; empty allows all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<String>,
}

/// How the environment is read; `None` where settings may not name its variables.
pub type Variables<'a> = Option<&'a dyn Fn(&str) -> Option<String>>;

/// A secret in clear, on its way to its digest.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Clear(String);

impl std::fmt::Debug for Clear {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl Credential {
    /// Replaces the secret, wherever it stands, by its digest.
    ///
    /// # Errors
    /// There is no secret, more than one, or one that is too short.
    pub fn seal(&mut self, variable: Variables<'_>) -> Result<(), String> {
        let given = usize::from(self.secret.is_some())
            + usize::from(self.secret_env.is_some())
            + usize::from(self.secret_sha256.is_some());
        if given != 1 {
            return Err(
                "give exactly one of `secret`, `secret_env` and `secret_sha256`".to_owned(),
            );
        }
        let from_environment = match (&self.secret_env, variable) {
            (None, _) => None,
            (Some(_), None) => {
                return Err(
                    "`secret_env` names a variable of the server: only the configuration file can"
                        .to_owned(),
                );
            }
            (Some(name), Some(variable)) => Some(variable(name).ok_or_else(|| {
                format!(
                    "`secret_env`: the environment has no variable `{}`",
                    model::incident::cut(name, 80)
                )
            })?),
        };
        let clear = self.secret.take().map(|clear| clear.0).or(from_environment);
        let Some(clear) = clear else { return Ok(()) };
        if !(MIN_SECRET..=MAX_SECRET).contains(&clear.len()) {
            return Err(format!(
                "the secret must have {MIN_SECRET} to {MAX_SECRET} bytes: make a random one, e.g. `openssl rand -hex 24`"
            ));
        }
        self.secret_sha256 = Some(SecretDigest::of(&clear));
        Ok(())
    }

    /// Checks a sealed credential.
    pub(super) fn check(&self, format: &str) -> Result<(), String> {
        if !self
            .secret_sha256
            .as_ref()
            .is_some_and(SecretDigest::is_well_formed)
        {
            return Err(
                "`secret_sha256` must be 64 hexadecimal digits, e.g. of `printf %s KEY | sha256sum`".to_owned(),
            );
        }
        check_accounts(&self.accounts)?;
        check_regions(&self.regions)?;
        match self.kind {
            CredentialKind::Header => self.check_header(),
            CredentialKind::Basic | CredentialKind::Oauth => {
                let blank = |c: char| c.is_control() || c == ':';
                if (1..=128).contains(&self.name.len()) && !self.name.contains(blank) {
                    return Ok(());
                }
                Err(
                    "`name` must be the user's or client's name: 1 to 128 characters without `:`"
                        .to_owned(),
                )
            }
            CredentialKind::Bearer | CredentialKind::RoutingKey if !self.name.is_empty() => {
                Err("`name` belongs to the kinds `header`, `basic` and `oauth`".to_owned())
            }
            CredentialKind::RoutingKey if format != "pagerduty" => {
                Err("`kind = \"routing-key\"` goes with `format = \"pagerduty\"`".to_owned())
            }
            CredentialKind::Bearer | CredentialKind::RoutingKey => Ok(()),
        }
    }

    fn check_header(&self) -> Result<(), String> {
        const TAKEN: [&str; 6] = [
            "authorization",
            "content-type",
            "content-length",
            "host",
            "cookie",
            "connection",
        ];
        let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let fits = is_word(&self.name, 64) && self.name.bytes().all(known);
        if !fits || TAKEN.contains(&self.name.to_ascii_lowercase().as_str()) {
            return Err(
                "`name` must be the header that holds the key, e.g. `x-api-key`; for `Authorization` there are the kinds `basic`, `bearer` and `oauth`"
                    .to_owned(),
            );
        }
        Ok(())
    }
}

/// What a request shows of its sender.
pub(super) struct Shown<'a> {
    /// Its headers.
    pub(super) headers: &'a http::HeaderMap,
    /// The body's `routing_key`.
    pub(super) routing_key: Option<&'a str>,
    /// A token of Quell's own.
    pub(super) token: Option<Token<'a>>,
}

/// The credential that a request shows. All are looked at, whichever fits first.
pub(super) fn find<'c>(credentials: &'c [Credential], shown: &Shown<'_>) -> Option<&'c Credential> {
    let mut found = None;
    for credential in credentials {
        let fits = credential.is_shown(shown);
        if fits && found.is_none() {
            found = Some(credential);
        }
    }
    found
}

impl Credential {
    fn is_shown(&self, shown: &Shown<'_>) -> bool {
        let Some(digest) = &self.secret_sha256 else {
            return false;
        };
        match self.kind {
            CredentialKind::Header => {
                let mut values = shown.headers.get_all(&self.name).iter();
                // A header that stands twice is nobody's.
                match (values.next(), values.next()) {
                    (Some(value), None) => digest.matches(value.as_bytes()),
                    _ => false,
                }
            }
            CredentialKind::Basic => basic(shown.headers).is_some_and(|(user, secret)| {
                let secret = digest.matches(secret.as_bytes());
                secret & same(user.as_bytes(), self.name.as_bytes())
            }),
            CredentialKind::Bearer => {
                bearer(shown.headers).is_some_and(|secret| digest.matches(secret.as_bytes()))
            }
            CredentialKind::Oauth => {
                let token = shown.token.as_ref();
                token.is_some_and(|token| token.is_for(&self.name, digest.digits()))
            }
            CredentialKind::RoutingKey => shown
                .routing_key
                .is_some_and(|key| digest.matches(key.as_bytes())),
        }
    }
}

fn same(one: &[u8], other: &[u8]) -> bool {
    use subtle::ConstantTimeEq as _;
    one.ct_eq(other).into()
}

fn authorization<'h>(headers: &'h http::HeaderMap, scheme: &str) -> Option<&'h str> {
    let mut values = headers.get_all(http::header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (given, rest) = value.to_str().ok()?.split_once(' ')?;
    given.eq_ignore_ascii_case(scheme).then(|| rest.trim())
}

/// The token of `Authorization: Bearer`.
pub(super) fn bearer(headers: &http::HeaderMap) -> Option<&str> {
    authorization(headers, "bearer")
}

/// User and password of `Authorization: Basic`.
pub(super) fn basic(headers: &http::HeaderMap) -> Option<(String, String)> {
    let decoded = STANDARD.decode(authorization(headers, "basic")?).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (user, secret) = text.split_once(':')?;
    Some((user.to_owned(), secret.to_owned()))
}
