//! In what form a request is answered: a service's own protocol, or the operator's API.

use std::sync::Arc;

use aws::model::{self, catalog};
use http::request::Parts;

use crate::api;
use crate::auth::Claimed;
use crate::aws::find_service;

/// The error words of one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Words {
    /// Code for input of the wrong type.
    pub(crate) malformed: &'static str,
    /// Code for a fault of the server.
    pub(crate) internal: &'static str,
    /// Whether a `ValidationException` names its place in `Fields` (`ssm-contacts`).
    pub(crate) fields: bool,
}

impl Words {
    /// What most services say.
    pub(crate) const USUAL: Self = Self {
        malformed: "SerializationException",
        internal: "InternalException",
        fields: false,
    };
    /// What the operator's API says.
    pub(crate) const OPERATOR: Self = Self {
        malformed: "ValidationException",
        internal: "InternalServerException",
        fields: false,
    };
}

/// The form of an answer.
#[derive(Debug, Clone)]
pub(crate) enum Voice {
    /// Plain JSON, and RFC 9457 problem documents.
    Operator,
    /// The protocol of an AWS service.
    Aws {
        /// The service.
        model: Arc<model::Service>,
        /// Its words.
        words: Words,
    },
}

impl Voice {
    /// That of one of Quell's own services, by the name in its credential scope.
    pub(crate) fn of_own(service: &str) -> Option<Self> {
        if service == api::SIGNING_NAME {
            return Some(Self::Operator);
        }
        let served = find_service(service)?;
        Some(Self::Aws {
            model: Arc::clone(&served.model),
            words: served.service.words,
        })
    }

    /// That of any service of AWS, which its clients expect though it is not served here.
    fn of_any(service: &str) -> Option<Self> {
        let model = catalog().service(service).ok()?;
        let words = Words::USUAL;
        Some(Self::Aws { model, words })
    }

    /// The form for a request of which it is not known whether the signature holds. `known` tells whether its key is:
    /// nobody else makes this program read models.
    pub(crate) fn of_request(parts: &Parts, claimed: Option<&Claimed>, known: bool) -> Self {
        let service = claimed.map_or("", |claimed| claimed.service.as_str());
        let named =
            Self::of_own(service).or_else(|| known.then(|| Self::of_any(service)).flatten());
        named.unwrap_or_else(|| Self::guess(parts))
    }

    /// By the marks that each protocol's requests have.
    fn guess(parts: &Parts) -> Self {
        let content_type = parts.headers.get(http::header::CONTENT_TYPE);
        let is_form =
            content_type.is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form"));
        let voice = if parts.headers.contains_key("x-amz-target") {
            Self::of_own("events")
        } else if is_form {
            Self::of_any("sts")
        } else if parts.uri.path().starts_with("/api/") {
            Some(Self::Operator)
        } else {
            Self::of_own("ssm-incidents")
        };
        voice.unwrap_or(Self::Operator)
    }

    /// How errors are called.
    pub(crate) fn words(&self) -> Words {
        match self {
            Self::Operator => Words::OPERATOR,
            Self::Aws { words, .. } => *words,
        }
    }
}
