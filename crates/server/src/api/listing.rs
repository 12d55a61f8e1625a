//! What the operator's lists share: how many elements a page has, and behind which one it begins.

use super::runs::number;
use crate::call::Call;
use crate::error::ApiError;
use crate::page::{Cursor, Place, parse_place};

/// Elements of a page that does not say how many.
const USUAL: usize = 50;

/// `limit`: 1 to 100.
pub(super) fn limit(call: &Call) -> Result<usize, ApiError> {
    let limit = number(call, "limit", 1, 100)?;
    Ok(limit
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(USUAL))
}

/// The position in `after`.
pub(super) fn after(call: &Call, cursor: &Cursor) -> Result<Option<String>, ApiError> {
    let Some(token) = call.query.first("after") else {
        return Ok(None);
    };
    cursor.position(token).map(Some).ok_or_else(refused)
}

/// The place in `after`, of a list with the newest first.
pub(super) fn place(call: &Call, cursor: &Cursor) -> Result<Option<Place>, ApiError> {
    let Some(position) = after(call, cursor)? else {
        return Ok(None);
    };
    parse_place(&position).map(Some).ok_or_else(refused)
}

fn refused() -> ApiError {
    ApiError::validation("`after` must be `nextAfter` of the answer before")
}
