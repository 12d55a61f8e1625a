//! Code: how a request brings it, how it is put on the shelf, and the links under which it is fetched.

use std::collections::BTreeSet;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, StatusCode, Uri};
use model::function::{Code, FUNCTION, Function};
use ports::function::{CodeError, CodeShelf};
use ports::store::ResourceQuery;
use subtle::ConstantTimeEq as _;

use super::SERVICE;
use super::names::{self, invalid};
use crate::call::Call;
use crate::decode::Fields;
use crate::error::ApiError;
use crate::query::Query;
use crate::state::AppState;
use crate::voice::Voice;

/// How long a link to code works, in seconds, as AWS's do.
const LINK_SECS: i64 = 600;
/// How links to code begin.
const LINKS: &str = "/functions/code/";

/// The shelf of this server.
pub(super) fn shelf(state: &AppState) -> Result<&dyn CodeShelf, ApiError> {
    let functions = state.config().functions.as_ref();
    let found = functions.map(|functions| functions.code.as_ref());
    found.ok_or_else(|| {
        ApiError::new(
            "ServiceException",
            "functions are not set up on this server",
        )
        .status(StatusCode::SERVICE_UNAVAILABLE)
    })
}

/// Puts the archive of a request on the shelf; with `dry_run` it is only looked at.
pub(super) async fn take(call: &Call, fields: &Fields<'_>) -> Result<Code, ApiError> {
    for (member, remedy) in [
        ("ImageUri", "functions are zip files here: give ZipFile"),
        ("S3Bucket", "give the zip file itself in ZipFile"),
        ("S3Key", "give the zip file itself in ZipFile"),
        ("SourceKMSKeyArn", "code is kept as it comes"),
    ] {
        if fields.raw(member).is_some() {
            return Err(invalid(format!(
                "{member} is not served by Quell: {remedy}"
            )));
        }
    }
    let text = fields.raw("ZipFile").and_then(serde_json::Value::as_str);
    let Some(text) = text else {
        return Err(invalid("Please provide a source for function code."));
    };
    let archive = STANDARD
        .decode(text)
        .map_err(|_| ApiError::malformed("`zipFile` must be base64"))?;
    let shelf = shelf(&call.state)?;
    match shelf.put(archive.clone()).await {
        Err(CodeError::Full { .. }) => {
            sweep(call).await?;
            shelf.put(archive).await.map_err(refused)
        }
        other => other.map_err(refused),
    }
}

/// A shelf's refusal in the service's words.
pub(super) fn refused(error: CodeError) -> ApiError {
    match error {
        CodeError::Invalid(_) => invalid(format!(
            "{error}. Please check your file, then try to upload again."
        )),
        CodeError::TooLarge(message) => invalid(message),
        CodeError::Full { .. } => names::limit(error.to_string()),
        CodeError::Storage(reason) => ApiError::internal(reason),
    }
}

/// As [`sweep`], where the caller has what it asked for whatever comes of it.
pub(super) async fn sweep_after(call: &Call) {
    if let Err(error) = sweep(call).await {
        tracing::warn!(error = error.message(), "unused code could not be removed");
    }
}

/// Removes the archives that no function has any more.
async fn sweep(call: &Call) -> Result<(), ApiError> {
    let mut used = BTreeSet::new();
    let mut after = None;
    loop {
        let query = ResourceQuery {
            scope: None,
            kind: FUNCTION.to_owned(),
            prefix: String::new(),
            after,
            limit: 100,
        };
        let page = call.handle().resources(query).await?;
        let full = page.len() == 100;
        after = page
            .last()
            .map(|last| (last.scope.clone(), last.name.clone()));
        for found in page {
            let function: Function = serde_json::from_value(found.body)
                .map_err(|error| ApiError::internal(error.to_string()))?;
            used.insert(function.latest.code.digest);
            used.extend(function.versions.into_values().map(|one| one.code.digest));
        }
        if !full {
            break;
        }
    }
    let removed = shelf(&call.state)?.keep_only(used).await.map_err(refused)?;
    tracing::debug!(removed, "code that no function has was removed");
    Ok(())
}

/// A link under which an archive can be fetched for ten minutes.
pub(super) async fn link(call: &Call, digest: &str) -> Result<String, ApiError> {
    let until = call.handle().now().as_second() + LINK_SECS;
    let token = call.state.seal(sealed_text(digest, until)).await?;
    let base = &call.state.config().public_url;
    Ok(format!(
        "{base}{LINKS}{digest}.zip?until={until}&token={}",
        hex::encode(token)
    ))
}

fn sealed_text(digest: &str, until: i64) -> String {
    format!("function code {digest} until {until}")
}

/// The requests that links lead to. Nobody signs them: the token says what may be fetched, and until when.
pub(crate) fn routes() -> Router<AppState> {
    Router::new().route("/functions/code/{file}", get(fetch))
}

async fn fetch(State(state): State<AppState>, Path(file): Path<String>, uri: Uri) -> Response {
    let found = find(&state, &file, uri.query().unwrap_or_default()).await;
    found.unwrap_or_else(|error| {
        let request_id = state.handle().new_id().to_string();
        let voice = Voice::of_own(SERVICE.name).unwrap_or(Voice::Operator);
        error.render(&voice, &request_id)
    })
}

async fn find(state: &AppState, file: &str, query: &str) -> Result<Response, ApiError> {
    let refused = || {
        ApiError::new(
            "AccessDeniedException",
            "the link does not work, or no longer: ask GetFunction for a new one",
        )
        .status(StatusCode::FORBIDDEN)
    };
    let query = Query::parse(query)?;
    let digest = file.strip_suffix(".zip").ok_or_else(refused)?;
    let until: i64 = query
        .first("until")
        .and_then(|until| until.parse().ok())
        .ok_or_else(refused)?;
    let token = query
        .first("token")
        .and_then(|token| hex::decode(token).ok());
    let token = token.ok_or_else(refused)?;
    let wanted = state.seal(sealed_text(digest, until)).await?;
    let fits = bool::from(wanted.as_slice().ct_eq(token.as_slice()));
    if !fits || until < state.handle().now().as_second() {
        return Err(refused());
    }
    let archive = shelf(state)?.get(digest.to_owned()).await;
    let Some(archive) = archive.map_err(self::refused)? else {
        return Err(names::not_found(
            "the code of this link is not kept any more",
        ));
    };
    let mut response = Response::new(Body::from(archive));
    for (name, value) in [
        (http::header::CONTENT_TYPE, "application/zip"),
        (http::header::CACHE_CONTROL, "no-store"),
        (http::header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}
