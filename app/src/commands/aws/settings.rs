//! Where a call of this command goes and as whom: the command line, then AWS's own variables and files, then Quell's
//! configuration.

use std::path::PathBuf;

use aws::Credentials;
use aws::credentials::profile::Profiles;
use aws::credentials::source::Source;
use effects::config::Environment;

use super::arguments::Asked;
use super::ending::{Ended, Result};
use crate::config;

/// What is in force for one call.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) region: String,
    pub(crate) endpoint_url: Option<String>,
    pub(crate) ca_bundle: Option<PathBuf>,
    pub(crate) role_arn: Option<String>,
    /// The variables from which credentials are found.
    pub(crate) environment: Environment,
    /// Keys that are at hand without asking anybody: for a dry run.
    pub(crate) keys: Option<Credentials>,
}

impl Settings {
    pub(crate) fn of(asked: &Asked) -> Result<Self> {
        let own = asked
            .config
            .as_deref()
            .map(|path| config::load(Some(path)))
            .transpose()
            .map_err(|error| Ended::usage(format!("{error:#}")))?;
        let configured = |pick: fn(&config::Config) -> &str| {
            own.as_ref()
                .map(pick)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        let profile = asked
            .profile
            .clone()
            .or_else(|| configured(|config| &config.aws.profile));
        let environment = environment(asked.profile.is_some(), profile.as_deref());
        let files = Files::read(&environment)?;
        let region = asked
            .region
            .clone()
            .or_else(|| set(&environment, &["AWS_REGION", "AWS_DEFAULT_REGION"]))
            .or_else(|| files.region.clone())
            .or_else(|| configured(|config| &config.aws.region))
            .or_else(|| is_global(&asked.service).then(|| "us-east-1".to_owned()))
            .ok_or_else(|| {
                Ended::usage("no region: give --region, or set AWS_REGION".to_owned())
            })?;
        let role_arn = asked
            .role
            .as_deref()
            .map(|role| aws::role_arn(role, asked.account.as_deref(), &region))
            .transpose()
            .map_err(|error| Ended::usage(error.to_string()))?;
        let endpoint_url = asked
            .endpoint_url
            .clone()
            .or_else(|| endpoint_of(&environment, &asked.service))
            .or_else(|| configured(|config| &config.aws.endpoint_url));
        let ca_bundle = set(&environment, &["AWS_CA_BUNDLE"])
            .or_else(|| configured(|config| &config.aws.ca_bundle));
        Ok(Self {
            region,
            endpoint_url,
            ca_bundle: ca_bundle.map(PathBuf::from),
            role_arn,
            keys: Credentials::from_variables(|name| environment.get(name).map(str::to_owned))
                .map_err(|error| Ended::refused(error.to_string()))?
                .or(files.keys),
            environment,
        })
    }
}

/// A profile that was asked for wins over keys in the environment, as with the AWS CLI.
fn environment(asked_for: bool, profile: Option<&str>) -> Environment {
    const KEYS: [&str; 3] = [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
    ];
    let mut pairs: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| !(asked_for && KEYS.contains(&name.as_str())))
        // It would go before the one that is set below.
        .filter(|(name, _)| profile.is_none() || name != "AWS_DEFAULT_PROFILE")
        .collect();
    if let Some(profile) = profile {
        pairs.push(("AWS_PROFILE".to_owned(), profile.to_owned()));
    }
    Environment::from_pairs(pairs)
}

fn set(environment: &Environment, names: &[&str]) -> Option<String> {
    let mut values = names.iter().filter_map(|name| environment.get(name));
    values.next().map(str::to_owned)
}

/// `AWS_ENDPOINT_URL_<SERVICE>`, then `AWS_ENDPOINT_URL`.
fn endpoint_of(environment: &Environment, service: &str) -> Option<String> {
    let ignored = environment.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
    if ignored.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return None;
    }
    let id = aws::model::catalog().service(service).ok()?;
    let suffix = id.service_id.replace([' ', '-'], "_").to_ascii_uppercase();
    let own = format!("AWS_ENDPOINT_URL_{suffix}");
    set(environment, &[&own, "AWS_ENDPOINT_URL"])
}

/// A service with one endpoint for all regions needs no region to be named.
fn is_global(service: &str) -> bool {
    aws::model::catalog()
        .service(service)
        .is_ok_and(|service| service.name == "sts" || aws::endpoint::is_global(&service))
}

/// What the chosen profile says itself.
#[derive(Default)]
struct Files {
    region: Option<String>,
    keys: Option<Credentials>,
}

impl Files {
    fn read(environment: &Environment) -> Result<Self> {
        let home = environment.get("HOME").map(PathBuf::from);
        let read = |variable: &str, name: &str| {
            let path = environment
                .get(variable)
                .map(PathBuf::from)
                .or_else(|| Some(home.as_ref()?.join(".aws").join(name)))?;
            std::fs::read_to_string(path).ok()
        };
        let credentials = read("AWS_SHARED_CREDENTIALS_FILE", "credentials").unwrap_or_default();
        let config = read("AWS_CONFIG_FILE", "config").unwrap_or_default();
        let profiles = Profiles::parse(&credentials, &config)
            .map_err(|error| Ended::refused(format!("the shared AWS files: {error}")))?;
        let named = set(environment, &["AWS_DEFAULT_PROFILE", "AWS_PROFILE"]);
        let name = named.as_deref().unwrap_or("default");
        let Some(profile) = profiles.get(name) else {
            return match named {
                Some(name) => Err(Ended::usage(format!(
                    "profile `{name}` is in neither the credentials nor the config file"
                ))),
                None => Ok(Self::default()),
            };
        };
        let keys = match profiles.source(name) {
            Ok(Source::Static(keys)) => Some(keys),
            _ => None,
        };
        Ok(Self {
            region: profile.get("region").map(str::to_owned),
            keys,
        })
    }
}
