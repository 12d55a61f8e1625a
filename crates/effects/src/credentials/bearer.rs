//! Tokens for the services that take them in place of signatures: from the environment, or the login of the profile.

use aws::credentials::bearer;
use aws::credentials::source::profile_name;

use super::chain::{Search, broken};
use super::{CredentialsError, files, sso};

/// The token for a service, by client name.
pub(super) async fn token(service: &str, search: &Search<'_>) -> Result<String, CredentialsError> {
    let environment = search.environment;
    let variable = |name: &str| environment.get(name).map(str::to_owned);
    let signing_name = aws::model::catalog().service(service).map_or_else(
        |_| service.to_owned(),
        |service| service.signing_name.to_owned(),
    );
    if let Some(token) = bearer::from_variables(&signing_name, variable) {
        return Ok(token);
    }
    let fail = |reason: String| broken("the shared files", reason, false);
    let profiles = files::profiles(environment).map_err(fail)?;
    let (name, _) = profile_name(&variable, search.profile);
    let login = profiles.login(&name);
    match login.map_err(|error| fail(error.to_string()))? {
        Some(login) => sso::token(&login, environment, search.services).await,
        None => Err(CredentialsError::NoToken {
            service: service.to_owned(),
            variable: bearer::variable_name(&signing_name),
        }),
    }
}
