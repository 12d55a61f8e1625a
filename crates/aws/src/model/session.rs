//! What a client needs to know of an operation beyond one request and its answer: how a list goes on in pages, how a
//! state is waited for, and what the endpoint rules want to know of the call.
//!
//! Data only; paging, waiting and the rules are elsewhere.

use serde_json::Value;

use super::Name;

/// How the pages of an operation follow each other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Paginator {
    /// Members of the request that say where the next page begins.
    pub input_tokens: Vec<Name>,
    /// JMESPath expressions over the answer, one for each input token.
    pub output_tokens: Vec<Name>,
    /// JMESPath expressions over the answer of what is listed, the main one first; perhaps empty.
    pub result_keys: Vec<Name>,
    /// JMESPath expressions over the answer of what is the same on every page.
    pub non_aggregate_keys: Vec<Name>,
    /// Member of the request that bounds the length of a page.
    pub limit_key: Option<Name>,
    /// JMESPath expression over the answer that says whether there are more pages; where absent, an answer without
    /// tokens is the last.
    pub more_results: Option<Name>,
}

/// A state that can be waited for.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiter {
    /// Name in PascalCase, as `InstanceRunning`.
    pub name: Name,
    /// Operation that is repeated.
    pub operation: Name,
    /// Seconds between two calls.
    pub delay_s: u32,
    /// Calls after which the wait has failed.
    pub max_attempts: u32,
    /// What an answer means; the first that matches decides. None matches: an error ends the wait, else it goes on.
    pub acceptors: Vec<Acceptor>,
}

/// What an answer means for a wait.
#[derive(Debug, Clone, PartialEq)]
pub struct Acceptor {
    /// State of the wait after a match.
    pub state: AcceptorState,
    /// What is compared.
    pub matcher: Matcher,
}

/// State of a wait after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcceptorState {
    /// The state is reached.
    Success,
    /// The state can no longer be reached.
    Failure,
    /// Call again after the delay.
    Retry,
}

/// What of an answer is compared.
#[derive(Debug, Clone, PartialEq)]
pub enum Matcher {
    /// The HTTP status of the answer, error or not.
    Status(u16),
    /// The error's code; `None` for any error.
    Error(Option<Name>),
    /// The call succeeded.
    NoError,
    /// The value at a JMESPath expression over a successful answer.
    Path {
        /// The expression.
        path: Name,
        /// What stands there.
        expected: Value,
    },
    /// All elements of the list at the expression; a list without elements does not match.
    PathAll {
        /// The expression.
        path: Name,
        /// What each element is.
        expected: Value,
    },
    /// One or more elements of the list at the expression.
    PathAny {
        /// The expression.
        path: Name,
        /// What the element is.
        expected: Value,
    },
}

/// A parameter of the endpoint rules and where its value comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct ContextParam {
    /// Name of the parameter in the rule set.
    pub name: Name,
    /// Where its value comes from.
    pub source: ContextSource,
}

/// Where the value of a [`ContextParam`] comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum ContextSource {
    /// Always this value.
    Static(Value),
    /// This member of the request; without a value when the member is absent.
    Member(Name),
    /// A JMESPath expression over the request.
    Path(Name),
}
