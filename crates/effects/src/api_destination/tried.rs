//! Calls of Tasks: found, authorized, sent, and told.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use model::Outcome;
use model::connection::Connection as Stored;
use model::effect::{Failure, HttpCall};
use ports::connection::{AuthParameters, Traced};

use super::redact::Redactor;
use super::request::Bearer;
use super::{Inner, failure, http_task, mask, not_configured, token_key};
use crate::http::transport::{Connection, Limits};

/// What a call was made with, and its answer.
pub(super) struct Made {
    parameters: AuthParameters,
    bearer: Option<Bearer>,
    answer: Option<Response<Bytes>>,
}

impl Inner {
    /// Makes a call. Once, but for a token that the receiver no longer takes: that is renewed and tried again.
    pub(super) async fn call(&self, call: &HttpCall) -> (Outcome, Option<Made>) {
        let time = Duration::from_secs(u64::from(call.timeout_secs.max(1)));
        let mut made = None;
        match tokio::time::timeout(time, self.within(call, time, &mut made)).await {
            Ok(Ok(outcome)) => (outcome, made),
            Ok(Err(failure)) => (Outcome::Failed(failure), made),
            Err(_) => {
                let message = format!("no answer within {} s", time.as_secs());
                (
                    Outcome::Failed(failure("Socket", message, None, true)),
                    made,
                )
            }
        }
    }

    async fn within(
        &self,
        call: &HttpCall,
        time: Duration,
        made: &mut Option<Made>,
    ) -> Result<Outcome, Failure> {
        let (parameters, cache) = self.usable(call).await.map_err(http_task::unusable)?;
        let bearer = self.bearer(&cache, &parameters).await;
        let bearer = bearer.map_err(http_task::unusable)?;
        let made = made.insert(Made {
            parameters,
            bearer,
            answer: None,
        });
        let mut answer = self.exchanged(call, made, time).await?;
        if let (Some(used), 401 | 407) = (&made.bearer, answer.status().as_u16()) {
            self.tokens.forget(&cache, used).await;
            let bearer = self.bearer(&cache, &made.parameters).await;
            made.bearer = bearer.map_err(http_task::unusable)?;
            answer = self.exchanged(call, made, time).await?;
        }
        let redactor = Redactor::for_whole(&made.parameters, made.bearer.as_ref());
        let outcome = http_task::told(&answer, &redactor);
        made.answer = Some(answer);
        Ok(outcome)
    }

    /// The connection's parameters, and what its tokens are kept by.
    async fn usable(&self, call: &HttpCall) -> Result<(AuthParameters, String), Failure> {
        let found = self
            .destinations()?
            .connection(call.scope.clone(), call.connection_arn.clone());
        let connection: Stored = found.await.map_err(not_configured)?;
        let parameters = self.open(&call.scope, &connection)?;
        Ok((parameters, token_key(&connection)))
    }

    async fn exchanged(
        &self,
        call: &HttpCall,
        made: &Made,
        time: Duration,
    ) -> Result<Response<Bytes>, Failure> {
        let with = (&made.parameters, made.bearer.as_ref());
        let request = http_task::build(call, with, &self.rules)
            .map_err(|message| failure("ParamValidation", message, None, false))?;
        let limits = Limits {
            time,
            answer_bytes: http_task::ANSWER_BYTES,
        };
        let connection = if call.reads() {
            Connection::Pooled
        } else {
            Connection::Fresh
        };
        let sent = self.transport.send(request, connection, limits).await;
        sent.map_err(|error| http_task::unreached(&error))
    }

    /// Makes a call and shows it.
    pub(super) async fn traced(&self, call: &HttpCall, reveal: bool) -> Traced {
        let (outcome, made) = self.call(call).await;
        let Some(made) = made else {
            return Traced {
                outcome,
                request: None,
                response: None,
            };
        };
        let request = if reveal {
            http_task::build(call, (&made.parameters, made.bearer.as_ref()), &self.rules)
        } else {
            mask::masked_request(call, &made.parameters, &self.rules)
        };
        let request = request.ok();
        let protocol = request
            .as_ref()
            .and_then(|request| request.uri().scheme_str());
        let protocol = protocol.unwrap_or_default().to_owned();
        let response = made.answer.as_ref().map(|answer| {
            let mut shown = mask::shown_response(answer, &protocol);
            if !reveal {
                Redactor::for_whole(&made.parameters, made.bearer.as_ref()).clean(&mut shown);
            }
            shown
        });
        Traced {
            outcome,
            request: request.map(|request| mask::shown_request(&request, !reveal)),
            response,
        }
    }
}
