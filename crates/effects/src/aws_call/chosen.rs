//! What the operator chose for all calls: Quell's own configuration, then the environment, then the shared files.

use std::path::PathBuf;

use aws::client;
use aws::credentials::Credentials;
use aws::credentials::source::{self, Lookup, Source};
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

impl Aws {
    /// What is in force for calls: these choices, then the environment, then the shared files. The latter two are
    /// looked at only where credentials come from there too.
    ///
    /// # Errors
    /// [`ConfigError`] names the file, variable or setting that cannot be used.
    pub fn settings(&self) -> Result<Settings, ConfigError> {
        let found = match &self.credentials {
            CredentialSource::Chain(environment) => {
                let profiles =
                    credentials::profiles(environment).map_err(ConfigError::SharedFiles)?;
                let profile = self.profile.as_deref();
                Settings::resolve(environment.variables(), &profiles, profile)?
            }
            CredentialSource::Static(_) | CredentialSource::Disabled => Settings::default(),
        };
        self.with_own_endpoints(found)
    }

    fn with_own_endpoints(&self, found: Settings) -> Result<Settings, ConfigError> {
        Ok(found.with_endpoints(ExplicitEndpoints {
            general: self.endpoint_url.clone(),
            services: self.endpoint_urls.clone(),
        })?)
    }

    /// Keys that are written down where the sources are looked for, so that nobody has to be asked for them.
    ///
    /// # Errors
    /// [`ConfigError`] names the file, variable or setting that cannot be used.
    pub fn keys_at_hand(&self) -> Result<Option<Credentials>, ConfigError> {
        let environment = match &self.credentials {
            CredentialSource::Chain(environment) => environment,
            CredentialSource::Static(keys) => return Ok(Some(keys.clone())),
            CredentialSource::Disabled => return Ok(None),
        };
        let profiles = credentials::profiles(environment).map_err(ConfigError::SharedFiles)?;
        let found = source::choose(&Lookup {
            variable: &|name| environment.get(name).map(str::to_owned),
            profiles: &profiles,
            explicit_profile: self.profile.as_deref(),
        });
        match found.map_err(SettingError::from)? {
            Source::Static(keys) => Ok(Some(keys)),
            _ => Ok(None),
        }
    }
}

/// Finds the choices for a client.
pub(crate) fn chosen(aws: &Aws) -> Result<Chosen, ConfigError> {
    let found = match aws.settings() {
        // Files that cannot be read, or a profile that is not there, are told by each call that needs keys.
        Err(ConfigError::SharedFiles(_) | ConfigError::Aws(SettingError::Profile(_))) => {
            aws.with_own_endpoints(Settings::default())?
        }
        found => found?,
    };
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
            service_options: found.options_by_client(),
            endpoint_url,
            endpoint_urls,
            options: found.options,
            concurrency: aws.concurrency.clone(),
            max_attempts: found.max_attempts,
        },
    })
}
