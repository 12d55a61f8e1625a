//! Events of archives, in memory.

use std::collections::BTreeMap;

use jiff::Timestamp;
use uuid::Uuid;

use crate::limits::{instant, page};
use crate::store::{ArchiveQuery, ArchiveSize, ArchivedEvent, ArchivedRow};

/// Texts by archive, instant and event.
#[derive(Debug, Default)]
pub(in crate::memory) struct Archived(BTreeMap<(Uuid, Timestamp, Uuid), String>);

impl Archived {
    pub(super) fn add(&mut self, event: ArchivedEvent) {
        let key = (event.archive, instant(event.at), event.event);
        self.0.entry(key).or_insert(event.text);
    }

    pub(in crate::memory) fn read(&self, query: &ArchiveQuery) -> Vec<ArchivedRow> {
        let (from, until) = (instant(query.from), instant(query.until));
        let mut left = query.bytes;
        let mut rows = Vec::new();
        for ((archive, at, event), text) in &self.0 {
            let after = query.after.map(|(at, event)| (instant(at), event));
            let wanted = *archive == query.archive
                && (from..=until).contains(at)
                && after.is_none_or(|after| (*at, *event) > after);
            if !wanted {
                continue;
            }
            if rows.len() == page(query.limit) || (!rows.is_empty() && text.len() > left) {
                break;
            }
            left = left.saturating_sub(text.len());
            rows.push(ArchivedRow {
                at: *at,
                event: *event,
                text: text.clone(),
            });
        }
        rows
    }

    pub(in crate::memory) fn size(&self, archive: Uuid) -> ArchiveSize {
        let mut size = ArchiveSize::default();
        for ((of, ..), text) in &self.0 {
            if *of == archive {
                size.events += 1;
                size.bytes += text.len() as u64;
            }
        }
        size
    }

    pub(in crate::memory) fn prune(
        &mut self,
        archive: Uuid,
        before: Option<Timestamp>,
        limit: usize,
    ) -> u64 {
        let before = before.map(instant);
        let goes = |(of, at, _): &&(Uuid, Timestamp, Uuid)| {
            *of == archive && before.is_none_or(|before| *at < before)
        };
        let keys: Vec<_> = self.0.keys().filter(goes).take(limit).copied().collect();
        keys.iter().for_each(|key| drop(self.0.remove(key)));
        keys.len() as u64
    }
}
