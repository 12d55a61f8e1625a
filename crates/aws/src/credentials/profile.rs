//! The shared files `credentials` and `config`: profiles, SSO sessions and service sections, as data.
//!
//! What a profile says about credentials is read by [`super::source`], what it says about endpoints by
//! [`crate::settings`]. Source: SDK reference guide, "Shared config and credentials files".

use std::collections::BTreeMap;

use super::ini::{self, Setting, Settings};
use super::shell_words;

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
    /// The profile does not say where its credentials come from, or not in a way that can be used.
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
    /// Variables of the environment that do not fit together.
    #[error("the environment: {0}")]
    Environment(String),
}

/// The settings of one section; in a profile the credentials file wins over the config file.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Profile {
    settings: Settings,
    /// Those from the credentials file.
    keys: Settings,
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
        text(&self.settings, name)
    }

    /// A setting below another: `addressing_style` below `s3 =`. Empty counts as absent.
    #[must_use]
    pub fn nested(&self, section: &str, name: &str) -> Option<&str> {
        match self.settings.get(section)? {
            Setting::Nested(inner) => inner
                .get(name)
                .map(String::as_str)
                .filter(|value| !value.is_empty()),
            Setting::Text(_) => None,
        }
    }

    /// Names of all settings.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.settings.keys().map(String::as_str)
    }

    /// A setting as the credentials file has it.
    pub(super) fn in_credentials(&self, name: &str) -> Option<&str> {
        text(&self.keys, name)
    }

    /// The text settings by name.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.settings.keys().filter_map(|name| {
            let value = self.get(name)?;
            Some((name.as_str(), value))
        })
    }
}

fn text<'a>(settings: &'a Settings, name: &str) -> Option<&'a str> {
    match settings.get(name)? {
        Setting::Text(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// Both files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profiles {
    profiles: BTreeMap<String, Profile>,
    sso_sessions: BTreeMap<String, Profile>,
    services: BTreeMap<String, Profile>,
}

impl Profiles {
    /// Reads both files; give an empty text for an absent one.
    ///
    /// # Errors
    /// [`ProfileError::Line`] or [`ProfileError::TooLarge`].
    pub fn parse(credentials: &str, config: &str) -> Result<Self, ProfileError> {
        let mut all = Self::default();
        for (section, settings) in ini::parse("config", config)? {
            let (kind, name) = section_name(&section);
            let sections = match kind {
                "profile" => &mut all.profiles,
                "sso-session" => &mut all.sso_sessions,
                "services" => &mut all.services,
                _ => continue,
            };
            sections.entry(name).or_default().settings.extend(settings);
        }
        for (name, settings) in ini::parse("credentials", credentials)? {
            let profile = all.profiles.entry(name).or_default();
            profile.settings.extend(settings.clone());
            profile.keys = settings;
        }
        Ok(all)
    }

    /// The profile of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Profile> {
        self.profiles.get(name)
    }

    /// The `[sso-session name]` section.
    #[must_use]
    pub fn sso_session(&self, name: &str) -> Option<&Profile> {
        self.sso_sessions.get(name)
    }

    /// The `[services name]` section.
    #[must_use]
    pub fn services(&self, name: &str) -> Option<&Profile> {
        self.services.get(name)
    }
}

/// Kind and name of a section of the config file: `[profile name]`, but `[default]`.
fn section_name(section: &str) -> (&'static str, String) {
    if section == "default" {
        return ("profile", section.to_owned());
    }
    let words = shell_words::split(section).unwrap_or_default();
    let kind = |word: &str| {
        ["profile", "sso-session", "services"]
            .into_iter()
            .find(|kind| *kind == word)
    };
    match words.as_slice() {
        [first, name] => (kind(first).unwrap_or_default(), name.clone()),
        _ => ("", String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_find_their_kind() {
        let config = "[default]\nregion = a\n[profile \"my own\"]\nregion = b\ns3 =\n  addressing_style = path\n\
                      [sso-session corp]\nsso_region = c\n[services local]\ns3 =\n  endpoint_url = http://x\n[preview]\nx = y";
        let profiles =
            Profiles::parse("[my own]\nregion = d\n[profile odd]\nregion = e", config).unwrap();
        assert_eq!(profiles.get("default").unwrap().get("region"), Some("a"));
        let own = profiles.get("my own").unwrap();
        assert_eq!(own.get("region"), Some("d"), "the credentials file wins");
        assert_eq!(own.nested("s3", "addressing_style"), Some("path"));
        assert_eq!(own.get("s3"), None);
        assert_eq!(
            profiles.sso_session("corp").unwrap().get("sso_region"),
            Some("c")
        );
        let services = profiles.services("local").unwrap();
        assert_eq!(services.nested("s3", "endpoint_url"), Some("http://x"));
        assert!(profiles.get("preview").is_none());
        assert!(
            profiles.get("profile odd").is_some(),
            "names of the credentials file are taken whole"
        );
    }

    #[test]
    fn nothing_secret_is_shown() {
        let profiles = Profiles::parse("[default]\naws_secret_access_key = s3cret", "").unwrap();
        assert!(!format!("{profiles:?}").contains("s3cret"));
    }
}
