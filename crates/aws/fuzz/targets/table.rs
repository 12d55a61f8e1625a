//! The packed table of models.

use aws::model::Catalog;

use super::choice;

/// The first bytes of the build's own table, its format's version among them.
const MAGIC: &[u8] = include_bytes!("../../models/services.bin").split_at(8).0;

/// The packed table: an even first byte gives a whole table behind its magic, an odd one the plain text of a service's
/// frame.
pub(super) fn table(data: &[u8]) {
    let (kind, data) = choice(data);
    let whole = kind % 2 == 0;
    let bytes = if whole {
        Some([MAGIC, data].concat())
    } else {
        with_frame(data)
    };
    let Some(bytes) = bytes.filter(|bytes| bytes.len() <= 64 * 1024) else {
        return;
    };
    let Some(catalog) = Catalog::read(Box::leak(bytes.into_boxed_slice())) else {
        assert!(whole, "only the service's frame is strange");
        return;
    };
    let names: Vec<&str> = catalog.names().collect();
    for name in names {
        let _ = catalog.endpoint_rules(name);
        if let Ok(service) = catalog.service(name) {
            for operation in &service.operations {
                let _ = service.exception(operation, "Bad");
            }
        }
    }
    assert!(
        !catalog.partitions().is_empty(),
        "there is always some text"
    );
}

/// A table of one service whose frame is this, behind an index, strings, partitions and common rules.
fn with_frame(frame: &[u8]) -> Option<Vec<u8>> {
    let index = [1, b'v', 1, b'd', 1, 1, b's', 1, 1, b's', 0];
    let strings = [2, 2, 1, 1, 2, b'A', b'b'];
    let frames: [&[u8]; 6] = [&index, &strings, b"null", b"", frame, b""];
    let mut head = MAGIC.to_vec();
    let mut body = Vec::new();
    head.extend_from_slice(&u32::try_from(frames.len()).ok()?.to_le_bytes());
    for (at, plain) in frames.iter().enumerate() {
        let dictionary: &[u8] = if at == 4 { &strings } else { &[] };
        let mut compressor = zstd::bulk::Compressor::with_dictionary(1, dictionary).ok()?;
        let packed = compressor.compress(plain).ok()?;
        head.extend_from_slice(&u32::try_from(packed.len()).ok()?.to_le_bytes());
        head.extend_from_slice(&u32::try_from(plain.len()).ok()?.to_le_bytes());
        body.extend_from_slice(&packed);
    }
    Some([head, body].concat())
}
