//! ARNs and storage keys of contacts, and the service's exceptions.

use model::Rejection;
use model::arn::Arn;
use model::contact::{CONTACT, Contact, contact_arn};
use serde_json::json;

use crate::call::Call;
use crate::catalog::{self, Key};
use crate::decode::{Text, is_word};
use crate::error::{ApiError, echo};
use crate::page::{Cursor, Page};

/// `ResourceType` of contacts.
pub(super) const CONTACT_TYPE: &str = "CONTACT";
/// `ResourceType` of contact channels.
pub(super) const CHANNEL_TYPE: &str = "CONTACT_CHANNEL";
/// `ResourceType` of engagements.
pub(super) const ENGAGEMENT_TYPE: &str = "ENGAGEMENT";
/// `ResourceType` of pages.
pub(super) const PAGE_TYPE: &str = "PAGE";

/// An ARN of the service.
pub(super) const ARN: Text = Text::length(1, 2048).matching(
    "arn:(aws|aws-cn|aws-us-gov):ssm-contacts:[-\\w+=\\/,.@]*:[0-9]+:([\\w+=\\/,.@:-]+)*",
    is_arn,
);
/// A client's token.
pub(super) const TOKEN: Text = Text::length(0, 2048)
    .matching("^[\\\\\\/a-zA-Z0-9_+=\\-]*$", |text| {
        is_word(text, "\\/_+=-")
    });
/// Text that is checked elsewhere.
pub(super) const ANY: Text = Text::length(0, usize::MAX);
/// Size of a page when none is asked for, or 0.
const PAGE: usize = 100;
/// Largest page.
const MAX_PAGE: i64 = 1024;

fn is_arn(text: &str) -> bool {
    Arn::parse(text).is_some_and(|arn| {
        arn.service == "ssm-contacts"
            && !arn.account.is_empty()
            && arn.account.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// The tail of an ARN behind `<family>/`, if the ARN is of this account and region.
pub(super) fn own_tail(call: &Call, text: &str, family: &str) -> Option<String> {
    let arn = Arn::parse(text)?;
    let own = arn.service == "ssm-contacts"
        && arn.account == call.scope.account
        && arn.region == call.scope.region;
    arn.tail(family).filter(|_| own).map(str::to_owned)
}

/// Where a contact is kept; with an empty alias, the family of all contacts.
pub(super) fn contact_key(call: &Call, alias: &str) -> Key {
    Key {
        scope: call.scope.clone(),
        kind: CONTACT,
        name: alias.to_owned(),
    }
}

/// The ARN and storage key of the contact that a member names; whether it exists is not looked at.
pub(super) fn contact(call: &Call, member: &str) -> Result<(String, Key), ApiError> {
    let text = call.fields().required_text(member, ARN)?;
    let alias = own_tail(call, text, "contact").ok_or_else(|| missing(CONTACT_TYPE, text))?;
    Ok((contact_arn(&call.scope, &alias), contact_key(call, &alias)))
}

/// The contact that a member names, which must exist.
pub(super) async fn existing_contact(call: &Call, member: &str) -> Result<Contact, ApiError> {
    let (arn, key) = contact(call, member)?;
    let found = catalog::read::<Contact>(call.handle(), &key).await?;
    found
        .map(|kept| kept.body)
        .ok_or_else(|| missing(CONTACT_TYPE, &arn))
}

/// Something that does not exist.
pub(super) fn missing(kind: &str, id: &str) -> ApiError {
    let words = kind.to_ascii_lowercase().replace('_', " ");
    ApiError::not_found(format!("The {words} `{}` does not exist.", echo(id)))
        .member("ResourceId", echo(id).as_ref())
        .member("ResourceType", kind)
}

/// Something that exists already, or was made with other parameters.
pub(super) fn conflict(kind: &str, id: &str, message: impl Into<String>) -> ApiError {
    ApiError::conflict(message)
        .member("ResourceId", id)
        .member("ResourceType", kind)
}

/// A limit is reached.
pub(super) fn quota(message: impl Into<String>) -> ApiError {
    ApiError::new("ServiceQuotaExceededException", message)
        .member("ServiceCode", "ssm-contacts")
        .member("QuotaCode", "built-in")
}

/// A value that breaks a rule of the service, with its place.
pub(super) fn invalid(field: &str, message: &str) -> ApiError {
    let known = "Invalid value provided - ";
    let text = match message.strip_prefix(known) {
        Some(_) => message.to_owned(),
        None => format!("{known}{field}: {message}"),
    };
    ApiError::validation(text.as_str())
        .member("Reason", "FIELD_VALIDATION_FAILED")
        .member("Fields", json!([{ "Name": field, "Message": message }]))
}

/// A machine's or a model's refusal, in the service's exceptions.
pub(super) fn refused(rejection: Rejection) -> ApiError {
    match rejection {
        Rejection::Invalid { field, message } => invalid(&field, &message),
        Rejection::NotFound { kind, id } => missing(&kind, &id),
        Rejection::Conflict { message, .. } => conflict(ENGAGEMENT_TYPE, "", message),
        Rejection::Closed => ApiError::conflict("It was closed at the same time: try again."),
        Rejection::Quota { message } => quota(message),
    }
}

/// The page that `MaxResults` and `NextToken` ask for; `question` is all else that selects the results.
pub(super) fn page(call: &Call, operation: &str, question: &str) -> Result<Page, ApiError> {
    let fields = call.fields();
    let size = fields.integer("MaxResults", 0, MAX_PAGE)?;
    let size = size
        .and_then(|size| usize::try_from(size).ok())
        .filter(|size| *size > 0)
        .unwrap_or(PAGE);
    let token = fields
        .text("NextToken", TOKEN)?
        .filter(|token| !token.is_empty());
    Page::new(Cursor::new(call, operation, question), size, token).ok_or_else(|| {
        invalid(
            "NextToken",
            "is not valid: take it from the answer before, with the same parameters",
        )
    })
}
