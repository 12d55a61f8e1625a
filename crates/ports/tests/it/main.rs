//! Tests of the reference store: the suite that every store has to pass, and the store that dies on demand.

mod faulty;

async fn subject() -> (ports::MemoryStore, ()) {
    (ports::MemoryStore::new(), ())
}

ports::store_suite!(subject);

#[test]
fn the_whole_suite_can_run_as_one() {
    ports::suite::block_on(ports::suite::run(subject));
}
