//! Keys of a role in IAM Identity Center, with the token that `aws sso login` left on this machine.

use std::path::{Path, PathBuf};

use aws::client::Identity;
use aws::credentials::sso::{CREATE_TOKEN, CachedToken, GET_ROLE_CREDENTIALS, SsoRole, TokenState};

use super::chain::{Found, broken};
use super::{CredentialsError, Services, files};
use crate::config::Environment;

/// Keys for the role. The token is renewed when it is about to end and can be.
pub(super) async fn keys(role: &SsoRole, environment: &Environment, services: &Services) -> Found {
    let cache = Cache::of(role, environment)?;
    let token = cache.token(services).await?;
    let identity = Identity::Anonymous;
    let answer = services
        .ask(
            GET_ROLE_CREDENTIALS,
            role.params(&token),
            (identity, &role.region),
        )
        .await
        .map_err(|fault| {
            let refused = matches!(fault.code.as_str(), "UnauthorizedException");
            let remedy = if refused {
                format!("; {}", role.remedy())
            } else {
                String::new()
            };
            cache.broken(
                format!("{}: {}{remedy}", fault.code, fault.reason),
                fault.transient,
            )
        })?;
    role.parse(&answer)
        .map_err(|error| cache.broken(error.to_string(), false))
}

/// The token of a login itself, renewed as for keys.
pub(super) async fn token(
    login: &SsoRole,
    environment: &Environment,
    services: &Services,
) -> Result<String, CredentialsError> {
    let token = Cache::of(login, environment)?.token(services).await?;
    Ok(token.expose().to_owned())
}

/// The place of a role's token.
struct Cache<'a> {
    role: &'a SsoRole,
    path: PathBuf,
    place: String,
}

impl<'a> Cache<'a> {
    fn of(role: &'a SsoRole, environment: &Environment) -> Result<Self, CredentialsError> {
        let place = format!("IAM Identity Center (profile `{}`)", role.profile);
        let home = files::home(environment)
            .ok_or_else(|| broken(&place, files::HOMELESS.to_owned(), false))?;
        Ok(Self {
            role,
            path: home.join(".aws/sso/cache").join(role.cache_file_name()),
            place,
        })
    }

    fn broken(&self, reason: String, transient: bool) -> CredentialsError {
        broken(&self.place, reason, transient)
    }

    async fn read(&self) -> Result<CachedToken, CredentialsError> {
        let lost = |reason: String| self.broken(format!("{reason}; {}", self.role.remedy()), false);
        if !Path::new(&self.path).exists() {
            return Err(lost("nobody has logged in on this machine".to_owned()));
        }
        let text = files::read(&self.path).await.map_err(lost)?;
        CachedToken::parse(text.as_bytes()).map_err(|error| lost(error.to_string()))
    }

    /// A token that works.
    async fn token(&self, services: &Services) -> Result<CachedToken, CredentialsError> {
        let token = self.read().await?;
        match token.state(self.role, services.now()) {
            TokenState::Good => Ok(token),
            TokenState::Lost => Err(self.broken(
                format!("the login has ended; {}", self.role.remedy()),
                false,
            )),
            TokenState::Renew => match self.renewed(&token, services).await {
                Ok(new) => Ok(new),
                Err(error) => {
                    tracing::warn!(%error, "the token could not be renewed; the old one is used while it lasts");
                    Ok(token)
                }
            },
            TokenState::Ended => self.renewed(&token, services).await,
        }
    }

    async fn renewed(
        &self,
        token: &CachedToken,
        services: &Services,
    ) -> Result<CachedToken, CredentialsError> {
        let params = token.renewal_params().ok_or_else(|| {
            self.broken(
                format!("the login has ended; {}", self.role.remedy()),
                false,
            )
        })?;
        let to = (Identity::Anonymous, self.role.region.as_str());
        let answer = match services.ask(CREATE_TOKEN, params, to).await {
            Ok(answer) => answer,
            Err(fault) => {
                // Another process may have been faster: a refresh token works once.
                let now = self.read().await?;
                if now != *token && now.state(self.role, services.now()) == TokenState::Good {
                    return Ok(now);
                }
                let remedy = if fault.transient {
                    String::new()
                } else {
                    format!("; {}", self.role.remedy())
                };
                let reason = format!("the login could not be renewed: {}{remedy}", fault.code);
                return Err(self.broken(reason, fault.transient));
            }
        };
        let new = token
            .renewed(&answer, services.now())
            .map_err(|error| self.broken(error.to_string(), false))?;
        // The new token works even if it cannot be kept.
        if let Err(reason) = files::replace(&self.path, new.to_file(self.role)).await {
            tracing::warn!(reason, "the renewed token is not kept");
        }
        Ok(new)
    }
}
