//! The doors of `intake`: its calls of AWS and its certificates go out through `effects`.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use aws::client::{Answer, CallError, Concurrency, Policy, Request};
use effects::config as rim;
use effects::{AwsClient, AwsClientConfig, Fetcher};
use engine::Handle;
use intake::source::doors::{AwsDoor, Doors, FetchDoor, Fetching};
use intake::source::{Options, Sources};
use ports::{BoxFuture, Clock};

use crate::clock::SystemEntropy;
use crate::config::Config;

/// Calls under way at once. A poll holds its place for up to twenty seconds, so sources share no gate with runbooks.
const CALLS: usize = 1_024;

struct Aws(AwsClient);

impl AwsDoor for Aws {
    fn call(&self, request: Request, policy: Policy) -> BoxFuture<'_, Result<Answer, CallError>> {
        Box::pin(async move { self.0.call(&request, policy).await })
    }
}

struct Fetch(Fetcher);

impl FetchDoor for Fetch {
    fn fetch(&self, fetching: Fetching) -> BoxFuture<'_, Result<Vec<u8>, String>> {
        Box::pin(async move { self.0.fetch(&fetching.url, fetching.limit).await })
    }
}

/// The doors, on the process's own credentials and settings.
pub(crate) fn doors(
    (clock, entropy): (&Arc<dyn Clock>, &Arc<SystemEntropy>),
    aws: &rim::Aws,
) -> Result<Doors> {
    let aws = rim::Aws {
        concurrency: Concurrency {
            each: CALLS,
            overall: CALLS,
            ..Concurrency::default()
        },
        ..aws.clone()
    };
    let fetcher = Fetcher::new(aws.ca_bundle.as_deref());
    let client = AwsClient::new(&AwsClientConfig {
        clock: Arc::clone(clock),
        entropy: Arc::<SystemEntropy>::clone(entropy),
        aws,
        // A queue or topic of a source is AWS's: nothing stays in this process.
        local: None,
    });
    Ok(Doors {
        aws: Arc::new(Aws(client.context("calls for events cannot be set up")?)),
        fetch: Arc::new(Fetch(fetcher.context("certificates cannot be fetched")?)),
        clock: Arc::clone(clock),
        entropy: Arc::<SystemEntropy>::clone(entropy),
    })
}

/// The sources of the configuration.
pub(crate) fn sources(config: &Config, handle: &Handle, doors: Doors) -> Result<Sources> {
    let region = &config.aws.region;
    let options = Options {
        account: config.auth.account_id.clone(),
        region: if region.is_empty() {
            "us-east-1"
        } else {
            region
        }
        .to_owned(),
        file: config.sealed_sources()?,
        max_requests: config.intake.max_requests,
        max_parked: config.intake.max_parked,
    };
    Sources::new(handle.clone(), doors, options).context("intake.sources")
}
