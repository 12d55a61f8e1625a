//! Reading and writing an aggregate's frames.

use crate::FrameWrite;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The version that this program writes and the newest that it reads.
const VERSION: u64 = 1;

/// Why stored frames could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// There is no root frame.
    #[error("the root frame is missing: the aggregate is damaged, restore it from a backup")]
    NoRoot,
    /// A newer program wrote it.
    #[error(
        "frame `{key}` has version {version}, newer than {VERSION}: run the program that wrote it"
    )]
    Newer {
        /// The frame's key.
        key: String,
        /// Its version.
        version: u64,
    },
    /// It does not have the shape of its version.
    #[error("frame `{key}` cannot be read: {reason}")]
    Damaged {
        /// The frame's key.
        key: String,
        /// What was found.
        reason: String,
    },
}

/// The body of a frame: the value's members and the version. A value that is no object has no body.
pub fn body<T: Serialize>(value: &T) -> Value {
    match serde_json::to_value(value) {
        Ok(Value::Object(mut members)) => {
            members.insert("v".to_owned(), Value::from(VERSION));
            Value::Object(members)
        }
        _ => Value::Null,
    }
}

/// A frame to write.
pub fn put<T: Serialize>(key: &str, value: &T) -> FrameWrite {
    FrameWrite::put(key, body(value))
}

/// Reads a frame written by [`put`].
pub fn read<T: DeserializeOwned>(key: &str, body: Value) -> Result<T, RestoreError> {
    let version = body.get("v").and_then(Value::as_u64).unwrap_or(VERSION);
    if version > VERSION {
        return Err(RestoreError::Newer {
            key: key.to_owned(),
            version,
        });
    }
    serde_json::from_value(body).map_err(|error| RestoreError::Damaged {
        key: key.to_owned(),
        reason: error.to_string(),
    })
}

/// The root frame among `frames`.
pub fn root<T: DeserializeOwned>(frames: &[(String, Value)]) -> Result<T, RestoreError> {
    let (key, body) = frames
        .iter()
        .find(|(key, _)| key.is_empty())
        .ok_or(RestoreError::NoRoot)?;
    read(key, body.clone())
}
