//! Versioned bodies: how a value becomes the columns `format`, `body` and `payload`, and back.
//!
//! Small bodies are JSON text in their row. A body over 32 KiB goes to table `payload` under its hash, compressed when
//! that helps. Encoding runs on the caller's thread, so that the writer thread only binds bytes.

use std::borrow::Cow;
use std::io::Read;

use model::FrameBody;
use ports::limits;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

/// JSON text.
const JSON: i64 = 1;
/// JSON text compressed with zstd; only in `payload`.
const ZSTD: i64 = 2;

/// Longest body that stands in its own row, in bytes.
pub(crate) const INLINE: usize = 32 * 1024;

/// An encoded body.
#[derive(Debug)]
pub(crate) enum Body {
    /// Stands in its row.
    Inline(String),
    /// Stands in table `payload`.
    Payload {
        /// SHA-256 of the JSON text.
        hash: [u8; 32],
        /// How `bytes` is coded.
        format: i64,
        /// The coded text.
        bytes: Vec<u8>,
    },
}

impl Body {
    /// Encodes a value; `what` names it in the error.
    pub(crate) fn encode(what: &str, value: &impl Serialize) -> Result<Self, String> {
        let text = serde_json::to_string(value)
            .map_err(|error| format!("the {what} body is no JSON: {error}"))?;
        Self::of_text(what, text)
    }

    /// Encodes a frame, without a tree of values where it needs none.
    pub(crate) fn of_frame(body: &FrameBody) -> Result<Self, String> {
        let mut text = Vec::with_capacity(512);
        let written = body.write(&mut text).map_err(|error| error.to_string());
        let text =
            written.and_then(|()| String::from_utf8(text).map_err(|error| error.to_string()));
        let text = text.map_err(|error| format!("the frame body is no JSON: {error}"))?;
        Self::of_text("frame", text)
    }

    /// Encodes what is JSON text already; `what` names it in the error.
    pub(crate) fn of_text(what: &str, text: String) -> Result<Self, String> {
        limits::body_size(what, text.len())?;
        if text.len() <= INLINE {
            return Ok(Self::Inline(text));
        }
        let hash = Sha256::digest(text.as_bytes()).into();
        match zstd::bulk::compress(text.as_bytes(), 1) {
            Ok(bytes) if bytes.len() < text.len() => Ok(Self::Payload {
                hash,
                format: ZSTD,
                bytes,
            }),
            // Nothing is lost by storing the text itself.
            Ok(_) | Err(_) => Ok(Self::Payload {
                hash,
                format: JSON,
                bytes: text.into_bytes(),
            }),
        }
    }

    /// The row's `format`: that of an inline text; a payload's own format stands beside it.
    pub(crate) fn row_format() -> i64 {
        JSON
    }
}

/// Decodes the text of a row.
pub(crate) fn decode_inline<T: DeserializeOwned>(format: i64, text: &str) -> Result<T, String> {
    if format != JSON {
        return Err(unknown(format));
    }
    serde_json::from_str(text).map_err(|error| format!("a stored body cannot be read: {error}"))
}

/// The text of a row, to the letter.
pub(crate) fn inline_text(format: i64, text: &str) -> Result<String, String> {
    if format == JSON {
        Ok(text.to_owned())
    } else {
        Err(unknown(format))
    }
}

/// The text of a payload, to the letter.
pub(crate) fn payload_text(format: i64, bytes: &[u8]) -> Result<String, String> {
    let text = payload_bytes(format, bytes)?.into_owned();
    String::from_utf8(text).map_err(|error| format!("a stored payload is no text: {error}"))
}

/// Decodes the bytes of a payload.
pub(crate) fn decode_payload<T: DeserializeOwned>(format: i64, bytes: &[u8]) -> Result<T, String> {
    serde_json::from_slice(&payload_bytes(format, bytes)?)
        .map_err(|error| format!("a stored payload cannot be read: {error}"))
}

fn payload_bytes(format: i64, bytes: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    match format {
        JSON => Ok(Cow::Borrowed(bytes)),
        ZSTD => unpack(bytes)
            .map(Cow::Owned)
            .map_err(|error| format!("a stored payload cannot be unpacked: {error}")),
        other => Err(unknown(other)),
    }
}

fn unpack(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::with_capacity(bytes.len() * 4);
    let limit = limits::MAX_BODY as u64;
    zstd::stream::read::Decoder::new(bytes)?
        .take(limit)
        .read_to_end(&mut text)?;
    Ok(text)
}

fn unknown(format: i64) -> String {
    format!(
        "a stored body has format {format}, which this version does not know: start the version that wrote it"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn small_bodies_stay_and_large_ones_leave_their_row() {
        let text = |length: usize| Value::String("x".repeat(length));
        assert!(matches!(
            Body::encode("frame", &text(INLINE - 2)),
            Ok(Body::Inline(_))
        ));
        let large = text(INLINE - 1);
        match Body::encode("frame", &large).expect("fits") {
            Body::Payload { format, bytes, .. } => {
                assert_eq!(format, ZSTD);
                assert!(bytes.len() < 1_000);
                assert_eq!(decode_payload::<Value>(format, &bytes), Ok(large));
            }
            Body::Inline(_) => panic!("too large to stay"),
        }
    }

    #[test]
    fn unknown_formats_and_broken_bytes_are_errors() {
        assert!(
            decode_inline::<Value>(9, "1")
                .expect_err("unknown")
                .contains("format 9")
        );
        assert!(
            decode_payload::<Value>(9, b"1")
                .expect_err("unknown")
                .contains("format 9")
        );
        assert!(decode_payload::<Value>(ZSTD, b"garbage").is_err());
        assert!(decode_inline::<Value>(JSON, "{").is_err());
        assert_eq!(
            decode_payload::<Value>(JSON, b"{\"a\":1}"),
            Ok(json!({"a": 1}))
        );
    }

    #[test]
    fn a_body_over_the_limit_is_refused() {
        let error = Body::encode("frame", &"x".repeat(limits::MAX_BODY)).expect_err("too large");
        assert!(error.contains("frame"), "{error}");
    }
}
