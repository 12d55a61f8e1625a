//! Writes service models as the packed table. The reverse is in `table`; one service is written in `write`.
//!
//! Layout: magic, number of frames (u32, little-endian), then for each frame its packed and plain length (u32 each),
//! then the frames, each a zstd frame of its own. Frame 0 is the index: source, shared strings, services. Frame n is
//! service n-1, so that one service is read without the others. A string is a number: 0 for the
//! next of the service's own strings, else one more than its place in the shared strings followed by the own ones.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use super::bytes::Writer;
use super::write::ServiceWriter;
use super::{ModelError, Name, Service};

/// First bytes of a table; the last one is the format's version.
pub(super) const MAGIC: &[u8; 8] = b"AWSMODL\x02";

/// The highest level: packing takes seconds, once for each new botocore.
const LEVEL: i32 = 22;

/// Why a table could not be written.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// A line of the export is not what `export_botocore.py` prints.
    #[error("line {line} of the export: {reason}; run `cargo xtask models` again")]
    Export {
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A model has a part this crate does not know.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// zstd failed.
    #[error("cannot compress the table: {0}")]
    Compress(std::io::Error),
}

/// Packs the lines printed by `xtask/models/export_botocore.py`.
///
/// `digest` identifies the source and is stored in the table. The same lines and digest give the same bytes.
///
/// # Errors
/// [`PackError`] names the line or the part of the model.
pub fn pack(export: &str, digest: &str) -> Result<Vec<u8>, PackError> {
    let mut version = String::new();
    let mut services = Vec::new();
    for (number, line) in export.lines().enumerate() {
        let wrong = |reason: String| PackError::Export {
            line: number + 1,
            reason,
        };
        let value: Value = serde_json::from_str(line).map_err(|error| wrong(error.to_string()))?;
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        if number == 0 {
            version = text("version")
                .ok_or_else(|| wrong("no `version`".to_owned()))?
                .to_owned();
            continue;
        }
        let name = text("name").ok_or_else(|| wrong("no `name`".to_owned()))?;
        let model = value
            .get("model")
            .ok_or_else(|| wrong("no `model`".to_owned()))?;
        let other = |key: &str| value.get(key).unwrap_or(&Value::Null);
        let service = Service::from_botocore(name, model, other("globalEndpoints"))?
            .with_paginators(other("paginators"))?
            .with_waiters(other("waiters"))?;
        services.push(service);
    }
    let shared = shared_strings(&services);
    let mut frames = vec![index(&version, digest, &shared, &services)];
    frames.extend(
        services
            .iter()
            .map(|service| ServiceWriter::new(&shared).write(service)),
    );
    assemble(&frames)
}

fn assemble(frames: &[Vec<u8>]) -> Result<Vec<u8>, PackError> {
    let mut out = MAGIC.to_vec();
    let mut body = Vec::new();
    out.extend_from_slice(&length(frames.len()));
    for frame in frames {
        let packed = zstd::bulk::compress(frame, LEVEL).map_err(PackError::Compress)?;
        out.extend_from_slice(&length(packed.len()));
        out.extend_from_slice(&length(frame.len()));
        body.extend_from_slice(&packed);
    }
    out.extend_from_slice(&body);
    Ok(out)
}

fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}

/// Strings of two or more services, the most used first so that their numbers are short.
fn shared_strings(services: &[Service]) -> Vec<Name> {
    let mut uses: BTreeMap<Name, usize> = BTreeMap::new();
    for service in services {
        let mut counter = ServiceWriter::new(&[]);
        counter.write(service);
        let own: HashSet<Name> = counter.own.into_iter().collect();
        for name in own {
            *uses.entry(name).or_default() += 1;
        }
    }
    let mut shared: Vec<(Name, usize)> = uses.into_iter().filter(|(_, count)| *count > 1).collect();
    shared.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(right.0)));
    shared.into_iter().map(|(name, _)| name).collect()
}

fn index(version: &str, digest: &str, shared: &[Name], services: &[Service]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.text(version);
    writer.text(digest);
    writer.varint(shared.len() as u64);
    for name in shared {
        writer.text(name);
    }
    writer.varint(services.len() as u64);
    for service in services {
        writer.text(service.name);
        writer.text(service.service_id);
        writer.text(service.endpoint_prefix);
        writer.text(service.signing_name);
    }
    writer.out
}
