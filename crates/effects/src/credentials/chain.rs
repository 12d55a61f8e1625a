//! The order in which sources of credentials are asked: environment, shared files, web identity, container, instance.

use std::path::PathBuf;
use std::time::Duration;

use aws::HttpRequest;
use aws::client::{SendLimits, TransportError};
use aws::credentials::profile::{Profiles, Role, Source};
use aws::credentials::sts::RoleRequest;
use aws::credentials::{Credentials, container, imds};
use ports::BoxFuture;

use super::{CredentialsError, Sts};
use crate::config::Environment;

/// Metadata services answer from the same host or not at all, and shortly.
const METADATA_LIMITS: SendLimits = SendLimits {
    time: Duration::from_secs(2),
    answer_bytes: 1 << 20,
    fresh_connection: true,
};
const FILE_BYTES: u64 = 1 << 20;

type Found = Result<Credentials, CredentialsError>;

/// The first source that has keys. A source that is configured but broken ends the search: another identity than the
/// operator asked for would be worse than none.
pub(super) async fn fetch(environment: &Environment, sts: &Sts) -> Found {
    let variable = |name: &str| environment.get(name).map(str::to_owned);
    if let Some(keys) = Credentials::from_variables(variable) {
        return Ok(keys);
    }
    if let Some(source) = from_files(environment).await? {
        return follow(&source, environment, sts).await;
    }
    if let (Some(role_arn), Some(file)) = (
        environment.get("AWS_ROLE_ARN"),
        environment.get("AWS_WEB_IDENTITY_TOKEN_FILE"),
    ) {
        let session_name = environment.get("AWS_ROLE_SESSION_NAME").unwrap_or("quell");
        let role = RoleRequest {
            role_arn,
            session_name,
            ..RoleRequest::default()
        };
        return web_identity(file, &role, sts).await;
    }
    if let Some(found) = from_container(environment, sts).await {
        return found;
    }
    match from_instance(environment, sts).await {
        Err(CredentialsError::Source { place, reason, .. }) => Err(CredentialsError::Nowhere {
            tried: format!("{place}: {reason}"),
        }),
        found => found,
    }
}

/// The source that the chosen profile names; `None` when no profile was chosen and there is no default.
async fn from_files(environment: &Environment) -> Result<Option<Source>, CredentialsError> {
    let profile = environment
        .get("AWS_PROFILE")
        .or(environment.get("AWS_DEFAULT_PROFILE"));
    let fail = |reason: String| source("the shared files", reason, false);
    let home = environment.get("HOME").map(PathBuf::from);
    let path = |variable: &str, name: &str| {
        environment
            .get(variable)
            .map(PathBuf::from)
            .or_else(|| Some(home.as_ref()?.join(".aws").join(name)))
    };
    let credentials = read_optional(path("AWS_SHARED_CREDENTIALS_FILE", "credentials"))
        .await
        .map_err(fail)?;
    let config = read_optional(path("AWS_CONFIG_FILE", "config"))
        .await
        .map_err(fail)?;
    let profiles =
        Profiles::parse(&credentials, &config).map_err(|error| fail(error.to_string()))?;
    match profile {
        Some(name) => profiles
            .source(name)
            .map(Some)
            .map_err(|error| fail(error.to_string())),
        // A default section may hold nothing but a region.
        None => Ok(profiles
            .get("default")
            .and_then(|_| profiles.source("default").ok())),
    }
}

fn follow<'a>(
    found: &'a Source,
    environment: &'a Environment,
    sts: &'a Sts,
) -> BoxFuture<'a, Found> {
    Box::pin(async move {
        match found {
            Source::Static(keys) => Ok(keys.clone()),
            Source::AssumeRole { role, from } => {
                let keys = follow(from, environment, sts).await?;
                sts.assume(&keys, &request(role)).await
            }
            Source::WebIdentity { role, token_file } => {
                web_identity(token_file, &request(role), sts).await
            }
            Source::Environment => {
                Credentials::from_variables(|name| environment.get(name).map(str::to_owned))
                    .ok_or_else(|| {
                        source(
                            "the environment",
                            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set".to_owned(),
                            false,
                        )
                    })
            }
            Source::InstanceMetadata => from_instance(environment, sts).await,
            Source::Container => from_container(environment, sts).await.unwrap_or_else(|| {
                Err(source(
                    "the container",
                    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is not set".to_owned(),
                    false,
                ))
            }),
            Source::Process(_) => Err(source(
                "the shared files",
                "`credential_process` is not run by this server: use keys, a role or web identity"
                    .to_owned(),
                false,
            )),
        }
    })
}

fn request(role: &Role) -> RoleRequest<'_> {
    RoleRequest {
        role_arn: &role.role_arn,
        session_name: role.session_name.as_deref().unwrap_or("quell"),
        external_id: role.external_id.as_deref(),
        duration_s: role.duration_s,
        ..RoleRequest::default()
    }
}

async fn web_identity(file: &str, role: &RoleRequest<'_>, sts: &Sts) -> Found {
    // Read each time: the platform replaces the token before it ends.
    let token = read(PathBuf::from(file))
        .await
        .map_err(|reason| source("web identity", reason, true))?;
    sts.assume_with_token(&token, role).await
}

async fn from_container(environment: &Environment, sts: &Sts) -> Option<Found> {
    let variable = |name: &str| environment.get(name).map(str::to_owned);
    let token = match environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        Some(file) => match read(PathBuf::from(file)).await {
            Ok(token) => Some(token),
            Err(reason) => return Some(Err(source("the container", reason, true))),
        },
        None => variable("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
    };
    let request = container::request(variable, token.as_deref())?;
    Some(match ask(sts, request, "the container").await {
        Ok(body) => container::parse_credentials(body.as_bytes())
            .map_err(|error| source("the container", error.to_string(), false)),
        Err(error) => Err(error),
    })
}

async fn from_instance(environment: &Environment, sts: &Sts) -> Found {
    const PLACE: &str = "instance metadata";
    if environment
        .get("AWS_EC2_METADATA_DISABLED")
        .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    {
        return Err(source(
            PLACE,
            "disabled by AWS_EC2_METADATA_DISABLED".to_owned(),
            false,
        ));
    }
    let endpoint = environment
        .get("AWS_EC2_METADATA_SERVICE_ENDPOINT")
        .unwrap_or(imds::DEFAULT_ENDPOINT);
    let token = ask(sts, imds::token_request(endpoint), PLACE).await?;
    let role = ask(sts, imds::role_request(endpoint, &token), PLACE).await?;
    let body = ask(
        sts,
        imds::credentials_request(endpoint, &token, &role),
        PLACE,
    )
    .await?;
    imds::parse_credentials(body.as_bytes())
        .map_err(|error| source(PLACE, error.to_string(), false))
}

async fn ask(sts: &Sts, request: HttpRequest, place: &str) -> Result<String, CredentialsError> {
    let answer =
        sts.transport
            .send(request, METADATA_LIMITS)
            .await
            .map_err(|error| match error {
                TransportError::NotSent { reason, .. } => {
                    source(place, format!("not reachable: {reason}"), true)
                }
                TransportError::Unsendable { reason } => source(place, reason, false),
                error => source(place, error.to_string(), true),
            })?;
    if answer.status != 200 {
        return Err(source(
            place,
            format!("HTTP {}", answer.status),
            answer.status >= 500,
        ));
    }
    String::from_utf8(answer.body.to_vec())
        .map_err(|_| source(place, "the answer is not text".to_owned(), false))
}

async fn read_optional(path: Option<PathBuf>) -> Result<String, String> {
    match path {
        Some(path) if tokio::fs::try_exists(&path).await.unwrap_or(false) => read(path).await,
        _ => Ok(String::new()),
    }
}

async fn read(path: PathBuf) -> Result<String, String> {
    let fail = |error: std::io::Error| format!("cannot read `{}`: {error}", path.display());
    let size = tokio::fs::metadata(&path).await.map_err(fail)?.len();
    if size > FILE_BYTES {
        return Err(format!(
            "`{}` is larger than {FILE_BYTES} bytes",
            path.display()
        ));
    }
    tokio::fs::read_to_string(&path).await.map_err(fail)
}

fn source(place: &str, reason: String, transient: bool) -> CredentialsError {
    CredentialsError::Source {
        place: place.to_owned(),
        reason,
        transient,
    }
}
