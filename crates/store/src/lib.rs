//! SQLite and PostgreSQL, with migrations.
//!
//! [`SqliteStore`] is the embedded store of one node. PostgreSQL's schema is written beside SQLite's, version by
//! version ([`migrations`]). [`key_file`] keeps the keys of secrets at rest beside the database. Knows SQL and the trait `ports::Store`; knows no machine and no meaning of any body.

mod body;
pub mod key_file;
pub mod migrations;
pub mod sqlite;

pub use sqlite::{OpenError, Options, SqliteStore, Stats};
