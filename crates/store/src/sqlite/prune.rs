//! Deletes finished rows, a bounded number per call, and the payloads that nobody refers to any more.

use std::collections::BTreeSet;

use jiff::Timestamp;
use ports::limits::minutes_before;
use ports::store::Retention;
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::sequence::Sequences;

/// Deletes at most `limit` rows of each kind within the open transaction; answers how many went.
pub(super) fn prune(
    connection: &Connection,
    sequences: &Sequences,
    retention: &Retention,
    limit: usize,
) -> rusqlite::Result<u64> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX).max(1);
    let statements = [
        (
            retention.inbox_before,
            "DELETE FROM inbox WHERE seq IN (SELECT seq FROM inbox INDEXED BY inbox_done \
             WHERE done = 1 AND at < ?1 ORDER BY at LIMIT ?2)",
        ),
        (
            retention.effects_before,
            "DELETE FROM effect WHERE seq IN (SELECT seq FROM effect INDEXED BY effect_settled \
             WHERE status > 0 AND at < ?1 ORDER BY at LIMIT ?2)",
        ),
        (
            retention.claims_before,
            "DELETE FROM claim WHERE (tenant, account, family, key) IN (SELECT tenant, account, family, key \
             FROM claim INDEXED BY claim_expires WHERE expires IS NOT NULL AND expires < ?1 ORDER BY expires LIMIT ?2)",
        ),
    ];
    sequences.note(connection)?;
    let mut gone = 0;
    for (before, sql) in statements {
        if let Some(before) = before.map(Timestamp::as_microsecond) {
            gone += connection
                .prepare_cached(sql)?
                .execute(params![before, limit])?;
        }
    }
    if let Some(before) = retention.journal_before {
        gone += journal(connection, before.as_microsecond(), limit)?;
    }
    if let Some(before) = retention.measured_before {
        gone += measured(connection, minutes_before(before), limit)?;
    }
    gone += payloads(connection, limit)?;
    Ok(gone as u64)
}

/// Deletes at most `limit` events of an archive within the open transaction, the oldest first; answers how many went.
pub(super) fn prune_archive(
    connection: &Connection,
    archive: Uuid,
    before: Option<Timestamp>,
    limit: usize,
) -> rusqlite::Result<u64> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX).max(1);
    let before = before.map_or(i64::MAX, Timestamp::as_microsecond);
    let archive = archive.as_bytes();
    let mut delete = connection.prepare_cached(
        "DELETE FROM archived_event WHERE id IN (SELECT id FROM archived_event \
         WHERE archive = ?1 AND at < ?2 ORDER BY at, event LIMIT ?3) RETURNING size",
    )?;
    let sizes = delete.query_map(params![archive, before, limit], |row| row.get(0))?;
    let sizes = sizes.collect::<Result<Vec<i64>, _>>()?;
    if sizes.is_empty() {
        return Ok(0);
    }
    let events = i64::try_from(sizes.len()).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "UPDATE archive_total SET events = events - ?2, bytes = bytes - ?3 WHERE archive = ?1",
        )?
        .execute(params![archive, events, sizes.iter().sum::<i64>()])?;
    connection
        .prepare_cached("DELETE FROM archive_total WHERE archive = ?1 AND events <= 0")?
        .execute([archive])?;
    Ok(sizes.len() as u64)
}

/// Deletes journal rows, and forgets deleted aggregates with their last one.
fn journal(connection: &Connection, before: i64, limit: i64) -> rusqlite::Result<usize> {
    let mut delete = connection.prepare_cached(
        "DELETE FROM journal WHERE seq IN (SELECT seq FROM journal INDEXED BY journal_at \
         WHERE at < ?1 ORDER BY at LIMIT ?2) RETURNING aggregate",
    )?;
    let owners = delete.query_map(params![before, limit], |row| row.get(0))?;
    let owners = owners.collect::<Result<Vec<i64>, _>>()?;
    let gone = owners.len();
    let mut forget = connection.prepare_cached(
        "DELETE FROM aggregate_past WHERE aggregate = ?1 \
         AND NOT EXISTS (SELECT 1 FROM journal WHERE aggregate = ?1)",
    )?;
    for owner in owners.into_iter().collect::<BTreeSet<_>>() {
        forget.execute([owner])?;
    }
    Ok(gone)
}

/// Deletes minutes, and series with their last one.
fn measured(connection: &Connection, before: i64, limit: i64) -> rusqlite::Result<usize> {
    let mut delete = connection.prepare_cached(
        "DELETE FROM measured_minute WHERE (series, minute, part) IN (SELECT series, minute, part \
         FROM measured_minute INDEXED BY measured_minute_age WHERE minute < ?1 ORDER BY minute LIMIT ?2) \
         RETURNING series",
    )?;
    let series = delete.query_map(params![before, limit], |row| row.get(0))?;
    let series = series.collect::<Result<Vec<i64>, _>>()?;
    let gone = series.len();
    let mut forget = connection.prepare_cached(
        "DELETE FROM measured_series WHERE id = ?1 \
         AND NOT EXISTS (SELECT 1 FROM measured_minute WHERE series = ?1)",
    )?;
    for series in series.into_iter().collect::<BTreeSet<_>>() {
        forget.execute([series])?;
    }
    Ok(gone)
}

/// Looks at payloads that lost a reference and deletes those that have none left.
fn payloads(connection: &Connection, limit: i64) -> rusqlite::Result<usize> {
    let mut freed =
        connection.prepare_cached("SELECT payload FROM payload_freed ORDER BY payload LIMIT ?1")?;
    let freed: Vec<i64> = freed
        .query_map([limit], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut delete = connection.prepare_cached(
        "DELETE FROM payload WHERE id = ?1 \
         AND NOT EXISTS (SELECT 1 FROM resource WHERE payload = ?1) \
         AND NOT EXISTS (SELECT 1 FROM aggregate WHERE payload = ?1) \
         AND NOT EXISTS (SELECT 1 FROM frame WHERE payload = ?1) \
         AND NOT EXISTS (SELECT 1 FROM inbox WHERE payload = ?1) \
         AND NOT EXISTS (SELECT 1 FROM effect WHERE payload = ?1) \
         AND NOT EXISTS (SELECT 1 FROM effect WHERE outcome_payload = ?1) \
         AND NOT EXISTS (SELECT 1 FROM journal WHERE payload = ?1) \
         AND NOT EXISTS (SELECT 1 FROM archived_event WHERE payload = ?1)",
    )?;
    let mut done = connection.prepare_cached("DELETE FROM payload_freed WHERE payload = ?1")?;
    let mut gone = 0;
    for payload in freed {
        gone += delete.execute([payload])?;
        done.execute([payload])?;
    }
    Ok(gone)
}
