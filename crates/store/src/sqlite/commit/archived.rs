//! Events of archives: added in the commit that accepts them, and counted there.

use std::collections::BTreeMap;

use model::Scope;
use ports::store::ArchivedEvent;
use rusqlite::params;
use uuid::Uuid;

use super::{Apply, Failure};
use crate::sqlite::encode::Prepared;

impl Apply<'_> {
    pub(super) fn archived(&self, prepared: &Prepared) -> Result<(), Failure> {
        let mut added: BTreeMap<Uuid, (&Scope, i64, i64)> = BTreeMap::new();
        for (row, (body, size)) in prepared.turn.archived.iter().zip(&prepared.archived) {
            let ArchivedEvent {
                scope,
                archive,
                at,
                event,
                ..
            } = row;
            let columns = self.columns(body, scope)?;
            let inserted = self
                .sql(
                    "INSERT INTO archived_event (archive, at, event, tenant, account, region, size, format, body, \
                     payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING",
                )?
                .execute(params![
                    archive.as_bytes(),
                    at.as_microsecond(),
                    event.as_bytes(),
                    scope.tenant,
                    scope.account,
                    scope.region,
                    size,
                    columns.format,
                    columns.text,
                    columns.payload
                ])?;
            if inserted > 0 {
                let total = added.entry(*archive).or_insert((scope, 0, 0));
                total.1 += 1;
                total.2 += size;
            } else if let Some(payload) = columns.payload {
                // Perhaps stored for nothing: pruning looks whether anybody refers to it.
                self.sql("INSERT INTO payload_freed VALUES (?1) ON CONFLICT DO NOTHING")?
                    .execute([payload])?;
            }
        }
        for (archive, (scope, events, bytes)) in added {
            self.sql(
                "INSERT INTO archive_total (archive, tenant, account, region, events, bytes) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (archive) DO UPDATE \
                 SET events = events + excluded.events, bytes = bytes + excluded.bytes",
            )?
            .execute(params![
                archive.as_bytes(),
                scope.tenant,
                scope.account,
                scope.region,
                events,
                bytes
            ])?;
        }
        Ok(())
    }
}
