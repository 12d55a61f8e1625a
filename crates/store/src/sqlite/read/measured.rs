//! Minutes of series, and which series there are.

use model::Scope;
use ports::store::{MeasuredQuery, MeasuredRow, Series};
use rusqlite::{Connection, Row, params};

use super::{Answer, body, failed, rows, scope};
use crate::sqlite::statements::{MEASURED, SERIES, SERIES_FIRST};

pub(in crate::sqlite) fn measured(
    connection: &Connection,
    query: &MeasuredQuery,
) -> Answer<Vec<MeasuredRow>> {
    let Series {
        scope,
        bus,
        rule,
        target,
    } = &query.series;
    let (behind, part) = query.after.unwrap_or((i64::MIN, i64::MIN));
    let mut statement = connection.prepare_cached(MEASURED).map_err(failed)?;
    let wanted = params![
        scope.tenant,
        scope.account,
        scope.region,
        bus,
        rule,
        target,
        query.from,
        query.until,
        behind,
        part,
        rows(query.limit)
    ];
    let found = statement.query_map(wanted, |row| {
        Ok(MeasuredRow {
            number: (row.get(0)?, row.get(1)?),
            body: body(row, 2)?,
        })
    });
    found
        .map_err(failed)?
        .collect::<Result<_, _>>()
        .map_err(failed)
}

pub(in crate::sqlite) fn series(
    connection: &Connection,
    owner: &Scope,
    after: Option<&Series>,
    limit: usize,
) -> Answer<Vec<Series>> {
    let (tenant, account, region) = (&owner.tenant, &owner.account, &owner.region);
    let limit = rows(limit);
    let sql = after.map_or(SERIES_FIRST, |_| SERIES);
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let found = match after {
        None => statement.query_map(params![tenant, account, region, limit], series_row),
        Some(after) => {
            let Series {
                scope: _,
                bus,
                rule,
                target,
            } = after;
            statement.query_map(
                params![tenant, account, region, bus, rule, target, limit],
                series_row,
            )
        }
    };
    found
        .map_err(failed)?
        .collect::<Result<_, _>>()
        .map_err(failed)
}

fn series_row(row: &Row<'_>) -> rusqlite::Result<Series> {
    Ok(Series {
        scope: scope(row, 0)?,
        bus: row.get(3)?,
        rule: row.get(4)?,
        target: row.get(5)?,
    })
}
