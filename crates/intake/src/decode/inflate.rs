//! Compressed data, within bounds.

use std::io::Read as _;

use flate2::read::MultiGzDecoder;

use super::error::Problem;
use model::text::one_line;

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
    fn gzip_is_bounded() {
        let bytes = squeezed(&[b'a'; 5000]);
        assert!(is_gzip(&bytes));
        assert_eq!(gzip(&bytes, 5000).map(|plain| plain.len()), Ok(5000));
        assert_eq!(gzip(&bytes, 4999), Err(Problem::Inflates { most: 4999 }));
        let cut = bytes.get(..bytes.len() - 9).unwrap();
        assert!(matches!(gzip(cut, 5000), Err(Problem::NotGzip { .. })));
    }
}
