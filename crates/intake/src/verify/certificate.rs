//! A signing certificate: whom it must come from, whose it must be, and the key in it.

use jiff::Timestamp;
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RsaParameters,
    UnparsedPublicKey,
};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use super::VerifyError;
use super::address::CertificateAddress;
use super::der;

/// Largest file with a certificate, in bytes.
pub const MAX_CERTIFICATE: usize = 16 * 1024;
/// Most certificates in one file.
const MAX_CHAIN: usize = 8;
/// The name in SNS's certificates.
const NAME: &str = "sns.amazonaws.com";

/// Whom a certificate must come from.
#[derive(Debug, Clone, Default)]
pub enum Trust {
    /// From one of the public authorities. A file that holds the certificate alone, without the chain to them, is
    /// believed for the place that it was fetched from: the checked address, over a connection that an authority vouches
    /// for. That is what AWS's own clients rely on.
    #[default]
    Public,
    /// From these authorities and no others.
    Only(Vec<TrustAnchor<'static>>),
}

impl Trust {
    /// The authorities in a PEM text.
    ///
    /// # Errors
    /// There is none in it, or one that cannot be used.
    pub fn of_pem(text: &str) -> Result<Self, VerifyError> {
        let anchors = read(text.as_bytes())?.into_iter().map(|certificate| {
            anchor_from_trusted_cert(&certificate)
                .map(|anchor| anchor.to_owned())
                .map_err(|error| VerifyError::Certificate(error.to_string()))
        });
        anchors.collect::<Result<_, _>>().map(Self::Only)
    }
}

/// The key of a certificate that was believed, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKey {
    facts: der::Facts,
}

impl SigningKey {
    /// Whether it holds at an instant.
    #[must_use]
    pub fn holds(&self, at: Timestamp) -> bool {
        (self.facts.not_before..=self.facts.not_after).contains(&at)
    }

    pub(super) fn verifies_sha256(&self, text: &[u8], signature: &[u8]) -> bool {
        self.verifies(&RSA_PKCS1_2048_8192_SHA256, text, signature)
    }

    pub(super) fn verifies_sha1(&self, text: &[u8], signature: &[u8]) -> bool {
        self.verifies(
            &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            text,
            signature,
        )
    }

    fn verifies(&self, how: &'static RsaParameters, text: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(how, &self.facts.rsa_key)
            .verify(text, signature)
            .is_ok()
    }
}

/// The key in a fetched file, if its certificate is believed: in date, SNS's by name, from whom it must come.
///
/// # Errors
/// [`VerifyError::Certificate`] says what is wrong.
pub fn signing_key(
    file: &[u8],
    address: &CertificateAddress,
    trust: &Trust,
    at: Timestamp,
) -> Result<SigningKey, VerifyError> {
    let wrong = |what: &str| VerifyError::Certificate(what.to_owned());
    if file.len() > MAX_CERTIFICATE {
        return Err(wrong("its file is larger than 16 KiB"));
    }
    let chain = read(file)?;
    let (own, others) = chain.split_first().ok_or_else(|| wrong("there is none"))?;
    let key = key(own)?;
    if !key.holds(at) {
        return Err(wrong("it is not in date"));
    }
    let certificate = EndEntityCert::try_from(own).map_err(|error| wrong(&error.to_string()))?;
    let named = [NAME, address.host()].into_iter().any(|name| {
        ServerName::try_from(name)
            .is_ok_and(|name| certificate.verify_is_valid_for_subject_name(&name).is_ok())
    });
    if !named {
        return Err(wrong("it is not SNS's by its name"));
    }
    let anchors = match trust {
        Trust::Public => webpki_roots::TLS_SERVER_ROOTS,
        Trust::Only(anchors) => anchors,
    };
    let seconds = u64::try_from(at.as_second()).unwrap_or_default();
    let checked = certificate.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        anchors,
        others,
        UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds)),
        KeyUsage::server_auth(),
        None,
        None,
    );
    match checked {
        Ok(_) => Ok(key),
        // Without its chain nobody can say whom it comes from; see `Trust::Public`.
        Err(webpki::Error::UnknownIssuer)
            if matches!(trust, Trust::Public) && others.is_empty() =>
        {
            Ok(key)
        }
        Err(error) => Err(wrong(&error.to_string())),
    }
}

/// The keys of certificates that an operator gave: believed as they are, while they are in date.
///
/// # Errors
/// There is none, or one whose key is no RSA key.
pub fn pinned(pem: &str) -> Result<Vec<SigningKey>, VerifyError> {
    read(pem.as_bytes())?.iter().map(key).collect()
}

fn key(certificate: &CertificateDer<'_>) -> Result<SigningKey, VerifyError> {
    let facts = der::facts(certificate);
    facts.map(|facts| SigningKey { facts }).ok_or_else(|| {
        VerifyError::Certificate("it is malformed, or its key is no RSA key".to_owned())
    })
}

fn read(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, VerifyError> {
    let wrong = |what: String| VerifyError::Certificate(what);
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem)
        .take(MAX_CHAIN + 1)
        .collect();
    let chain = chain.map_err(|error| wrong(model::text::one_line(&error.to_string(), 200)))?;
    match chain.len() {
        0 => Err(wrong("there is no certificate in it".to_owned())),
        1..=MAX_CHAIN => Ok(chain),
        _ => Err(wrong(format!(
            "there are more than {MAX_CHAIN} certificates in it"
        ))),
    }
}
