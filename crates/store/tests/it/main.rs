//! Tests of the embedded store.

mod scratch;

ports::store_suite!(scratch::subject);
