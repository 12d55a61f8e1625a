//! Every read of the trait, as one or two statements within one read transaction.

mod archived;
mod measured;

pub(super) use archived::{archive_size, archived};
pub(super) use measured::{measured, series};

use jiff::Timestamp;
use model::resource::Resource;
use model::{AggregateId, Scope};
use ports::StoreError;
use ports::limits::{from_micros, page};
use ports::store::{
    ClaimKey, EffectRow, Frames, InboxRow, JournalEntry, JournalRow, Marks, NewEffect, NewInput,
    Query, ResourceQuery, Stored, TimerRow,
};
use rusqlite::types::{Type, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use super::commit::{aggregate_id, aggregate_id_at};
use super::encode::JournalIn;
use super::readers::failed;
use super::statements::*;
use crate::body::{decode_inline, decode_payload};

type Answer<T> = Result<T, StoreError>;

pub(super) fn load(
    connection: &Connection,
    id: AggregateId,
    frames: &Frames,
) -> Answer<Option<Stored>> {
    let mut statement = connection.prepare_cached(ROOT).map_err(failed)?;
    let found = statement.query_row(params![id.id.as_bytes(), id.kind.as_str()], |row| {
        Ok((stored(row)?, row.get::<_, i64>(11)?))
    });
    let Some((mut stored, row)) = found.optional().map_err(failed)? else {
        return Ok(None);
    };
    match frames {
        Frames::All => stored.frames.extend(prefixed(connection, row, "")?),
        Frames::Prefix(prefix) => stored.frames = prefixed(connection, row, prefix)?,
        Frames::Range { from, until } => {
            stored.frames = range(connection, row, (from, Some(until)))?;
        }
        Frames::Without(prefix) => {
            stored
                .frames
                .extend(range(connection, row, ("", Some(prefix)))?);
            if let Some(behind) = behind_prefix(prefix) {
                stored
                    .frames
                    .extend(range(connection, row, (&behind, None))?);
            }
        }
        Frames::RootAnd(keys) => {
            let mut keys: Vec<&str> = keys
                .iter()
                .map(String::as_str)
                .filter(|key| !key.is_empty())
                .collect();
            keys.sort_unstable();
            keys.dedup();
            for key in keys {
                stored.frames.extend(frame(connection, row, key)?);
            }
        }
    }
    Ok(Some(stored))
}

fn frame(connection: &Connection, row: i64, key: &str) -> Answer<Option<(String, Value)>> {
    let mut statement = connection.prepare_cached(FRAME).map_err(failed)?;
    let found = statement
        .query_row(params![row, key], |row| body(row, 0))
        .optional()
        .map_err(failed)?;
    Ok(found.map(|value| (key.to_owned(), value)))
}

fn prefixed(connection: &Connection, row: i64, prefix: &str) -> Answer<Vec<(String, Value)>> {
    range(connection, row, (prefix, behind_prefix(prefix).as_deref()))
}

/// The frames from one key until before another.
fn range(
    connection: &Connection,
    row: i64,
    (from, until): (&str, Option<&str>),
) -> Answer<Vec<(String, Value)>> {
    let mut statement = connection.prepare_cached(FRAMES).map_err(failed)?;
    let rows = statement.query_map(params![row, from, until], |row| {
        Ok((row.get(4)?, body(row, 0)?))
    });
    rows.map_err(failed)?
        .collect::<Result<_, _>>()
        .map_err(failed)
}

pub(super) fn list(connection: &Connection, query: &Query) -> Answer<Vec<Stored>> {
    let Scope {
        tenant,
        account,
        region,
    } = &query.scope;
    let (created, id) = query.before.map_or((i64::MAX, Uuid::max()), |(at, id)| {
        (at.as_microsecond(), id)
    });
    let (kind, id, limit) = (query.kind.as_str(), id.as_bytes(), rows(query.limit));
    let page = if let Some(entry) = &query.index {
        let mut statement = connection.prepare_cached(LIST_INDEXED).map_err(failed)?;
        let wanted = params![
            tenant,
            account,
            kind,
            region,
            created,
            id,
            limit,
            entry.name,
            entry.value
        ];
        let page = statement.query_map(wanted, stored).map_err(failed)?;
        page.collect::<Result<_, _>>()
    } else {
        let mut statement = connection.prepare_cached(LIST_ALL).map_err(failed)?;
        let wanted = params![tenant, account, kind, region, created, id, limit];
        let page = statement.query_map(wanted, stored).map_err(failed)?;
        page.collect::<Result<_, _>>()
    };
    page.map_err(failed)
}

/// An aggregate with its root frame.
fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    let root = if row.get_ref(7)? == ValueRef::Null {
        None
    } else {
        Some((String::new(), body(row, 7)?))
    };
    Ok(Stored {
        id: aggregate_id(row)?,
        scope: scope(row, 2)?,
        revision: number(row, 5)?,
        created: instant(row, 6)?,
        frames: root.into_iter().collect(),
    })
}

pub(super) fn marks(connection: &Connection) -> Answer<Marks> {
    let highest = |sql: &str| {
        let mut statement = connection.prepare_cached(sql).map_err(failed)?;
        statement
            .query_row([], |row| number(row, 0))
            .map_err(failed)
    };
    Ok(Marks {
        inbox: highest(INBOX_MARK)?,
        effects: highest(EFFECTS_MARK)?,
    })
}

pub(super) fn inbox(connection: &Connection, after: u64, limit: usize) -> Answer<Vec<InboxRow>> {
    let mut statement = connection.prepare_cached(INBOX).map_err(failed)?;
    let pending = statement.query_map(params![signed(after), rows(limit)], |row| {
        let input = NewInput {
            aggregate: aggregate_id(row)?,
            scope: scope(row, 2)?,
            body: body(row, 7)?,
            at: instant(row, 6)?,
        };
        Ok(InboxRow {
            seq: number(row, 5)?,
            input,
        })
    });
    pending
        .map_err(failed)?
        .collect::<Result<_, _>>()
        .map_err(failed)
}

pub(super) fn effects(connection: &Connection, after: u64, limit: usize) -> Answer<Vec<EffectRow>> {
    let mut statement = connection.prepare_cached(EFFECTS).map_err(failed)?;
    let (limit, mut after) = (page(limit), after);
    let mut found = Vec::new();
    while found.len() < limit {
        let wanted = params![signed(after), rows(limit - found.len())];
        let mut pending = statement.query(wanted).map_err(failed)?;
        let before = after;
        while let Some(row) = pending.next().map_err(failed)? {
            after = number(row, 5).map_err(failed)?;
            match effect(row) {
                Ok(effect) => found.push(effect),
                // Left as it is: a newer program may read it, and the others must not wait for it. What it says may be
                // secret, so that the reason is not told.
                Err(_) => tracing::error!(
                    effect.seq = after,
                    "a stored effect cannot be read; it stays without an outcome"
                ),
            }
        }
        if after == before {
            break;
        }
    }
    Ok(found)
}

fn effect(row: &Row<'_>) -> rusqlite::Result<EffectRow> {
    let recovery: String = row.get(12)?;
    let recovery =
        serde_json::from_str(&recovery).map_err(|error| unreadable(12, error.to_string()))?;
    let effect = NewEffect {
        id: uuid(row, 11)?,
        command: body(row, 7)?,
        recovery,
    };
    let (aggregate, scope) = (aggregate_id(row)?, scope(row, 2)?);
    Ok(EffectRow {
        seq: number(row, 5)?,
        effect,
        aggregate,
        scope,
        at: instant(row, 6)?,
    })
}

pub(super) fn timers(
    connection: &Connection,
    until: Timestamp,
    limit: usize,
) -> Answer<Vec<TimerRow>> {
    let mut statement = connection.prepare_cached(TIMERS).map_err(failed)?;
    let due = statement.query_map(params![until.as_microsecond(), rows(limit)], |row| {
        Ok(TimerRow {
            aggregate: aggregate_id(row)?,
            scope: scope(row, 2)?,
            due: instant(row, 5)?,
            key: row.get(6)?,
        })
    });
    due.map_err(failed)?
        .collect::<Result<_, _>>()
        .map_err(failed)
}

pub(super) fn journal(
    connection: &Connection,
    aggregate: Option<AggregateId>,
    after: u64,
    limit: usize,
) -> Answer<Vec<JournalRow>> {
    let (after, limit) = (signed(after), page(limit));
    let Some(id) = aggregate else {
        let mut statement = connection.prepare_cached(JOURNAL_ALL).map_err(failed)?;
        let turns = statement.query_map(params![after, rows(limit)], journal_row);
        return turns
            .map_err(failed)?
            .collect::<Result<_, _>>()
            .map_err(failed);
    };
    let mut turns = Vec::new();
    // Numbers grow, so that what an earlier bearer of the id did comes first.
    for number in numbers(connection, id)? {
        if turns.len() < limit {
            let mut statement = connection.prepare_cached(JOURNAL_ONE).map_err(failed)?;
            let wanted = params![after, rows(limit - turns.len()), number];
            let more = statement.query_map(wanted, journal_row).map_err(failed)?;
            for turn in more {
                turns.push(turn.map_err(failed)?);
            }
        }
    }
    Ok(turns)
}

/// The numbers under which the journal of an aggregate stands: of its deleted forerunners, then its own.
fn numbers(connection: &Connection, id: AggregateId) -> Answer<Vec<i64>> {
    let mut numbers = Vec::new();
    for sql in [NUMBER_PAST, NUMBER_PRESENT] {
        let mut statement = connection.prepare_cached(sql).map_err(failed)?;
        let wanted = params![id.id.as_bytes(), id.kind.as_str()];
        for number in statement
            .query_map(wanted, |row| row.get(0))
            .map_err(failed)?
        {
            numbers.push(number.map_err(failed)?);
        }
    }
    Ok(numbers)
}

fn journal_row(row: &Row<'_>) -> rusqlite::Result<JournalRow> {
    let JournalIn { inputs, facts } = body(row, 6)?;
    Ok(JournalRow {
        seq: number(row, 2)?,
        aggregate: aggregate_id_at(row, 0)?,
        revision: number(row, 3)?,
        at: instant(row, 4)?,
        entry: JournalEntry {
            entropy: row.get(5)?,
            inputs,
            facts,
        },
    })
}

pub(super) fn claim(
    connection: &Connection,
    key: &ClaimKey,
    at: Timestamp,
) -> Answer<Option<AggregateId>> {
    let ClaimKey { scope, family, key } = key;
    let mut statement = connection.prepare_cached(CLAIM).map_err(failed)?;
    let wanted = params![
        scope.tenant,
        scope.account,
        family,
        key,
        at.as_microsecond()
    ];
    statement
        .query_row(wanted, aggregate_id)
        .optional()
        .map_err(failed)
}

pub(super) fn lasting_claims(
    connection: &Connection,
    family: &str,
    after: &str,
    limit: usize,
) -> Answer<Vec<(String, AggregateId)>> {
    let mut statement = connection.prepare_cached(LASTING_CLAIMS).map_err(failed)?;
    let wanted = params![family, after, rows(page(limit))];
    let held = statement.query_map(wanted, |row| Ok((row.get(2)?, aggregate_id(row)?)));
    held.map_err(failed)?
        .collect::<Result<_, _>>()
        .map_err(failed)
}

pub(super) fn resource(
    connection: &Connection,
    owner: &Scope,
    kind: &str,
    name: &str,
) -> Answer<Option<Resource>> {
    let mut statement = connection.prepare_cached(RESOURCE).map_err(failed)?;
    let wanted = params![kind, owner.tenant, owner.account, owner.region, name];
    statement
        .query_row(wanted, resource_row)
        .optional()
        .map_err(failed)
}

pub(super) fn resources(connection: &Connection, query: &ResourceQuery) -> Answer<Vec<Resource>> {
    let nowhere = Scope {
        tenant: String::new(),
        account: String::new(),
        region: String::new(),
    };
    let (behind, after) = query
        .after
        .as_ref()
        .map_or((&nowhere, ""), |(scope, name)| (scope, name.as_str()));
    let (sql, owner) = query
        .scope
        .as_ref()
        .map_or((RESOURCES_EVERYBODY, behind), |scope| {
            (RESOURCES_ONE, scope)
        });
    let Scope {
        tenant,
        account,
        region,
    } = owner;
    let (prefix, limit) = (&query.prefix, rows(query.limit));
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let wanted = params![
        query.kind,
        tenant,
        account,
        region,
        prefix,
        after,
        behind_prefix(prefix),
        limit
    ];
    let found = statement.query_map(wanted, resource_row).map_err(failed)?;
    found.collect::<Result<_, _>>().map_err(failed)
}

fn resource_row(row: &Row<'_>) -> rusqlite::Result<Resource> {
    Ok(Resource {
        scope: scope(row, 0)?,
        kind: row.get(3)?,
        name: row.get(4)?,
        revision: number(row, 5)?,
        created: instant(row, 6)?,
        updated: instant(row, 7)?,
        body: body(row, 8)?,
    })
}

/// The body whose four columns begin at `first`.
fn body<T: DeserializeOwned>(row: &Row<'_>, first: usize) -> rusqlite::Result<T> {
    let decoded = match row.get_ref(first + 1)? {
        ValueRef::Text(text) => {
            let text = std::str::from_utf8(text)
                .map_err(|error| unreadable(first + 1, error.to_string()))?;
            decode_inline(row.get(first)?, text)
        }
        _ => match row.get_ref(first + 3)? {
            ValueRef::Blob(bytes) => decode_payload(row.get(first + 2)?, bytes),
            _ => Err("the payload of a row is missing".to_owned()),
        },
    };
    decoded.map_err(|error| unreadable(first + 1, error))
}

fn scope(row: &Row<'_>, first: usize) -> rusqlite::Result<Scope> {
    Ok(Scope {
        tenant: row.get(first)?,
        account: row.get(first + 1)?,
        region: row.get(first + 2)?,
    })
}

fn uuid(row: &Row<'_>, column: usize) -> rusqlite::Result<Uuid> {
    row.get(column).map(Uuid::from_bytes)
}

fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::unsigned_abs)
}

fn instant(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    let micros = row.get(column)?;
    from_micros(micros).ok_or_else(|| unreadable(column, format!("{micros} is no instant")))
}

fn unreadable(column: usize, error: String) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn rows(limit: usize) -> i64 {
    i64::try_from(page(limit)).unwrap_or(i64::MAX)
}

/// The first text behind all that begin with `prefix`; `None` when there is no such text. Text is ordered by its bytes,
/// which for UTF-8 is the order of its characters.
fn behind_prefix(prefix: &str) -> Option<String> {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        let next = match last {
            '\u{d7ff}' => Some('\u{e000}'),
            other => char::from_u32(u32::from(other) + 1),
        };
        if let Some(next) = next {
            text.push(next);
            return Some(text);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_before_the_next_character() {
        let cases = [
            ("", None),
            ("a", Some("b")),
            ("a/", Some("a0")),
            ("a\u{10ffff}", Some("b")),
            ("\u{10ffff}", None),
            ("\u{d7ff}", Some("\u{e000}")),
        ];
        for (prefix, want) in cases {
            assert_eq!(behind_prefix(prefix).as_deref(), want, "{prefix:?}");
        }
    }
}
