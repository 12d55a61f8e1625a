//! One piece of code to run, and how it ended: the same for a document's script and for a function's package.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use uuid::Uuid;

use super::environment::Grant;

/// Code to run once, in a process of its own.
pub(crate) struct Job<'a> {
    /// Unique for the run; names its private directory.
    pub(crate) id: Uuid,
    /// Declared runtime, e.g. `python3.11`.
    pub(crate) runtime: &'a str,
    pub(crate) source: Source<'a>,
    pub(crate) handler: Handler<'a>,
    /// First argument of the handler: data, never spliced into the source.
    pub(crate) payload: &'a Value,
    /// Second argument of the handler.
    pub(crate) context: Value,
    /// More variables of the environment; those of the sandbox and of the grant go before them.
    pub(crate) environment: BTreeMap<String, String>,
    /// What of the world it may reach; `None` isolates it: no network, no credentials, no region.
    pub(crate) grant: Option<Grant<'a>>,
    pub(crate) limits: JobLimits,
}

/// Where the code is.
pub(crate) enum Source<'a> {
    /// The text of one module.
    Text(&'a str),
    /// An unpacked package, which the run may read and not change.
    Directory(&'a Path),
}

/// What is called.
#[derive(Clone, Copy)]
pub(crate) enum Handler<'a> {
    /// A function of the text's module, or `module.function` of the directory, as `aws:executeScript` calls it: the context is a dictionary, a list of more
    /// than 100 items is cut, the result has at most 100 KB.
    Script(&'a str),
    /// `module.function` of the directory, as Lambda calls it: the context is an object with the members of
    /// [`Job::context`] as attributes and `get_remaining_time_in_millis()`.
    Lambda(&'a str),
}

/// Limits of one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JobLimits {
    /// Wall-clock time in seconds, at least 1.
    pub(crate) seconds: u32,
    /// Address space in bytes.
    pub(crate) address_space: u64,
    /// Largest result, in bytes of JSON.
    pub(crate) result_bytes: usize,
    /// Bytes of output that are kept as log.
    pub(crate) log_bytes: usize,
    /// Room for files, in bytes; `None` is what the operator set for scripts.
    pub(crate) files_bytes: Option<u64>,
}

/// A run that was started and has ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) end: End,
    /// What it printed, from the beginning.
    pub(crate) log: String,
    /// Most memory that it had, in KiB, where it lived to say so.
    pub(crate) memory_kib: Option<u64>,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) enum End {
    /// The handler returned.
    Returned(Value),
    /// A function's handler returned bytes, which are its answer as they are: this text, be it JSON or not.
    Said(String),
    /// The handler, or the code around it, raised an exception; or what it returned cannot be taken.
    Raised {
        /// The exception's type.
        kind: String,
        /// Its text.
        message: String,
        /// The frames of the code, outermost first, as Python prints them.
        trace: Vec<String>,
        /// All of it for people, at most a few thousand characters.
        shown: String,
    },
    /// It was stopped at its time limit.
    TimedOut,
    /// The process ended without a result, for the reason given.
    Died(String),
}
