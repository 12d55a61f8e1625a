//! The numbered migrations: the same versions with the same logical tables for both databases, written by hand for each.
//!
//! A released migration is never edited; a change is a new number.

/// One step of the schema.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Number, from 1 without gaps.
    pub version: i64,
    /// What it is about.
    pub name: &'static str,
    /// SQL for SQLite.
    pub sqlite: &'static str,
    /// SQL for PostgreSQL.
    pub postgres: &'static str,
}

/// All migrations in order.
pub const ALL: &[Migration] = &[
    Migration {
        version: 1,
        name: "initial",
        sqlite: include_str!("../migrations/sqlite/0001_initial.sql"),
        postgres: include_str!("../migrations/postgres/0001_initial.sql"),
    },
    Migration {
        version: 2,
        name: "measured",
        sqlite: include_str!("../migrations/sqlite/0002_measured.sql"),
        postgres: include_str!("../migrations/postgres/0002_measured.sql"),
    },
    Migration {
        version: 3,
        name: "archived",
        sqlite: include_str!("../migrations/sqlite/0003_archived.sql"),
        postgres: include_str!("../migrations/postgres/0003_archived.sql"),
    },
    Migration {
        version: 4,
        name: "lasting_claims",
        sqlite: include_str!("../migrations/sqlite/0004_lasting_claims.sql"),
        postgres: include_str!("../migrations/postgres/0004_lasting_claims.sql"),
    },
];

/// The newest schema version that this build knows.
#[must_use]
pub fn latest() -> i64 {
    ALL.last().map_or(0, |migration| migration.version)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn versions_grow_by_one() {
        let versions: Vec<i64> = ALL.iter().map(|migration| migration.version).collect();
        assert_eq!(versions, (1..=latest()).collect::<Vec<_>>());
    }

    /// Tables that only one database needs: SQLite keeps sequences by hand, PostgreSQL shares its shards by lease.
    const OWN: [&str; 2] = ["sequence", "shard_lease"];

    #[test]
    fn both_databases_have_the_same_tables_and_columns() {
        let mut all = 0;
        for migration in ALL {
            let found = columns(migration.sqlite);
            all += found.len();
            assert_eq!(
                found,
                columns(migration.postgres),
                "version {}",
                migration.version
            );
        }
        assert!(all > 50, "the parser of this test reads the schema");
    }

    fn columns(sql: &str) -> BTreeSet<(String, String)> {
        let mut found = BTreeSet::new();
        let mut table = None;
        for line in sql.lines() {
            if let Some(rest) = line.strip_prefix("CREATE TABLE ") {
                table = rest.split_whitespace().next();
            } else if line.starts_with(')') {
                table = None;
            } else if let Some(table) = table
                && let Some(column) = line.split_whitespace().next()
                && column.starts_with(|first: char| first.is_ascii_lowercase())
                && !OWN.contains(&table)
            {
                found.insert((table.to_owned(), column.to_owned()));
            }
        }
        found
    }
}
