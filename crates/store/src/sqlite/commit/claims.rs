//! Unique claims: given back, then taken.

use jiff::Timestamp;
use ports::store::{ClaimKey, CommitError, NewClaim, Turn};
use rusqlite::{OptionalExtension, params};

use super::{Apply, Failure, Owner, aggregate_id};

impl Apply<'_> {
    pub(super) fn claims(&self, turn: &Turn) -> Result<(), Failure> {
        if let Some(write) = &turn.aggregate {
            for key in &turn.releases {
                let mut statement = self.sql(
                    "DELETE FROM claim WHERE tenant = ?1 AND account = ?2 AND family = ?3 AND key = ?4 \
                     AND uuid = ?5 AND kind = ?6",
                )?;
                let ClaimKey { scope, family, key } = key;
                let (uuid, kind) = (write.id.id.as_bytes(), write.id.kind.as_str());
                statement.execute(params![
                    scope.tenant,
                    scope.account,
                    family,
                    key,
                    uuid,
                    kind
                ])?;
            }
        }
        let at = turn.at().map(Timestamp::as_microsecond);
        turn.claims.iter().try_for_each(|new| self.claim(new, at))
    }

    pub(super) fn claim(&self, new: &NewClaim, at: Option<i64>) -> Result<(), Failure> {
        let ClaimKey { scope, family, key } = &new.claim;
        let mut statement = self.sql(
            "SELECT kind, uuid FROM claim WHERE tenant = ?1 AND account = ?2 AND family = ?3 AND key = ?4 \
             AND (expires IS NULL OR ?5 IS NULL OR expires > ?5)",
        )?;
        let held = statement.query_row(
            params![scope.tenant, scope.account, family, key, at],
            aggregate_id,
        );
        if let Some(holder) = held.optional()?
            && holder != new.holder
        {
            return Err(CommitError::Claimed {
                claim: Box::new(new.claim.clone()),
                holder,
            }
            .into());
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
            scope.tenant,
            scope.account,
            family,
            key,
            scope.region,
            owner.shard,
            kind,
            uuid,
            expires
        ])?;
        Ok(())
    }
}
