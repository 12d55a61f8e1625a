//! `[chat]`: channels that get what topics publish.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

/// Most channels.
const MAX_CHANNELS: usize = 100;

/// The section.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Chat {
    #[serde(default)]
    pub(crate) slack: Vec<Slack>,
}

/// One channel with an incoming webhook in Slack's form.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Slack {
    pub(crate) name: String,
    /// Whoever has it can write into the channel.
    pub(crate) webhook_url: String,
    pub(crate) topics: Vec<String>,
}

impl std::fmt::Debug for Slack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slack")
            .field("name", &self.name)
            .field("topics", &self.topics)
            .finish_non_exhaustive()
    }
}

impl Chat {
    /// Checks the channels. The address is never repeated: it is a secret.
    pub(crate) fn check(&self, account: &str, allow_http: bool) -> Result<()> {
        if self.slack.len() > MAX_CHANNELS {
            bail!("chat.slack must be at most {MAX_CHANNELS} channels");
        }
        let mut names = BTreeSet::new();
        for channel in &self.slack {
            let name = &channel.name;
            let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
                bail!(
                    "chat.slack.name `{name}` must be 1 to 64 letters, digits and characters of `-_.`"
                );
            }
            if !names.insert(name) {
                bail!("chat.slack: the name `{name}` stands twice: give each channel its own");
            }
            let url = &channel.webhook_url;
            let clear = allow_http && url.starts_with("http://");
            if !(clear || url.starts_with("https://")) || url.len() > 2048 {
                bail!(
                    "chat.slack: the webhook_url of `{name}` must be an https:// address (http:// only with webhooks.allow_http)"
                );
            }
            for topic in &channel.topics {
                check_topic(name, topic, account)?;
            }
        }
        Ok(())
    }
}

fn check_topic(name: &str, topic: &str, account: &str) -> Result<()> {
    let parsed = model::arn::Arn::parse(topic);
    let fits = parsed.is_some_and(|arn| {
        arn.service == "sns" && arn.account == account && !arn.resource.contains(':')
    });
    if !fits {
        bail!(
            "chat.slack: `{topic}` of `{name}` must be the ARN of a topic here: arn:aws:sns:REGION:{account}:NAME"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_say_what_is_wrong_with_them() {
        let check = |text: &str| {
            let chat: Chat = toml::from_str(text).expect(text);
            chat.check("123456789012", false)
                .map_err(|error| error.to_string())
        };
        let channel = |name: &str, url: &str, topic: &str| {
            format!(
                "[[slack]]\nname = \"{name}\"\nwebhook_url = \"{url}\"\ntopics = [\"{topic}\"]\n"
            )
        };
        let topic = "arn:aws:sns:us-east-1:123456789012:alerts";
        let good = channel("security", "https://hooks.example/secret", topic);
        assert_eq!(check(&good), Ok(()));
        assert_eq!(check(""), Ok(()));
        for (text, words) in [
            (channel("a b", "https://x", topic), "1 to 64"),
            (
                channel("a", "http://hooks.example/secret", topic),
                "https://",
            ),
            (
                channel(
                    "a",
                    "https://x",
                    "arn:aws:sns:us-east-1:999999999999:alerts",
                ),
                "ARN of a topic here",
            ),
            (channel("a", "https://x", "alerts"), "ARN of a topic here"),
            (format!("{good}{good}"), "stands twice"),
        ] {
            let error = check(&text).expect_err(words);
            assert!(
                error.contains(words) && !error.contains("secret"),
                "{error}"
            );
        }
        let chat: Chat = toml::from_str(&good).expect("channels");
        assert!(!format!("{chat:?}").contains("secret"));
    }
}
