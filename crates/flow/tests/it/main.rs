//! Whole documents through the machine, in memory.

mod actions;
mod alarms;
mod asl;
mod bound_runs;
mod calls;
mod children;
mod corpora;
mod corpus;
mod diagnostics;
mod hostile;
mod language;
mod playbooks;
mod preview;
mod properties;
mod review;
mod survey;
mod undo;
mod waiting_actions;
mod world;

/// A folder of the third-party cases; says so where it is absent.
fn cases(area: &str) -> Option<std::path::PathBuf> {
    let folder = std::env::var_os("QUELL_CASES").map_or_else(
        || {
            std::path::PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../../shared/cases"
            ))
        },
        std::path::PathBuf::from,
    );
    let folder = folder.join(area);
    if !folder.is_dir() {
        println!(
            "not run: there is no {} (set QUELL_CASES)",
            folder.display()
        );
        return None;
    }
    Some(folder)
}
