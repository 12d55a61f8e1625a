//! SQLite and PostgreSQL, with migrations.
