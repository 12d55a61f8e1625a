//! The doors to functions: where their code lies, who runs them, and where their configuration is found.

use std::collections::BTreeSet;
use std::fmt;

use model::Scope;
use model::effect::FunctionCall;
use model::function::{Code, Version};

use crate::BoxFuture;

/// A version of a function as it is run.
#[derive(Debug, Clone, PartialEq)]
pub struct Configured {
    /// Name and id: what its secrets are sealed for.
    pub place: String,
    /// Code and configuration.
    pub version: Version,
    /// How many invocations of the function may run at once; `None` shares what all functions have.
    pub reserved: Option<u32>,
}

/// Why there is no version to be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfiguredError {
    /// It is not there.
    #[error("Function not found: {0}")]
    Missing(String),
    /// The store does not answer, or not with a function.
    #[error("the function cannot be read: {0}")]
    Unreadable(String),
}

/// Finds functions as they are configured now.
pub trait Functions: fmt::Debug + Send + Sync + 'static {
    /// One version (`$LATEST` or a number) of the function of a name.
    fn configured(
        &self,
        scope: Scope,
        function: String,
        version: String,
    ) -> BoxFuture<'static, Result<Configured, ConfiguredError>>;
}

/// What a function answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoked {
    /// Its answer, or its error: a JSON text.
    pub payload: String,
    /// Whether the function failed.
    pub failed: bool,
    /// The end of its log, at most 4 KiB.
    pub log_tail: Vec<u8>,
}

/// Why a function was not run to an end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// There is no such function or version.
    #[error("Function not found: {0}")]
    Missing(String),
    /// As many run as may.
    #[error("Rate Exceeded.")]
    Throttled {
        /// Whether it is the function's own limit.
        reserved: bool,
    },
    /// The role's session cannot be had.
    #[error("The role defined for the function cannot be assumed: {message}")]
    Role {
        /// Why.
        message: String,
        /// Whether it may be had soon.
        transient: bool,
    },
    /// This server cannot run it.
    #[error("{0}")]
    Broken(String),
}

/// What was counted of a function since the process started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FunctionCounts {
    /// Region of the function.
    pub region: String,
    /// Its name.
    pub function: String,
    /// Invocations whose code ran, to its end or to an error.
    pub invocations: u64,
    /// Those of them that ended in an error of the function.
    pub errors: u64,
    /// Invocations that found no place.
    pub throttles: u64,
    /// Invocations that this server could not run.
    pub faults: u64,
    /// How long the code ran, all invocations together, in microseconds.
    pub duration_micros: u64,
}

/// Runs functions.
pub trait Invoker: Send + Sync + 'static {
    /// Runs one version of a function once, to its end or its limit in time.
    fn invoke(&self, call: FunctionCall) -> BoxFuture<'static, Result<Invoked, InvokeError>>;
    /// What was counted of each function, in order of region and name.
    fn counts(&self) -> Vec<FunctionCounts>;
    /// The last bytes of a function's log; `None` where it has none yet.
    fn log(
        &self,
        scope: Scope,
        function: String,
        bytes: u64,
    ) -> BoxFuture<'static, Result<Option<Vec<u8>>, CodeError>>;
}

/// Limits of code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeLimits {
    /// Of one archive, in bytes.
    pub archive_bytes: u64,
    /// Of what is in one archive, in bytes.
    pub unpacked_bytes: u64,
    /// Of all archives together, in bytes.
    pub overall_bytes: u64,
    /// Functions that run at once.
    pub concurrent: usize,
}

/// Why code is not kept or not found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// No archive, or one with something in it that must not be unpacked.
    #[error("Could not unzip uploaded file: {0}")]
    Invalid(String),
    /// More than an archive may have.
    #[error("{0}")]
    TooLarge(String),
    /// More than all archives may have.
    #[error(
        "Code storage limit exceeded: at most {limit} bytes of code are kept; delete functions or versions that are not needed, or raise functions.code_storage_mib"
    )]
    Full {
        /// The limit in bytes.
        limit: u64,
    },
    /// The disk does not do it.
    #[error("the code cannot be kept: {0}")]
    Storage(String),
}

/// Where archives lie, by their digest.
pub trait CodeShelf: Send + Sync + 'static {
    /// What may be put there.
    fn limits(&self) -> CodeLimits;
    /// Checks an archive, unpacks it, and keeps both. Answered when they are durable.
    fn put(&self, archive: Vec<u8>) -> BoxFuture<'static, Result<Code, CodeError>>;
    /// An archive; `None` if there is none of this digest.
    fn get(&self, digest: String) -> BoxFuture<'static, Result<Option<Vec<u8>>, CodeError>>;
    /// How many bytes all archives have.
    fn bytes(&self) -> BoxFuture<'static, Result<u64, CodeError>>;
    /// Removes archives that are not among these and were not put there just now.
    fn keep_only(&self, digests: BTreeSet<String>) -> BoxFuture<'static, Result<u64, CodeError>>;
}
