//! How functions are named, where they are kept, and the service's exceptions in its words.

use http::StatusCode;
use jiff::Timestamp;
use model::function::{FUNCTION, Function, LATEST, Named, function_arn, is_name, is_qualifier};
use model::ids;
use uuid::Uuid;

use crate::call::Call;
use crate::catalog::{self, Edit, Kept, Key};
use crate::decode::Text;
use crate::error::{ApiError, echo};
use crate::page::Cursor;

/// Most elements of one page.
pub(super) const PAGE: usize = 50;
/// Most functions of one account and region.
pub(super) const MAX_FUNCTIONS: usize = 1_000;
/// Most published versions of one function.
pub(super) const MAX_VERSIONS: usize = 100;
/// Most aliases of one function.
pub(super) const MAX_ALIASES: usize = 100;

/// Pattern of a function's name, as the service shows it.
const NAME_SHOWN: &str = "(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}(-gov)?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?";
const QUALIFIER: Text = Text::length(1, 128).matching("(|[a-zA-Z0-9$_-]+)", is_qualifier);

/// A function as a request names it.
pub(super) struct Place {
    /// Its name.
    pub(super) name: String,
    /// The qualifier of the name or of the request.
    pub(super) qualifier: Option<String>,
}

impl Place {
    /// Where the function is kept.
    pub(super) fn key(&self, call: &Call) -> Key {
        key(call, &self.name)
    }

    /// The ARN as it was asked for.
    pub(super) fn arn(&self, call: &Call) -> String {
        arn(call, &self.name, self.qualifier.as_deref())
    }

    /// The qualifier, `$LATEST` where none is said.
    pub(super) fn qualifier(&self) -> &str {
        self.qualifier.as_deref().unwrap_or(LATEST)
    }

    /// "There is no such function."
    pub(super) fn missing(&self, call: &Call) -> ApiError {
        not_found(&format!("Function not found: {}", self.arn(call)))
    }

    /// A qualifier stands where none may.
    pub(super) fn unqualified(self) -> Result<Self, ApiError> {
        match &self.qualifier {
            None => Ok(self),
            Some(qualifier) => Err(invalid(format!(
                "This operation is permitted on the unqualified function only: leave `{qualifier}` out of the name"
            ))),
        }
    }
}

/// The function that `FunctionName` names, with the request's `Qualifier`.
pub(super) fn place(call: &Call) -> Result<Place, ApiError> {
    let fields = call.fields();
    let any = Text::length(1, 256);
    let text = fields.required_text("FunctionName", any)?;
    let place = read(call, "functionName", text)?;
    let qualifier = fields.text("Qualifier", QUALIFIER)?;
    match (&place.qualifier, qualifier) {
        (Some(have), Some(given)) if have != given => Err(invalid(
            "The derived qualifier from the function name does not match the specified qualifier."
                .to_owned(),
        )),
        (_, Some(given)) => Ok(Place {
            qualifier: Some(given.to_owned()),
            ..place
        }),
        (_, None) => Ok(place),
    }
}

/// Reads a name or ARN; it must be one of this account and region.
pub(super) fn read(call: &Call, member: &str, text: &str) -> Result<Place, ApiError> {
    let Some(named) = Named::parse(text) else {
        let rule = format!("Member must satisfy regular expression pattern: {NAME_SHOWN}");
        return Err(ApiError::constraint(member, Some(text), &rule));
    };
    let scope = &call.scope;
    if let Some(region) = named.region.as_ref().filter(|it| **it != scope.region) {
        return Err(not_found(&format!(
            "Functions from '{}' are not reachable in this region ('{}')",
            echo(region),
            scope.region
        )));
    }
    if !named.is_of(&scope.account, &scope.region) {
        return Err(not_found(&format!("Function not found: {}", echo(text))));
    }
    Ok(Place {
        name: named.name,
        qualifier: named.qualifier,
    })
}

/// The name that a new function gets.
pub(super) fn new_name(call: &Call) -> Result<String, ApiError> {
    let place = place(call)?.unqualified()?;
    // A part of an ARN may be as long as an ARN; a name may not.
    if !is_name(&place.name) {
        let rule = "Member must have length less than or equal to 64";
        return Err(ApiError::constraint(
            "functionName",
            Some(&place.name),
            rule,
        ));
    }
    Ok(place.name)
}

/// Where a function is kept; with an empty name, the family of all.
pub(super) fn key(call: &Call, name: &str) -> Key {
    Key {
        scope: call.scope.clone(),
        kind: FUNCTION,
        name: name.to_owned(),
    }
}

/// A function's ARN.
pub(super) fn arn(call: &Call, name: &str, qualifier: Option<&str>) -> String {
    let arn = function_arn(&call.scope, name);
    match qualifier {
        Some(qualifier) => format!("{arn}:{qualifier}"),
        None => arn,
    }
}

/// The function, which must be there.
pub(super) async fn existing(call: &Call, place: &Place) -> Result<Kept<Function>, ApiError> {
    let found = catalog::read(call.handle(), &place.key(call)).await?;
    found.ok_or_else(|| place.missing(call))
}

/// Changes a function that must be there.
pub(super) async fn change<R>(
    call: &Call,
    place: &Place,
    mut decide: impl FnMut(&mut Function) -> Result<R, ApiError>,
) -> Result<(Function, R), ApiError> {
    catalog::edit(
        call.handle(),
        &place.key(call),
        |found: Option<Function>| {
            let mut function = found.ok_or_else(|| place.missing(call))?;
            let answer = decide(&mut function)?;
            Ok((Edit::Put(function.clone()), (function, answer)))
        },
    )
    .await
}

/// A fresh revision id.
pub(super) fn revision(call: &Call) -> Uuid {
    ids::random(&call.handle().entropy(), "revision")
}

/// Checks a `RevisionId` of the request.
pub(super) fn expect_revision(call: &Call, have: Uuid) -> Result<(), ApiError> {
    let given = call.fields().text("RevisionId", Text::length(0, 256))?;
    match given {
        Some(given) if given != have.to_string() => Err(ApiError::new(
            "PreconditionFailedException",
            "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
        )
        .status(StatusCode::PRECONDITION_FAILED)
        .member("Type", "User")),
        _ => Ok(()),
    }
}

/// An instant as the service writes it.
pub(super) fn modified(at: Timestamp) -> String {
    let text = format!("{at:.3}");
    format!("{}+0000", text.trim_end_matches('Z'))
}

/// `InvalidParameterValueException`.
pub(super) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterValueException", message).member("Type", "User")
}

/// `ResourceNotFoundException`.
pub(super) fn not_found(message: &str) -> ApiError {
    ApiError::not_found(message).member("Type", "User")
}

/// `ResourceConflictException`.
pub(super) fn conflict(message: impl Into<String>) -> ApiError {
    ApiError::new("ResourceConflictException", message)
        .status(StatusCode::CONFLICT)
        .member("Type", "User")
}

/// More of something than there may be.
pub(super) fn limit(message: impl Into<String>) -> ApiError {
    ApiError::new("CodeStorageExceededException", message).member("Type", "User")
}

/// The page that a request asks for: its size, and the position behind which it begins.
pub(super) fn page(call: &Call, cursor: &Cursor) -> Result<(usize, Option<String>), ApiError> {
    let fields = call.fields();
    let size = fields.page_size("MaxItems", 10_000, PAGE)?.min(PAGE);
    let marker = fields.text("Marker", Text::length(0, 4096))?;
    let marker = marker.filter(|marker| !marker.is_empty());
    let position = marker.map(|marker| {
        cursor
            .position(marker)
            .ok_or_else(|| invalid("Invalid Marker: take it from the answer before"))
    });
    Ok((size, position.transpose()?))
}

/// One page of what is all at hand, in order of `name`, and the marker of the next.
pub(super) fn paged<'a, T>(
    call: &Call,
    cursor: &Cursor,
    all: impl Iterator<Item = (&'a str, T)>,
) -> Result<(Vec<T>, Option<String>), ApiError> {
    let (size, after) = page(call, cursor)?;
    let mut rest = all.skip_while(|(name, _)| after.as_deref().is_some_and(|after| *name <= after));
    let mut found = Vec::new();
    let mut last = "";
    for (name, one) in rest.by_ref().take(size) {
        last = name;
        found.push(one);
    }
    let next = rest.next().map(|_| cursor.token(last));
    Ok((found, next))
}
