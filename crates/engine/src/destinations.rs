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

    fn connection(
        &self,
        scope: Scope,
        arn: String,
    ) -> BoxFuture<'static, Result<Connection, ConfiguredError>> {
        let store = Arc::clone(&self.store);
        Box::pin(async move { find_connection(store.as_ref(), &scope, &arn).await })
    }
}

/// The destination of an ARN of this account and region, with its connection.
pub(crate) async fn find(
    store: &dyn Store,
    scope: &Scope,
    arn: &str,
) -> Result<Configured, ConfiguredError> {
    let destination: ApiDestination =
        of_arn(store, scope, (API_DESTINATION, "api-destination"), arn)
            .await?
            .filter(|(found, id): &(ApiDestination, _)| id.is_none_or(|id| id == found.id))
            .map(|(found, _)| found)
            .ok_or_else(|| absent("api destination", arn))?;
    let connection = find_connection(store, scope, &destination.connection_arn).await?;
    Ok(Configured {
        destination,
        connection,
    })
}

/// The connection of an ARN of this account and region.
pub(crate) async fn find_connection(
    store: &dyn Store,
    scope: &Scope,
    arn: &str,
) -> Result<Connection, ConfiguredError> {
    of_arn(store, scope, (CONNECTION, "connection"), arn)
        .await?
        .filter(|(found, id): &(Connection, _)| id.is_none_or(|id| id == found.id))
        .map(|(found, _)| found)
        .ok_or_else(|| absent("connection", arn))
}

fn absent(what: &str, arn: &str) -> ConfiguredError {
    ConfiguredError::Missing(format!(
        "there is no {what} `{arn}` in this account and region"
    ))
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

#[cfg(test)]
mod tests {
    use model::connection::{AuthorizationType, ConnectionState};
    use model::resource::Expect;
    use ports::MemoryStore;
    use ports::store::{ResourceWrite, Turn};
    use serde_json::{Value, json};

    use super::*;

    fn scope() -> Scope {
        Scope::new("123456789012", "us-east-1")
    }

    async fn put(store: &MemoryStore, kind: &str, name: &str, body: Value) {
        let write = ResourceWrite {
            scope: scope(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            expect: Expect::Any,
            body: Some(body),
            at: "2026-01-01T00:00:00Z".parse().expect("an instant"),
        };
        let turn = Turn {
            resources: vec![write],
            ..Turn::default()
        };
        store.commit(turn).await.expect("a commit");
    }

    fn arn(family: &str, name: &str, id: Option<u128>) -> String {
        let id = id.map_or_else(String::new, |id| format!("/{}", Uuid::from_u128(id)));
        format!("arn:aws:events:us-east-1:123456789012:{family}/{name}{id}")
    }

    fn pair() -> (Connection, ApiDestination) {
        let connection = Connection {
            name: "c".to_owned(),
            id: Uuid::from_u128(1),
            secret_id: String::new(),
            description: None,
            state: ConnectionState::Authorized,
            state_reason: None,
            authorization: AuthorizationType::Basic,
            shown: json!({}),
            sealed: None,
            authorized: None,
        };
        let destination = ApiDestination {
            name: "d".to_owned(),
            id: Uuid::from_u128(2),
            description: None,
            connection_arn: arn("connection", "c", Some(1)),
            endpoint: "https://example.com/".to_owned(),
            method: "POST".to_owned(),
            rate_per_second: 1,
        };
        (connection, destination)
    }

    #[tokio::test]
    async fn only_the_very_one_that_an_arn_names_is_found() {
        let store = MemoryStore::new();
        let (connection, mut destination) = pair();
        let look = async |arn: String| find(&store, &scope(), &arn).await;
        let missing = |found: Result<Configured, ConfiguredError>| {
            matches!(found, Err(ConfiguredError::Missing(_)))
        };
        let whole = arn("api-destination", "d", Some(2));
        assert!(missing(look(whole.clone()).await), "nothing is there");
        let mut body = json!(destination);
        body["v"] = 1.into();
        put(&store, API_DESTINATION, "d", body).await;
        assert!(missing(look(whole.clone()).await), "its connection is not");
        put(&store, CONNECTION, "c", json!(connection)).await;
        for good in [whole.clone(), arn("api-destination", "d", None)] {
            let found = look(good).await.expect("found");
            assert_eq!(found.destination, destination);
            assert_eq!(found.connection, connection);
        }
        for bad in [
            arn("api-destination", "d", Some(3)),
            arn("api-destination", "e", None),
            arn("connection", "d", Some(2)),
            whole.replace("us-east-1", "eu-west-1"),
            whole.replace("123456789012", "999999999999"),
            whole.replace(":events:", ":sns:"),
            format!("{whole}x"),
            String::new(),
        ] {
            assert!(missing(look(bad.clone()).await), "{bad}");
        }
        destination.connection_arn = arn("connection", "c", Some(9));
        put(&store, API_DESTINATION, "d", json!(destination)).await;
        assert!(
            missing(look(whole.clone()).await),
            "another connection of the name"
        );
        put(&store, API_DESTINATION, "d", json!({ "name": 1 })).await;
        let broken = look(whole).await;
        assert!(
            matches!(broken, Err(ConfiguredError::Unreadable(_))),
            "{broken:?}"
        );
    }
}
