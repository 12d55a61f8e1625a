//! Tests of the embedded store.

mod golden;
mod group;
mod kill;
mod opening;
mod postgres;
mod scratch;

ports::store_suite!(scratch::subject);
