//! Client tokens remembered by an aggregate, so that a repeated request gets its first answer.

use std::collections::VecDeque;

use model::{Rejection, ids};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// Tokens remembered per aggregate; the oldest is forgotten first.
const KEPT: usize = 128;

/// Answers given to client tokens, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Recall {
    answers: VecDeque<Answer>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Answer {
    operation: String,
    token: String,
    request: Uuid,
    reply: Value,
}

/// A request with a client token: what [`Recall`] compares.
pub(crate) struct Request<'a> {
    /// Operation: the same token may be used with several.
    pub operation: &'a str,
    /// The token, if one was given.
    pub token: Option<&'a str>,
    /// Digest of the parameters.
    pub digest: Uuid,
}

impl<'a> Request<'a> {
    /// A request; an empty token is none.
    pub(crate) fn new<T: Serialize>(
        operation: &'a str,
        token: Option<&'a str>,
        parameters: &T,
    ) -> Self {
        let text = serde_json::to_string(parameters).unwrap_or_default();
        Self {
            operation,
            token: token.filter(|token| !token.is_empty()),
            digest: ids::named(&[operation, &text]),
        }
    }
}

impl Recall {
    /// The answer given before, if this token was seen.
    ///
    /// # Errors
    /// [`Rejection::Conflict`] when the token came with other parameters.
    pub(crate) fn answer(&self, request: &Request<'_>) -> Result<Option<Value>, Rejection> {
        let Some(token) = request.token else {
            return Ok(None);
        };
        let known = self
            .answers
            .iter()
            .find(|answer| answer.token == token && answer.operation == request.operation);
        match known {
            None => Ok(None),
            Some(answer) if answer.request == request.digest => Ok(Some(answer.reply.clone())),
            Some(_) => Err(Rejection::Conflict {
                code: String::new(),
                message: format!(
                    "the client token was used before with other parameters of {}: use a new token",
                    request.operation
                ),
            }),
        }
    }

    /// The tokens remembered for an operation.
    pub(crate) fn tokens(&self, operation: &str) -> impl Iterator<Item = &str> {
        self.answers
            .iter()
            .filter(move |answer| answer.operation == operation)
            .map(|answer| answer.token.as_str())
    }

    /// Remembers an answer; gives back the operation and token that were forgotten for it.
    pub(crate) fn remember(
        &mut self,
        request: &Request<'_>,
        reply: &Value,
    ) -> Option<(String, String)> {
        let token = request.token?;
        self.answers.push_back(Answer {
            operation: request.operation.to_owned(),
            token: token.to_owned(),
            request: request.digest,
            reply: reply.clone(),
        });
        if self.answers.len() <= KEPT {
            return None;
        }
        let forgotten = self.answers.pop_front()?;
        Some((forgotten.operation, forgotten.token))
    }
}
