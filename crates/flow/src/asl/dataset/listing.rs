//! Lists of a bucket's objects (`ListObjectsV2`), a page at a time.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Unreadable;

/// One page of a listing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Page {
    /// What is said of each object, in the service's shape for items.
    pub(crate) objects: Vec<Value>,
    /// What asks for the next page; `None` behind the last.
    pub(crate) next: Option<String>,
}

/// Reads a page from the call's answer.
pub(crate) fn page(answer: &Value) -> Result<Page, Unreadable> {
    let contents = answer["Contents"].as_array().into_iter().flatten();
    let objects = contents.map(object).collect::<Result<_, _>>()?;
    let more = answer["IsTruncated"] == json!(true);
    let token = answer["NextContinuationToken"].as_str();
    match (more, token) {
        (false, _) => Ok(Page {
            objects,
            next: None,
        }),
        (true, Some(token)) => Ok(Page {
            objects,
            next: Some(token.to_owned()),
        }),
        (true, None) => Err(Unreadable::Object(
            "the listing says that it goes on, and not where".to_owned(),
        )),
    }
}

/// What an item says of an object: the time in seconds, the names as the service has them.
fn object(content: &Value) -> Result<Value, Unreadable> {
    if !content["Key"].is_string() {
        let message = "the listing holds an object without a key";
        return Err(Unreadable::Object(message.to_owned()));
    }
    let mut item = Map::new();
    for (name, from) in [
        ("Etag", "ETag"),
        ("Key", "Key"),
        ("LastModified", "LastModified"),
        ("Size", "Size"),
        ("StorageClass", "StorageClass"),
    ] {
        let Some(value) = content.get(from) else {
            continue;
        };
        let value = match value.as_str().filter(|_| from == "LastModified") {
            Some(text) => text
                .parse::<Timestamp>()
                .map_or_else(|_| value.clone(), |at| json!(at.as_second())),
            None => value.clone(),
        };
        item.insert(name.to_owned(), value);
    }
    Ok(Value::Object(item))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_becomes_items() {
        let answer = json!({"Contents": [{"Key": "a/b", "LastModified": "2026-01-02T03:04:05+00:00",
            "ETag": "\"e\"", "Size": 3, "StorageClass": "STANDARD", "ChecksumAlgorithm": ["CRC32"]}],
            "IsTruncated": true, "NextContinuationToken": "t"});
        let found = page(&answer).expect("readable");
        assert_eq!(found.next.as_deref(), Some("t"));
        let item = json!({"Etag": "\"e\"", "Key": "a/b", "LastModified": 1_767_323_045, "Size": 3,
            "StorageClass": "STANDARD"});
        assert_eq!(found.objects, [item]);
        let empty = page(&json!({"IsTruncated": false})).expect("readable");
        assert_eq!((empty.objects.len(), empty.next), (0, None));
        assert!(page(&json!({"IsTruncated": true})).is_err());
        assert!(page(&json!({"Contents": [{}]})).is_err());
    }
}
