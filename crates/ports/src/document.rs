//! The doors to documents' attachments, and to objects in S3 that requests name.

use std::fmt;

use model::effect::AttachedScript;

use crate::BoxFuture;

/// Finds the contents of attachments.
pub trait Attachments: fmt::Debug + Send + Sync + 'static {
    /// The content of an attachment as it is stored, in base64; `Err` says for people why there is none.
    fn content(&self, script: AttachedScript) -> BoxFuture<'static, Result<String, String>>;
}

/// Where an object lies in S3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectPlace {
    /// Region of the request; the bucket may be elsewhere.
    pub region: String,
    /// Bucket.
    pub bucket: String,
    /// Key.
    pub key: String,
}

/// Why an object is not had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    /// It is larger than may be.
    #[error("it has {bytes} bytes, at most {limit} are taken")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// S3 did not give it.
    #[error("{message} ({code})")]
    Refused {
        /// The service's code, e.g. `NoSuchKey`.
        code: String,
        /// The service's words.
        message: String,
    },
}

/// Reads objects from S3, with this server's own identity.
pub trait Objects: fmt::Debug + Send + Sync + 'static {
    /// The bytes of an object of at most `limit` bytes.
    fn object(
        &self,
        place: ObjectPlace,
        limit: u64,
    ) -> BoxFuture<'static, Result<Vec<u8>, ObjectError>>;
}
