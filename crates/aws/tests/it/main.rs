//! The crate's integration tests: conformance suites of third parties, and properties.

#![expect(
    clippy::unwrap_used,
    clippy::too_many_lines,
    reason = "a test that cannot go on stops, and a table of cases is best in one place"
)]

mod bodies;
mod boto3_shape;
mod calls;
mod classes;
mod client;
mod client_account;
mod client_pages;
mod corpora;
mod differential;
mod endpoint_calls;
mod endpoint_rules;
mod endpoints;
mod inbound;
mod knowledge;
mod made;
mod models;
mod models_against_botocore;
mod models_damaged;
mod permissions;
mod presign;
mod properties;
mod protocol_input;
mod protocol_output;
mod protocols;
mod sigv4_suite;
mod verifier;

use std::path::PathBuf;

/// A folder of third-party cases, or `None` with a note when it is absent.
fn cases(folder: &str) -> Option<PathBuf> {
    let root = std::env::var_os("QUELL_CASES").map_or_else(
        || {
            PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../../shared/cases"
            ))
        },
        PathBuf::from,
    );
    let path = root.join(folder);
    if path.is_dir() {
        return Some(path);
    }
    println!("not run: no folder `{}`; set QUELL_CASES", path.display());
    None
}
