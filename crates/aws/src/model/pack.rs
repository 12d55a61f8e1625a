//! Writes service models as the packed table. The reverse is in `table`; one service is written in `write`.
//!
//! Layout: magic, number of frames (u32, little-endian), then for each frame its packed and plain length (u32 each),
//! then the frames, each a zstd frame of its own, so that one service is read without the others:
//!
//! - 0: the index: source, names of the services, their spellings;
//! - 1: the strings of many services;
//! - 2: partitions, as JSON;
//! - 3: text that rule sets have in common, the dictionary of their frames;
//! - then one for each service, with frame 1 as dictionary;
//! - then one for each service's endpoint rules, as JSON; without content where a service has none.
//!
//! A service's frame holds strings of its own, then columns of numbers (`write`). A string is a number: 0 for the next
//! of the service's own strings, else one more than its place in the shared strings followed by the own ones.

use std::collections::{BTreeMap, HashSet};

use zstd::bulk::Compressor;

use serde_json::Value;

use super::bytes::Writer;
use super::names::normalised;
use super::rules;
use super::write::ServiceWriter;
use super::{ModelError, Name, Service};

/// First bytes of a table; the last one is the format's version.
pub(super) const MAGIC: &[u8; 8] = b"AWSMODL\x05";

/// The highest level: packing takes seconds, once for each new botocore.
const LEVEL: i32 = 22;

/// Services that must have a string before it is shared. The shared strings are read with the first service of a
/// process, whichever it is: sharing more makes the table smaller, and the first load slower (by half a millisecond
/// when all strings of two services are shared).
const SHARED_BY: usize = 8;

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
    let mut partitions = Value::Null;
    let mut services = Vec::new();
    let mut rule_sets = Vec::new();
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
            partitions = value.get("partitions").cloned().unwrap_or_default();
            continue;
        }
        let name = text("name").ok_or_else(|| wrong("no `name`".to_owned()))?;
        let model = value
            .get("model")
            .ok_or_else(|| wrong("no `model`".to_owned()))?;
        let other = |key: &str| value.get(key).unwrap_or(&Value::Null);
        let service = Service::from_botocore(name, model)?
            .with_paginators(other("paginators"))?
            .with_waiters(other("waiters"))?;
        services.push(service);
        rule_sets.push(match other("endpointRules") {
            Value::Null => String::new(),
            rules => rules.to_string(),
        });
    }
    let shared = shared_strings(&services);
    let mut strings = Writer::default();
    strings.strings(&shared);
    let common = rules::in_common(&rule_sets)?;
    let mut frames = Frames::default();
    frames.add(&index(&version, digest, &services), &[])?;
    frames.add(&strings.out, &[])?;
    frames.add(partitions.to_string().as_bytes(), &[])?;
    frames.add(&common, &[])?;
    for service in &services {
        let frame = ServiceWriter::new(&shared).write(service);
        frames.add(&frame, &strings.out)?;
    }
    for rules in &rule_sets {
        frames.add(rules.as_bytes(), &common)?;
    }
    Ok(frames.assemble())
}

#[derive(Default)]
struct Frames {
    count: usize,
    head: Vec<u8>,
    body: Vec<u8>,
}

impl Frames {
    fn add(&mut self, plain: &[u8], dictionary: &[u8]) -> Result<(), PackError> {
        let packed = Compressor::with_dictionary(LEVEL, dictionary)
            .and_then(|mut compressor| compressor.compress(plain))
            .map_err(PackError::Compress)?;
        self.count += 1;
        self.head.extend_from_slice(&length(packed.len()));
        self.head.extend_from_slice(&length(plain.len()));
        self.body.extend_from_slice(&packed);
        Ok(())
    }

    fn assemble(self) -> Vec<u8> {
        [MAGIC, length(self.count).as_slice(), &self.head, &self.body].concat()
    }
}

fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}

/// Strings of many services, the most used first so that their numbers are short.
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
    let mut shared: Vec<(Name, usize)> = uses
        .into_iter()
        .filter(|(_, count)| *count >= SHARED_BY)
        .collect();
    shared.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(right.0)));
    shared.into_iter().map(|(name, _)| name).collect()
}

fn index(version: &str, digest: &str, services: &[Service]) -> Vec<u8> {
    let mut spellings: BTreeMap<String, usize> = BTreeMap::new();
    // Client names win over service ids, and both over host and scope names, which several services may share.
    let spelt: [fn(&Service) -> Name; 4] = [
        |service| service.name,
        |service| service.service_id,
        |service| service.endpoint_prefix,
        |service| service.signing_name,
    ];
    for spelling in [&spelt[..1], &spelt[1..2], &spelt[2..]] {
        for (at, service) in services.iter().enumerate() {
            for name in spelling {
                spellings.entry(normalised(name(service))).or_insert(at);
            }
        }
    }
    let mut writer = Writer::default();
    writer.text(version);
    writer.text(digest);
    writer.varint(services.len() as u64);
    for service in services {
        writer.text(service.name);
    }
    writer.varint(spellings.len() as u64);
    for (spelling, at) in &spellings {
        writer.text(spelling);
        writer.varint(*at as u64);
    }
    writer.out
}
