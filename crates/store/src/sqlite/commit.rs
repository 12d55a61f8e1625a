//! One turn into one open transaction. What does not hold is found before it is written; what fails while writing is
//! undone by the writer, which holds a savepoint per turn.

mod aggregate;
mod archived;
mod claims;
mod measured;
mod queues;
mod resources;

use model::{AggregateId, AggregateKind, Scope};
use ports::store::{CommitError, Committed};
use rusqlite::{CachedStatement, Connection, ErrorCode, OptionalExtension, params};
use uuid::Uuid;

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
            Some(ErrorCode::ConstraintViolation | ErrorCode::TooBig) => Self::Turn(
                CommitError::Refused(format!("the database refuses it: {error}")),
            ),
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
        Self {
            scope,
            id,
            shard: i64::from(id.shard()),
        }
    }
}

/// A body's columns: `format`, `body`, `payload`.
struct Columns<'a> {
    format: Option<i64>,
    text: Option<&'a str>,
    payload: Option<i64>,
}

impl<'a> Columns<'a> {
    fn inline(text: &'a str) -> Self {
        Self {
            format: Some(Body::row_format()),
            text: Some(text),
            payload: None,
        }
    }
}

/// Where an aggregate stands.
struct Found {
    row: i64,
    revision: i64,
}

impl Apply<'_> {
    pub(super) fn turn(&mut self, prepared: &Prepared) -> Result<Committed, Failure> {
        let turn = &prepared.turn;
        let found = turn
            .aggregate
            .as_ref()
            .map(|write| self.find_aggregate(write))
            .transpose()?
            .flatten();
        self.claims(turn)?;
        let mut committed = Committed {
            resources: self.resources(prepared)?,
            ..Committed::default()
        };
        if let Some(write) = &turn.aggregate {
            self.aggregate(write, found, prepared)?;
            committed.effects = self.effects_new(write, prepared)?;
        }
        self.effects_settled(prepared)?;
        for seq in &turn.inbox_done {
            let mut statement =
                self.sql("UPDATE inbox SET done = 1 WHERE seq = ?1 AND done = 0")?;
            statement.execute([i64::try_from(*seq).unwrap_or(0)])?;
        }
        committed.inbox = self.inbox_new(prepared)?;
        self.archived(prepared)?;
        self.measured(prepared)?;
        Ok(committed)
    }

    fn sql(&self, text: &str) -> rusqlite::Result<CachedStatement<'_>> {
        self.connection.prepare_cached(text)
    }

    fn optional_columns<'b>(
        &self,
        body: Option<&'b Body>,
        scope: &Scope,
    ) -> rusqlite::Result<Columns<'b>> {
        let none = Columns {
            format: None,
            text: None,
            payload: None,
        };
        body.map_or(Ok(none), |body| self.columns(body, scope))
    }

    /// The columns of a body; one that is too large for its row is stored, unless its owner has the same already.
    fn columns<'b>(&self, body: &'b Body, scope: &Scope) -> rusqlite::Result<Columns<'b>> {
        let row_format = Some(Body::row_format());
        let (hash, format, bytes) = match body {
            Body::Inline(text) => return Ok(Columns::inline(text)),
            Body::Payload {
                hash,
                format,
                bytes,
            } => (hash, format, bytes),
        };
        let Scope {
            tenant,
            account,
            region,
        } = scope;
        let mut statement = self
            .sql("SELECT id FROM payload WHERE tenant = ?1 AND account = ?2 AND region = ?3 AND hash = ?4")?;
        let found = statement
            .query_row(params![tenant, account, region, hash], |row| row.get(0))
            .optional()?;
        let payload = match found {
            Some(payload) => payload,
            None => self
                .sql("INSERT INTO payload (tenant, account, region, hash, format, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
                .insert(params![tenant, account, region, hash, format, bytes])?,
        };
        Ok(Columns {
            format: row_format,
            text: None,
            payload: Some(payload),
        })
    }
}

/// Reads columns 0 and 1 as `kind` and `uuid`.
pub(super) fn aggregate_id(row: &rusqlite::Row<'_>) -> rusqlite::Result<AggregateId> {
    aggregate_id_at(row, 0)
}

/// Reads two columns from `first` on as `kind` and `uuid`.
pub(super) fn aggregate_id_at(
    row: &rusqlite::Row<'_>,
    first: usize,
) -> rusqlite::Result<AggregateId> {
    let name: String = row.get(first)?;
    let kind = AggregateKind::parse(&name).ok_or_else(|| {
        let error = format!("`{name}` is no kind of aggregate that this version knows").into();
        rusqlite::Error::FromSqlConversionFailure(first, rusqlite::types::Type::Text, error)
    })?;
    Ok(AggregateId {
        kind,
        id: Uuid::from_bytes(row.get(first + 1)?),
    })
}
