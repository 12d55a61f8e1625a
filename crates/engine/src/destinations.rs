//! API destinations with their connections, as they are stored.

use std::fmt;
use std::sync::Arc;

use model::Scope;
use model::arn::Arn;
use model::connection::{API_DESTINATION, ApiDestination, CONNECTION, Connection, named};
use ports::connection::{Configured, ConfiguredError, Destinations};
use ports::{BoxFuture, Store};
use serde::de::DeserializeOwned;
use uuid::Uuid;

/// Finds them in a store.
#[derive(Clone)]
pub struct StoredDestinations {
    store: Arc<dyn Store>,
}

impl StoredDestinations {
    /// Those of a store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }
}

impl fmt::Debug for StoredDestinations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredDestinations").finish_non_exhaustive()
    }
}

impl Destinations for StoredDestinations {
    fn configured(
        &self,
        scope: Scope,
        arn: String,
    ) -> BoxFuture<'static, Result<Configured, ConfiguredError>> {
        let store = Arc::clone(&self.store);
        Box::pin(async move { find(store.as_ref(), &scope, &arn).await })
    }
}

/// The destination of an ARN of this account and region, with its connection.
pub(crate) async fn find(
    store: &dyn Store,
    scope: &Scope,
    arn: &str,
) -> Result<Configured, ConfiguredError> {
    let absent = |what: &str, arn: &str| {
        ConfiguredError::Missing(format!(
            "there is no {what} `{arn}` in this account and region"
        ))
    };
    let destination: ApiDestination =
        of_arn(store, scope, (API_DESTINATION, "api-destination"), arn)
            .await?
            .filter(|(found, id): &(ApiDestination, _)| id.is_none_or(|id| id == found.id))
            .map(|(found, _)| found)
            .ok_or_else(|| absent("api destination", arn))?;
    let connection = &destination.connection_arn;
    let connection = of_arn(store, scope, (CONNECTION, "connection"), connection)
        .await?
        .filter(|(found, id): &(Connection, _)| id.is_none_or(|id| id == found.id))
        .map(|(found, _)| found)
        .ok_or_else(|| absent("connection", connection))?;
    Ok(Configured {
        destination,
        connection,
    })
}

/// What an ARN names, and the id that the ARN says.
async fn of_arn<T: DeserializeOwned>(
    store: &dyn Store,
    scope: &Scope,
    (kind, family): (&str, &str),
    arn: &str,
) -> Result<Option<(T, Option<Uuid>)>, ConfiguredError> {
    let unreadable = |error: String| ConfiguredError::Unreadable(error);
    let Some(parsed) = Arn::parse(arn) else {
        return Ok(None);
    };
    let here = parsed.service == "events"
        && parsed.account == scope.account
        && parsed.region == scope.region;
    let Some((name, id)) = parsed.tail(family).filter(|_| here).and_then(named) else {
        return Ok(None);
    };
    let found = store
        .resource(scope.clone(), kind.to_owned(), name.to_owned())
        .await
        .map_err(|error| unreadable(error.to_string()))?;
    let Some(found) = found else { return Ok(None) };
    let body = serde_json::from_value(found.body)
        .map_err(|error| unreadable(format!("stored {kind} `{name}` cannot be read: {error}")))?;
    Ok(Some((body, id)))
}
