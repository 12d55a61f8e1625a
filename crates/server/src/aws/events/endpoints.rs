//! Web addresses that callers give, and members that Quell does not serve.

use crate::call::Call;
use crate::decode::{Fields, Text};
use crate::error::ApiError;

const SHOWN: &str = "^((%[0-9A-Fa-f]{2}|[-()_.!~*';/?:@\\x26=+$,A-Za-z0-9])+)([).!';/?:,])?$";
const ENDPOINT: Text = Text::length(1, 2048).matching(SHOWN, is_address);

fn is_address(text: &str) -> bool {
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let fits = match byte {
            b'%' => {
                let digit = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_hexdigit());
                digit(rest.next()) && digit(rest.next())
            }
            byte => byte.is_ascii_alphanumeric() || b"-()_.!~*';/?:@&=+$,".contains(&byte),
        };
        if !fits {
            return false;
        }
    }
    true
}

/// An address that a member gives: `https://` and a host, which is fixed text.
pub(super) fn read<'a>(
    call: &Call,
    fields: &Fields<'a>,
    member: &str,
) -> Result<Option<&'a str>, ApiError> {
    let Some(text) = fields.text(member, ENDPOINT)? else {
        return Ok(None);
    };
    let refused = |reason: &str| {
        Err(ApiError::validation(format!(
            "Parameter {member} is not valid. Reason: {reason}"
        )))
    };
    let plain = call.state.config().allow_http_endpoints;
    let rest = match text.split_once("://") {
        Some(("https", rest)) => rest,
        Some(("http", rest)) if plain => rest,
        _ => return refused("it must be an https:// address."),
    };
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    if host.is_empty() || host.starts_with(':') {
        return refused("it has no host.");
    }
    if host.contains(['*', '@']) {
        return refused("its host must be fixed text, without `*` and without a user name.");
    }
    Ok(Some(text))
}

/// Refuses `*` where nothing could stand for it.
pub(super) fn refuse_wildcards(text: &str, member: &str) -> Result<(), ApiError> {
    let path = text.split('?').next().unwrap_or_default();
    if path.contains('*') {
        return Err(ApiError::validation(format!(
            "Parameter {member} is not valid. Reason: it takes no `*`."
        )));
    }
    Ok(())
}

/// Refuses a key of KMS: what Quell stores is sealed with its own key. An empty text means none.
pub(super) fn refuse_key(fields: &Fields<'_>) -> Result<(), ApiError> {
    let given = fields.text("KmsKeyIdentifier", Text::length(0, 2048))?;
    if given.is_some_and(|key| !key.is_empty()) {
        return Err(ApiError::validation(
            "Parameter KmsKeyIdentifier is not valid. Reason: Quell seals secrets with its own key and uses none of KMS, leave it out.",
        ));
    }
    Ok(())
}
