//! The table of all public services, compiled in and read one service at a time.

use std::sync::{Arc, LazyLock, OnceLock};

use zstd::bulk::Decompressor;

use super::names::{client_name, nearest, normalised};
use super::pack::MAGIC;
use super::strings::Strings;
use super::{Name, Service, bytes, read};
use crate::Error;

static TABLE: &[u8] = include_bytes!("../../models/services.bin");

/// Plain length of a frame above which the table is not ours.
const MAX_FRAME: usize = 32 * 1024 * 1024;

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| Catalog::read(TABLE).unwrap_or_default());

/// The services known to this build.
#[must_use]
pub fn catalog() -> &'static Catalog {
    &CATALOG
}

/// A packed table of services. Each service is decoded on first use and kept.
#[derive(Debug, Default)]
pub struct Catalog {
    version: Name,
    digest: Name,
    /// Normalised names in sorted order, with places in `services`.
    spellings: Vec<(Name, usize)>,
    services: Vec<Slot>,
    strings_frame: Frame,
    strings: OnceLock<Option<(&'static [u8], Strings)>>,
    partitions_frame: Frame,
    partitions: OnceLock<Option<Name>>,
    common_rules_frame: Frame,
    common_rules: OnceLock<Option<&'static [u8]>>,
}

#[derive(Debug)]
struct Slot {
    name: Name,
    frame: Frame,
    service: OnceLock<Option<Arc<Service>>>,
    rules_frame: Frame,
    rules: OnceLock<Option<Name>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Frame {
    packed: &'static [u8],
    plain: usize,
}

impl Frame {
    /// The plain bytes, kept for good: the names of the models point into them.
    fn open(self, dictionary: &[u8]) -> Option<&'static [u8]> {
        let mut decompressor = Decompressor::with_dictionary(dictionary).ok()?;
        decompressor
            .decompress(self.packed, self.plain)
            .ok()
            .filter(|bytes| bytes.len() == self.plain)
            .map(|bytes| &*Box::leak(bytes.into_boxed_slice()))
    }

    fn text(self, dictionary: &[u8]) -> Option<Name> {
        std::str::from_utf8(self.open(dictionary)?).ok()
    }
}

impl Catalog {
    /// Reads the index of a packed table; `None` if it is not one. What is decoded of it is kept as long as the
    /// process, so a table is read once.
    #[must_use]
    pub fn read(table: &'static [u8]) -> Option<Self> {
        let frames = frames(table)?;
        let [index, strings, partitions, common_rules, frames @ ..] = frames.as_slice() else {
            return None;
        };
        let index = read::index(index.open(&[])?)?;
        let (services, rules) = frames.split_at_checked(index.services.len())?;
        if rules.len() != services.len() {
            return None;
        }
        let slot = |((name, frame), rules): ((&Name, &Frame), &Frame)| Slot {
            name,
            frame: *frame,
            service: OnceLock::new(),
            rules_frame: *rules,
            rules: OnceLock::new(),
        };
        let services = index.services.iter().zip(services).zip(rules);
        Some(Self {
            version: index.version,
            digest: index.digest,
            spellings: index.spellings,
            services: services.map(slot).collect(),
            strings_frame: *strings,
            partitions_frame: *partitions,
            common_rules_frame: *common_rules,
            ..Self::default()
        })
    }

    /// Version of the botocore package the table was made from.
    #[must_use]
    pub fn version(&self) -> &str {
        self.version
    }

    /// SHA-256 of the exported models the table was made from, in hex.
    #[must_use]
    pub fn source_digest(&self) -> &str {
        self.digest
    }

    /// Client names of all services, sorted.
    pub fn names(&self) -> impl Iterator<Item = Name> {
        self.services.iter().map(|slot| slot.name)
    }

    /// Whether there is a service of this name, in any customary spelling; without a look for names like it.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.slot(name).is_some()
    }

    /// The service of this name: boto3's client name, AWS's service id, the AWS CLI's name, or, where it is clear, the
    /// name in host names or signatures. Case, blanks, `-` and `_` do not matter.
    ///
    /// # Errors
    /// [`Error::UnknownService`] with the nearest names; [`Error::Table`] when the compiled-in table is damaged.
    pub fn service(&self, name: &str) -> Result<Arc<Service>, Error> {
        let Some(slot) = self.slot(name) else {
            let nearest = nearest(name, self.names()).join("`, `");
            return Err(Error::UnknownService {
                service: name.to_owned(),
                nearest,
            });
        };
        let decode = || {
            let (text, strings) = self.strings()?;
            read::service(slot.frame.open(text)?, strings).map(Arc::new)
        };
        slot.service
            .get_or_init(decode)
            .clone()
            .ok_or_else(|| Error::Table {
                service: slot.name.to_owned(),
            })
    }

    /// The endpoint rule set of this service as minified JSON without documentation; names as in
    /// [`Catalog::service`]. `None` for an unknown service and for one without rules.
    #[must_use]
    pub fn endpoint_rules(&self, service: &str) -> Option<&'static str> {
        let slot = self.slot(service)?;
        let read = || {
            let open = || self.common_rules_frame.open(&[]);
            let common = (*self.common_rules.get_or_init(open))?;
            slot.rules_frame.text(common)
        };
        slot.rules
            .get_or_init(read)
            .filter(|rules| !rules.is_empty())
    }

    /// AWS's partitions with their regions, as botocore's `partitions.json`, minified. `null` for a damaged table.
    #[must_use]
    pub fn partitions(&self) -> &'static str {
        let read = || self.partitions_frame.text(&[]);
        self.partitions.get_or_init(read).unwrap_or("null")
    }

    fn slot(&self, name: &str) -> Option<&Slot> {
        let wanted = client_name(normalised(name));
        let found = self
            .spellings
            .binary_search_by(|(spelling, _)| (*spelling).cmp(&wanted));
        let (_, at) = self.spellings.get(found.ok()?)?;
        self.services.get(*at)
    }

    fn strings(&self) -> Option<&(&'static [u8], Strings)> {
        let read = || {
            let frame = self.strings_frame.open(&[])?;
            let mut reader = bytes::Reader::new(frame);
            let strings = Strings::read(&mut reader)?;
            reader.is_empty().then_some((frame, strings))
        };
        self.strings.get_or_init(read).as_ref()
    }
}

fn frames(table: &'static [u8]) -> Option<Vec<Frame>> {
    let rest = table.strip_prefix(MAGIC)?;
    let number = |bytes: &[u8]| {
        bytes
            .try_into()
            .ok()
            .map(u32::from_le_bytes)
            .and_then(|n| usize::try_from(n).ok())
    };
    let (count, rest) = rest.split_at_checked(4)?;
    let count = number(count)?;
    let (head, mut body) = rest.split_at_checked(count.checked_mul(8)?)?;
    let mut frames = Vec::with_capacity(count);
    for lengths in head.chunks_exact(8) {
        let (packed, plain) = lengths.split_at_checked(4)?;
        let plain = number(plain).filter(|plain| *plain <= MAX_FRAME)?;
        let (packed, after) = body.split_at_checked(number(packed)?)?;
        body = after;
        frames.push(Frame { packed, plain });
    }
    Some(frames)
}
