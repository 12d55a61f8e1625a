//! Looks a setting up in the environment, then in the profile, and says where it was found. Knows no setting by name.

use super::{SettingError, Variables, check_url};
use crate::credentials::profile::Profile;

/// Where settings are looked for: the environment, then the profile.
pub(super) struct Places<'a> {
    pub(super) variables: &'a Variables,
    pub(super) profile: Option<&'a Profile>,
    pub(super) name: &'a str,
}

/// A value with its place, for errors.
pub(super) struct Found {
    place: String,
    pub(super) value: String,
}

impl Found {
    fn refused(self, wanted: &'static str) -> SettingError {
        SettingError::Value {
            place: self.place,
            value: self.value,
            wanted,
        }
    }

    fn flag(self) -> Result<bool, SettingError> {
        match self.value.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(self.refused("true or false")),
        }
    }
}

/// Words and what they mean, and how to say which they are.
pub(super) type Words<'a, T> = (&'a [(&'a str, T)], &'static str);

pub(super) fn choose<T: Copy>(
    found: Option<Found>,
    (words, wanted): Words<'_, T>,
) -> Result<Option<T>, SettingError> {
    let Some(found) = found else { return Ok(None) };
    let meant = words
        .iter()
        .find(|(word, _)| found.value.eq_ignore_ascii_case(word));
    match meant {
        Some((_, meaning)) => Ok(Some(*meaning)),
        None => Err(found.refused(wanted)),
    }
}

impl Places<'_> {
    pub(super) fn text(&self, env: &str, setting: &str) -> Option<Found> {
        let variable = self.variables.get(env).filter(|value| !value.is_empty());
        if let Some(value) = variable {
            return Some(Found {
                place: env.to_owned(),
                value: value.clone(),
            });
        }
        Some(Found {
            value: self.profile?.get(setting)?.to_owned(),
            place: format!("`{setting}` of profile `{}`", self.name),
        })
    }

    /// Below `s3 =`.
    pub(super) fn nested(&self, setting: &str) -> Option<Found> {
        Some(Found {
            value: self.profile?.nested("s3", setting)?.to_owned(),
            place: format!("`s3.{setting}` of profile `{}`", self.name),
        })
    }

    pub(super) fn nested_flag(&self, setting: &str) -> Result<Option<bool>, SettingError> {
        self.nested(setting).map(Found::flag).transpose()
    }

    pub(super) fn flag(&self, env: &str, setting: &str) -> Result<Option<bool>, SettingError> {
        self.text(env, setting).map(Found::flag).transpose()
    }

    pub(super) fn word<T: Copy>(
        &self,
        env: &str,
        setting: &str,
        words: Words<'_, T>,
    ) -> Result<Option<T>, SettingError> {
        choose(self.text(env, setting), words)
    }

    pub(super) fn number(
        &self,
        env: &str,
        setting: &str,
        (least, most): (u32, u32),
    ) -> Result<Option<u32>, SettingError> {
        let Some(found) = self.text(env, setting) else {
            return Ok(None);
        };
        match found.value.parse() {
            Ok(number) if (least..=most).contains(&number) => Ok(Some(number)),
            _ => Err(found.refused(if least == 0 {
                "a whole number from 0 to 10485760"
            } else {
                "a whole number from 1 to 100"
            })),
        }
    }

    pub(super) fn url(&self, env: &str, setting: &str) -> Result<Option<String>, SettingError> {
        let Some(found) = self.text(env, setting) else {
            return Ok(None);
        };
        check_url(&found.place, &found.value)?;
        Ok(Some(found.value))
    }
}
