//! What the operator chose for all calls: Quell's own configuration, then the environment, then the shared files.

use std::path::PathBuf;

use aws::client;
use aws::settings::{ExplicitEndpoints, SettingError, Settings, Variables};

use crate::config::{Aws, ConfigError, CredentialSource};
use crate::credentials;

/// Region of the token service where nobody names one.
const REGION: &str = "us-east-1";

/// The choices.
pub(crate) struct Chosen {
    /// For the client.
    pub(crate) calls: client::Settings,
    /// Region of the token service.
    pub(crate) region: String,
    /// Trusted roots.
    pub(crate) ca_bundle: Option<PathBuf>,
    /// Endpoints in the form of variables, for scripts.
    pub(crate) endpoint_variables: Variables,
}

/// Finds the choices. The environment and the files are looked at only where credentials come from there too.
pub(crate) fn chosen(aws: &Aws) -> Result<Chosen, ConfigError> {
    let found = match &aws.credentials {
        CredentialSource::Chain(environment) => {
            let profiles = credentials::profiles(environment).unwrap_or_default();
            let profile = aws.profile.as_deref();
            match Settings::resolve(environment.variables(), &profiles, profile) {
                // Files that cannot be read, or a profile that is not there, are told by each call that needs keys.
                Err(SettingError::Profile(_)) => Settings::default(),
                found => found?,
            }
        }
        CredentialSource::Static(_) | CredentialSource::Disabled => Settings::default(),
    };
    let found = found.with_endpoints(ExplicitEndpoints {
        general: aws.endpoint_url.clone(),
        services: aws.endpoint_urls.clone(),
    })?;
    let region = Some(aws.region.as_str()).filter(|region| !region.is_empty());
    let (endpoint_url, endpoint_urls) = found.endpoints_by_client();
    Ok(Chosen {
        region: region
            .or(found.region.as_deref())
            .unwrap_or(REGION)
            .to_owned(),
        ca_bundle: aws
            .ca_bundle
            .clone()
            .or_else(|| found.ca_bundle.clone().map(PathBuf::from)),
        endpoint_variables: found.endpoint_variables(),
        calls: client::Settings {
            endpoint_url,
            endpoint_urls,
            options: found.options,
            concurrency: aws.concurrency.clone(),
            max_attempts: found.max_attempts,
        },
    })
}
