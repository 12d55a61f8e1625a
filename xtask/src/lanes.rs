//! Jobs in two lanes: most tests wait more than they compute, so two at a time use two cores well.

use std::collections::VecDeque;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Result, bail};

/// Jobs run at once.
const LANES: usize = 2;

/// A command with a name.
pub(crate) struct Job {
    name: String,
    command: Command,
}

impl Job {
    pub(crate) fn new(name: &str, command: Command) -> Self {
        Self {
            name: name.to_owned(),
            command,
        }
    }

    /// Runs to the end; answers whether it went well and what it printed.
    fn run(mut self) -> (String, bool, String) {
        let output = self.command.stdin(Stdio::null()).output();
        match output {
            Ok(output) => {
                let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
                text.push_str(&String::from_utf8_lossy(&output.stderr));
                (self.name, output.status.success(), text)
            }
            Err(error) => (self.name, false, error.to_string()),
        }
    }
}

/// Runs all jobs, prints what each printed as it ends, and fails if one failed.
pub(crate) fn run(jobs: Vec<Job>) -> Result<()> {
    let waiting = Mutex::new(VecDeque::from(jobs));
    let failed = Mutex::new(Vec::new());
    let next = || {
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.pop_front()
    };
    thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                while let Some(job) = next() {
                    let (name, well, text) = job.run();
                    // Held while printing, so that the outputs of two jobs do not mix.
                    let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                    println!(
                        "==== {name}: {}\n{text}",
                        if well { "passed" } else { "FAILED" }
                    );
                    if !well {
                        failed.push(name);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}
