//! Calls to the AWS services that give out keys, and requests to sources that are no AWS services.

use std::sync::Arc;
use std::time::Duration;

use aws::client::{
    AssumedRole, CallFailure, Client, Identity, Policy, Request, SendLimits, Transport,
    TransportError,
};
use aws::credentials::{Credentials, sts};
use aws::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use ports::Clock;
use serde_json::Value;

use super::CredentialsError;

/// Limit of one call with its attempts.
const CALL_LIMIT: Duration = Duration::from_secs(20);

/// What sources of credentials are asked with.
pub(crate) struct Services {
    pub(super) transport: Arc<dyn Transport>,
    pub(super) client: Client,
    /// Region of the security token service.
    pub(super) region: String,
    pub(super) clock: Arc<dyn Clock>,
}

/// Why a service gave nothing.
pub(super) struct Fault {
    pub(super) code: String,
    pub(super) reason: String,
    pub(super) transient: bool,
}

impl Services {
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) async fn sleep(&self, pause: Duration) {
        if !pause.is_zero() {
            self.clock.sleep(pause).await;
        }
    }

    /// Sends a request as it is.
    pub(super) async fn send(
        &self,
        request: HttpRequest,
        limits: SendLimits,
    ) -> Result<HttpResponse, TransportError> {
        self.transport.send(request, limits).await
    }

    /// `AssumeRole`, signed with `keys`.
    pub(super) async fn assume(
        &self,
        keys: &Credentials,
        role: &AssumedRole,
    ) -> Result<Credentials, CredentialsError> {
        let params = sts::assume_role_params(role);
        let identity = Identity::Keys(Box::new(keys.clone()));
        self.session(sts::ASSUME_ROLE, params, (identity, role))
            .await
    }

    /// `AssumeRoleWithWebIdentity`, unsigned.
    pub(super) async fn assume_with_token(
        &self,
        token: &str,
        role: &AssumedRole,
    ) -> Result<Credentials, CredentialsError> {
        let params = sts::web_identity_params(role, token);
        let operation = sts::ASSUME_ROLE_WITH_WEB_IDENTITY;
        self.session(operation, params, (Identity::Anonymous, role))
            .await
    }

    async fn session(
        &self,
        operation: &str,
        params: Value,
        (identity, role): (Identity, &AssumedRole),
    ) -> Result<Credentials, CredentialsError> {
        let fail = |code: String, reason: String, transient: bool| CredentialsError::Role {
            role: role.role_arn.clone(),
            code,
            reason,
            transient,
        };
        match self
            .ask(("sts", operation), params, (identity, &self.region))
            .await
        {
            Ok(answer) => sts::parse(&answer)
                .map_err(|error| fail("Answer".to_owned(), error.to_string(), false)),
            Err(fault) => Err(fail(fault.code, fault.reason, fault.transient)),
        }
    }

    /// Calls an operation. Asking for keys once more does no harm, so it may be repeated.
    pub(super) async fn ask(
        &self,
        (service, operation): (&str, &str),
        params: Value,
        (identity, region): (Identity, &str),
    ) -> Result<Value, Fault> {
        let request = Request::new(service, operation, params, region).with_identity(identity);
        let policy = Policy::repeatable().within(CALL_LIMIT);
        match self.client.call(&request, policy).await {
            Ok(answer) => Ok(answer.value),
            Err(error) => Err(Fault {
                code: error.code().to_owned(),
                reason: match &error.cause {
                    CallFailure::Invalid(_) => without_secrets(&error.message(), &request.params),
                    _ => error.message(),
                },
                transient: error.is_transient(),
            }),
        }
    }
}

/// A report on parameters quotes them: tokens must not stand in it.
fn without_secrets(words: &str, params: &Value) -> String {
    const SECRETS: [&str; 4] = [
        "WebIdentityToken",
        "accessToken",
        "clientSecret",
        "refreshToken",
    ];
    SECRETS
        .iter()
        .filter_map(|name| params.get(name)?.as_str())
        .filter(|secret| !secret.is_empty())
        .fold(words.to_owned(), |words, secret| {
            words.replace(secret, "***")
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reports_quote_no_token() {
        let params = json!({"WebIdentityToken": "ab", "RoleArn": "arn"});
        assert_eq!(
            without_secrets(
                "Invalid length for parameter WebIdentityToken, value: ab, RoleArn arn",
                &params
            ),
            "Invalid length for parameter WebIdentityToken, value: ***, RoleArn arn"
        );
    }
}
