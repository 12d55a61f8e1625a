//! One turn into one open transaction. What does not hold is found before it is written; what fails while writing is
//! undone by the writer, which holds a savepoint per turn.

use jiff::Timestamp;
use model::resource::Expect;
use model::{AggregateId, AggregateKind, Scope};
use ports::store::{AggregateWrite, ClaimKey, CommitError, Committed, NewClaim, ResourceWrite, TimerWrite, Turn};
use rusqlite::{CachedStatement, Connection, ErrorCode, OptionalExtension, params};

use super::encode::Prepared;
use super::sequence::Sequences;
use crate::body::Body;

/// Why a turn was not written.
#[derive(Debug)]
pub(super) enum Failure {
    /// The turn alone is at fault.
    Turn(CommitError),
    /// The database is at fault: nobody may go on.
    Store(rusqlite::Error),
}

impl From<CommitError> for Failure {
    fn from(error: CommitError) -> Self {
        Self::Turn(error)
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::ConstraintViolation | ErrorCode::TooBig) => {
                Self::Turn(CommitError::Refused(format!("the database refuses it: {error}")))
            }
            _ => Self::Store(error),
        }
    }
}

/// Writes turns into the open transaction of `connection`.
pub(super) struct Apply<'a> {
    pub(super) connection: &'a Connection,
    pub(super) sequences: &'a mut Sequences,
}

/// The owner's columns and the shard, as they stand in every live row.
struct Owner<'a> {
    scope: &'a Scope,
    id: AggregateId,
    shard: i64,
}

impl<'a> Owner<'a> {
    fn new(scope: &'a Scope, id: AggregateId) -> Self {
        Self { scope, id, shard: i64::from(id.shard()) }
    }
}

/// A body's columns: `format`, `body`, `payload`.
struct Columns<'a> {
    format: Option<i64>,
    text: Option<&'a str>,
    payload: Option<i64>,
}

/// Where an aggregate stands.
struct Found {
    row: i64,
    revision: i64,
}

impl Apply<'_> {
    pub(super) fn turn(&mut self, prepared: &Prepared) -> Result<Committed, Failure> {
        let turn = &prepared.turn;
        let found = turn.aggregate.as_ref().map(|write| self.find_aggregate(write)).transpose()?.flatten();
        self.claims(turn)?;
        let mut committed = Committed { resources: self.resources(prepared)?, ..Committed::default() };
        if let Some(write) = &turn.aggregate {
            self.aggregate(write, found, prepared)?;
            committed.effects = self.effects_new(write, prepared)?;
        }
        self.effects_settled(prepared)?;
        for seq in &turn.inbox_done {
            let mut statement = self.sql("UPDATE inbox SET done = 1 WHERE seq = ?1 AND done = 0")?;
            statement.execute([i64::try_from(*seq).unwrap_or(0)])?;
        }
        committed.inbox = self.inbox_new(prepared)?;
        Ok(committed)
    }

    fn sql(&self, text: &str) -> rusqlite::Result<CachedStatement<'_>> {
        self.connection.prepare_cached(text)
    }

    fn find_aggregate(&self, write: &AggregateWrite) -> Result<Option<Found>, Failure> {
        let mut statement = self.sql("SELECT id, revision FROM aggregate WHERE uuid = ?1 AND kind = ?2")?;
        let found = statement.query_row(params![write.id.id.as_bytes(), write.id.kind.as_str()], |row| {
            Ok(Found { row: row.get(0)?, revision: row.get(1)? })
        });
        let found = found.optional()?;
        let revision = found.as_ref().map_or(0, |found| found.revision);
        if u64::try_from(revision).ok() == Some(write.expect_revision) {
            return Ok(found);
        }
        Err(CommitError::Stale { id: write.id, expected: write.expect_revision }.into())
    }

    fn claims(&self, turn: &Turn) -> Result<(), Failure> {
        if let Some(write) = &turn.aggregate {
            for key in &turn.releases {
                let mut statement = self.sql(
                    "DELETE FROM claim WHERE tenant = ?1 AND account = ?2 AND family = ?3 AND key = ?4 \
                     AND uuid = ?5 AND kind = ?6",
                )?;
                let ClaimKey { scope, family, key } = key;
                let (uuid, kind) = (write.id.id.as_bytes(), write.id.kind.as_str());
                statement.execute(params![scope.tenant, scope.account, family, key, uuid, kind])?;
            }
        }
        let at = turn.at().map(Timestamp::as_microsecond);
        turn.claims.iter().try_for_each(|new| self.claim(new, at))
    }

    fn claim(&self, new: &NewClaim, at: Option<i64>) -> Result<(), Failure> {
        let ClaimKey { scope, family, key } = &new.claim;
        let mut statement = self.sql(
            "SELECT kind, uuid FROM claim WHERE tenant = ?1 AND account = ?2 AND family = ?3 AND key = ?4 \
             AND (expires IS NULL OR ?5 IS NULL OR expires > ?5)",
        )?;
        let held = statement.query_row(params![scope.tenant, scope.account, family, key, at], aggregate_id);
        if let Some(holder) = held.optional()?
            && holder != new.holder
        {
            return Err(CommitError::Claimed { claim: new.claim.clone(), holder }.into());
        }
        let mut statement = self.sql(
            "INSERT INTO claim (tenant, account, family, key, region, shard, kind, uuid, expires) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (tenant, account, family, key) DO UPDATE SET \
             region = excluded.region, shard = excluded.shard, kind = excluded.kind, uuid = excluded.uuid, \
             expires = excluded.expires",
        )?;
        let owner = Owner::new(scope, new.holder);
        let (kind, uuid) = (owner.id.kind.as_str(), owner.id.id.as_bytes());
        let expires = new.expires.map(Timestamp::as_microsecond);
        statement.execute(params![
            scope.tenant, scope.account, family, key, scope.region, owner.shard, kind, uuid, expires
        ])?;
        Ok(())
    }

    fn resources(&self, prepared: &Prepared) -> Result<Vec<u64>, Failure> {
        let writes = prepared.turn.resources.iter().zip(&prepared.resources);
        writes.map(|(write, body)| self.resource(write, body.as_ref())).collect()
    }

    fn resource(&self, write: &ResourceWrite, body: Option<&Body>) -> Result<u64, Failure> {
        let ResourceWrite { scope, kind, name, expect, .. } = write;
        let mut statement = self.sql(
            "SELECT id, revision FROM resource \
             WHERE kind = ?1 AND tenant = ?2 AND account = ?3 AND region = ?4 AND name = ?5",
        )?;
        let found = statement.query_row(params![kind, scope.tenant, scope.account, scope.region, name], |row| {
            Ok(Found { row: row.get(0)?, revision: row.get(1)? })
        });
        let found = found.optional()?;
        let revision = found.as_ref().and_then(|found| u64::try_from(found.revision).ok());
        let holds = match expect {
            Expect::Any => true,
            Expect::Absent => revision.is_none(),
            Expect::Revision(expected) => revision == Some(*expected),
        };
        if !holds {
            return Err(
                CommitError::ResourceConflict { kind: kind.clone(), name: name.clone(), found: revision }.into()
            );
        }
        let at = write.at.as_microsecond();
        match (body, found) {
            (None, None) => Ok(0),
            (None, Some(found)) => {
                self.sql("DELETE FROM resource WHERE id = ?1")?.execute([found.row])?;
                Ok(0)
            }
            (Some(body), Some(found)) => {
                let body = self.columns(body, scope)?;
                let mut statement = self.sql(
                    "UPDATE resource SET revision = ?2, updated = ?3, format = ?4, body = ?5, payload = ?6 WHERE id = ?1",
                )?;
                let next = found.revision + 1;
                statement.execute(params![found.row, next, at, body.format, body.text, body.payload])?;
                Ok(next.unsigned_abs())
            }
            (Some(body), None) => {
                let body = self.columns(body, scope)?;
                let mut statement = self.sql(
                    "INSERT INTO resource (kind, tenant, account, region, name, revision, created, updated, format, \
                     body, payload) VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?6, ?7, ?8, ?9)",
                )?;
                let (tenant, account, region) = (&scope.tenant, &scope.account, &scope.region);
                let (format, text, payload) = (body.format, body.text, body.payload);
                statement.execute(params![kind, tenant, account, region, name, at, format, text, payload])?;
                Ok(1)
            }
        }
    }

    fn aggregate(&mut self, write: &AggregateWrite, found: Option<Found>, prepared: &Prepared) -> Result<(), Failure> {
        let owner = Owner::new(&write.scope, write.id);
        let frames = || write.frames.iter().map(|frame| frame.key.as_str()).zip(&prepared.frames);
        // The last write of a frame counts, as it would if they were written one after another.
        let root = frames().rfind(|(key, _)| key.is_empty()).map(|(_, body)| body);
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
        prepared.turn.timers.iter().try_for_each(|timer| self.timer(&owner, row, timer))?;
        self.journal(&owner, write, (revision, prepared.journal.as_ref()))?;
        if write.delete {
            self.sql("DELETE FROM aggregate WHERE id = ?1")?.execute([row])?;
        }
        Ok(())
    }

    fn insert_aggregate(&self, owner: &Owner<'_>, root: Option<&Option<Body>>, at: i64) -> Result<i64, Failure> {
        let body = self.optional_columns(root.and_then(Option::as_ref), owner.scope)?;
        let mut statement = self.sql(
            "INSERT INTO aggregate (tenant, account, region, shard, kind, uuid, revision, created, format, body, \
             payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7, ?8, ?9, ?10)",
        )?;
        let Scope { tenant, account, region } = owner.scope;
        let (kind, uuid) = (owner.id.kind.as_str(), owner.id.id.as_bytes());
        let (format, text, payload) = (body.format, body.text, body.payload);
        let row = params![tenant, account, region, owner.shard, kind, uuid, at, format, text, payload];
        Ok(statement.insert(row)?)
    }

    fn update_root(&self, found: &Found, root: Option<&Option<Body>>, scope: &Scope) -> Result<i64, Failure> {
        let next = found.revision + 1;
        if let Some(root) = root {
            let body = self.optional_columns(root.as_ref(), scope)?;
            let mut statement = self
                .sql("UPDATE aggregate SET revision = ?2, format = ?3, body = ?4, payload = ?5 WHERE id = ?1")?;
            statement.execute(params![found.row, next, body.format, body.text, body.payload])?;
        } else {
            self.sql("UPDATE aggregate SET revision = ?2 WHERE id = ?1")?.execute([found.row, next])?;
        }
        Ok(found.row)
    }

    fn frame(&self, owner: &Owner<'_>, (row, key): (i64, &str), body: Option<&Body>) -> Result<(), Failure> {
        let Some(body) = body else {
            self.sql("DELETE FROM frame WHERE aggregate = ?1 AND key = ?2")?.execute(params![row, key])?;
            return Ok(());
        };
        let body = self.columns(body, owner.scope)?;
        let mut statement = self.sql(
            "INSERT INTO frame (aggregate, key, tenant, account, region, shard, format, body, payload) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (aggregate, key) DO UPDATE SET \
             format = excluded.format, body = excluded.body, payload = excluded.payload",
        )?;
        let Scope { tenant, account, region } = owner.scope;
        let (format, text, payload) = (body.format, body.text, body.payload);
        statement.execute(params![row, key, tenant, account, region, owner.shard, format, text, payload])?;
        Ok(())
    }

    fn timer(&self, owner: &Owner<'_>, row: i64, timer: &TimerWrite) -> Result<(), Failure> {
        let Some(due) = timer.due else {
            self.sql("DELETE FROM timer WHERE aggregate = ?1 AND key = ?2")?.execute(params![row, timer.key])?;
            return Ok(());
        };
        let mut statement = self.sql(
            "INSERT INTO timer (aggregate, key, due, tenant, account, region, shard) VALUES (?1, ?2, ?3, ?4, ?5, ?6, \
             ?7) ON CONFLICT (aggregate, key) DO UPDATE SET due = excluded.due",
        )?;
        let Scope { tenant, account, region } = owner.scope;
        statement.execute(params![row, timer.key, due.as_microsecond(), tenant, account, region, owner.shard])?;
        Ok(())
    }

    fn journal(
        &mut self,
        owner: &Owner<'_>,
        write: &AggregateWrite,
        (revision, body): (i64, Option<&Body>),
    ) -> Result<(), Failure> {
        let body = self.optional_columns(body, owner.scope)?;
        let seq = self.sequences.journal.draw();
        let mut statement = self.sql(
            "INSERT INTO journal (seq, tenant, account, region, shard, kind, uuid, revision, at, entropy, format, \
             body, payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?;
        let Scope { tenant, account, region } = owner.scope;
        let (kind, uuid, at) = (owner.id.kind.as_str(), owner.id.id.as_bytes(), write.at.as_microsecond());
        let (entropy, format, text, payload) = (&write.journal.entropy, body.format, body.text, body.payload);
        statement.execute(params![
            seq, tenant, account, region, owner.shard, kind, uuid, revision, at, entropy, format, text, payload
        ])?;
        Ok(())
    }

    fn effects_new(&mut self, write: &AggregateWrite, prepared: &Prepared) -> Result<Vec<u64>, Failure> {
        let owner = Owner::new(&write.scope, write.id);
        let Scope { tenant, account, region } = owner.scope;
        let (kind, uuid, at) = (owner.id.kind.as_str(), owner.id.id.as_bytes(), write.at.as_microsecond());
        let mut given = Vec::with_capacity(prepared.effects.len());
        for (effect, (body, recovery)) in prepared.turn.effects_new.iter().zip(&prepared.effects) {
            let body = self.columns(body, owner.scope)?;
            let seq = self.sequences.effect.draw();
            let mut statement = self.sql(
                "INSERT INTO effect (seq, tenant, account, region, shard, kind, uuid, id, at, recovery, format, body, \
                 payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            )?;
            let (id, format, text, payload) = (effect.id.as_bytes(), body.format, body.text, body.payload);
            let row = params![
                seq, tenant, account, region, owner.shard, kind, uuid, id, at, recovery, format, text, payload
            ];
            statement.execute(row).map_err(|error| match error.sqlite_error_code() {
                Some(ErrorCode::ConstraintViolation) => {
                    Failure::Turn(CommitError::Refused(format!("the effect id {} is taken", effect.id)))
                }
                _ => error.into(),
            })?;
            given.push(seq.unsigned_abs());
        }
        Ok(given)
    }

    fn effects_settled(&self, prepared: &Prepared) -> Result<(), Failure> {
        let at = prepared.turn.at().map(Timestamp::as_microsecond);
        for (settled, (body, status)) in prepared.turn.effects_settled.iter().zip(&prepared.outcomes) {
            let id = settled.id.as_bytes();
            let mut statement =
                self.sql("SELECT tenant, account, region FROM effect WHERE id = ?1 AND status = 0")?;
            let scope = statement.query_row([id], |row| {
                Ok(Scope { tenant: row.get(0)?, account: row.get(1)?, region: row.get(2)? })
            });
            let Some(scope) = scope.optional()? else { continue };
            let body = self.columns(body, &scope)?;
            let mut statement = self.sql(
                "UPDATE effect SET status = ?2, settled = ?3, outcome_format = ?4, outcome = ?5, outcome_payload = ?6 \
                 WHERE id = ?1",
            )?;
            statement.execute(params![id, status, at, body.format, body.text, body.payload])?;
        }
        Ok(())
    }

    fn inbox_new(&mut self, prepared: &Prepared) -> Result<Vec<u64>, Failure> {
        let mut given = Vec::with_capacity(prepared.inbox.len());
        for (input, body) in prepared.turn.inbox_new.iter().zip(&prepared.inbox) {
            let owner = Owner::new(&input.scope, input.aggregate);
            let body = self.columns(body, owner.scope)?;
            let seq = self.sequences.inbox.draw();
            let mut statement = self.sql(
                "INSERT INTO inbox (seq, tenant, account, region, shard, kind, uuid, at, format, body, payload) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?;
            let Scope { tenant, account, region } = owner.scope;
            let (kind, uuid, at) = (owner.id.kind.as_str(), owner.id.id.as_bytes(), input.at.as_microsecond());
            let (format, text, payload) = (body.format, body.text, body.payload);
            statement.execute(params![
                seq, tenant, account, region, owner.shard, kind, uuid, at, format, text, payload
            ])?;
            given.push(seq.unsigned_abs());
        }
        Ok(given)
    }

    fn optional_columns<'b>(&self, body: Option<&'b Body>, scope: &Scope) -> rusqlite::Result<Columns<'b>> {
        let none = Columns { format: None, text: None, payload: None };
        body.map_or(Ok(none), |body| self.columns(body, scope))
    }

    /// The columns of a body; one that is too large for its row is stored, unless its owner has the same already.
    fn columns<'b>(&self, body: &'b Body, scope: &Scope) -> rusqlite::Result<Columns<'b>> {
        let row_format = Some(Body::row_format());
        let (hash, format, bytes) = match body {
            Body::Inline(text) => return Ok(Columns { format: row_format, text: Some(text), payload: None }),
            Body::Payload { hash, format, bytes } => (hash, format, bytes),
        };
        let Scope { tenant, account, region } = scope;
        let mut statement = self
            .sql("SELECT id FROM payload WHERE tenant = ?1 AND account = ?2 AND region = ?3 AND hash = ?4")?;
        let found = statement.query_row(params![tenant, account, region, hash], |row| row.get(0)).optional()?;
        let payload = match found {
            Some(payload) => payload,
            None => self
                .sql("INSERT INTO payload (tenant, account, region, hash, format, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
                .insert(params![tenant, account, region, hash, format, bytes])?,
        };
        Ok(Columns { format: row_format, text: None, payload: Some(payload) })
    }
}

/// Reads columns 0 and 1 as `kind` and `uuid`.
pub(super) fn aggregate_id(row: &rusqlite::Row<'_>) -> rusqlite::Result<AggregateId> {
    aggregate_id_at(row, 0)
}

/// Reads two columns from `first` on as `kind` and `uuid`.
pub(super) fn aggregate_id_at(row: &rusqlite::Row<'_>, first: usize) -> rusqlite::Result<AggregateId> {
    let name: String = row.get(first)?;
    let kind = AggregateKind::parse(&name).ok_or_else(|| {
        let error = format!("`{name}` is no kind of aggregate that this version knows").into();
        rusqlite::Error::FromSqlConversionFailure(first, rusqlite::types::Type::Text, error)
    })?;
    Ok(AggregateId { kind, id: uuid::Uuid::from_bytes(row.get(first + 1)?) })
}
