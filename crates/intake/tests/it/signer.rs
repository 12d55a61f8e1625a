//! A topic's signing key, with its authority and certificates, made for the tests.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use intake::verify::Envelope;
use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_RSA_SHA256,
    date_time_ymd,
};
use rsa::pkcs8::{EncodePrivateKey as _, LineEnding};
use rsa::rand_core::{CryptoRng, RngCore};
use rsa::{Pkcs1v15Sign, RsaPrivateKey};
use serde_json::{Value, json};

pub(crate) const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:alerts";
pub(crate) const URL: &str =
    "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123.pem";
/// What PKCS#1 v1.5 puts before a digest (RFC 8017, section 9.2).
const SHA1_PREFIX: [u8; 15] = [
    0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14,
];
const SHA256_PREFIX: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];

pub(crate) fn now() -> Timestamp {
    "2026-03-01T03:00:00Z".parse().unwrap()
}

/// The signer that most tests share: making a key takes a while.
pub(crate) fn signer() -> &'static Signer {
    static SIGNER: OnceLock<Signer> = OnceLock::new();
    SIGNER.get_or_init(|| Signer::new(1))
}

/// Chance without any, so that keys are the same in every run.
struct Steady(u64);

impl RngCore for Steady {
    fn next_u32(&mut self) -> u32 {
        (self.next_u64() >> 32) as u32
    }

    fn next_u64(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn fill_bytes(&mut self, wanted: &mut [u8]) {
        for byte in wanted {
            *byte = self.next_u64() as u8;
        }
    }

    fn try_fill_bytes(&mut self, wanted: &mut [u8]) -> Result<(), rsa::rand_core::Error> {
        self.fill_bytes(wanted);
        Ok(())
    }
}

impl CryptoRng for Steady {}

/// How a certificate is made.
pub(crate) struct Made {
    pub(crate) name: &'static str,
    pub(crate) years: (i32, i32),
}

impl Default for Made {
    fn default() -> Self {
        Self {
            name: "sns.amazonaws.com",
            years: (2025, 2027),
        }
    }
}

pub(crate) struct Signer {
    key: RsaPrivateKey,
    pair: KeyPair,
    authority: Issuer<'static, KeyPair>,
    authority_pem: String,
}

impl Signer {
    pub(crate) fn new(seed: u64) -> Self {
        let key = RsaPrivateKey::new(&mut Steady(seed), 2048).unwrap();
        let pem = key.to_pkcs8_pem(LineEnding::LF).unwrap();
        let pair = KeyPair::from_pem_and_sign_algo(&pem, &PKCS_RSA_SHA256).unwrap();
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let name = format!("Authority of the tests {seed}");
        parameters.distinguished_name.push(DnType::CommonName, name);
        let authority_key = KeyPair::generate().unwrap();
        let authority_pem = parameters.self_signed(&authority_key).unwrap().pem();
        Self {
            key,
            pair,
            authority: Issuer::new(parameters, authority_key),
            authority_pem,
        }
    }

    pub(crate) fn authority(&self) -> String {
        self.authority_pem.clone()
    }

    pub(crate) fn certificate(&self, made: &Made) -> String {
        let mut parameters = CertificateParams::new(vec![made.name.to_owned()]).unwrap();
        parameters.not_before = date_time_ymd(made.years.0, 1, 1);
        parameters.not_after = date_time_ymd(made.years.1, 1, 1);
        parameters.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        parameters
            .distinguished_name
            .push(DnType::CommonName, made.name);
        parameters
            .signed_by(&self.pair, &self.authority)
            .unwrap()
            .pem()
    }

    pub(crate) fn notification(id: &str, text: &str) -> Value {
        json!({
            "Type": "Notification", "MessageId": id, "TopicArn": TOPIC, "Message": text,
            "Timestamp": "2026-03-01T03:00:00.000Z", "SignatureVersion": "2", "Signature": "",
            "SigningCertURL": URL, "UnsubscribeURL": "https://sns.us-east-1.amazonaws.com/?u",
        })
    }

    pub(crate) fn confirmation(kind: &str) -> Value {
        json!({
            "Type": kind, "MessageId": "c-1", "TopicArn": TOPIC, "Message": "hello", "Token": "t0ken",
            "SubscribeURL": "https://sns.us-east-1.amazonaws.com/?x",
            "Timestamp": "2026-03-01T03:00:00.000Z", "SignatureVersion": "2", "Signature": "",
            "SigningCertURL": URL,
        })
    }

    /// The message with a signature of this version.
    pub(crate) fn signed(&self, mut message: Value, version: &str) -> Value {
        message["SignatureVersion"] = version.into();
        let envelope = Envelope::parse(message.to_string().as_bytes()).unwrap();
        let text = envelope.string_to_sign();
        let (algorithm, prefix): (_, &[u8]) = match version {
            "1" => (&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, &SHA1_PREFIX),
            _ => (&ring::digest::SHA256, &SHA256_PREFIX),
        };
        let digest = ring::digest::digest(algorithm, text.as_bytes());
        let padding = Pkcs1v15Sign {
            hash_len: Some(digest.as_ref().len()),
            prefix: prefix.into(),
        };
        let signature = self.key.sign(padding, digest.as_ref()).unwrap();
        message["Signature"] = STANDARD.encode(signature).into();
        message
    }
}

/// Bytes as a PEM certificate.
pub(crate) fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}
