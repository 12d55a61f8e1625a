//! Packed data: gzip within bounds, base64.

use std::io::Read as _;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use flate2::read::MultiGzDecoder;

use super::error::Problem;
use model::text::one_line;

/// The standard alphabet, with or without the padding: not every sender writes it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// What base64 stands for.
pub(super) fn unbase64(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text.trim()).ok()
}

/// Bytes as base64, padded.
pub(super) fn base64(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// Whether bytes begin as gzip does.
pub(super) fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// What gzip inflates to, at most `most` bytes. Several members behind each other are one, as the format has it.
pub(super) fn gzip(bytes: &[u8], most: usize) -> Result<Vec<u8>, Problem> {
    let mut plain = Vec::new();
    let bound = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let mut reader = MultiGzDecoder::new(bytes).take(bound);
    match reader.read_to_end(&mut plain) {
        Ok(_) if plain.len() > most => Err(Problem::Inflates { most }),
        Ok(_) => Ok(plain),
        Err(error) => Err(Problem::NotGzip {
            reason: one_line(&error.to_string(), 200),
        }),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write as _;

    pub(crate) fn squeezed(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn base64_is_read_with_and_without_padding() {
        assert_eq!(base64(b"hi"), "aGk=");
        for text in ["aGk=", "aGk", " aGk=\n"] {
            assert_eq!(unbase64(text).as_deref(), Some(&b"hi"[..]), "{text}");
        }
        assert_eq!(unbase64("a?k="), None);
    }

    #[test]
    fn gzip_is_bounded() {
        let bytes = squeezed(&[b'a'; 5000]);
        assert!(is_gzip(&bytes));
        assert_eq!(gzip(&bytes, 5000).map(|plain| plain.len()), Ok(5000));
        assert_eq!(gzip(&bytes, 4999), Err(Problem::Inflates { most: 4999 }));
        let cut = bytes.get(..bytes.len() - 9).unwrap();
        assert!(matches!(gzip(cut, 5000), Err(Problem::NotGzip { .. })));
    }
}
