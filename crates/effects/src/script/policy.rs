//! What one script run may do, as the text that the launcher gets as its argument.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The walls around one run. Holds nothing secret: arguments of a process are visible to others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Policy {
    /// First arguments of the launcher, for its second stage.
    pub(crate) entry: Vec<String>,
    /// The process that asked; the run ends with it.
    pub(crate) parent: i32,
    /// Program to run inside, with its arguments.
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    /// The only directory that may be written.
    pub(crate) workdir: PathBuf,
    /// Files and directories that may be read.
    pub(crate) readable: Vec<PathBuf>,
    /// Whether the run gets a network namespace of its own, empty.
    pub(crate) no_network: bool,
    /// TCP ports that may be connected to.
    pub(crate) ports: Vec<u16>,
    pub(crate) file_size: u64,
    pub(crate) open_files: u64,
    pub(crate) processes: u64,
    /// CPU seconds.
    pub(crate) cpu: u64,
}

/// Which walls could be built here; the launcher's first line of output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Walls {
    /// Own user namespace: no capability over the host.
    pub(crate) user: bool,
    /// Own process namespace: nothing survives the run.
    pub(crate) processes: bool,
    /// Own, empty network namespace.
    pub(crate) network: bool,
    /// File access limited by Landlock.
    pub(crate) files: bool,
}
