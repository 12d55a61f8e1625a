//! Looks in the account whether a call happened whose answer was lost.

use aws::client::{PageError, PageLimits, Policy, Request};
use aws::knowledge::{self, Mutation, ProbeAnswer};
use model::effect::{AwsCall, Intent};
use ports::Probe;

use super::{AwsClient, identity, policy, with_token};

/// Most pages of a list that are looked through.
const PAGES: usize = 50;

/// Asks the account by the read call that crate `aws` knows for the operation.
pub(super) async fn look(client: &AwsClient, intent: &Intent, call: &AwsCall) -> Probe {
    let params = with_token(call, &intent.id.to_string());
    let names = match aws::resolve_names(&call.service, &call.operation) {
        Ok(names) => names,
        Err(error) => return Probe::Unclear(error.to_string()),
    };
    let Mutation::Probe(spec) = knowledge::mutation(&names.0, &names.1, &params) else {
        return Probe::Unclear(format!(
            "nothing is known by which `{}` of `{}` could be looked up",
            names.1, names.0
        ));
    };
    let request = Request {
        identity: identity(call.assume_role.as_ref()),
        ..Request::new(
            spec.service,
            spec.operation,
            spec.params.clone(),
            &call.region,
        )
    };
    let policy = Policy {
        repeatable: true,
        ..policy(call)
    };
    let limits = PageLimits {
        max_pages: Some(PAGES),
        ..PageLimits::default()
    };
    let failed = |error: &PageError| {
        Probe::Unclear(format!(
            "{} of {} failed: {}",
            spec.operation,
            spec.service,
            words(error)
        ))
    };
    let mut pages = match client.pages(&request, policy, limits) {
        Ok(pages) => pages,
        Err(error) => return failed(&error),
    };
    while let Some(page) = pages.next().await {
        match page.map(|page| spec.interpret(&page)) {
            Ok(ProbeAnswer::Happened(result)) => return Probe::Happened(result),
            Ok(ProbeAnswer::Unclear(reason)) => return Probe::Unclear(reason.to_owned()),
            // A filtered list may have empty pages before the one that counts.
            Ok(ProbeAnswer::NotHappened) => {}
            Err(error) => return failed(&error),
        }
    }
    if pages.resume_token().is_none() {
        return Probe::NotHappened;
    }
    Probe::Unclear(format!(
        "{} of {} has more than {PAGES} pages",
        spec.operation, spec.service
    ))
}

/// The service's own words, or the client's with their code.
fn words(error: &PageError) -> String {
    match error {
        PageError::Call(error) if error.service_error().is_none() => {
            format!("{}: {}", error.code(), error.message())
        }
        other => other.to_string(),
    }
}
