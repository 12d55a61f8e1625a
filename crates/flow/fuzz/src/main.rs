//! The libFuzzer driver: runs the target named in `QUELL_FUZZ_TARGET`. `cargo xtask fuzz` builds and starts it.

#![no_main]

#[path = "../../tests/it/asl/bucket.rs"]
mod bucket;
#[path = "../../tests/it/asl/spread.rs"]
mod spread;
#[path = "../targets.rs"]
mod targets;
#[path = "../../tests/it/asl/world.rs"]
mod world;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<targets::Target> = LazyLock::new(|| {
    let name = std::env::var("QUELL_FUZZ_TARGET").unwrap_or_default();
    let found = targets::TARGETS.iter().find(|(have, _)| *have == name);
    let Some((_, target)) = found else {
        panic!("QUELL_FUZZ_TARGET is `{name}`; start the fuzzer by `cargo xtask fuzz`");
    };
    *target
});

fuzz_target!(|data: &[u8]| TARGET(data));
