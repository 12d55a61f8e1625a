//! The table of all public services, compiled in and read one service at a time.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, OnceLock};

use super::names::{nearest, normalised};
use super::pack::MAGIC;
use super::{Name, Service, read};
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
    version: String,
    digest: String,
    shared: Vec<Name>,
    services: Vec<Slot>,
    by_name: HashMap<String, usize>,
}

#[derive(Debug)]
struct Slot {
    name: Name,
    frame: Frame,
    service: OnceLock<Option<Arc<Service>>>,
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    packed: &'static [u8],
    plain: usize,
}

impl Frame {
    /// The plain bytes, kept for good: the names of the models point into them.
    fn open(self) -> Option<&'static [u8]> {
        zstd::bulk::decompress(self.packed, self.plain)
            .ok()
            .filter(|bytes| bytes.len() == self.plain)
            .map(|bytes| &*Box::leak(bytes.into_boxed_slice()))
    }
}

impl Catalog {
    /// Reads the index of a packed table; `None` if it is not one.
    #[must_use]
    pub fn read(table: &'static [u8]) -> Option<Self> {
        let frames = frames(table)?;
        let (index, frames) = frames.split_first()?;
        let index = read::index(index.open()?)?;
        if frames.len() != index.services.len() {
            return None;
        }
        let mut by_name = HashMap::new();
        // Client names win over service ids, and both over host and scope names, which several services may share.
        for (at, entry) in index.services.iter().enumerate() {
            by_name.insert(normalised(entry.name), at);
        }
        for (at, entry) in index.services.iter().enumerate() {
            by_name.entry(normalised(entry.service_id)).or_insert(at);
        }
        for (at, entry) in index.services.iter().enumerate() {
            by_name
                .entry(normalised(entry.endpoint_prefix))
                .or_insert(at);
            by_name.entry(normalised(entry.signing_name)).or_insert(at);
        }
        let slot = |(entry, frame): (&read::Entry, &Frame)| Slot {
            name: entry.name,
            frame: *frame,
            service: OnceLock::new(),
        };
        let services = index.services.iter().zip(frames).map(slot).collect();
        Some(Self {
            version: index.version,
            digest: index.digest,
            shared: index.shared,
            services,
            by_name,
        })
    }

    /// Version of the botocore package the table was made from.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// SHA-256 of the exported models the table was made from, in hex.
    #[must_use]
    pub fn source_digest(&self) -> &str {
        &self.digest
    }

    /// Client names of all services, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.services.iter().map(|slot| slot.name)
    }

    /// The service of this name: boto3's client name, AWS's service id, or, where it is clear, the name in host
    /// names or signatures. Case, blanks, `-` and `_` do not matter.
    ///
    /// # Errors
    /// [`Error::UnknownService`] with the nearest names; [`Error::Table`] when the compiled-in table is damaged.
    pub fn service(&self, name: &str) -> Result<Arc<Service>, Error> {
        let Some(slot) = self
            .by_name
            .get(&normalised(name))
            .and_then(|at| self.services.get(*at))
        else {
            let nearest = nearest(name, self.names()).join("`, `");
            return Err(Error::UnknownService {
                service: name.to_owned(),
                nearest,
            });
        };
        let decode = || read::service(slot.frame.open()?, &self.shared).map(Arc::new);
        slot.service
            .get_or_init(decode)
            .clone()
            .ok_or_else(|| Error::Table {
                service: slot.name.to_string(),
            })
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
