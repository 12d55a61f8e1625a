//! Who calls: SigV4 verification, and the identity that comes of it.
//!
//! The identity is built from the server's own list of keys and the verified credential scope, never from text the
//! caller can shape otherwise. What is read before verification only chooses limits and the spelling of errors.

use std::sync::Arc;

use aws::sigv4::{Payload, RawRequest, Verifier, VerifyError};
use http::request::Parts;
use jiff::Timestamp;
use ports::Session;
use subtle::ConstantTimeEq;

use crate::error::ApiError;
use crate::query;
use crate::state::AppState;

/// An authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// Access key id.
    pub(crate) key_id: String,
    /// `arn:aws:iam::<account>:user/<key's name>`, or that of an assumed role.
    pub(crate) arn: String,
    /// Region the request was signed for.
    pub(crate) region: String,
    /// Whether sources beginning with `aws.` are accepted from this key.
    pub(crate) ingest: bool,
    /// The session of a script, when it is a script that calls. See [`may`] for what it may do.
    pub(crate) session: Option<Arc<Session>>,
}

/// Operations of `ssm` that a script may call with its session: it looks at runs and starts some, as its role.
const SCRIPTS_MAY: [&str; 5] = [
    "DescribeAutomationExecutions",
    "DescribeAutomationStepExecutions",
    "DescribeDocument",
    "GetAutomationExecution",
    "StartAutomationExecution",
];

/// Refuses what a caller may not do. Keys of the configuration may do everything.
pub(crate) fn may(caller: &Caller, service: &str, operation: &str) -> Result<(), ApiError> {
    let looks = service == "ssm" && SCRIPTS_MAY.contains(&operation);
    // A function calls another one, a runbook's script a function.
    let invokes = (service, operation) == ("lambda", "Invoke");
    if caller.session.is_none() || looks || invokes {
        return Ok(());
    }
    let message = format!(
        "User: {} is not authorized to perform: {service}:{operation} here: a script's session may call {} of ssm, and Invoke of lambda",
        caller.arn,
        SCRIPTS_MAY.join(", "),
    );
    Err(ApiError::new("AccessDeniedException", message))
}

/// What a request says of its signature, not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claimed {
    /// Access key id.
    pub(crate) key_id: String,
    /// Service that the credential scope names.
    pub(crate) service: String,
}

/// Reads the credential scope; `None` if there is none that can be read.
pub(crate) fn claimed(parts: &Parts) -> Option<Claimed> {
    let credential = match parts.headers.get(http::header::AUTHORIZATION) {
        Some(value) => {
            let text = value.to_str().ok()?;
            text.split([',', ' '])
                .find_map(|part| part.trim().strip_prefix("Credential="))?
                .to_owned()
        }
        None => {
            let pairs = parts.uri.query()?.split('&');
            query::decode(
                pairs
                    .filter_map(|pair| pair.strip_prefix("X-Amz-Credential="))
                    .next()?,
            )
            .ok()?
        }
    };
    let mut elements = credential.rsplitn(5, '/').skip(1);
    let service = elements.next()?.to_owned();
    let key_id = elements.nth(2)?.to_owned();
    Some(Claimed { key_id, service })
}

/// Refuses a key that is not known, before anything of the body is read.
pub(crate) fn require_known(state: &AppState, claimed: &Claimed) -> Result<(), VerifyError> {
    let known = state.key(&claimed.key_id).is_some() || state.session(&claimed.key_id).is_some();
    known.then_some(()).ok_or(VerifyError::UnknownKey)
}

/// Verifies the signature over the whole request.
pub(crate) fn verify(
    state: &AppState,
    parts: &Parts,
    body: &[u8],
    at: Timestamp,
) -> Result<Caller, VerifyError> {
    let headers = header_pairs(parts)?;
    let request = RawRequest {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        headers: &headers,
        payload: Payload::Bytes(body),
    };
    let session_of = |id: &str| state.session(id);
    let secret_of = |id: &str| match state.key(id) {
        Some(key) => Some(key.secret.clone()),
        None => session_of(id).map(|session| session.secret_access_key.clone()),
    };
    let verified = Verifier::default().verify(&request, &secret_of, at)?;
    // No service but S3 takes an unsigned body.
    if !verified.payload_signed {
        return Err(VerifyError::Mismatch);
    }
    if !is_region(&verified.scope.region) {
        return Err(VerifyError::Incomplete(
            "Credential should be scoped to a valid region.".to_owned(),
        ));
    }
    let region = verified.scope.region;
    let token = verified.session_token.unwrap_or_default();
    let Some(key) = state.key(&verified.access_key_id) else {
        let session = session_of(&verified.access_key_id).ok_or(VerifyError::UnknownKey)?;
        require_token(&token, &session.session_token)?;
        return Ok(Caller {
            key_id: session.access_key_id.clone(),
            arn: session.arn(),
            region,
            ingest: false,
            session: Some(session),
        });
    };
    // The keys are static: a session token means that the caller means other credentials.
    require_token(&token, "")?;
    Ok(Caller {
        key_id: key.id.clone(),
        arn: format!("arn:aws:iam::{}:user/{}", state.config().account, key.name),
        region,
        ingest: key.ingest,
        session: None,
    })
}

fn require_token(given: &str, want: &str) -> Result<(), VerifyError> {
    let same = bool::from(given.as_bytes().ct_eq(want.as_bytes()));
    same.then_some(()).ok_or(VerifyError::UnknownKey)
}

/// Region names become part of ARNs and storage keys, so only their own alphabet is let in.
fn is_region(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=32).contains(&text.len()) && text.bytes().all(known)
}

fn header_pairs(parts: &Parts) -> Result<Vec<(String, String)>, VerifyError> {
    let pairs = parts.headers.iter().map(|(name, value)| {
        let text = std::str::from_utf8(value.as_bytes())
            .map_err(|_| VerifyError::Incomplete(format!("header `{name}` is not UTF-8.")))?;
        Ok((name.as_str().to_owned(), text.to_owned()))
    });
    pairs.collect()
}

/// The answer to a request that is not authenticated.
pub(crate) fn refusal(error: &VerifyError) -> ApiError {
    let status =
        http::StatusCode::from_u16(error.status(false)).unwrap_or(http::StatusCode::FORBIDDEN);
    ApiError::new(error.code(true), error.to_string()).status(status)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn parts(uri: &str, authorization: Option<&str>) -> Parts {
        let mut builder = Request::builder().uri(uri);
        if let Some(value) = authorization {
            builder = builder.header("authorization", value);
        }
        builder.body(()).expect("request").into_parts().0
    }

    #[test]
    fn reads_the_scope_without_trusting_it() {
        let header = "AWS4-HMAC-SHA256 Credential=AKID/20150830/us-east-1/ssm/aws4_request, SignedHeaders=host, Signature=0";
        let got = claimed(&parts("/", Some(header))).expect("scope");
        assert_eq!((got.key_id.as_str(), got.service.as_str()), ("AKID", "ssm"));
        let got = claimed(&parts(
            "/?X-Amz-Credential=AK%2F1%2F20150830%2Feu-west-1%2Fevents%2Faws4_request",
            None,
        ));
        assert_eq!(
            got.map(|claimed| (claimed.key_id, claimed.service)),
            Some(("AK/1".to_owned(), "events".to_owned()))
        );
        for (uri, header) in [
            ("/", None),
            ("/", Some("Bearer x")),
            ("/", Some("AWS4-HMAC-SHA256 Credential=a/b")),
            ("/?X-Amz-Credential=%ff", None),
        ] {
            assert_eq!(claimed(&parts(uri, header)), None, "{uri} {header:?}");
        }
    }

    #[test]
    fn regions_have_their_own_alphabet() {
        for good in ["us-east-1", "cn-north-1", "us-gov-west-1"] {
            assert!(is_region(good));
        }
        for bad in [
            "",
            "US-EAST-1",
            "us_east",
            "us-east-1:x",
            "a/b",
            &"a".repeat(33),
        ] {
            assert!(!is_region(bad), "{bad}");
        }
    }
}
