//! Which source of credentials is meant, by boto3's order and rules. Pure: it looks at variables and files' texts, and
//! says what to ask; it asks nothing.
//!
//! The order: keys in the environment, a profile's role, web identity, IAM Identity Center, keys in the credentials
//! file, `aws login`, a process, keys in the config file, the container, the instance. The first that is configured is
//! taken: if it is broken, no other is tried, for another identity than the operator asked for would be worse than
//! none. Source: botocore's `create_credential_resolver`.

use super::profile::{Profile, ProfileError, Profiles};
use super::sso::SsoRole;
use super::{Credentials, container};
use crate::client::AssumedRole;

/// Longest chain of `source_profile`.
const MAX_CHAIN: usize = 8;
/// Session name where nobody gave one.
const SESSION_NAME: &str = "quell";

/// Where credentials come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Keys that were written down.
    Static(Credentials),
    /// Assume a role with the credentials of another source.
    AssumeRole {
        /// Role to assume.
        role: AssumedRole,
        /// Credentials to sign the call with.
        from: Box<Source>,
    },
    /// Assume a role with the token in a file.
    WebIdentity {
        /// Role to assume.
        role: AssumedRole,
        /// Path of the token file.
        token_file: String,
    },
    /// A role in IAM Identity Center.
    Sso(SsoRole),
    /// What `aws login` left on this machine.
    Login {
        /// Profile.
        profile: String,
        /// `login_session`.
        session: String,
    },
    /// A command that prints credentials.
    Process {
        /// Profile.
        profile: String,
        /// The command with its arguments; see [`super::shell_words`].
        command: String,
    },
    /// The container's credential address.
    Container,
    /// The instance's metadata service, because a profile says so.
    InstanceMetadata,
    /// The instance's metadata service, because nothing else is configured.
    LastResort,
}

/// What can be looked at.
pub struct Lookup<'a> {
    /// Variables of the environment.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// The shared files.
    pub profiles: &'a Profiles,
    /// The profile that the operator named in Quell's own configuration: then the environment's keys are not looked
    /// at, as in boto3.
    pub explicit_profile: Option<&'a str>,
}

impl std::fmt::Debug for Lookup<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lookup")
            .field("explicit_profile", &self.explicit_profile)
            .finish_non_exhaustive()
    }
}

/// Name of the profile in use, and whether somebody chose it: the one named, `AWS_DEFAULT_PROFILE`, `AWS_PROFILE`, else
/// `default`. The order is boto3's.
pub fn profile_name(
    variable: &dyn Fn(&str) -> Option<String>,
    explicit: Option<&str>,
) -> (String, bool) {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    explicit
        .map(str::to_owned)
        .or_else(|| set("AWS_DEFAULT_PROFILE"))
        .or_else(|| set("AWS_PROFILE"))
        .map_or_else(|| ("default".to_owned(), false), |name| (name, true))
}

/// The source to ask.
///
/// # Errors
/// [`ProfileError`] names the profile or variable that is configured but cannot be used.
pub fn choose(lookup: &Lookup<'_>) -> Result<Source, ProfileError> {
    let variable = |name: &str| (lookup.variable)(name).filter(|value| !value.is_empty());
    if lookup.explicit_profile.is_none()
        && let Some(keys) = environment_keys(lookup)?
    {
        return Ok(Source::Static(keys));
    }
    let (name, chosen) = profile_name(lookup.variable, lookup.explicit_profile);
    let empty = Profile::default();
    let profile = match lookup.profiles.get(&name) {
        Some(profile) => profile,
        None if chosen => return Err(ProfileError::Unknown(name)),
        None => &empty,
    };
    if is_role(profile) {
        let mut visited = vec![name.clone()];
        return assume(lookup, &name, profile, &mut visited);
    }
    let web = if lookup.explicit_profile.is_none() {
        web_identity(&name, profile, &variable)?
    } else {
        None
    };
    if let Some(source) = web {
        return Ok(source);
    }
    if let Some(source) = of_profile(lookup, &name, profile)? {
        return Ok(source);
    }
    Ok(if container::is_configured(variable) {
        Source::Container
    } else {
        Source::LastResort
    })
}

impl Profiles {
    /// The source of a profile, without a look at the environment.
    ///
    /// # Errors
    /// As [`choose`].
    pub fn source(&self, name: &str) -> Result<Source, ProfileError> {
        choose(&Lookup {
            variable: &|_| None,
            profiles: self,
            explicit_profile: Some(name),
        })
    }
}

impl Profiles {
    /// The login of a profile that names an `sso_session`: its token serves services that take one in place of a
    /// signature. `None` without such a session. It has no account and no role.
    ///
    /// # Errors
    /// [`ProfileError`] names what the session lacks.
    pub fn login(&self, name: &str) -> Result<Option<SsoRole>, ProfileError> {
        let session = self
            .get(name)
            .and_then(|profile| profile.get("sso_session"));
        let Some(session) = session else {
            return Ok(None);
        };
        let section = self
            .sso_session(session)
            .ok_or_else(|| no_session(name, session))?;
        let need = |setting: &str| {
            section.get(setting).map(str::to_owned).ok_or_else(|| {
                incomplete(
                    name,
                    &format!("`[sso-session {session}]` needs `{setting}`"),
                )
            })
        };
        Ok(Some(SsoRole {
            profile: name.to_owned(),
            session: Some(session.to_owned()),
            start_url: need("sso_start_url")?,
            region: need("sso_region")?,
            account_id: String::new(),
            role_name: String::new(),
        }))
    }
}

fn no_session(profile: &str, session: &str) -> ProfileError {
    incomplete(
        profile,
        &format!("`sso_session` is `{session}`, but there is no section `[sso-session {session}]`"),
    )
}

fn environment_keys(lookup: &Lookup<'_>) -> Result<Option<Credentials>, ProfileError> {
    Credentials::from_variables(lookup.variable)
        .map_err(|error| ProfileError::Environment(error.reason))
}

fn is_role(profile: &Profile) -> bool {
    profile.get("role_arn").is_some() && profile.get("web_identity_token_file").is_none()
}

fn has_keys(profile: &Profile) -> bool {
    ["aws_access_key_id", "aws_secret_access_key"]
        .iter()
        .any(|name| profile.get(name).is_some())
}

/// A profile's role with whatever its source is.
fn assume(
    lookup: &Lookup<'_>,
    name: &str,
    profile: &Profile,
    visited: &mut Vec<String>,
) -> Result<Source, ProfileError> {
    let role = role(name, profile)?;
    let from = match (
        profile.get("source_profile"),
        profile.get("credential_source"),
    ) {
        (Some(_), Some(_)) => {
            return Err(incomplete(
                name,
                "`source_profile` and `credential_source` are both set; keep one",
            ));
        }
        (None, None) => {
            return Err(incomplete(
                name,
                "`role_arn` needs `source_profile`, `credential_source` or `web_identity_token_file`",
            ));
        }
        (None, Some(source)) => named_source(lookup, name, source)?,
        (Some(source), None) => source_profile(lookup, name, source, visited)?,
    };
    Ok(Source::AssumeRole {
        role,
        from: Box::new(from),
    })
}

fn named_source(lookup: &Lookup<'_>, name: &str, source: &str) -> Result<Source, ProfileError> {
    match source {
        "Environment" => environment_keys(lookup)?.map(Source::Static).ok_or_else(|| {
            incomplete(
                name,
                "`credential_source` is Environment, but AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set",
            )
        }),
        "Ec2InstanceMetadata" => Ok(Source::InstanceMetadata),
        "EcsContainer" if container::is_configured(lookup.variable) => Ok(Source::Container),
        "EcsContainer" => Err(incomplete(
            name,
            "`credential_source` is EcsContainer, but AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and AWS_CONTAINER_CREDENTIALS_FULL_URI are not set",
        )),
        other => Err(incomplete(
            name,
            &format!(
                "`credential_source` is `{other}`, not Environment, Ec2InstanceMetadata or EcsContainer"
            ),
        )),
    }
}

fn source_profile(
    lookup: &Lookup<'_>,
    parent: &str,
    name: &str,
    visited: &mut Vec<String>,
) -> Result<Source, ProfileError> {
    let profile = lookup.profiles.get(name).ok_or_else(|| {
        incomplete(
            parent,
            &format!("its `source_profile` is `{name}`, which is in neither file"),
        )
    })?;
    // A profile may name itself as the source of its own role: its keys are meant then.
    let circle = visited.iter().any(|before| before == name);
    if (circle && (name != parent || !has_keys(profile))) || visited.len() >= MAX_CHAIN {
        return Err(ProfileError::Chain(parent.to_owned()));
    }
    visited.push(name.to_owned());
    if !has_keys(profile) && is_role(profile) {
        return assume(lookup, name, profile, visited);
    }
    match web_identity(name, profile, &|_| None)? {
        Some(source) => Ok(source),
        None => of_profile(lookup, name, profile)?.ok_or_else(|| {
            incomplete(
                name,
                "as a `source_profile` it needs credentials: set `aws_access_key_id` and `aws_secret_access_key`, or another source",
            )
        }),
    }
}

/// `AWS_WEB_IDENTITY_TOKEN_FILE`, `AWS_ROLE_ARN` and `AWS_ROLE_SESSION_NAME`, or the profile's own.
fn web_identity(
    name: &str,
    profile: &Profile,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<Source>, ProfileError> {
    let get = |env: &str, setting: &str| {
        variable(env).or_else(|| profile.get(setting).map(str::to_owned))
    };
    let Some(token_file) = get("AWS_WEB_IDENTITY_TOKEN_FILE", "web_identity_token_file") else {
        return Ok(None);
    };
    let role_arn = get("AWS_ROLE_ARN", "role_arn").ok_or_else(|| {
        incomplete(
            name,
            "a web identity token file is configured without a role: set `role_arn` or AWS_ROLE_ARN",
        )
    })?;
    let session_name = get("AWS_ROLE_SESSION_NAME", "role_session_name");
    Ok(Some(Source::WebIdentity {
        role: AssumedRole {
            role_arn,
            session_name: session_name.unwrap_or_else(|| SESSION_NAME.to_owned()),
            ..AssumedRole::default()
        },
        token_file,
    }))
}

/// What a profile has itself, in order.
fn of_profile(
    lookup: &Lookup<'_>,
    name: &str,
    profile: &Profile,
) -> Result<Option<Source>, ProfileError> {
    if let Some(source) = web_identity(name, profile, &|_| None)? {
        return Ok(Some(source));
    }
    if let Some(role) = sso(lookup, name, profile)? {
        return Ok(Some(Source::Sso(role)));
    }
    if let Some(keys) = keys(name, &|setting| profile.in_credentials(setting))? {
        return Ok(Some(Source::Static(keys)));
    }
    if let Some(session) = profile.get("login_session") {
        return Ok(Some(Source::Login {
            profile: name.to_owned(),
            session: session.to_owned(),
        }));
    }
    if let Some(command) = profile.get("credential_process") {
        return Ok(Some(Source::Process {
            profile: name.to_owned(),
            command: command.to_owned(),
        }));
    }
    Ok(keys(name, &|setting| profile.get(setting))?.map(Source::Static))
}

fn keys<'a>(
    name: &str,
    setting: &dyn Fn(&str) -> Option<&'a str>,
) -> Result<Option<Credentials>, ProfileError> {
    let Some(id) = setting("aws_access_key_id") else {
        return Ok(None);
    };
    let secret = setting("aws_secret_access_key").ok_or_else(|| {
        incomplete(
            name,
            "`aws_access_key_id` is set without `aws_secret_access_key`",
        )
    })?;
    let mut credentials = Credentials::new(id, secret);
    credentials.session_token = setting("aws_security_token")
        .or_else(|| setting("aws_session_token"))
        .map(str::to_owned);
    credentials.account_id = setting("aws_account_id").map(str::to_owned);
    Ok(Some(credentials))
}

fn sso(
    lookup: &Lookup<'_>,
    name: &str,
    profile: &Profile,
) -> Result<Option<SsoRole>, ProfileError> {
    if profile.get("sso_role_name").is_none() && profile.get("sso_account_id").is_none() {
        return Ok(None);
    }
    let session = match profile.get("sso_session") {
        None => None,
        Some(session) => Some((
            session,
            lookup
                .profiles
                .sso_session(session)
                .ok_or_else(|| no_session(name, session))?,
        )),
    };
    if let Some((session, section)) = session
        && let Some((setting, _)) = section
            .texts()
            .find(|(setting, value)| profile.get(setting).is_some_and(|own| own != *value))
    {
        return Err(incomplete(
            name,
            &format!(
                "`{setting}` is another in the profile than in `[sso-session {session}]`; keep one"
            ),
        ));
    }
    let need = |setting: &str| {
        profile
            .get(setting)
            .or_else(|| session.and_then(|(_, section)| section.get(setting)))
            .map(str::to_owned)
            .ok_or_else(|| incomplete(name, &format!("IAM Identity Center needs `{setting}`")))
    };
    Ok(Some(SsoRole {
        profile: name.to_owned(),
        session: session.map(|(session, _)| session.to_owned()),
        start_url: need("sso_start_url")?,
        region: need("sso_region")?,
        account_id: need("sso_account_id")?,
        role_name: need("sso_role_name")?,
    }))
}

fn role(name: &str, profile: &Profile) -> Result<AssumedRole, ProfileError> {
    if let Some(serial) = profile.get("mfa_serial") {
        return Err(incomplete(
            name,
            &format!(
                "`mfa_serial` is `{serial}`, but a server has nobody to ask for a code: use a role that trusts without MFA, or a profile with the keys of a session that was made with it"
            ),
        ));
    }
    let owned = |setting: &str| profile.get(setting).map(str::to_owned);
    let duration_s = owned("duration_seconds")
        .map(|text| {
            text.parse().map_err(|_| {
                incomplete(
                    name,
                    &format!("`duration_seconds` is `{text}`, not a whole number"),
                )
            })
        })
        .transpose()?;
    Ok(AssumedRole {
        role_arn: owned("role_arn").unwrap_or_default(),
        session_name: owned("role_session_name").unwrap_or_else(|| SESSION_NAME.to_owned()),
        external_id: owned("external_id"),
        duration_s,
        ..AssumedRole::default()
    })
}

fn incomplete(profile: &str, reason: &str) -> ProfileError {
    ProfileError::Incomplete {
        profile: profile.to_owned(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod tests;
