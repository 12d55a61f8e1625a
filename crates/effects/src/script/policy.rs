//! What one run may do, as the text that the launcher gets as its argument, and which walls this system permits.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Port at which a run finds the relay in a network namespace of its own.
pub(crate) const RELAY_PORT: u16 = 3128;

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
    /// The only directory that may be written; where the run has a root of its own, what that is mounted on.
    pub(crate) workdir: PathBuf,
    /// Files and directories that may be read.
    pub(crate) readable: Vec<PathBuf>,
    /// The walls to build: those that the probe could build here.
    pub(crate) walls: Walls,
    /// TCP ports that may be connected to.
    pub(crate) ports: Vec<u16>,
    /// Whether Unix sockets may be made; only where none of the system's can be seen.
    pub(crate) local_sockets: bool,
    /// Size of the private `/tmp` in bytes, where the run has a root of its own.
    pub(crate) tmp_size: u64,
    pub(crate) file_size: u64,
    pub(crate) open_files: u64,
    pub(crate) processes: u64,
    /// CPU seconds, at most.
    pub(crate) cpu: u64,
}

/// Which walls this system permits: found by a probe, and then built for every run or the run fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walls {
    /// User namespace: no capability over the host.
    pub user: bool,
    /// Processes are counted, so that their limit holds. Root's are not.
    pub counted: bool,
    /// Process, mount, network, message and host name namespaces: nothing survives the run, other processes cannot be
    /// seen or signalled.
    pub processes: bool,
    /// Root file system of its own: nothing but what may be read, and a private `/tmp`.
    pub root: bool,
    /// Empty network namespace, with the relay as its only way out.
    pub network: bool,
    /// Version of Landlock's interface; 0 without Landlock. Files from 1, TCP ports from 4, signals and abstract sockets
    /// from 6.
    pub landlock: u8,
    /// Filter of system calls.
    pub syscalls: bool,
}

impl Walls {
    /// The walls that are missing, in words; empty where all stand.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        [
            (
                !self.user,
                "no user namespace: a script has what this server's user may do, as far as no other wall stops it",
            ),
            (
                !self.counted,
                "the kernel does not count a script's processes (it needs a user namespace, and a server that does not run as root): \
                 a script can start any number until its time limit",
            ),
            (
                !self.processes,
                "no process namespace: a script sees other processes; it cannot leave its process group, by which it is killed",
            ),
            (
                !self.root,
                "no root of its own: a script's private folder lies on the disk and has no size, other files are shut off by Landlock \
                 only",
            ),
            (
                !self.network,
                "no network namespace: a script is kept from other addresses by Landlock only, which knows ports and no hosts: \
                 it can connect past the relay to any host that listens at the relay's port",
            ),
            (
                self.landlock < 1,
                "no Landlock: a script can read what this server's user can read, unless it has a root of its own",
            ),
            (
                self.landlock < 4,
                "no Landlock for TCP (Linux 6.7): without a network namespace a script can connect to any address",
            ),
            (
                self.landlock < 6,
                "no Landlock for signals (Linux 6.12): without a process namespace a script can signal this server",
            ),
            (
                !self.syscalls,
                "no filter of system calls: a script can ask the kernel for anything a user may",
            ),
        ]
        .into_iter()
        .filter_map(|(missing, text)| missing.then_some(text))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_told() {
        let all = Walls {
            user: true,
            counted: true,
            processes: true,
            root: true,
            network: true,
            landlock: 7,
            syscalls: true,
        };
        assert_eq!(all.missing(), Vec::<&str>::new());
        assert_eq!(Walls::default().missing().len(), 9);
        let older = Walls { landlock: 4, ..all };
        assert_eq!(older.missing().len(), 1);
        assert!(older.missing()[0].contains("6.12"));
    }
}
