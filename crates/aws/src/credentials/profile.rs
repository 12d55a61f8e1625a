//! The shared files `credentials` and `config`: profiles, and what each says about where its credentials come from.
//!
//! Source: SDK reference guide, "Shared config and credentials files".

use std::collections::BTreeMap;

use super::Credentials;

/// Largest file read, in bytes.
const MAX_FILE: usize = 1024 * 1024;
/// Longest chain of `source_profile`.
const MAX_CHAIN: usize = 8;

/// Why the files could not be used.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum ProfileError {
    /// A line is neither a section, a setting, a comment nor blank.
    #[error("line {line} of the {file} file is not `name = value` nor `[section]`")]
    Line {
        /// `credentials` or `config`.
        file: &'static str,
        /// Counted from 1.
        line: usize,
    },
    /// The file is larger than 1 MiB.
    #[error("the {file} file is larger than 1 MiB")]
    TooLarge {
        /// `credentials` or `config`.
        file: &'static str,
    },
    /// No section of this name in either file.
    #[error("profile `{0}` is in neither the credentials nor the config file")]
    Unknown(String),
    /// The profile does not say where its credentials come from.
    #[error("profile `{profile}`: {reason}")]
    Incomplete {
        /// Profile.
        profile: String,
        /// What is missing and what to do.
        reason: String,
    },
    /// `source_profile` leads in a circle or too far.
    #[error(
        "profile `{0}`: the chain of `source_profile` is a circle or longer than 8; shorten it"
    )]
    Chain(String),
}

/// The settings of one profile; the credentials file wins over the config file.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Profile {
    settings: BTreeMap<String, String>,
}

impl std::fmt::Debug for Profile {
    /// Names only: values may be secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.settings.keys()).finish()
    }
}

impl Profile {
    /// A setting; names are in lower case. Empty counts as absent.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.settings
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }
}

/// All profiles of both files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profiles {
    profiles: BTreeMap<String, Profile>,
}

/// Where the credentials of a profile come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Keys in the file.
    Static(Credentials),
    /// Assume a role with the credentials of another source.
    AssumeRole {
        /// Role to assume.
        role: Role,
        /// Credentials to sign the call with.
        from: Box<Source>,
    },
    /// Assume a role with the token in a file.
    WebIdentity {
        /// Role to assume.
        role: Role,
        /// Path of the token file.
        token_file: String,
    },
    /// `credential_source = Environment`.
    Environment,
    /// `credential_source = Ec2InstanceMetadata`.
    InstanceMetadata,
    /// `credential_source = EcsContainer`.
    Container,
    /// `credential_process`: a command that prints credentials.
    Process(String),
}

/// A role as a profile describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// ARN.
    pub role_arn: String,
    /// Session name.
    pub session_name: Option<String>,
    /// External id.
    pub external_id: Option<String>,
    /// Life in seconds.
    pub duration_s: Option<u32>,
}

impl Profiles {
    /// Reads both files; give an empty text for an absent one.
    ///
    /// # Errors
    /// [`ProfileError::Line`] or [`ProfileError::TooLarge`].
    pub fn parse(credentials: &str, config: &str) -> Result<Self, ProfileError> {
        let mut profiles = Self::default();
        profiles.read("config", config)?;
        profiles.read("credentials", credentials)?;
        Ok(profiles)
    }

    /// The profile of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Profile> {
        self.profiles.get(name)
    }

    fn read(&mut self, file: &'static str, text: &str) -> Result<(), ProfileError> {
        if text.len() > MAX_FILE {
            return Err(ProfileError::TooLarge { file });
        }
        let mut section: Option<String> = None;
        for (number, raw) in text.lines().enumerate() {
            let line = raw.trim();
            // Indented lines are nested settings (`s3 =` and what follows), which do not concern credentials.
            if line.is_empty() || line.starts_with(['#', ';']) || raw.starts_with([' ', '\t']) {
                continue;
            }
            if let Some(name) = line
                .strip_prefix('[')
                .and_then(|rest| rest.split_once(']'))
                .map(|(name, _)| name)
            {
                section = section_name(file, name.trim());
                if let Some(name) = &section {
                    self.profiles.entry(name.clone()).or_default();
                }
                continue;
            }
            let (name, value) = line.split_once('=').ok_or(ProfileError::Line {
                file,
                line: number + 1,
            })?;
            let value = strip_comment(value).trim().to_owned();
            if let Some(profile) = section
                .as_ref()
                .and_then(|section| self.profiles.get_mut(section))
            {
                profile
                    .settings
                    .insert(name.trim().to_ascii_lowercase(), value);
            }
        }
        Ok(())
    }

    /// Where the credentials of a profile come from, with every `source_profile` followed.
    ///
    /// # Errors
    /// [`ProfileError`] names the profile and what it lacks.
    pub fn source(&self, name: &str) -> Result<Source, ProfileError> {
        self.follow(name, &mut Vec::new())
    }

    fn follow(&self, name: &str, chain: &mut Vec<String>) -> Result<Source, ProfileError> {
        let profile = self
            .get(name)
            .ok_or_else(|| ProfileError::Unknown(name.to_owned()))?;
        let revisited = chain.iter().any(|before| before == name);
        let keys = static_keys(profile);
        let Some(role) = role(profile) else {
            return keys
                .or_else(|| {
                    profile
                        .get("credential_process")
                        .map(|command| Source::Process(command.to_owned()))
                })
                .ok_or_else(|| {
                    incomplete(
                        name,
                        "set `aws_access_key_id` and `aws_secret_access_key`, or `role_arn`",
                    )
                });
        };
        // A profile may name itself as the source of its own role: its static keys are meant then.
        if revisited {
            return keys.ok_or_else(|| ProfileError::Chain(name.to_owned()));
        }
        if chain.len() >= MAX_CHAIN {
            return Err(ProfileError::Chain(name.to_owned()));
        }
        if let Some(file) = profile.get("web_identity_token_file") {
            return Ok(Source::WebIdentity {
                role,
                token_file: file.to_owned(),
            });
        }
        chain.push(name.to_owned());
        let from = match (
            profile.get("source_profile"),
            profile.get("credential_source"),
        ) {
            (Some(source), _) => self.follow(source, chain)?,
            (None, Some("Environment")) => Source::Environment,
            (None, Some("Ec2InstanceMetadata")) => Source::InstanceMetadata,
            (None, Some("EcsContainer")) => Source::Container,
            (None, Some(other)) => {
                let reason = format!(
                    "`credential_source` is `{other}`, not Environment, Ec2InstanceMetadata or EcsContainer"
                );
                return Err(incomplete(name, &reason));
            }
            (None, None) => {
                return Err(incomplete(
                    name,
                    "`role_arn` needs `source_profile`, `credential_source` or `web_identity_token_file`",
                ));
            }
        };
        Ok(Source::AssumeRole {
            role,
            from: Box::new(from),
        })
    }
}

fn incomplete(profile: &str, reason: &str) -> ProfileError {
    ProfileError::Incomplete {
        profile: profile.to_owned(),
        reason: reason.to_owned(),
    }
}

/// The config file writes `[profile name]`, but `[default]`; the credentials file writes `[name]`.
fn section_name(file: &str, name: &str) -> Option<String> {
    if file == "credentials" || name == "default" {
        return Some(name.to_owned());
    }
    let rest = name.strip_prefix("profile")?;
    rest.starts_with(char::is_whitespace)
        .then(|| rest.trim().trim_matches('"').to_owned())
}

/// A comment in a value begins with a blank and `#` or `;`.
fn strip_comment(value: &str) -> &str {
    [" #", " ;", "\t#", "\t;"]
        .iter()
        .filter_map(|mark| value.find(mark))
        .min()
        .map_or(value, |at| value.get(..at).unwrap_or(value))
}

fn static_keys(profile: &Profile) -> Option<Source> {
    let mut credentials = Credentials::new(
        profile.get("aws_access_key_id")?,
        profile.get("aws_secret_access_key")?,
    );
    credentials.session_token = profile.get("aws_session_token").map(str::to_owned);
    Some(Source::Static(credentials))
}

fn role(profile: &Profile) -> Option<Role> {
    let owned = |name: &str| profile.get(name).map(str::to_owned);
    Some(Role {
        role_arn: owned("role_arn")?,
        session_name: owned("role_session_name"),
        external_id: owned("external_id"),
        duration_s: profile
            .get("duration_seconds")
            .and_then(|text| text.parse().ok()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREDENTIALS: &str = "\
[default]
aws_access_key_id = AKIA1
aws_secret_access_key = s3cret/with=equals # comment

; another
[self]
aws_access_key_id=AKIA2
aws_secret_access_key=x
";
    const CONFIG: &str = "\
[default]
region = eu-west-1
s3 =
    addressing_style = path
[profile ops]
role_arn = arn:aws:iam::1:role/ops
source_profile = default
external_id = e
duration_seconds = 900
[profile web]
role_arn = arn:aws:iam::1:role/web
web_identity_token_file = token
[profile self]
role_arn = arn:aws:iam::1:role/self
source_profile = self
[profile a]
role_arn = r
source_profile = b
[profile b]
role_arn = r
source_profile = a
[profile box]
role_arn = r
credential_source = Ec2InstanceMetadata
[profile none]
region = x
[sso-session ignored]
sso_region = x
";

    #[test]
    fn sources_are_found() {
        let profiles = Profiles::parse(CREDENTIALS, CONFIG).unwrap();
        let Source::Static(keys) = profiles.source("default").unwrap() else {
            panic!("static expected")
        };
        assert_eq!(keys.secret_access_key, "s3cret/with=equals");
        assert_eq!(
            profiles.get("default").unwrap().get("region"),
            Some("eu-west-1")
        );
        let Source::AssumeRole { role, from } = profiles.source("ops").unwrap() else {
            panic!("role expected")
        };
        assert_eq!(
            (role.duration_s, role.external_id.as_deref()),
            (Some(900), Some("e"))
        );
        assert!(matches!(*from, Source::Static(_)));
        assert!(matches!(
            profiles.source("web").unwrap(),
            Source::WebIdentity { .. }
        ));
        let Source::AssumeRole { from, .. } = profiles.source("self").unwrap() else {
            panic!("role expected")
        };
        assert!(matches!(*from, Source::Static(_)));
        let Source::AssumeRole { from, .. } = profiles.source("box").unwrap() else {
            panic!("role expected")
        };
        assert_eq!(*from, Source::InstanceMetadata);
    }

    #[test]
    fn faults_are_named() {
        let profiles = Profiles::parse(CREDENTIALS, CONFIG).unwrap();
        assert!(matches!(profiles.source("a"), Err(ProfileError::Chain(_))));
        assert!(matches!(
            profiles.source("nobody"),
            Err(ProfileError::Unknown(_))
        ));
        assert!(matches!(
            profiles.source("none"),
            Err(ProfileError::Incomplete { .. })
        ));
        let fault = Profiles::parse("[default]\nnonsense", "").unwrap_err();
        assert_eq!(
            fault,
            ProfileError::Line {
                file: "credentials",
                line: 2
            }
        );
        assert!(!format!("{profiles:?}").contains("s3cret"));
    }
}
