//! Functions as they are stored, and which functions and state machines there are: a call of one of these stays in this
//! process.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use model::Scope;
use model::function::{FUNCTION, Function};
use ports::function::{Configured, ConfiguredError, Functions};
use ports::{BoxFuture, Store};

/// Names of all resources of one family: functions, or state machines. The store's resources are the truth.
#[derive(Default)]
pub(crate) struct Names(RwLock<HashSet<(Scope, String)>>);

impl Names {
    /// Takes in a resource as committed.
    pub(crate) fn apply(&self, scope: &Scope, name: &str, there: bool) {
        let mut names = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let key = (scope.clone(), name.to_owned());
        if there {
            names.insert(key);
        } else {
            names.remove(&key);
        }
    }

    pub(crate) fn holds(&self, scope: &Scope, name: &str) -> bool {
        let names = self.0.read().unwrap_or_else(PoisonError::into_inner);
        names.contains(&(scope.clone(), name.to_owned()))
    }
}

/// Finds functions in a store.
#[derive(Clone)]
pub struct StoredFunctions {
    store: Arc<dyn Store>,
}

impl StoredFunctions {
    /// Those of a store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }
}

impl fmt::Debug for StoredFunctions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredFunctions").finish_non_exhaustive()
    }
}

impl Functions for StoredFunctions {
    fn configured(
        &self,
        scope: Scope,
        function: String,
        version: String,
    ) -> BoxFuture<'static, Result<Configured, ConfiguredError>> {
        let store = Arc::clone(&self.store);
        Box::pin(async move {
            let arn = format!(
                "{}:{version}",
                model::function::function_arn(&scope, &function)
            );
            let found = store
                .resource(scope, FUNCTION.to_owned(), function)
                .await
                .map_err(|error| ConfiguredError::Unreadable(error.to_string()))?;
            let Some(found) = found else {
                return Err(ConfiguredError::Missing(arn));
            };
            let body: Function = serde_json::from_value(found.body)
                .map_err(|error| ConfiguredError::Unreadable(error.to_string()))?;
            match body.version(&version) {
                Some(found) => Ok(Configured {
                    place: body.place_name(),
                    version: found.clone(),
                    reserved: body.reserved,
                }),
                None => Err(ConfiguredError::Missing(arn)),
            }
        })
    }
}
