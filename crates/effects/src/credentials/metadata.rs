//! Keys that the platform lends: to a container, to an instance.

use std::time::Duration;

use aws::HttpRequest;
use aws::client::{SendLimits, TransportError};
use aws::credentials::profile::Profiles;
use aws::credentials::{container, imds, source};

use super::chain::{Found, broken};
use super::{CredentialsError, Services, files};
use crate::config::Environment;

const CONTAINER: &str = "the container";
const INSTANCE: &str = "instance metadata";
/// Requests made to the container's address, and the pause between them; as botocore has it.
const CONTAINER_ATTEMPTS: u32 = 3;
const CONTAINER_PAUSE: Duration = Duration::from_secs(1);
const CONTAINER_LIMIT: Duration = Duration::from_secs(2);
/// Limit of each request for the instance's region.
const REGION_LIMIT: Duration = Duration::from_secs(1);
/// Largest answer, in bytes.
const ANSWER_BYTES: usize = 64 * 1024;

/// A setting by the name of its variable, else by its name in the profile in use.
pub(super) fn settings<'a>(
    environment: &'a Environment,
    profiles: &'a Profiles,
    profile: Option<&str>,
) -> impl Fn(&str, &str) -> Option<String> + 'a {
    let variable = |name: &str| environment.get(name).map(str::to_owned);
    let (name, _) = source::profile_name(&variable, profile);
    let profile = profiles.get(&name);
    move |variable, setting| {
        environment
            .get(variable)
            .or_else(|| profile?.get(setting))
            .map(str::to_owned)
    }
}

/// Keys of the task or pod.
pub(super) async fn of_container(environment: &Environment, services: &Services) -> Found {
    let token = match environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        Some(file) => {
            let token = files::read(&files::expand(environment, file)).await;
            Some(token.map_err(|reason| broken(CONTAINER, reason, true))?)
        }
        None => environment
            .get("AWS_CONTAINER_AUTHORIZATION_TOKEN")
            .map(str::to_owned),
    };
    let variable = |name: &str| environment.get(name).map(str::to_owned);
    let request = container::request(variable, token.as_deref())
        .map_err(|error| broken(CONTAINER, error.to_string(), false))?;
    let patience = Patience {
        place: CONTAINER,
        attempts: CONTAINER_ATTEMPTS,
        pause: CONTAINER_PAUSE,
        limit: CONTAINER_LIMIT,
    };
    let body = ask(services, &request, patience).await?;
    container::parse_credentials(body.as_bytes())
        .map_err(|error| broken(CONTAINER, error.to_string(), false))
}

/// Keys of the instance's role. `setting` gives a setting by its variable's name and its own.
pub(super) async fn of_instance(
    setting: &(dyn Fn(&str, &str) -> Option<String> + Sync),
    services: &Services,
) -> Found {
    let access = imds::Access::resolve(setting)
        .map_err(|error| broken(INSTANCE, error.to_string(), false))?
        .ok_or_else(|| {
            let reason = "disabled by AWS_EC2_METADATA_DISABLED".to_owned();
            broken(INSTANCE, reason, false)
        })?;
    let patience = Patience {
        place: INSTANCE,
        attempts: access.attempts,
        pause: Duration::ZERO,
        limit: Duration::from_secs(u64::from(access.timeout_s)),
    };
    let endpoint = &access.endpoint;
    let token = ask(services, &imds::token_request(endpoint), patience).await?;
    let role = ask(services, &imds::role_request(endpoint, &token), patience).await?;
    let request = imds::credentials_request(endpoint, &token, &role);
    let body = ask(services, &request, patience).await?;
    imds::parse_credentials(body.as_bytes())
        .map_err(|error| broken(INSTANCE, error.to_string(), false))
}

/// The instance's region. The answer is not worth a long wait: it stands in for a setting.
pub(super) async fn region_of_instance(
    setting: &(dyn Fn(&str, &str) -> Option<String> + Sync),
    services: &Services,
) -> Option<String> {
    let access = imds::Access::resolve(setting).ok()??;
    let patience = Patience {
        place: INSTANCE,
        attempts: 1,
        pause: Duration::ZERO,
        limit: REGION_LIMIT,
    };
    let endpoint = &access.endpoint;
    let token = ask(services, &imds::token_request(endpoint), patience).await;
    let request = imds::region_request(endpoint, &token.ok()?);
    let region = ask(services, &request, patience).await.ok()?;
    let region = region.trim();
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (region.len() <= 63 && region.chars().all(fits)).then(|| region.to_owned())
}

/// How long a metadata service is waited for.
#[derive(Clone, Copy)]
struct Patience {
    place: &'static str,
    attempts: u32,
    pause: Duration,
    limit: Duration,
}

async fn ask(
    services: &Services,
    request: &HttpRequest,
    patience: Patience,
) -> Result<String, CredentialsError> {
    for _ in 1..patience.attempts {
        match ask_once(services, request.clone(), patience).await {
            Err(error) if error.is_transient() => services.sleep(patience.pause).await,
            decided => return decided,
        }
    }
    ask_once(services, request.clone(), patience).await
}

async fn ask_once(
    services: &Services,
    request: HttpRequest,
    patience: Patience,
) -> Result<String, CredentialsError> {
    let limits = SendLimits {
        time: patience.limit,
        answer_bytes: ANSWER_BYTES,
        fresh_connection: true,
    };
    let place = patience.place;
    let answer = services
        .send(request, limits)
        .await
        .map_err(|error| match error {
            TransportError::NotSent { reason, .. } => {
                broken(place, format!("not reachable: {reason}"), true)
            }
            TransportError::Unsendable { reason } => broken(place, reason, false),
            error => broken(place, error.to_string(), true),
        })?;
    if answer.status != 200 {
        let passing = answer.status >= 500 || answer.status == 429;
        return Err(broken(place, format!("HTTP {}", answer.status), passing));
    }
    let body = String::from_utf8(answer.body.to_vec())
        .map_err(|_| broken(place, "the answer is not text".to_owned(), false))?;
    if body.trim().is_empty() {
        return Err(broken(place, "the answer is empty".to_owned(), true));
    }
    Ok(body)
}
