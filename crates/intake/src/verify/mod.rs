//! Whether an SNS message is genuine: its envelope, the address of its certificate, the certificate, the signature.
//!
//! Everything is a function of bytes and an instant; fetching and keeping certificates is somebody else's (`source::sns`).
//! Source of the rules: Amazon SNS developer guide, "Verifying the signatures of Amazon SNS messages".

mod address;
mod certificate;
mod der;
mod envelope;

pub use address::{CertificateAddress, certificate_address};
pub use certificate::{MAX_CERTIFICATE, SigningKey, Trust, pinned, signing_key};
pub use envelope::{Envelope, EnvelopeKind};

use jiff::{SignedDuration, Timestamp};

/// How old (or how far ahead) a message's timestamp may be: SNS's retries take up to an hour.
pub const FRESHNESS: SignedDuration = SignedDuration::from_hours(1);

/// Why a message is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// It is no SNS envelope.
    #[error("the body is no SNS message: {0}")]
    NotSns(String),
    /// The signature's version is not taken.
    #[error(
        "signature version `{0}` is not taken: set the topic's SignatureVersion to 2, or `signature_version_1 = true` on the source"
    )]
    Version(String),
    /// The certificate's address may not be asked.
    #[error("SigningCertURL is not SNS's: {0}")]
    Address(String),
    /// The certificate is not believed.
    #[error("the signing certificate is not valid: {0}")]
    Certificate(String),
    /// The signature is not the certificate's over this message.
    #[error("the signature does not fit the message")]
    Signature,
    /// The message is too old, or from the future.
    #[error("the message's Timestamp is more than an hour off")]
    Stale,
}

/// Checks a message's signature and age.
///
/// # Errors
/// [`VerifyError::Version`], [`VerifyError::Signature`], [`VerifyError::Stale`].
pub fn verify(
    envelope: &Envelope,
    key: &SigningKey,
    version_1: bool,
    at: Timestamp,
) -> Result<(), VerifyError> {
    let text = envelope.string_to_sign();
    let genuine = match envelope.signature_version.as_str() {
        "2" => key.verifies_sha256(text.as_bytes(), &envelope.signature),
        "1" if version_1 => key.verifies_sha1(text.as_bytes(), &envelope.signature),
        other => {
            return Err(VerifyError::Version(model::text::one_line(other, 16)));
        }
    };
    if !genuine {
        return Err(VerifyError::Signature);
    }
    if at.duration_since(envelope.timestamp).abs() > FRESHNESS {
        return Err(VerifyError::Stale);
    }
    Ok(())
}
