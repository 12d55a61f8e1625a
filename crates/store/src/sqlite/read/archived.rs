//! Events of archives, and what an archive holds.

use ports::store::{ArchiveQuery, ArchiveSize, ArchivedRow};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::{Answer, failed, instant, number, rows, unreadable, uuid};
use crate::body::{inline_text, payload_text};
use crate::sqlite::statements::{ARCHIVE_TOTAL, ARCHIVED};

pub(in crate::sqlite) fn archived(
    connection: &Connection,
    query: &ArchiveQuery,
) -> Answer<Vec<ArchivedRow>> {
    let (at, event) = query.after.map_or((i64::MIN, Uuid::nil()), |(at, event)| {
        (at.as_microsecond(), event)
    });
    let mut statement = connection.prepare_cached(ARCHIVED).map_err(failed)?;
    let wanted = params![
        query.archive.as_bytes(),
        query.from.as_microsecond(),
        query.until.as_microsecond(),
        at,
        event.as_bytes(),
        rows(query.limit)
    ];
    let mut found = statement.query(wanted).map_err(failed)?;
    let (mut events, mut left) = (Vec::new(), query.bytes);
    while let Some(row) = found.next().map_err(failed)? {
        // Looked at before the text is read: a page has a bound whatever the events' sizes are.
        let size = usize::try_from(number(row, 6).map_err(failed)?).unwrap_or(usize::MAX);
        if !events.is_empty() && size > left {
            break;
        }
        left = left.saturating_sub(size);
        events.push(archived_row(row).map_err(failed)?);
    }
    Ok(events)
}

fn archived_row(row: &Row<'_>) -> rusqlite::Result<ArchivedRow> {
    Ok(ArchivedRow {
        at: instant(row, 4)?,
        event: uuid(row, 5)?,
        text: text(row, 0)?,
    })
}

/// The text whose four columns begin at `first`.
fn text(row: &Row<'_>, first: usize) -> rusqlite::Result<String> {
    let decoded = match row.get_ref(first + 1)? {
        ValueRef::Text(text) => std::str::from_utf8(text)
            .map_err(|error| error.to_string())
            .and_then(|text| inline_text(row.get(first).unwrap_or_default(), text)),
        _ => match row.get_ref(first + 3)? {
            ValueRef::Blob(bytes) => payload_text(row.get(first + 2)?, bytes),
            _ => Err("the payload of a row is missing".to_owned()),
        },
    };
    decoded.map_err(|error| unreadable(first + 1, error))
}

pub(in crate::sqlite) fn archive_size(
    connection: &Connection,
    archive: Uuid,
) -> Answer<ArchiveSize> {
    let mut statement = connection.prepare_cached(ARCHIVE_TOTAL).map_err(failed)?;
    let total = statement.query_row([archive.as_bytes()], |row| {
        Ok(ArchiveSize {
            events: number(row, 0)?,
            bytes: number(row, 1)?,
        })
    });
    Ok(total.optional().map_err(failed)?.unwrap_or_default())
}
