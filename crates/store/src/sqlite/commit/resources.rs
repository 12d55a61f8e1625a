//! Resources: compared with what the writer expects, then written one after another.

use model::resource::Expect;
use ports::store::{CommitError, ResourceWrite};
use rusqlite::{OptionalExtension, params};

use super::{Apply, Failure, Found};
use crate::body::Body;
use crate::sqlite::encode::Prepared;

impl Apply<'_> {
    pub(super) fn resources(&self, prepared: &Prepared) -> Result<Vec<u64>, Failure> {
        let writes = prepared.turn.resources.iter().zip(&prepared.resources);
        writes
            .map(|(write, body)| self.resource(write, body.as_ref()))
            .collect()
    }

    pub(super) fn resource(
        &self,
        write: &ResourceWrite,
        body: Option<&Body>,
    ) -> Result<u64, Failure> {
        let ResourceWrite {
            scope,
            kind,
            name,
            expect,
            ..
        } = write;
        let found = self.find_resource(write)?;
        let revision = found
            .as_ref()
            .and_then(|found| u64::try_from(found.revision).ok());
        let holds = match expect {
            Expect::Any => true,
            Expect::Absent => revision.is_none(),
            Expect::Revision(expected) => revision == Some(*expected),
        };
        if !holds {
            return Err(CommitError::ResourceConflict {
                kind: kind.clone(),
                name: name.clone(),
                found: revision,
            }
            .into());
        }
        let at = write.at.as_microsecond();
        match (body, found) {
            (None, None) => Ok(0),
            (None, Some(found)) => {
                self.sql("DELETE FROM resource WHERE id = ?1")?
                    .execute([found.row])?;
                Ok(0)
            }
            (Some(body), Some(found)) => {
                let body = self.columns(body, scope)?;
                let mut statement = self.sql(
                    "UPDATE resource SET revision = ?2, updated = ?3, format = ?4, body = ?5, payload = ?6 WHERE id = ?1",
                )?;
                let next = found.revision + 1;
                statement.execute(params![
                    found.row,
                    next,
                    at,
                    body.format,
                    body.text,
                    body.payload
                ])?;
                Ok(next.unsigned_abs())
            }
            (Some(body), None) => self.insert_resource(write, body),
        }
    }

    fn insert_resource(&self, write: &ResourceWrite, body: &Body) -> Result<u64, Failure> {
        let ResourceWrite {
            scope, kind, name, ..
        } = write;
        let at = write.at.as_microsecond();
        let body = self.columns(body, scope)?;
        let mut statement = self.sql(
                    "INSERT INTO resource (kind, tenant, account, region, name, revision, created, updated, format, \
                     body, payload) VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?6, ?7, ?8, ?9)",
                )?;
        let (tenant, account, region) = (&scope.tenant, &scope.account, &scope.region);
        let (format, text, payload) = (body.format, body.text, body.payload);
        statement.execute(params![
            kind, tenant, account, region, name, at, format, text, payload
        ])?;
        Ok(1)
    }

    fn find_resource(&self, write: &ResourceWrite) -> Result<Option<Found>, Failure> {
        let ResourceWrite {
            scope, kind, name, ..
        } = write;
        let mut statement = self.sql(
            "SELECT id, revision FROM resource \
             WHERE kind = ?1 AND tenant = ?2 AND account = ?3 AND region = ?4 AND name = ?5",
        )?;
        let found = statement.query_row(
            params![kind, scope.tenant, scope.account, scope.region, name],
            |row| {
                Ok(Found {
                    row: row.get(0)?,
                    revision: row.get(1)?,
                })
            },
        );
        Ok(found.optional()?)
    }
}
