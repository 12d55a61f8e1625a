//! Objects in S3 that requests name: their size first, then their bytes.

use std::fmt;
use std::time::Duration;

use aws::client::{CallError, Policy, Request};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ports::BoxFuture;
use ports::document::{ObjectError, ObjectPlace, Objects};
use serde_json::{Value, json};

use crate::aws_call::AwsClient;

/// Longest time for one call.
const WITHIN: Duration = Duration::from_secs(20);

/// Reads objects with this server's own identity.
pub(crate) struct StoredObjects {
    client: AwsClient,
}

impl StoredObjects {
    pub(crate) fn new(client: AwsClient) -> Self {
        Self { client }
    }
}

impl fmt::Debug for StoredObjects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredObjects").finish_non_exhaustive()
    }
}

impl Objects for StoredObjects {
    fn object(
        &self,
        place: ObjectPlace,
        limit: u64,
    ) -> BoxFuture<'static, Result<Vec<u8>, ObjectError>> {
        let client = self.client.clone();
        Box::pin(async move { read(&client, &place, limit).await })
    }
}

async fn read(client: &AwsClient, place: &ObjectPlace, limit: u64) -> Result<Vec<u8>, ObjectError> {
    let head = ask(client, place, "HeadObject").await?;
    let within = |answer: &Value| match length(answer) {
        Some(bytes) if bytes > limit => Err(ObjectError::TooLarge { bytes, limit }),
        _ => Ok(()),
    };
    within(&head)?;
    let answer = ask(client, place, "GetObject").await?;
    // It may have been replaced meanwhile.
    within(&answer)?;
    body(&answer).ok_or_else(|| ObjectError::Refused {
        code: "UnreadableResponse".to_owned(),
        message: "the object came without a readable body".to_owned(),
    })
}

async fn ask(
    client: &AwsClient,
    place: &ObjectPlace,
    operation: &str,
) -> Result<Value, ObjectError> {
    let params = json!({ "Bucket": place.bucket, "Key": place.key });
    let request = Request::new("s3", operation, params, &place.region);
    let answer = client
        .call(&request, Policy::repeatable().within(WITHIN))
        .await;
    answer
        .map(|answer| answer.value)
        .map_err(|error| refused(&error))
}

fn refused(error: &CallError) -> ObjectError {
    ObjectError::Refused {
        code: error.code().to_owned(),
        message: error.message(),
    }
}

fn length(answer: &Value) -> Option<u64> {
    answer.get("ContentLength")?.as_u64()
}

/// The client gives a body that is text as it is, and any other in base64. The latter is always longer than its bytes, so
/// that the length tells which it is.
fn body(answer: &Value) -> Option<Vec<u8>> {
    let text = answer.get("Body")?.as_str()?;
    let bytes = u64::try_from(text.len()).ok()?;
    let length = length(answer)?;
    if bytes == length {
        return Some(text.as_bytes().to_vec());
    }
    let decoded = STANDARD.decode(text).ok()?;
    (u64::try_from(decoded.len()).ok()? == length).then_some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_bytes_come_as_they_were() {
        for bytes in [
            &b""[..],
            b"text",
            b"dGV4dA==",
            b"\xff\x00",
            b"PK\x03\x04\xfe",
        ] {
            let shown =
                std::str::from_utf8(bytes).map_or_else(|_| STANDARD.encode(bytes), str::to_owned);
            let answer = json!({ "ContentLength": bytes.len(), "Body": shown });
            assert_eq!(body(&answer).as_deref(), Some(bytes), "{shown}");
        }
        assert_eq!(body(&json!({ "ContentLength": 5, "Body": "text" })), None);
        assert_eq!(body(&json!({ "Body": "text" })), None);
    }
}
