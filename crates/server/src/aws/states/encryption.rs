//! `encryptionConfiguration`: what the server keeps is encrypted with its own key, which the service calls `AWS_OWNED_KEY`.

use serde_json::{Value, json};

use crate::decode::Fields;
use crate::error::ApiError;

const OWN: &str = "AWS_OWNED_KEY";
const CUSTOMERS: &str = "CUSTOMER_MANAGED_KMS_KEY";

/// Whether the request has one. Keys of KMS are refused: nothing would be encrypted with them.
pub(super) fn read(fields: &Fields<'_>) -> Result<bool, ApiError> {
    let Some(given) = fields.object("encryptionConfiguration")? else {
        return Ok(false);
    };
    let kind = given.one_of("type", &[OWN, CUSTOMERS])?;
    let kind = kind.ok_or_else(|| given.missing("type"))?;
    let about_a_key = ["kmsKeyId", "kmsDataKeyReusePeriodSeconds"];
    let named = about_a_key
        .into_iter()
        .find(|member| given.raw(member).is_some_and(|value| !value.is_null()));
    let why = match named {
        _ if kind == CUSTOMERS => format!(
            "Invalid Encryption Configuration: keys of KMS are not used by this server. Give `type` {OWN}, or leave `encryptionConfiguration` out"
        ),
        Some(member) => {
            format!(
                "Invalid Encryption Configuration: `{member}` must not be given with `type` {OWN}"
            )
        }
        None => return Ok(true),
    };
    Err(ApiError::new("InvalidEncryptionConfiguration", why))
}

/// As `DescribeStateMachine` and `DescribeActivity` show it.
pub(super) fn shown() -> Value {
    json!({"type": OWN})
}
