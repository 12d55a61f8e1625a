//! Numbers of aggregates, inbox, effects and journal: drawn in memory by the one writer, so that no row costs a second
//! write; a number is never given twice, even when the newest rows are pruned.

use rusqlite::{Connection, params};

/// One growing number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sequence(i64);

impl Sequence {
    /// The next number. A turn that fails leaves a gap.
    pub(super) fn draw(&mut self) -> i64 {
        self.0 += 1;
        self.0
    }
}

/// The sequences.
#[derive(Debug)]
pub(super) struct Sequences {
    pub(super) aggregate: Sequence,
    pub(super) inbox: Sequence,
    pub(super) effect: Sequence,
    pub(super) journal: Sequence,
}

impl Sequences {
    /// Goes on behind the largest number in use or noted.
    pub(super) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let last = |table: &str, number: &str| {
            let sql = format!(
                "SELECT max(coalesce((SELECT max({number}) FROM {table}), 0), \
                 coalesce((SELECT value FROM sequence WHERE name = '{table}'), 0))"
            );
            connection
                .query_row(&sql, [], |row| row.get(0))
                .map(Sequence)
        };
        Ok(Self {
            aggregate: last("aggregate", "id")?,
            inbox: last("inbox", "seq")?,
            effect: last("effect", "seq")?,
            journal: last("journal", "seq")?,
        })
    }

    /// Notes the numbers given so far, in the transaction that may delete the newest rows.
    pub(super) fn note(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached(
            "INSERT INTO sequence (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )?;
        for (name, sequence) in [
            ("aggregate", self.aggregate),
            ("inbox", self.inbox),
            ("effect", self.effect),
            ("journal", self.journal),
        ] {
            statement.execute(params![name, sequence.0])?;
        }
        Ok(())
    }
}
