//! Creations under a client's token: the same request again gets its first answer, another one is refused.
//!
//! The token's record is written in the transaction that creates the resource, so that neither is there without the
//! other. Every creation removes a few lapsed records that stand behind its own in the order of names.

use engine::{ChangeError, Handle, ResourceChange, Token};
use jiff::{SignedDuration, Timestamp};
use model::resource::Expect;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::call::Call;
use crate::catalog::{self, Kept, Key};
use crate::error::ApiError;

/// Resource kind of the records. Name: a digest of operation and token.
pub(in crate::aws) const CLIENT_TOKEN: &str = "client-token";
/// How long a token is remembered, in hours.
const LIFE_HOURS: i64 = 24;
/// Records looked at for removal with every creation.
const SWEEP: usize = 20;
const TRIES: usize = 16;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Record {
    request: String,
    answer: String,
    at: Timestamp,
}

/// A resource to be created.
pub(in crate::aws) struct Creation {
    /// Where it is kept.
    pub(in crate::aws) key: Key,
    /// Its stored body.
    pub(in crate::aws) body: Value,
    /// The client's token.
    pub(in crate::aws) token: Option<Token>,
    /// What the client is answered, now and whenever it repeats the request.
    pub(in crate::aws) answer: String,
}

/// What became of a creation.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::aws) enum Written {
    /// The answer to give: of this request, or of the same one made before.
    Answer(String),
    /// Something of this name exists.
    Exists,
    /// The token came before with other parameters, for what is named here.
    OtherRequest(String),
}

/// What a request with this token was answered before; `None` for a token that is new.
pub(in crate::aws) async fn answered(
    call: &Call,
    token: Option<&Token>,
) -> Result<Option<Written>, ApiError> {
    let Some(token) = token.filter(|token| !token.token.is_empty()) else {
        return Ok(None);
    };
    let found: Option<Kept<Record>> = catalog::read(call.handle(), &place(call, token)).await?;
    let record = found
        .map(|kept| kept.body)
        .filter(|record| !lapsed(record, call.handle().now()));
    Ok(
        record.map(|record| match record.request == token.request_hash {
            true => Written::Answer(record.answer),
            false => Written::OtherRequest(record.answer),
        }),
    )
}

/// Creates a resource if its name is free.
pub(in crate::aws) async fn create(call: &Call, creation: Creation) -> Result<Written, ApiError> {
    for _ in 0..TRIES {
        if let Some(written) = answered(call, creation.token.as_ref()).await? {
            return Ok(written);
        }
        let mut changes = vec![catalog::change(
            &creation.key,
            Expect::Absent,
            Some(creation.body.clone()),
        )];
        if let Some(token) = creation
            .token
            .as_ref()
            .filter(|token| !token.token.is_empty())
        {
            changes.extend(remember(call, token, &creation.answer).await?);
        }
        match call.handle().change(changes).await {
            Ok(_) => return Ok(Written::Answer(creation.answer)),
            Err(ChangeError::Conflict { kind, .. }) if kind == creation.key.kind => {
                return Ok(Written::Exists);
            }
            // Another request was faster with this token or with the sweep: look again.
            Err(ChangeError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(ApiError::busy())
}

async fn remember(
    call: &Call,
    token: &Token,
    answer: &str,
) -> Result<Vec<ResourceChange>, ApiError> {
    let now = call.handle().now();
    let place = place(call, token);
    let record = Record {
        request: token.request_hash.clone(),
        answer: answer.to_owned(),
        at: now,
    };
    let kept: Option<Kept<Record>> = catalog::read(call.handle(), &place).await?;
    let expect = kept.map_or(Expect::Absent, |kept| Expect::Revision(kept.revision));
    let mut changes = vec![catalog::change(
        &place,
        expect,
        Some(catalog::to_body(&record)?),
    )];
    changes.extend(sweep(call.handle(), &place, now).await?);
    Ok(changes)
}

async fn sweep(
    handle: &Handle,
    place: &Key,
    now: Timestamp,
) -> Result<Vec<ResourceChange>, ApiError> {
    let family = Key {
        name: String::new(),
        ..place.clone()
    };
    let behind: Vec<Kept<Record>> =
        catalog::list(handle, &family, Some(place.name.clone()), SWEEP).await?;
    let old = behind.into_iter().filter(|kept| lapsed(&kept.body, now));
    Ok(old
        .map(|kept| {
            catalog::change(
                &Key {
                    name: kept.name,
                    ..place.clone()
                },
                Expect::Revision(kept.revision),
                None,
            )
        })
        .collect())
}

/// What to tell a client whose token came before with other parameters.
pub(in crate::aws) fn other_request(made: &str) -> String {
    format!(
        "The client token was used before with other parameters, for `{made}`: use a new token."
    )
}

fn lapsed(record: &Record, now: Timestamp) -> bool {
    now.duration_since(record.at) >= SignedDuration::from_hours(LIFE_HOURS)
}

fn place(call: &Call, token: &Token) -> Key {
    let digest = Sha256::digest(format!("{}\n{}", token.operation, token.token).as_bytes());
    Key {
        scope: call.scope.global(),
        kind: CLIENT_TOKEN,
        name: hex::encode(digest),
    }
}
