//! What a source is: its settings as they stand in the configuration or come by the API, and what is wrong with them.

use std::fmt;

use jiff::SignedDuration;
use model::arn::Arn;
use serde::{Deserialize, Serialize};

pub use super::credentials::{Clear, Credential, CredentialKind, Variables};
pub use super::secret::{MAX_SECRET, MIN_SECRET, SecretDigest};
use crate::decode::{Format, Mapping, MappingText};
use crate::verify;

/// Most sources of one server.
pub const MAX_SOURCES: usize = 200;
/// Largest body that a source may allow, in bytes.
pub const MAX_BODY: usize = 4 * 1024 * 1024;
/// Most entries of a list of accounts, regions, topics, origins or credentials.
const MAX_LIST: usize = 100;

/// How events come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// From an SQS queue that is polled.
    Sqs,
    /// From SNS topics that call `POST /intake/<name>`.
    Sns,
    /// From senders that call `POST /intake/<name>`.
    Http,
}

impl Kind {
    /// The word in settings.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Sqs => "sqs",
            Self::Sns => "sns",
            Self::Http => "http",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Name: 1 to 64 letters, digits, `-` and `_`.
    pub name: String,
    /// How events come.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The bus that they go to: a name, or an ARN for one in another region.
    #[serde(default = "default_bus")]
    pub bus: String,
    /// What its messages are; see [`Format::WORDS`].
    #[serde(default = "default_format")]
    pub format: String,
    /// For `format = "json"`: where the event's parts are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapping: Option<MappingText>,
    /// A source that is switched off takes nothing.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Whether its events may have a source of `aws.*`, as AWS's own services would. Without it queues and topics may,
    /// other senders may not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingest: Option<bool>,
    /// Accounts that its events may come from; empty allows all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<String>,
    /// Regions that its events may come from; empty allows all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<String>,
    /// Largest message in bytes; 1 MiB if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_body_bytes: Option<usize>,

    /// `sqs`: the queue's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_url: Option<String>,
    /// `sqs`: the queue's region, if its address does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// `sqs`, `sns`: a role to assume for calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// `sqs`, `sns`: the external id that the role asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// `sqs`: polls under way at once; 2 if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receivers: Option<u32>,
    /// `sqs`: seconds that a message is hidden from others while it is worked on; 60 if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility_timeout_secs: Option<u32>,

    /// `sns`: ARNs of the topics that are listened to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<String>,
    /// `sns`: takes signatures of version 1 (SHA-1) too.
    #[serde(default, skip_serializing_if = "is_false")]
    pub signature_version_1: bool,
    /// `sns`: leaves confirmations of subscriptions to the operator.
    #[serde(default, skip_serializing_if = "is_false")]
    pub confirm_by_hand: bool,
    /// `sns`: certificates (PEM) whose signatures are taken as they are, e.g. another Quell's: nothing is fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_certificates: Option<String>,
    /// `sns`: authorities (PEM) that fetched certificates must come from, in place of the public ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_certificates: Option<String>,

    /// `http` (and `sns` for raw delivery): how senders prove who they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub credentials: Vec<Credential>,
    /// `http`: origins that may ask by `OPTIONS` whether they may send (CloudEvents); `*` is any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_origins: Vec<String>,
}

fn default_bus() -> String {
    "default".to_owned()
}

fn default_format() -> String {
    "auto".to_owned()
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_false(value: &bool) -> bool {
    !value
}

/// What is wrong with a source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("source `{name}`: {problem}")]
pub struct SettingsError {
    /// Name of the source, cut.
    pub name: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl Settings {
    /// Checks everything that types cannot say.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), SettingsError> {
        let checked = self.check_name();
        checked
            .and_then(|()| self.check_members())
            .and_then(|()| self.check_lists())
            .and_then(|()| self.read_format().map(|_| ()))
            .and_then(|()| match self.kind {
                Kind::Sqs => self.check_sqs(),
                Kind::Sns => self.check_sns(),
                Kind::Http => self.check_http(),
            })
            .map_err(|problem| SettingsError {
                name: model::incident::cut(&self.name, 64).to_owned(),
                problem,
            })
    }

    fn check_name(&self) -> Result<(), String> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if !(1..=64).contains(&self.name.len()) || !self.name.bytes().all(known) {
            return Err("`name` must be 1 to 64 letters, digits, `-` and `_`".to_owned());
        }
        Ok(())
    }

    /// Members that belong to sources of another type.
    fn check_members(&self) -> Result<(), String> {
        use Kind::{Http, Sns, Sqs};
        let members: [(&str, bool, &[Kind]); 13] = [
            ("queue_url", self.queue_url.is_some(), &[Sqs]),
            ("region", self.region.is_some(), &[Sqs]),
            ("receivers", self.receivers.is_some(), &[Sqs]),
            (
                "visibility_timeout_secs",
                self.visibility_timeout_secs.is_some(),
                &[Sqs],
            ),
            ("role_arn", self.role_arn.is_some(), &[Sqs, Sns]),
            ("external_id", self.external_id.is_some(), &[Sqs, Sns]),
            ("topics", !self.topics.is_empty(), &[Sns]),
            ("signature_version_1", self.signature_version_1, &[Sns]),
            ("confirm_by_hand", self.confirm_by_hand, &[Sns]),
            (
                "signing_certificates",
                self.signing_certificates.is_some(),
                &[Sns],
            ),
            ("ca_certificates", self.ca_certificates.is_some(), &[Sns]),
            ("credentials", !self.credentials.is_empty(), &[Http, Sns]),
            ("allowed_origins", !self.allowed_origins.is_empty(), &[Http]),
        ];
        let misplaced =
            |(_, given, kinds): &&(&str, bool, &[Kind])| *given && !kinds.contains(&self.kind);
        if let Some((member, _, kinds)) = members.iter().find(misplaced) {
            let kinds: Vec<&str> = kinds.iter().map(|kind| kind.word()).collect();
            return Err(format!(
                "`{member}` belongs to sources of type `{}`, and this one is of type `{}`",
                kinds.join("` or `"),
                self.kind
            ));
        }
        Ok(())
    }

    fn check_lists(&self) -> Result<(), String> {
        let lists = [
            ("accounts", self.accounts.len()),
            ("regions", self.regions.len()),
            ("topics", self.topics.len()),
            ("credentials", self.credentials.len()),
            ("allowed_origins", self.allowed_origins.len()),
        ];
        if let Some((name, _)) = lists.iter().find(|(_, count)| *count > MAX_LIST) {
            return Err(format!("`{name}` must have at most {MAX_LIST} entries"));
        }
        check_accounts(&self.accounts)?;
        check_regions(&self.regions)?;
        if self
            .allowed_origins
            .iter()
            .any(|origin| !is_word(origin, 253))
        {
            return Err(
                "`allowed_origins` must be host names such as `eventgrid.azure.net`, or `*`"
                    .to_owned(),
            );
        }
        if self
            .max_body_bytes
            .is_some_and(|most| !(1_024..=MAX_BODY).contains(&most))
        {
            return Err(format!("`max_body_bytes` must be from 1024 to {MAX_BODY}"));
        }
        self.bus().map(|_| ())
    }

    /// The bus: its name, and region and account if the settings tell.
    pub(crate) fn bus(&self) -> Result<(String, Option<(String, String)>), String> {
        let wrong = || {
            format!(
                "`bus` `{}` must be a bus's name, or its ARN: arn:aws:events:REGION:ACCOUNT:event-bus/NAME",
                model::incident::cut(&self.bus, 80)
            )
        };
        let name = |text: &str| {
            let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
            let fits = (1..=256).contains(&text.len()) && text.bytes().all(known);
            fits.then(|| text.to_owned())
        };
        if !self.bus.starts_with("arn:") {
            return name(&self.bus).map(|name| (name, None)).ok_or_else(wrong);
        }
        let arn = Arn::parse(&self.bus)
            .filter(|arn| arn.service == "events")
            .ok_or_else(wrong)?;
        let bus = arn.tail("event-bus").and_then(name).ok_or_else(wrong)?;
        Ok((bus, Some((arn.account, arn.region))))
    }

    /// The format, ready for use.
    pub(crate) fn read_format(&self) -> Result<Format, String> {
        match (&self.mapping, self.format.as_str()) {
            (Some(text), "json") => Mapping::compile(text)
                .map(Format::Mapped)
                .map_err(|error| error.to_string()),
            (None, "json") => Err(
                "`format = \"json\"` needs a `mapping` that says where the event's parts are"
                    .to_owned(),
            ),
            (Some(_), other) => Err(format!(
                "`mapping` goes with `format = \"json\"`, not with `{}`",
                model::incident::cut(other, 40)
            )),
            (None, word) => word
                .parse()
                .map_err(|error: crate::decode::UnknownFormat| error.to_string()),
        }
    }

    fn check_sqs(&self) -> Result<(), String> {
        self.queue()?;
        if self
            .receivers
            .is_some_and(|count| !(1..=32).contains(&count))
        {
            return Err("`receivers` must be from 1 to 32".to_owned());
        }
        if self
            .visibility_timeout_secs
            .is_some_and(|seconds| !(10..=43_200).contains(&seconds))
        {
            return Err("`visibility_timeout_secs` must be from 10 to 43200".to_owned());
        }
        self.check_role()
    }

    fn check_role(&self) -> Result<(), String> {
        if let Some(arn) = &self.role_arn {
            let parsed = Arn::parse(arn);
            if parsed.is_none_or(|arn| arn.service != "iam" || arn.tail("role").is_none()) {
                return Err(
                    "`role_arn` must be a role's ARN: arn:aws:iam::ACCOUNT:role/NAME".to_owned(),
                );
            }
        }
        let fits = |id: &String| {
            let known = |c: char| c.is_ascii_alphanumeric() || "_+=,.@:/-".contains(c);
            (2..=1224).contains(&id.len()) && id.chars().all(known)
        };
        match &self.external_id {
            Some(id) if self.role_arn.is_none() || !fits(id) => Err(
                "`external_id` goes with `role_arn`, and must be 2 to 1224 letters, digits and characters of `_+=,.@:/-`"
                    .to_owned(),
            ),
            _ => Ok(()),
        }
    }

    /// The queue's address and region.
    pub(crate) fn queue(&self) -> Result<(String, String), String> {
        let Some(url) = &self.queue_url else {
            return Err(
                "`queue_url` is missing: give the queue's address, e.g. https://sqs.us-east-1.amazonaws.com/123456789012/findings"
                    .to_owned(),
            );
        };
        let rest = url
            .strip_prefix("https://")
            .or_else(|| url.strip_prefix("http://"));
        let host = rest
            .and_then(|rest| rest.split('/').next())
            .unwrap_or_default();
        if host.is_empty()
            || url.len() > 2_048
            || url.contains(|c: char| c.is_whitespace() || c.is_control())
        {
            return Err("`queue_url` must be an address such as https://sqs.us-east-1.amazonaws.com/123456789012/findings".to_owned());
        }
        // `sqs.REGION.amazonaws.com`, or the older `REGION.queue.amazonaws.com`.
        let mut labels = host.split('.');
        let told = match (labels.next(), labels.next()) {
            (Some("sqs"), Some(region)) if host.contains(".amazonaws.com") => {
                Some(region.to_owned())
            }
            (Some(region), Some("queue")) if host.contains(".amazonaws.com") => {
                Some(region.to_owned())
            }
            _ => None,
        };
        let region = self.region.clone().or(told).ok_or(
            "`region` is missing: the queue's address does not tell its region".to_owned(),
        )?;
        check_regions(std::slice::from_ref(&region))?;
        Ok((url.clone(), region))
    }

    fn check_sns(&self) -> Result<(), String> {
        if self.topics.is_empty() {
            return Err("`topics` is missing: give the ARNs of the topics to listen to".to_owned());
        }
        let wrong = |arn: &&String| {
            let parsed = Arn::parse(arn);
            parsed.is_none_or(|arn| {
                arn.service != "sns" || arn.region.is_empty() || arn.resource.contains(':')
            })
        };
        if let Some(arn) = self.topics.iter().find(wrong) {
            return Err(format!(
                "`topics`: `{}` is no topic's ARN: write arn:aws:sns:REGION:ACCOUNT:NAME",
                model::incident::cut(arn, 80)
            ));
        }
        if let Some(pem) = &self.signing_certificates {
            verify::pinned(pem).map_err(|error| format!("`signing_certificates`: {error}"))?;
        }
        if let Some(pem) = &self.ca_certificates {
            verify::Trust::of_pem(pem).map_err(|error| format!("`ca_certificates`: {error}"))?;
        }
        self.check_role()?;
        self.check_credentials()
    }

    fn check_http(&self) -> Result<(), String> {
        if self.credentials.is_empty() {
            return Err(
                "`credentials` is missing: give at least one, so that senders can prove who they are".to_owned(),
            );
        }
        self.check_credentials()
    }

    fn check_credentials(&self) -> Result<(), String> {
        for (index, credential) in self.credentials.iter().enumerate() {
            credential
                .check(&self.format)
                .map_err(|problem| format!("credential {}: {problem}", index + 1))?;
        }
        Ok(())
    }

    /// Whether events of `aws.*` sources are taken.
    pub(crate) fn takes_aws(&self) -> bool {
        self.ingest.unwrap_or(self.kind != Kind::Http)
    }

    /// Largest message in bytes.
    pub(crate) fn body_limit(&self) -> usize {
        self.max_body_bytes.unwrap_or(1024 * 1024).min(MAX_BODY)
    }

    pub(crate) fn visibility(&self) -> SignedDuration {
        SignedDuration::from_secs(i64::from(self.visibility_timeout_secs.unwrap_or(60)))
    }
}

pub(super) fn check_accounts(accounts: &[String]) -> Result<(), String> {
    let wrong = |account: &&String| {
        account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit())
    };
    match accounts.iter().find(wrong) {
        Some(account) => Err(format!(
            "`accounts`: `{}` must be twelve digits",
            model::incident::cut(account, 40)
        )),
        None => Ok(()),
    }
}

pub(super) fn check_regions(regions: &[String]) -> Result<(), String> {
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let wrong = |region: &&String| !(1..=32).contains(&region.len()) || !region.bytes().all(known);
    match regions.iter().find(wrong) {
        Some(region) => Err(format!(
            "region `{}` must be a region's name such as `us-east-1`",
            model::incident::cut(region, 40)
        )),
        None => Ok(()),
    }
}

/// Visible ASCII without blanks.
pub(super) fn is_word(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}
