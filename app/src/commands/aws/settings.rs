//! Where a call of this command goes and as whom: the command line, then Quell's configuration, then AWS's own
//! variables and files. What those say is found by the same code as for the server.

use aws::Credentials;
use effects::config::{self as rim, CredentialSource, Environment};
use effects::{AwsClient, AwsClientConfig, ConfigError};

use super::arguments::Asked;
use super::ending::{Ended, Result};
use super::local;
use crate::{config, wiring};

/// What is in force for one call.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) region: String,
    pub(crate) aws: rim::Aws,
    pub(crate) role_arn: Option<String>,
}

impl Settings {
    pub(crate) async fn of(asked: &Asked) -> Result<Self> {
        let own = asked
            .config
            .as_deref()
            .map(|path| config::load(Some(path)))
            .transpose()
            .map_err(|error| Ended::usage(format!("{error:#}")))?;
        let environment = Environment::of_process();
        let mut aws = match &own {
            Some(config) => wiring::outbound(config, environment),
            None => rim::Aws::new(CredentialSource::Chain(environment)),
        };
        if let Some(profile) = &asked.profile {
            aws.profile = Some(profile.clone());
        }
        if let Some(url) = &asked.endpoint_url {
            let service = aws::model::catalog().service(&asked.service);
            let service = service.map_err(|error| Ended::usage(error.to_string()))?;
            aws.call_endpoint_urls
                .insert(service.name.to_owned(), url.clone());
        }
        let region = region(asked, &aws).await?;
        aws.region.clone_from(&region);
        let role_arn = asked
            .role
            .as_deref()
            .map(|role| aws::role_arn(role, asked.account.as_deref(), &region))
            .transpose()
            .map_err(|error| Ended::usage(error.to_string()))?;
        Ok(Self {
            region,
            aws,
            role_arn,
        })
    }

    /// Keys that are at hand without asking anybody: for a dry run.
    pub(crate) fn keys(&self) -> Result<Option<Credentials>> {
        self.aws.keys_at_hand().map_err(|error| refused(&error))
    }
}

/// The configuration's region is the server's and always there: it stands behind those that were chosen for this shell.
async fn region(asked: &Asked, aws: &rim::Aws) -> Result<String> {
    let found = aws.settings().map_err(|error| refused(&error))?.region;
    let configured = Some(aws.region.clone()).filter(|region| !region.is_empty());
    let named = asked.region.clone().or(found).or(configured);
    if let Some(region) = named.or_else(|| is_global(&asked.service).then(|| "us-east-1".into())) {
        return Ok(region);
    }
    let client = AwsClient::new(&client_config(aws)).map_err(|error| refused(&error))?;
    client
        .instance_region()
        .await
        .ok_or_else(|| Ended::usage("no region: give --region, or set AWS_REGION"))
}

/// What a client of this command needs.
pub(crate) fn client_config(aws: &rim::Aws) -> AwsClientConfig {
    AwsClientConfig {
        clock: local::clock(),
        entropy: local::entropy(),
        aws: aws.clone(),
        local: None,
    }
}

fn refused(error: &ConfigError) -> Ended {
    Ended::usage(error.to_string())
}

/// A service with one endpoint for all regions needs no region to be named.
fn is_global(service: &str) -> bool {
    aws::model::catalog()
        .service(service)
        .is_ok_and(|service| service.name == "sts" || aws::endpoint::is_global(&service))
}
