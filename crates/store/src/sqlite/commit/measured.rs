//! Minutes of series: added, never changed.

use ports::store::{MeasuredMinute, Series};
use rusqlite::{OptionalExtension, params};

use super::{Apply, Failure};
use crate::body::Body;
use crate::sqlite::encode::Prepared;

impl Apply<'_> {
    pub(super) fn measured(&self, prepared: &Prepared) -> Result<(), Failure> {
        let rows = prepared.turn.measured.iter().zip(&prepared.measured);
        for (MeasuredMinute { series, minute, .. }, text) in rows {
            let series = self.measured_series(series)?;
            self.sql(
                "INSERT INTO measured_minute (series, minute, part, format, body) VALUES (?1, ?2, \
                 (SELECT coalesce(max(part) + 1, 0) FROM measured_minute WHERE series = ?1 AND minute = ?2), ?3, ?4)",
            )?
            .execute(params![series, minute, Body::row_format(), text])?;
        }
        Ok(())
    }

    fn measured_series(&self, series: &Series) -> rusqlite::Result<i64> {
        let Series {
            scope,
            bus,
            rule,
            target,
        } = series;
        let (tenant, account, region) = (&scope.tenant, &scope.account, &scope.region);
        let name = params![tenant, account, region, bus, rule, target];
        let mut find = self.sql(
            "SELECT id FROM measured_series WHERE tenant = ?1 AND account = ?2 AND region = ?3 \
             AND bus = ?4 AND rule = ?5 AND target = ?6",
        )?;
        if let Some(found) = find.query_row(name, |row| row.get(0)).optional()? {
            return Ok(found);
        }
        self.sql(
            "INSERT INTO measured_series (tenant, account, region, bus, rule, target) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .insert(name)
    }
}
