//! Names of documents and versions, and the exceptions for what is not there.

use model::arn::Arn;
use model::document::{DOCUMENT, DOCUMENT_ATTACHMENT, DOCUMENT_CONTENT};

use crate::call::Call;
use crate::catalog::Key;
use crate::decode::{Fields, Text, is_word};
use crate::error::ApiError;

/// Name of a new document.
pub(super) const NEW_NAME: Text =
    Text::length(3, 128).matching("^[a-zA-Z0-9_\\-.]{3,128}$", |text| is_word(text, "_-."));
/// Name or ARN of a document that exists.
pub(super) const NAME: Text = Text::length(3, 256)
    .matching("^[a-zA-Z0-9_\\-.:/$]{3,256}$", |text| {
        is_word(text, "_-.:/$")
    });
/// A version's own name.
pub(super) const VERSION_NAME: Text =
    Text::length(1, 128).matching("^[a-zA-Z0-9_\\-.]{1,128}$", |text| is_word(text, "_-."));
/// A version: `$LATEST`, `$DEFAULT` or a number.
pub(super) const VERSION: Text =
    Text::length(0, 16).matching("([$]LATEST|[$]DEFAULT|^[1-9][0-9]*$)", |text| {
        matches!(text, "" | "$LATEST" | "$DEFAULT") || (is_number(text) && !text.starts_with('0'))
    });
/// A pagination token.
pub(super) const NEXT_TOKEN: Text = Text::length(1, 2048);

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The document that the request's `Name` means, by name or ARN.
pub(super) fn document_name(fields: &Fields<'_>, member: &str) -> Result<String, ApiError> {
    let text = fields.required_text(member, NAME)?;
    Ok(plain_name(text).0)
}

/// The name in a name or ARN, and the version that an `automation-definition` ARN may carry.
pub(super) fn plain_name(text: &str) -> (String, Option<String>) {
    let Some(arn) = Arn::parse(text) else {
        return (text.to_owned(), None);
    };
    let tail = arn
        .tail("document")
        .or_else(|| arn.tail("automation-definition"))
        .unwrap_or(text);
    match tail.split_once(':') {
        Some((name, version)) if tail != text => (name.to_owned(), Some(version.to_owned())),
        _ => (tail.to_owned(), None),
    }
}

/// Where a document's head is kept.
pub(super) fn head_key(call: &Call, name: &str) -> Key {
    Key {
        scope: call.scope.clone(),
        kind: DOCUMENT,
        name: name.to_owned(),
    }
}

/// Where the text of a version is kept.
pub(super) fn content_key(call: &Call, name: &str, version: u32) -> Key {
    Key {
        scope: call.scope.clone(),
        kind: DOCUMENT_CONTENT,
        name: format!("{name}/{version}"),
    }
}

/// Where the content of an attachment of a version is kept.
pub(super) fn attachment_key(call: &Call, (name, version): (&str, u32), file: &str) -> Key {
    Key {
        scope: call.scope.clone(),
        kind: DOCUMENT_ATTACHMENT,
        name: format!("{name}/{version}/{file}"),
    }
}

pub(super) fn no_document(name: &str) -> ApiError {
    let shown = crate::error::echo(name);
    ApiError::new(
        "InvalidDocument",
        format!("The specified document does not exist: `{shown}`."),
    )
}

pub(super) fn no_version(version: &str) -> ApiError {
    let shown = crate::error::echo(version);
    ApiError::new(
        "InvalidDocumentVersion",
        format!("The document version is not valid or does not exist: `{shown}`."),
    )
}

pub(super) fn bad_next_token() -> ApiError {
    ApiError::new(
        "InvalidNextToken",
        "The specified token is not valid: take it from the answer before, with the same parameters.",
    )
}

/// The position behind which a page begins, from the request's `NextToken`.
pub(super) fn position(
    call: &Call,
    cursor: &crate::page::Cursor,
) -> Result<Option<String>, ApiError> {
    let token = call.fields().text("NextToken", NEXT_TOKEN)?;
    token
        .map(|token| cursor.position(token).ok_or_else(bad_next_token))
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_lead_to_names() {
        for (text, want) in [
            ("Doc", ("Doc", None)),
            (
                "arn:aws:ssm:us-east-1:123456789012:document/Doc",
                ("Doc", None),
            ),
            (
                "arn:aws:ssm:us-east-1:123456789012:automation-definition/Doc:3",
                ("Doc", Some("3")),
            ),
            (
                "arn:aws:ssm:us-east-1:123456789012:automation-definition/Doc:$DEFAULT",
                ("Doc", Some("$DEFAULT")),
            ),
        ] {
            let (name, version) = plain_name(text);
            assert_eq!((name.as_str(), version.as_deref()), want, "{text}");
        }
    }

    #[test]
    fn versions_are_numbers_or_words() {
        for good in ["$LATEST", "$DEFAULT", "1", "27", ""] {
            assert!(VERSION.check("documentVersion", good).is_ok(), "{good}");
        }
        for bad in ["0", "01", "x", "$OTHER", "-1", "1.0"] {
            assert!(VERSION.check("documentVersion", bad).is_err(), "{bad}");
        }
    }
}
