//! The checksums that AWS services know. Source: Amazon S3 user guide, "Checking object integrity".

use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};

/// A checksum algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
    Sha512,
}

/// CRC-32 of Castagnoli, reflected.
static CRC32C: [u64; 256] = table(0x82f6_3b78);
/// CRC-64 of the NVMe specification, reflected.
static CRC64: [u64; 256] = table(0x9a6c_9329_ac4b_c9b5);

/// What each byte does to a remainder.
const fn table(polynomial: u64) -> [u64; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut remainder = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            let carry = remainder & 1 == 1;
            remainder >>= 1;
            if carry {
                remainder ^= polynomial;
            }
            bit += 1;
        }
        table[byte] = remainder;
        byte += 1;
    }
    table
}

fn remainder(table: &[u64; 256], start: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(start, |remainder, byte| {
        let [low, ..] = (remainder ^ u64::from(*byte)).to_le_bytes();
        let entry = table.get(usize::from(low)).copied().unwrap_or_default();
        remainder >> 8 ^ entry
    })
}

impl Algorithm {
    /// All of them.
    pub(crate) const ALL: [Self; 6] = [
        Self::Crc32,
        Self::Crc32c,
        Self::Crc64Nvme,
        Self::Sha1,
        Self::Sha256,
        Self::Sha512,
    ];

    /// In the order in which an answer that carries several is checked. Source: botocore's list.
    pub(crate) const BY_SPEED: [Self; 6] = [
        Self::Crc64Nvme,
        Self::Crc32c,
        Self::Crc32,
        Self::Sha1,
        Self::Sha256,
        Self::Sha512,
    ];

    /// The algorithm of this name; case does not matter.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    /// Name in parameters, as `CRC32`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }

    /// Name of the header that carries it, in lower case.
    pub(crate) fn header(self) -> String {
        format!("x-amz-checksum-{}", self.name().to_ascii_lowercase())
    }

    /// The checksum, big-endian as AWS writes it.
    pub(crate) fn digest(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Crc32 => crc32fast::hash(bytes).to_be_bytes().to_vec(),
            Self::Crc32c => {
                let [_, _, _, _, crc @ ..] =
                    (remainder(&CRC32C, 0xffff_ffff, bytes) ^ 0xffff_ffff).to_be_bytes();
                crc.to_vec()
            }
            Self::Crc64Nvme => (!remainder(&CRC64, u64::MAX, bytes)).to_be_bytes().to_vec(),
            Self::Sha1 => Sha1::digest(bytes).to_vec(),
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
            Self::Sha512 => Sha512::digest(bytes).to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check values of the catalogue of CRC algorithms, and of FIPS 180-4.
    #[test]
    fn check_values() {
        for (algorithm, bytes, expected) in [
            (Algorithm::Crc32, "123456789", "cbf43926"),
            (Algorithm::Crc32c, "123456789", "e3069283"),
            (Algorithm::Crc64Nvme, "123456789", "ae8b14860a799888"),
            (
                Algorithm::Sha1,
                "abc",
                "a9993e364706816aba3e25717850c26c9cd0d89d",
            ),
            (
                Algorithm::Sha256,
                "abc",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
        ] {
            let digest = algorithm.digest(bytes.as_bytes());
            assert_eq!(hex::encode(digest), expected, "{algorithm:?}");
            assert_eq!(
                Algorithm::named(&algorithm.name().to_lowercase()),
                Some(algorithm)
            );
        }
        assert!(hex::encode(Algorithm::Sha512.digest(b"abc")).starts_with("ddaf35a193617aba"));
        assert_eq!(Algorithm::named("MD5"), None);
    }
}
