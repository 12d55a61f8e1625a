//! Readings that take more than one call: a list followed page by page, and a wait for a state.

use std::time::Duration;

use aws::client::{CallError, Identity, PageError, PageLimits, Pages, Policy, Request};
use aws::client::{WaitError, WaitOverrides, Waited};
use aws::model::catalog;
use effects::AwsClient;
use model::Outcome;
use model::effect::Failure;
use serde_json::{Map, Value};

use super::arguments::Asked;
use super::ending::{Ended, Result};
use super::local::SESSION;

/// Code of a wait that did not reach its state: boto3's exception.
const WAITER_ERROR: &str = "WaiterError";

/// What is to be read.
pub(crate) enum Reading {
    /// A list.
    Pages(Box<Pages>),
    /// A state.
    Wait(Box<Wait>),
}

/// A wait for a state.
pub(crate) struct Wait {
    client: AwsClient,
    waiter: String,
    request: Request,
    overrides: WaitOverrides,
}

/// The operation that a waiter repeats.
pub(crate) fn operation_of(service: &str, waiter: &str) -> Result<String> {
    let service = catalog()
        .service(service)
        .map_err(|error| Ended::usage(error.to_string()))?;
    if let Some(found) = service.waiter(waiter) {
        return Ok(found.operation.to_string());
    }
    let names: Vec<&str> = service.waiters.iter().map(|waiter| waiter.name).collect();
    let names = if names.is_empty() {
        "no waiters at all".to_owned()
    } else {
        names.join(", ")
    };
    Err(Ended::usage(format!(
        "service `{}` has no waiter `{waiter}`; it has: {names}",
        service.name
    )))
}

impl Reading {
    /// What the command line asks for beyond one call; `None` when it is one call. Sends nothing.
    pub(crate) fn of(
        asked: &Asked,
        (region, role_arn): (&str, Option<&str>),
        client: impl FnOnce() -> Result<AwsClient>,
    ) -> Result<Option<Self>> {
        if !asked.reads_on() {
            return Ok(None);
        }
        let identity = role_arn.map_or(Identity::Own, |arn| Identity::role(arn, SESSION));
        let request = Request::new(
            asked.service.as_str(),
            asked.operation.as_str(),
            asked.params.clone(),
            region,
        )
        .with_identity(identity);
        let client = client()?;
        if let Some(waiter) = &asked.wait {
            let overrides = WaitOverrides {
                timeout: asked.timeout.map(|secs| Duration::from_secs(secs.into())),
                ..WaitOverrides::default()
            };
            return Ok(Some(Self::Wait(Box::new(Wait {
                client,
                waiter: waiter.clone(),
                request,
                overrides,
            }))));
        }
        let limits = PageLimits {
            max_items: asked.max_items,
            starting_token: asked.starting_token.clone(),
            ..PageLimits::default()
        };
        let policy = Policy::repeatable().within(Duration::from_secs(asked.timeout_secs().into()));
        let pages = client.pages(&request, policy, limits);
        pages
            .map(|pages| Some(Self::Pages(Box::new(pages))))
            .map_err(|error| Ended::usage(error.to_string()))
    }

    /// Reads to the end.
    pub(crate) async fn perform(self) -> Outcome {
        match self {
            Self::Pages(pages) => match pages.collect().await {
                Ok(result) => Outcome::Done { result },
                Err(PageError::Call(error)) => Outcome::Failed(failure_of(&error)),
                Err(error) => Outcome::Failed(other("PaginationError", error.to_string())),
            },
            Self::Wait(wait) => match wait.until_there().await {
                Ok(waited) => Outcome::Done {
                    result: waited.answer.unwrap_or(Value::Object(Map::new())),
                },
                Err(WaitError::Call { error, .. }) => Outcome::Failed(failure_of(&error)),
                Err(error) => Outcome::Failed(other(WAITER_ERROR, error.to_string())),
            },
        }
    }
}

impl Wait {
    async fn until_there(self) -> std::result::Result<Waited, WaitError> {
        let waited = self
            .client
            .wait(&self.waiter, &self.request, self.overrides);
        waited.await
    }
}

fn failure_of(error: &CallError) -> Failure {
    Failure {
        code: error.code().to_owned(),
        message: error.message(),
        status: error.status(),
        request_id: error.request_id().map(str::to_owned),
        extended_request_id: None,
        shape: None,
        transient: error.is_transient(),
    }
}

fn other(code: &str, message: String) -> Failure {
    Failure {
        code: code.to_owned(),
        message,
        status: None,
        request_id: None,
        extended_request_id: None,
        shape: None,
        transient: false,
    }
}
