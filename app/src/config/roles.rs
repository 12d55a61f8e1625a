//! `[aws.roles."ARN"]`: what the operator says about assuming a role.
//!
//! The limits are those of `AssumeRole`. Source: AWS STS API reference.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use effects::config::RoleChoices;
use serde::{Deserialize, Serialize};

/// One role.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Role {
    pub(crate) external_id: String,
    pub(crate) source_identity: String,
    /// 0: the token service's own, one hour.
    pub(crate) duration_secs: u32,
    pub(crate) policy: String,
    pub(crate) policy_arns: Vec<String>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) transitive_tag_keys: Vec<String>,
}

impl Role {
    /// Checks the settings of the role `arn`.
    pub(crate) fn check(&self, arn: &str) -> Result<()> {
        let place = format!("aws.roles.\"{arn}\"");
        let parsed = model::arn::Arn::parse(arn);
        if parsed.is_none_or(|arn| arn.service != "iam" || arn.tail("role").is_none()) {
            bail!("{place}: the name must be a role's ARN: arn:aws:iam::ACCOUNT:role/NAME");
        }
        for (name, text, most) in [
            ("external_id", &self.external_id, 1224),
            ("source_identity", &self.source_identity, 64),
        ] {
            let fits = |c: char| c.is_ascii_alphanumeric() || "_+=,.@:/-".contains(c);
            if !text.is_empty() && (!(2..=most).contains(&text.len()) || !text.chars().all(fits)) {
                bail!(
                    "{place}.{name} must be 2 to {most} letters, digits and characters of `_+=,.@:/-`"
                );
            }
        }
        if self.duration_secs != 0 && !(900..=43_200).contains(&self.duration_secs) {
            bail!(
                "{place}.duration_secs {} must be from 900 to 43200, or 0 for the token service's own",
                self.duration_secs
            );
        }
        self.check_policies(&place)?;
        self.check_tags(&place)
    }

    fn check_policies(&self, place: &str) -> Result<()> {
        let parsed = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>;
        if !self.policy.is_empty() && (self.policy.len() > 2048 || parsed(&self.policy).is_err()) {
            bail!("{place}.policy must be a policy document in JSON of at most 2048 bytes");
        }
        let wrong = |arn: &&String| !arn.starts_with("arn:") || arn.len() > 2048;
        if let Some(arn) = self.policy_arns.iter().find(wrong) {
            bail!("{place}.policy_arns: `{arn}` must be the ARN of a managed policy");
        }
        if self.policy_arns.len() > 10 {
            bail!("{place}.policy_arns must be at most 10");
        }
        Ok(())
    }

    fn check_tags(&self, place: &str) -> Result<()> {
        if self.tags.len() > 50 {
            bail!("{place}.tags must be at most 50");
        }
        for (key, value) in &self.tags {
            if !(1..=128).contains(&key.chars().count()) || value.chars().count() > 256 {
                bail!(
                    "{place}.tags: `{key}` must have 1 to 128 characters, and its value at most 256"
                );
            }
        }
        let absent = |key: &&String| !self.tags.contains_key(*key);
        if let Some(key) = self.transitive_tag_keys.iter().find(absent) {
            bail!("{place}.transitive_tag_keys: `{key}` must be one of its tags");
        }
        Ok(())
    }

    /// In the words of the crate that assumes it.
    pub(crate) fn choices(&self) -> RoleChoices {
        let filled = |text: &String| (!text.is_empty()).then(|| text.clone());
        RoleChoices {
            external_id: filled(&self.external_id),
            source_identity: filled(&self.source_identity),
            duration_secs: (self.duration_secs > 0).then_some(self.duration_secs),
            policy: filled(&self.policy),
            policy_arns: self.policy_arns.clone(),
            tags: self.tags.clone(),
            transitive_tag_keys: self.transitive_tag_keys.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:iam::123456789012:role/responder";

    #[test]
    fn a_role_says_what_is_wrong_with_it() {
        let whole = r#"
            external_id = "ext/1"
            source_identity = "quell"
            duration_secs = 900
            policy = '{"Version": "2012-10-17", "Statement": []}'
            policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
            tags = { team = "sec" }
            transitive_tag_keys = ["team"]"#;
        let whole: Role = toml::from_str(whole).expect("a role");
        whole.check(ARN).expect("all of it fits");
        assert_eq!(whole.choices().duration_secs, Some(900));
        Role::default().check(ARN).expect("nothing is chosen");
        assert_eq!(Role::default().choices(), RoleChoices::default());
        let refused = Role::default().check("responder").expect_err("no ARN");
        assert!(refused.to_string().contains("a role's ARN"), "{refused}");
        for (text, word) in [
            ("external_id = \"a b\"", "external_id must be"),
            ("external_id = \"x\"", "external_id must be"),
            ("source_identity = \"ä\"", "source_identity must be"),
            ("duration_secs = 60", "from 900 to 43200"),
            ("policy = \"[]\"", "policy document"),
            ("policy_arns = [\"x\"]", "managed policy"),
            ("tags = { \"\" = \"x\" }", "1 to 128"),
            ("transitive_tag_keys = [\"team\"]", "one of its tags"),
        ] {
            let role: Role = toml::from_str(text).expect(text);
            let refused = role.check(ARN).expect_err(text).to_string();
            assert!(refused.contains(word), "{refused}");
        }
    }
}
