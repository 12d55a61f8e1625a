//! Asks the source of credentials that is configured. Which one that is, crate `aws` says.

use std::time::Duration;

use aws::client::AssumedRole;
use aws::credentials::profile::{ProfileError, Profiles};
use aws::credentials::source::{self, Lookup, Source};
use aws::credentials::{Credentials, login};
use ports::BoxFuture;

use super::{CredentialsError, Services, files, metadata, process, sso};
use crate::config::Environment;

/// Limit of a `credential_process`.
const PROCESS_LIMIT: Duration = Duration::from_secs(60);

pub(super) type Found = Result<Credentials, CredentialsError>;

/// What a search needs.
pub(super) struct Search<'a> {
    pub(super) environment: &'a Environment,
    /// The profile that the operator named, which goes before the environment's keys.
    pub(super) profile: Option<&'a str>,
    pub(super) services: &'a Services,
}

/// Keys from the first source that is configured. If it is broken, no other is asked: another identity than the
/// operator asked for would be worse than none.
pub(super) async fn fetch(search: &Search<'_>) -> Found {
    let fail = |reason: String| broken("the shared files", reason, false);
    // Read each time: the operator may change them while this process runs.
    let profiles = files::profiles(search.environment).map_err(fail)?;
    let source = choose(search, &profiles).map_err(|error| fail(error.to_string()))?;
    let setting = metadata::settings(search.environment, &profiles, search.profile);
    match follow(&source, search, &setting).await {
        Err(CredentialsError::Source { place, reason, .. }) if source == Source::LastResort => {
            Err(CredentialsError::Nowhere {
                tried: format!("{place}: {reason}"),
            })
        }
        found => found,
    }
}

fn choose(search: &Search<'_>, profiles: &Profiles) -> Result<Source, ProfileError> {
    source::choose(&Lookup {
        variable: &|name| search.environment.get(name).map(str::to_owned),
        profiles,
        explicit_profile: search.profile,
    })
}

fn follow<'a>(
    source: &'a Source,
    search: &'a Search<'a>,
    setting: &'a (dyn Fn(&str, &str) -> Option<String> + Sync),
) -> BoxFuture<'a, Found> {
    let (environment, services) = (search.environment, search.services);
    Box::pin(async move {
        match source {
            Source::Static(keys) => Ok(keys.clone()),
            Source::AssumeRole { role, from } => {
                let keys = follow(from, search, setting).await?;
                services.assume(&keys, role).await
            }
            Source::WebIdentity { role, token_file } => {
                web_identity(environment, token_file, role, services).await
            }
            Source::Sso(role) => sso::keys(role, environment, services).await,
            Source::Login { profile, session } => {
                login_keys(profile, session, environment, services).await
            }
            Source::Process { profile, command } => {
                let place = format!("`credential_process` of profile `{profile}`");
                process::keys(command, environment, PROCESS_LIMIT)
                    .await
                    .map_err(|reason| broken(&place, reason, false))
            }
            Source::Container => metadata::of_container(environment, services).await,
            Source::InstanceMetadata | Source::LastResort => {
                metadata::of_instance(setting, services).await
            }
        }
    })
}

async fn web_identity(
    environment: &Environment,
    file: &str,
    role: &AssumedRole,
    services: &Services,
) -> Found {
    // Read each time: the platform replaces the token before it ends.
    let token = files::read(&files::expand(environment, file))
        .await
        .map_err(|reason| broken("web identity", reason, true))?;
    services.assume_with_token(&token, role).await
}

async fn login_keys(
    profile: &str,
    session: &str,
    environment: &Environment,
    services: &Services,
) -> Found {
    let place = format!("`login_session` of profile `{profile}`");
    let folder = match environment.get("AWS_LOGIN_CACHE_DIRECTORY") {
        Some(folder) => Some(files::expand(environment, folder)),
        None => files::home(environment).map(|home| home.join(".aws/login/cache")),
    };
    let path = folder
        .ok_or_else(|| broken(&place, files::HOMELESS.to_owned(), false))?
        .join(login::cache_file_name(session));
    let remedy = format!("run `aws login --profile {profile}`");
    let text = files::read(&path)
        .await
        .map_err(|reason| broken(&place, format!("{reason}; {remedy}"), false))?;
    login::parse(text.as_bytes(), services.now())
        .map_err(|error| broken(&place, format!("{error}; {remedy}"), false))
}

pub(super) fn broken(place: &str, reason: String, transient: bool) -> CredentialsError {
    CredentialsError::Source {
        place: place.to_owned(),
        reason,
        transient,
    }
}
