//! The configuration: defaults, then the file, then the environment.
//!
//! `config.default.toml` is the default: what is documented there and what is in force cannot drift apart.

mod chat;
mod overrides;
mod roles;
mod scripts;
mod sections;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, anyhow};

pub(crate) use scripts::Sandbox;
pub(crate) use sections::{Config, Encryption};

const DEFAULT: &str = include_str!("config/config.default.toml");

/// Reads the defaults, the file if one is given, and the environment; checks the whole.
pub(crate) fn load(file: Option<&Path>) -> Result<Config> {
    let environment = std::env::vars().filter(|(name, _)| name.starts_with("QUELL_"));
    let text = match file {
        Some(path) => {
            let read = std::fs::read_to_string(path);
            Some((
                path.display().to_string(),
                read.with_context(|| format!("cannot read {}", path.display()))?,
            ))
        }
        None => None,
    };
    assemble(
        text.as_ref()
            .map(|(name, text)| (name.as_str(), text.as_str())),
        environment,
    )
}

/// The effective configuration as TOML, secrets masked.
pub(crate) fn shown(config: &Config) -> Result<String> {
    let mut masked = config.clone();
    masked.mask();
    toml::to_string_pretty(&masked).context("the configuration cannot be shown")
}

fn assemble(
    file: Option<(&str, &str)>,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Config> {
    let mut table: toml::Table = DEFAULT
        .parse()
        .context("the built-in default configuration")?;
    if let Some((name, text)) = file {
        let own = own_settings(name, text, &table)?;
        overrides::merge(&mut table, own);
    }
    overrides::environment(&mut table, environment)?;
    let config: Config = table.try_into().context("configuration")?;
    config.check()?;
    Ok(config)
}

/// The settings of a user's file, each tried on its own over the defaults: a mistake then has its line.
fn own_settings(name: &str, text: &str, defaults: &toml::Table) -> Result<toml::Table> {
    type Marked = BTreeMap<String, BTreeMap<String, toml::Spanned<toml::Value>>>;
    toml::from_str::<sections::Partial>(text).map_err(|error| mistake(name, text, &error))?;
    let marked: Marked = toml::from_str(text).map_err(|error| mistake(name, text, &error))?;
    let mut own = toml::Table::new();
    for (section, settings) in marked {
        let mut kept = toml::Table::new();
        for (key, value) in settings {
            let start = value.span().start;
            kept.insert(key.clone(), value.into_inner());
            let alone = [(section.clone(), toml::Value::Table(kept.clone()))];
            let mut tried = defaults.clone();
            overrides::merge(&mut tried, alone.into_iter().collect());
            tried.try_into::<Config>().map_err(|error| {
                anyhow!(
                    "{}: {section}.{key}: {}",
                    place(name, text, start),
                    error.message()
                )
            })?;
        }
        own.insert(section, toml::Value::Table(kept));
    }
    Ok(own)
}

/// A mistake with its place. The line itself is not repeated, as the library would: it may hold a secret.
fn mistake(name: &str, text: &str, error: &toml::de::Error) -> anyhow::Error {
    let start = error.span().map_or(0, |span| span.start);
    anyhow!("{}: {}", place(name, text, start), error.message())
}

fn place(name: &str, text: &str, start: usize) -> String {
    let before = text.get(..start).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before
        .chars()
        .rev()
        .take_while(|letter| *letter != '\n')
        .count()
        + 1;
    format!("{name}, line {line}, column {column}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(file: &str, environment: &[(&str, &str)]) -> Result<Config> {
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        assemble(Some(("quell.toml", file)), environment)
    }

    #[test]
    fn the_default_is_valid_and_the_environment_wins() {
        let config = with("", &[]).expect("the default");
        assert_eq!(config.server.listen.to_string(), "127.0.0.1:8710");
        let file = "[server]\nlisten = \"127.0.0.1:1\"\n[smtp]\nport = 25\n";
        let config = with(file, &[("QUELL_SERVER_LISTEN", "127.0.0.1:2")]).expect("valid");
        assert_eq!(config.server.listen.port(), 2);
        assert_eq!(config.smtp.port, 25);
    }

    #[test]
    fn mistakes_name_the_place() {
        for (file, environment, wanted) in [
            ("[server]\nlissten = \"x\"\n", vec![], "lissten"),
            (
                "[server]\nlisten = 5\n",
                vec![],
                "quell.toml, line 2, column 10: server.listen",
            ),
            ("[nope]\n", vec![], "nope"),
            ("\n[server\n", vec![], "quell.toml, line 2, column 8"),
            (
                "[aws]\nendpoint_url = \"nonsense\"\n",
                vec![],
                "aws.endpoint_url",
            ),
            (
                "[smtp]\nhost = \"mx.example.com\"\nfrom = \"nobody\"\n",
                vec![],
                "smtp.from",
            ),
            (
                "[server]\nmax_connections = 0\n",
                vec![],
                "server.max_connections",
            ),
            (
                "",
                vec![("QUELL_ENGINE_STEP_BUDGET", "0")],
                "engine.step_budget",
            ),
            (
                "",
                vec![("QUELL_SERVER_LISSTEN", "x")],
                "QUELL_SERVER_LISSTEN",
            ),
            ("", vec![("QUELL_SMTP_PORT", "x")], "QUELL_SMTP_PORT"),
            ("[auth]\naccount_id = \"12\"\n", vec![], "account_id"),
            (
                "[server]\nlisten = \"0.0.0.0:8710\"\n",
                vec![],
                "insecure_listen",
            ),
            (
                "[metrics]\nscrape_token = \"short\"\n",
                vec![],
                "metrics.scrape_token",
            ),
            ("[server]\ntls_key = \"k.pem\"\n", vec![], "tls_certificate"),
            (
                "[[auth.access_keys]]\nid = \"A\"\nsecret = \"\"\n",
                vec![],
                "secret",
            ),
        ] {
            let error = format!("{:#}", with(file, &environment).expect_err(file));
            assert!(error.contains(wanted), "{file} {environment:?}: {error}");
        }
    }

    #[test]
    fn an_access_key_stands_once() {
        let key =
            |secret: &str| format!("[[auth.access_keys]]\nid = \"AKID\"\nsecret = \"{secret}\"\n");
        let file = key("0123456789abcdef") + &key("fedcba9876543210");
        let error = with(&file, &[]).expect_err("twice").to_string();
        assert!(error.contains("`AKID` stands twice"), "{error}");
    }

    #[test]
    fn a_broken_line_is_not_repeated() {
        let error = with("[smtp]\npassword = \"hunter2\n", &[])
            .expect_err("no end")
            .to_string();
        assert!(
            error.contains("line 2") && !error.contains("hunter2"),
            "{error}"
        );
    }

    #[test]
    fn secrets_are_masked() {
        let file = "[metrics]\nscrape_token = \"sesame-sesame-sesame\"\n[smtp]\npassword = \"hunter2\"\n[[auth.access_keys]]\nid = \"AKID\"\nsecret = \"s3cret-s3cret-s3cret\"\n";
        let text = shown(&with(file, &[]).expect("valid")).expect("shown");
        assert!(
            text.contains("AKID")
                && !text.contains("hunter2")
                && !text.contains("s3cret")
                && !text.contains("sesame"),
            "{text}"
        );
    }
}
