//! The one aggregate of a turn: revision and root, frames, index entries, timers, journal.

use model::Scope;
use ports::store::{AggregateWrite, CommitError, TimerWrite};
use rusqlite::{OptionalExtension, params};

use super::{Apply, Failure, Found, Owner};
use crate::body::Body;
use crate::sqlite::encode::Prepared;

impl Apply<'_> {
    pub(super) fn find_aggregate(&self, write: &AggregateWrite) -> Result<Option<Found>, Failure> {
        let mut statement =
            self.sql("SELECT id, revision FROM aggregate WHERE uuid = ?1 AND kind = ?2")?;
        let found = statement.query_row(
            params![write.id.id.as_bytes(), write.id.kind.as_str()],
            |row| {
                Ok(Found {
                    row: row.get(0)?,
                    revision: row.get(1)?,
                })
            },
        );
        let found = found.optional()?;
        let revision = found.as_ref().map_or(0, |found| found.revision);
        if u64::try_from(revision).ok() == Some(write.expect_revision) {
            return Ok(found);
        }
        Err(CommitError::Stale {
            id: write.id,
            expected: write.expect_revision,
        }
        .into())
    }

    pub(super) fn aggregate(
        &mut self,
        write: &AggregateWrite,
        found: Option<Found>,
        prepared: &Prepared,
    ) -> Result<(), Failure> {
        let owner = Owner::new(&write.scope, write.id);
        let frames = || {
            write
                .frames
                .iter()
                .map(|frame| frame.key.as_str())
                .zip(&prepared.frames)
        };
        // The last write of a frame counts, as it would if they were written one after another.
        let root = frames()
            .rfind(|(key, _)| key.is_empty())
            .map(|(_, body)| body);
        let revision = found.as_ref().map_or(0, |found| found.revision) + 1;
        let row = match found {
            Some(found) => self.update_root(&found, root, &write.scope)?,
            None => self.insert_aggregate(&owner, root, write.at.as_microsecond())?,
        };
        for (key, body) in frames().filter(|(key, _)| !key.is_empty()) {
            self.frame(&owner, (row, key), body.as_ref())?;
        }
        for entry in &write.index {
            let mut statement = self.sql(
                "INSERT INTO aggregate_index (tenant, account, kind, name, value, created, uuid, region, shard, \
                 aggregate) SELECT tenant, account, kind, ?2, ?3, created, uuid, region, shard, id FROM aggregate \
                 WHERE id = ?1 ON CONFLICT DO NOTHING",
            )?;
            statement.execute(params![row, entry.name, entry.value])?;
        }
        prepared
            .turn
            .timers
            .iter()
            .try_for_each(|timer| self.timer(&owner, row, timer))?;
        self.journal(&owner, write, (row, revision, prepared.journal.as_ref()))?;
        if write.delete {
            self.delete_aggregate(row)?;
        }
        Ok(())
    }

    /// Frames, index entries and timers go with the row; the number stays with the journal and is noted as given.
    fn delete_aggregate(&self, row: i64) -> Result<(), Failure> {
        self.sequences.note(self.connection)?;
        let mut statement = self.sql(
            "INSERT INTO aggregate_past (aggregate, tenant, account, region, shard, kind, uuid) \
             SELECT id, tenant, account, region, shard, kind, uuid FROM aggregate WHERE id = ?1",
        )?;
        statement.execute([row])?;
        self.sql("DELETE FROM aggregate WHERE id = ?1")?
            .execute([row])?;
        Ok(())
    }

    pub(super) fn insert_aggregate(
        &mut self,
        owner: &Owner<'_>,
        root: Option<&Option<Body>>,
        at: i64,
    ) -> Result<i64, Failure> {
        let number = self.sequences.aggregate.draw();
        let body = self.optional_columns(root.and_then(Option::as_ref), owner.scope)?;
        let mut statement = self.sql(
            "INSERT INTO aggregate (id, tenant, account, region, shard, kind, uuid, revision, created, format, body, \
             payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1, ?8, ?9, ?10, ?11)",
        )?;
        let Scope {
            tenant,
            account,
            region,
        } = owner.scope;
        let (kind, uuid) = (owner.id.kind.as_str(), owner.id.id.as_bytes());
        let (format, text, payload) = (body.format, body.text, body.payload);
        let row = params![
            number,
            tenant,
            account,
            region,
            owner.shard,
            kind,
            uuid,
            at,
            format,
            text,
            payload
        ];
        statement.execute(row)?;
        Ok(number)
    }

    pub(super) fn update_root(
        &self,
        found: &Found,
        root: Option<&Option<Body>>,
        scope: &Scope,
    ) -> Result<i64, Failure> {
        let next = found.revision + 1;
        if let Some(root) = root {
            let body = self.optional_columns(root.as_ref(), scope)?;
            let mut statement = self
                .sql("UPDATE aggregate SET revision = ?2, format = ?3, body = ?4, payload = ?5 WHERE id = ?1")?;
            statement.execute(params![
                found.row,
                next,
                body.format,
                body.text,
                body.payload
            ])?;
        } else {
            self.sql("UPDATE aggregate SET revision = ?2 WHERE id = ?1")?
                .execute([found.row, next])?;
        }
        Ok(found.row)
    }

    pub(super) fn frame(
        &self,
        owner: &Owner<'_>,
        (row, key): (i64, &str),
        body: Option<&Body>,
    ) -> Result<(), Failure> {
        let Some(body) = body else {
            self.sql("DELETE FROM frame WHERE aggregate = ?1 AND key = ?2")?
                .execute(params![row, key])?;
            return Ok(());
        };
        let body = self.columns(body, owner.scope)?;
        let mut statement = self.sql(
            "INSERT INTO frame (aggregate, key, tenant, account, region, shard, format, body, payload) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (aggregate, key) DO UPDATE SET \
             format = excluded.format, body = excluded.body, payload = excluded.payload",
        )?;
        let Scope {
            tenant,
            account,
            region,
        } = owner.scope;
        let (format, text, payload) = (body.format, body.text, body.payload);
        statement.execute(params![
            row,
            key,
            tenant,
            account,
            region,
            owner.shard,
            format,
            text,
            payload
        ])?;
        Ok(())
    }

    pub(super) fn timer(
        &self,
        owner: &Owner<'_>,
        row: i64,
        timer: &TimerWrite,
    ) -> Result<(), Failure> {
        let Some(due) = timer.due else {
            self.sql("DELETE FROM timer WHERE aggregate = ?1 AND key = ?2")?
                .execute(params![row, timer.key])?;
            return Ok(());
        };
        let mut statement = self.sql(
            "INSERT INTO timer (aggregate, key, due, tenant, account, region, shard) VALUES (?1, ?2, ?3, ?4, ?5, ?6, \
             ?7) ON CONFLICT (aggregate, key) DO UPDATE SET due = excluded.due",
        )?;
        let Scope {
            tenant,
            account,
            region,
        } = owner.scope;
        statement.execute(params![
            row,
            timer.key,
            due.as_microsecond(),
            tenant,
            account,
            region,
            owner.shard
        ])?;
        Ok(())
    }

    pub(super) fn journal(
        &mut self,
        owner: &Owner<'_>,
        write: &AggregateWrite,
        (row, revision, body): (i64, i64, Option<&Body>),
    ) -> Result<(), Failure> {
        let body = self.optional_columns(body, owner.scope)?;
        let seq = self.sequences.journal.draw();
        let mut statement = self.sql(
            "INSERT INTO journal (seq, aggregate, tenant, account, region, shard, kind, uuid, revision, at, entropy, \
             format, body, payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?;
        let Scope {
            tenant,
            account,
            region,
        } = owner.scope;
        let (kind, uuid, at) = (
            owner.id.kind.as_str(),
            owner.id.id.as_bytes(),
            write.at.as_microsecond(),
        );
        let (entropy, format, text, payload) =
            (&write.journal.entropy, body.format, body.text, body.payload);
        statement.execute(params![
            seq,
            row,
            tenant,
            account,
            region,
            owner.shard,
            kind,
            uuid,
            revision,
            at,
            entropy,
            format,
            text,
            payload
        ])?;
        Ok(())
    }
}
