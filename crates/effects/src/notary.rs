//! This server's own signature: an RSA key with its certificate, in one file that only its owner can read.
//!
//! The key is made when it is first needed. `ring` signs with SHA-256, the default; with SHA-1, which it does not
//! offer, the `rsa` crate does, blinded. The key that seals links is derived from the same file. Nothing of the key
//! ever leaves this module.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ports::notary::{Certificate, Digest};
use ports::{BoxFuture, Clock, EntropySource, Notary, NotaryError};
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256, date_time_ymd};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use ring::{digest, hmac};
use rsa::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, LineEnding};
use rsa::rand_core::{CryptoRng, RngCore};
use rsa::{Pkcs1v15Sign, RsaPrivateKey};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};

/// Bits of the key.
const BITS: usize = 2048;
/// How long the certificate holds: receivers pin it or fetch it from here, so nothing renews it by itself.
const YEARS: i16 = 20;
/// Longest file that is read, in bytes.
const MAX_FILE: u64 = 64 * 1024;
const FIRST_OF_CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";
/// What PKCS#1 v1.5 puts before a SHA-1 digest (RFC 8017, section 9.2).
const SHA1_PREFIX: [u8; 15] = [
    0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14,
];

/// The notary with its file. Cheap to clone; clones share the key.
#[derive(Clone)]
pub struct FileNotary {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn EntropySource>,
    keys: Mutex<Option<Arc<Keys>>>,
}

struct Keys {
    pair: RsaKeyPair,
    private: RsaPrivateKey,
    seal: hmac::Key,
    certificate: Certificate,
}

impl std::fmt::Debug for FileNotary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("FileNotary");
        shown
            .field("path", &self.inner.path)
            .finish_non_exhaustive()
    }
}

impl FileNotary {
    /// A notary whose key lies in this file, now or from its first use on.
    #[must_use]
    pub fn new(path: &Path, clock: Arc<dyn Clock>, entropy: Arc<dyn EntropySource>) -> Self {
        let keys = Mutex::new(None);
        let path = path.to_owned();
        let inner = Inner {
            path,
            clock,
            entropy,
            keys,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Does something with the keys away from the threads that serve: making a key takes about a second.
    fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Keys) -> Result<T, NotaryError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, NotaryError>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            let done = tokio::task::spawn_blocking(move || work(inner.keys()?.as_ref()));
            done.await.map_err(|error| NotaryError(error.to_string()))?
        })
    }
}

impl Notary for FileNotary {
    fn certificate(&self) -> BoxFuture<'static, Result<Certificate, NotaryError>> {
        self.with(|keys| Ok(keys.certificate.clone()))
    }

    fn sign(
        &self,
        digest: Digest,
        text: String,
    ) -> BoxFuture<'static, Result<Vec<u8>, NotaryError>> {
        let entropy = Arc::clone(&self.inner.entropy);
        self.with(move |keys| match digest {
            Digest::Sha256 => {
                let mut signature = vec![0; keys.pair.public().modulus_len()];
                let random = SystemRandom::new();
                keys.pair
                    .sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature)
                    .map_err(|_| NotaryError("signing failed".to_owned()))?;
                Ok(signature)
            }
            Digest::Sha1 => {
                let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
                let padding = Pkcs1v15Sign {
                    hash_len: Some(hash.as_ref().len()),
                    prefix: SHA1_PREFIX.into(),
                };
                let mut random = Draws::new(entropy.as_ref());
                let signed = keys
                    .private
                    .sign_with_rng(&mut random, padding, hash.as_ref());
                signed.map_err(|error| NotaryError(error.to_string()))
            }
        })
    }

    fn seal(&self, text: String) -> BoxFuture<'static, Result<[u8; 32], NotaryError>> {
        self.with(move |keys| {
            let tag = hmac::sign(&keys.seal, text.as_bytes());
            let sealed = tag.as_ref().try_into();
            sealed.map_err(|_| NotaryError("a seal has another length".to_owned()))
        })
    }
}

impl Inner {
    fn keys(&self) -> Result<Arc<Keys>, NotaryError> {
        // Held while a key is made, so that no second one is.
        let mut kept = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = &*kept {
            return Ok(Arc::clone(keys));
        }
        let text = match self.read()? {
            Some(text) => text,
            None => self.make()?,
        };
        let keys = Arc::new(self.parse(&text)?);
        *kept = Some(Arc::clone(&keys));
        Ok(keys)
    }

    fn fault(&self, reason: impl std::fmt::Display) -> NotaryError {
        NotaryError(format!("`{}`: {reason}", self.path.display()))
    }

    fn read(&self) -> Result<Option<String>, NotaryError> {
        let about = match fs::metadata(&self.path) {
            Ok(about) => about,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.fault(error)),
        };
        let mode = about.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(self.fault(format!(
                "it has mode {mode:03o}, so others can read it: run `chmod 600` on it"
            )));
        }
        if about.len() > MAX_FILE {
            return Err(self.fault("it is no file that Quell wrote: remove it to have a new key"));
        }
        let text = fs::read_to_string(&self.path);
        text.map(Some).map_err(|error| self.fault(error))
    }

    /// Makes key and certificate; written beside and renamed into place, so that a crash leaves no half file.
    fn make(&self) -> Result<String, NotaryError> {
        let mut random = Draws::new(self.entropy.as_ref());
        let key = RsaPrivateKey::new(&mut random, BITS).map_err(|error| self.fault(error))?;
        let pem = key
            .to_pkcs8_pem(LineEnding::LF)
            .map_err(|error| self.fault(error))?;
        let pair = KeyPair::from_pem_and_sign_algo(&pem, &PKCS_RSA_SHA256)
            .map_err(|error| self.fault(error))?;
        let certificate = parameters(self.clock.now())
            .self_signed(&pair)
            .map_err(|error| self.fault(error))?;
        let text = format!("{}{}", pem.as_str(), certificate.pem());
        self.write(&text).map_err(|error| self.fault(error))?;
        Ok(text)
    }

    fn write(&self, text: &str) -> std::io::Result<()> {
        let draft = self.path.with_extension("new");
        if draft.exists() {
            fs::remove_file(&draft)?;
        }
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, &self.path)
    }

    fn parse(&self, text: &str) -> Result<Keys, NotaryError> {
        let damaged = |what: &str| {
            self.fault(format!(
                "its {what} cannot be read: put the file back from its backup, or remove it to have a new key"
            ))
        };
        let key = PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes());
        let key = key.map_err(|_| damaged("key"))?;
        let der = key.secret_pkcs8_der();
        let pair = RsaKeyPair::from_pkcs8(der).map_err(|_| damaged("key"))?;
        let private = RsaPrivateKey::from_pkcs8_der(der).map_err(|_| damaged("key"))?;
        let certificate = CertificateDer::from_pem_slice(text.as_bytes());
        let certificate = certificate.map_err(|_| damaged("certificate"))?;
        let id = digest::digest(&digest::SHA256, &certificate);
        let pem = text
            .find(FIRST_OF_CERTIFICATE)
            .and_then(|at| text.get(at..));
        let mut derived = digest::Context::new(&digest::SHA256);
        derived.update(b"quell links v1");
        derived.update(der);
        Ok(Keys {
            pair,
            private,
            seal: hmac::Key::new(hmac::HMAC_SHA256, derived.finish().as_ref()),
            certificate: Certificate {
                id: hex(id.as_ref().get(..16).unwrap_or_default()),
                pem: pem.ok_or_else(|| damaged("certificate"))?.to_owned(),
            },
        })
    }
}

fn parameters(now: Timestamp) -> CertificateParams {
    let today = now.to_zoned(TimeZone::UTC).date();
    let (year, month) = (today.year(), today.month().unsigned_abs());
    let mut parameters = CertificateParams::default();
    // From the month's first day: a receiver's clock may be behind.
    parameters.not_before = date_time_ymd(i32::from(year), month, 1);
    parameters.not_after = date_time_ymd(i32::from(year + YEARS), month, 1);
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    let name = "Quell topic messages";
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Random numbers from the server's own source, for a crate that asks for its own kind of source.
struct Draws<'a> {
    source: &'a dyn EntropySource,
    rest: Vec<u8>,
}

impl<'a> Draws<'a> {
    fn new(source: &'a dyn EntropySource) -> Self {
        let rest = Vec::new();
        Self { source, rest }
    }
}

impl RngCore for Draws<'_> {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.fill_bytes(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_bytes(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill_bytes(&mut self, wanted: &mut [u8]) {
        for byte in wanted {
            if self.rest.is_empty() {
                self.rest.extend_from_slice(&self.source.draw());
            }
            *byte = self.rest.pop().unwrap_or_default();
        }
    }

    fn try_fill_bytes(&mut self, wanted: &mut [u8]) -> Result<(), rsa::rand_core::Error> {
        self.fill_bytes(wanted);
        Ok(())
    }
}

impl CryptoRng for Draws<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use ports::{ManualClock, SeededEntropy};
    use ring::signature::{
        RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY as SHA1, RSA_PKCS1_2048_8192_SHA256 as SHA256,
        UnparsedPublicKey,
    };

    fn notary(path: &Path, seed: u64) -> FileNotary {
        let at = "2026-03-01T03:00:00Z".parse().expect("an instant");
        let clock = Arc::new(ManualClock::new(at));
        FileNotary::new(path, clock, Arc::new(SeededEntropy::new(seed)))
    }

    #[tokio::test]
    async fn the_certificate_verifies_what_the_key_signed_also_after_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("signing.pem");
        let first = notary(&path, 1);
        let certificate = first.certificate().await.expect("a certificate");
        assert!(certificate.pem.starts_with(FIRST_OF_CERTIFICATE));
        assert!(!certificate.pem.contains("PRIVATE"));
        assert_eq!(certificate.id.len(), 32);
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let second = notary(&path, 2);
        assert_eq!(second.certificate().await.expect("the same"), certificate);
        let public = first
            .inner
            .keys()
            .expect("keys")
            .pair
            .public()
            .as_ref()
            .to_vec();
        for (digest, rules) in [(Digest::Sha256, &SHA256), (Digest::Sha1, &SHA1)] {
            let one = first.sign(digest, "text".to_owned()).await.expect("signed");
            let two = second
                .sign(digest, "text".to_owned())
                .await
                .expect("signed");
            assert_eq!(one, two, "a repeat has the same signature");
            let key = UnparsedPublicKey::new(rules, &public);
            key.verify(b"text", &one).expect("a good signature");
            key.verify(b"Text", &one).expect_err("another text");
        }
        let sealed = first.seal("a".to_owned()).await.expect("sealed");
        assert_eq!(second.seal("a".to_owned()).await.expect("sealed"), sealed);
        assert_ne!(second.seal("b".to_owned()).await.expect("sealed"), sealed);
    }

    #[tokio::test]
    async fn a_file_that_others_read_or_that_is_damaged_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("signing.pem");
        fs::write(&path, "nonsense").expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("set");
        let error = notary(&path, 1).certificate().await.expect_err("exposed");
        assert!(error.to_string().contains("chmod 600"), "{error}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
        let error = notary(&path, 1).certificate().await.expect_err("damaged");
        assert!(error.to_string().contains("backup"), "{error}");
    }
}
