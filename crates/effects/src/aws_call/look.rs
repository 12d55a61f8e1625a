//! Looks in the account whether a call happened whose answer was lost.

use aws::client::{Policy, Request};
use aws::knowledge::{self, Mutation, ProbeAnswer};
use model::effect::{AwsCall, Intent};
use ports::Probe;
use serde_json::Value;

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
    let mut question = AwsCall {
        service: spec.service.to_owned(),
        operation: spec.operation.to_owned(),
        params: spec.params.clone(),
        ..call.clone()
    };
    for _ in 0..PAGES {
        let answer = match ask(client, intent, &question).await {
            Ok(answer) => answer,
            Err(reason) => {
                return Probe::Unclear(format!(
                    "{} of {} failed: {reason}",
                    spec.operation, spec.service
                ));
            }
        };
        match spec.interpret(&answer) {
            ProbeAnswer::Happened(result) => return Probe::Happened(result),
            ProbeAnswer::Unclear(reason) => return Probe::Unclear(reason.to_owned()),
            // A filtered list may have empty pages before the one that counts.
            ProbeAnswer::NotHappened => match next_page(&answer) {
                Some(token) => match question.params.as_object_mut() {
                    Some(params) => params.insert("NextToken".to_owned(), token),
                    None => return Probe::NotHappened,
                },
                None => return Probe::NotHappened,
            },
        };
    }
    Probe::Unclear(format!(
        "{} of {} has more than {PAGES} pages",
        spec.operation, spec.service
    ))
}

fn next_page(answer: &Value) -> Option<Value> {
    answer
        .get("NextToken")
        .filter(|token| token.as_str().is_some_and(|text| !text.is_empty()))
        .cloned()
}

async fn ask(client: &AwsClient, intent: &Intent, question: &AwsCall) -> Result<Value, String> {
    let request = Request {
        identity: identity(question.assume_role.as_ref()),
        ..Request::new(
            &question.service,
            &question.operation,
            question.params.clone(),
            &question.region,
        )
    }
    .with_token(intent.id.to_string());
    let policy = Policy {
        repeatable: true,
        ..policy(question)
    };
    match client.call(&request, policy).await {
        Ok(answer) => Ok(answer.value),
        Err(error) if error.service_error().is_some() => Err(error.to_string()),
        Err(error) => Err(format!("{}: {}", error.code(), error.message())),
    }
}
