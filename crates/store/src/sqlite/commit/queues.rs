//! What a turn asks of others: effects, settled effects, inputs.

use jiff::Timestamp;
use model::Scope;
use ports::store::{AggregateWrite, CommitError};
use rusqlite::{ErrorCode, OptionalExtension, params};
use uuid::Uuid;

use super::{Apply, Columns, Failure, Owner};
use crate::body::Body;
use crate::sqlite::encode::Prepared;

impl Apply<'_> {
    pub(super) fn effects_new(
        &mut self,
        write: &AggregateWrite,
        prepared: &Prepared,
    ) -> Result<Vec<u64>, Failure> {
        let owner = Owner::new(&write.scope, write.id);
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
        let mut given = Vec::with_capacity(prepared.effects.len());
        for (effect, (body, recovery)) in prepared.turn.effects_new.iter().zip(&prepared.effects) {
            let body = self.columns(body, owner.scope)?;
            let seq = self.sequences.effect.draw();
            let mut statement = self.sql(
                "INSERT INTO effect (seq, tenant, account, region, shard, kind, uuid, id, at, recovery, format, body, \
                 payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            )?;
            let (id, format, text, payload) =
                (effect.id.as_bytes(), body.format, body.text, body.payload);
            let row = params![
                seq,
                tenant,
                account,
                region,
                owner.shard,
                kind,
                uuid,
                id,
                at,
                recovery,
                format,
                text,
                payload
            ];
            statement
                .execute(row)
                .map_err(|error| match error.sqlite_error_code() {
                    Some(ErrorCode::ConstraintViolation) => Failure::Turn(CommitError::Refused(
                        format!("an effect with the id {} is open already", effect.id),
                    )),
                    _ => error.into(),
                })?;
            given.push(seq.unsigned_abs());
        }
        Ok(given)
    }

    pub(super) fn effects_settled(&self, prepared: &Prepared) -> Result<(), Failure> {
        let at = prepared.turn.at().map(Timestamp::as_microsecond);
        for (settled, (body, status)) in
            prepared.turn.effects_settled.iter().zip(&prepared.outcomes)
        {
            let id = settled.id.as_bytes();
            let body = match body {
                Body::Inline(text) => Columns::inline(text),
                // Stored under the owner of the effect, who need not be that of the turn.
                Body::Payload { .. } => match self.effect_scope(settled.id)? {
                    Some(scope) => self.columns(body, &scope)?,
                    None => continue,
                },
            };
            let mut statement = self.sql(
                "UPDATE effect SET status = ?2, settled = ?3, outcome_format = ?4, outcome = ?5, outcome_payload = ?6 \
                 WHERE id = ?1 AND status = 0",
            )?;
            statement.execute(params![
                id,
                status,
                at,
                body.format,
                body.text,
                body.payload
            ])?;
        }
        Ok(())
    }

    /// The owner of an effect that has no outcome yet.
    pub(super) fn effect_scope(&self, id: Uuid) -> Result<Option<Scope>, Failure> {
        let mut statement =
            self.sql("SELECT tenant, account, region FROM effect WHERE id = ?1 AND status = 0")?;
        let scope = statement.query_row([id.as_bytes()], |row| {
            Ok(Scope {
                tenant: row.get(0)?,
                account: row.get(1)?,
                region: row.get(2)?,
            })
        });
        Ok(scope.optional()?)
    }

    pub(super) fn inbox_new(&mut self, prepared: &Prepared) -> Result<Vec<u64>, Failure> {
        let mut given = Vec::with_capacity(prepared.inbox.len());
        for (input, body) in prepared.turn.inbox_new.iter().zip(&prepared.inbox) {
            let owner = Owner::new(&input.scope, input.aggregate);
            let body = self.columns(body, owner.scope)?;
            let seq = self.sequences.inbox.draw();
            let mut statement = self.sql(
                "INSERT INTO inbox (seq, tenant, account, region, shard, kind, uuid, at, format, body, payload) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?;
            let Scope {
                tenant,
                account,
                region,
            } = owner.scope;
            let (kind, uuid, at) = (
                owner.id.kind.as_str(),
                owner.id.id.as_bytes(),
                input.at.as_microsecond(),
            );
            let (format, text, payload) = (body.format, body.text, body.payload);
            statement.execute(params![
                seq,
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
            ])?;
            given.push(seq.unsigned_abs());
        }
        Ok(given)
    }
}
