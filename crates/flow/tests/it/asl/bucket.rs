//! A bucket that answers calls like S3.

use std::collections::BTreeMap;

use base64::Engine as _;
use model::effect::Failure;
use serde_json::{Value, json};

/// Objects by key, whatever their bucket; and the calls that were made.
#[derive(Default)]
pub(super) struct Bucket {
    pub(super) objects: BTreeMap<String, Vec<u8>>,
    pub(super) calls: Vec<Value>,
    /// Objects of a page.
    pub(super) page: usize,
}

impl Bucket {
    pub(super) fn answer(&mut self, operation: &str, params: &Value) -> Result<Value, Failure> {
        self.calls
            .push(json!({"operation": operation, "params": params}));
        match operation {
            "GetObject" => self.object(params),
            "ListObjectsV2" => Ok(self.listing(params)),
            "PutObject" => {
                let key = params["Key"].as_str().unwrap_or_default().to_owned();
                let body = params["Body"].as_str().unwrap_or_default();
                self.objects.insert(key, body.as_bytes().to_vec());
                Ok(json!({"ETag": "\"e\""}))
            }
            other => Err(failure(other, 400)),
        }
    }

    fn object(&self, params: &Value) -> Result<Value, Failure> {
        let key = params["Key"].as_str().unwrap_or_default();
        let bytes = self.objects.get(key).ok_or(failure("NoSuchKey", 404))?;
        let etag = format!("\"{}\"", bytes.len());
        if params["IfMatch"].is_string() && params["IfMatch"] != json!(etag) {
            return Err(failure("PreconditionFailed", 412));
        }
        let range = params["Range"].as_str().unwrap_or("bytes=0-");
        let (from, to) = range["bytes=".len()..].split_once('-').expect("a range");
        let from: usize = from.parse().expect("a number");
        if from >= bytes.len() {
            return Err(failure("InvalidRange", 416));
        }
        let to = to.parse::<usize>().map_or(bytes.len(), |to| to + 1);
        let part = &bytes[from..to.min(bytes.len())];
        let body = match std::str::from_utf8(part) {
            Ok(text) => text.to_owned(),
            Err(_) => base64::engine::general_purpose::STANDARD.encode(part),
        };
        Ok(
            json!({"Body": body, "ContentLength": part.len(), "ETag": etag,
            "ContentRange": format!("bytes {from}-{}/{}", from + part.len() - 1, bytes.len())}),
        )
    }

    fn listing(&self, params: &Value) -> Value {
        let after = params["ContinuationToken"].as_str().unwrap_or_default();
        let prefix = params["Prefix"].as_str().unwrap_or_default();
        let all = self.objects.iter();
        let mut wanted = all.filter(|(key, _)| key.starts_with(prefix) && key.as_str() > after);
        let page: Vec<(&String, &Vec<u8>)> = wanted.by_ref().take(self.page.max(1)).collect();
        let contents: Vec<Value> = page
            .iter()
            .map(|(key, bytes)| {
                json!({"Key": key, "Size": bytes.len(), "ETag": "\"e\"", "StorageClass": "STANDARD",
                    "LastModified": "2026-01-01T00:00:00+00:00"})
            })
            .collect();
        let more = wanted.next().is_some();
        let mut answer = json!({"Contents": contents, "IsTruncated": more});
        if let (true, Some((key, _))) = (more, page.last()) {
            answer["NextContinuationToken"] = json!(key);
        }
        answer
    }
}

fn failure(code: &str, status: u16) -> Failure {
    Failure {
        code: code.to_owned(),
        message: "as S3 says it".to_owned(),
        status: Some(status),
        request_id: Some("r".to_owned()),
        extended_request_id: None,
        shape: None,
        transient: false,
    }
}
