//! The door to this server's own signature: messages of topics carry it, and links in them carry its seal.

use crate::BoxFuture;

/// Digest under a signature (RSA PKCS#1 v1.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digest {
    /// SHA-1: only for receivers that know nothing better.
    Sha1,
    /// SHA-256.
    Sha256,
}

/// The certificate of the signing key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// 32 hexadecimal digits that change with the certificate; part of the name of its file.
    pub id: String,
    /// The certificate as PEM.
    pub pem: String,
}

/// The key cannot be made or used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the signing key cannot be used: {0}")]
pub struct NotaryError(pub String);

/// Signs and seals with keys that nobody else sees.
pub trait Notary: std::fmt::Debug + Send + Sync + 'static {
    /// The certificate that verifies [`Notary::sign`].
    fn certificate(&self) -> BoxFuture<'static, Result<Certificate, NotaryError>>;

    /// The signature of a text. The same text has the same signature.
    fn sign(
        &self,
        digest: Digest,
        text: String,
    ) -> BoxFuture<'static, Result<Vec<u8>, NotaryError>>;

    /// A keyed hash of a text: a token that only this server can make, and that it needs not remember.
    fn seal(&self, text: String) -> BoxFuture<'static, Result<[u8; 32], NotaryError>>;
}
