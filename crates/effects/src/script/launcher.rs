//! The sandbox's launcher: builds the walls around itself, then becomes the script's interpreter.
//!
//! It is a program of its own (Quell re-executed with a hidden subcommand) because what happens between `fork` and
//! `exec` in a process with threads must be async-signal-safe, and these steps are not. Two stages:
//!
//! 1. outside: die with the parent, set resource limits, enter new namespaces, start stage 2 as the first process in
//!    them, wait. When stage 1 or stage 2 dies, the kernel kills all that the script has started.
//! 2. inside: limit files and ports by Landlock, start the interpreter, wait.
//!
//! Where the system permits no namespaces, both stages happen in one process that executes the interpreter.

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitCode, ExitStatus};

use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use nix::unistd::{getegid, geteuid, getppid};

use super::confine;
use super::policy::{Policy, Walls};

/// Exit code for a sandbox that could not be built, as opposed to one in which the script failed.
pub(crate) const EXIT_SANDBOX: u8 = 125;
const INSIDE: &str = "--inside";
/// Id of user and group within the namespace. Not 0: a process that is not root loses its capabilities at `exec`.
const INNER_ID: u32 = 1000;

/// Runs the launcher; `args` are those after the hidden subcommand. Call it first in `main`, before any thread starts:
/// a process with threads cannot enter a user namespace.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<String> = args
        .into_iter()
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    let done = match args.as_slice() {
        [policy] => read(policy).and_then(|policy| outside(&policy)),
        [inside, walls, policy] if inside == INSIDE => {
            read(policy).and_then(|policy| within(&policy, walls))
        }
        _ => Err("started without a policy: this subcommand is for Quell's own use".to_owned()),
    };
    match done {
        Ok(status) => exit_code(status),
        Err(reason) => {
            // Printing can fail only when nobody listens any more.
            let _ = writeln!(std::io::stderr(), "script sandbox: {reason}");
            ExitCode::from(EXIT_SANDBOX)
        }
    }
}

fn read(text: &str) -> Result<Policy, String> {
    serde_json::from_str(text).map_err(|error| format!("cannot read the policy: {error}"))
}

fn exit_code(status: ExitStatus) -> ExitCode {
    // As shells report it: 128 and the signal's number.
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

fn outside(policy: &Policy) -> Result<ExitStatus, String> {
    die_with_parent()?;
    if getppid().as_raw() != policy.parent {
        return Err("the process that asked for this script has ended".to_owned());
    }
    prctl::set_no_new_privs()
        .map_err(|error| format!("cannot give up gaining privileges: {error}"))?;
    limit(policy)?;
    let walls = enter_namespaces(policy.no_network);
    if !walls.processes {
        return Err(become_script(policy, walls));
    }
    let program =
        std::env::current_exe().map_err(|error| format!("cannot find its own program: {error}"))?;
    Command::new(program)
        .args(&policy.entry)
        .arg(INSIDE)
        .arg(json(&walls)?)
        .arg(json(policy)?)
        .status()
        .map_err(|error| format!("cannot start inside the sandbox: {error}"))
}

fn within(policy: &Policy, walls: &str) -> Result<ExitStatus, String> {
    die_with_parent()?;
    let walls: Walls =
        serde_json::from_str(walls).map_err(|error| format!("cannot read the walls: {error}"))?;
    if walls.user {
        // Counted per namespace: outside of one it would count every process of the user.
        setrlimit(Resource::RLIMIT_NPROC, policy.processes, policy.processes)
            .map_err(|error| format!("cannot limit processes: {error}"))?;
    }
    prepare(policy, walls)?;
    interpreter(policy)
        .status()
        .map_err(|error| cannot_start(policy, &error))
}

/// Without a process namespace there is nobody to wait inside; returns only if it failed.
fn become_script(policy: &Policy, walls: Walls) -> String {
    match prepare(policy, walls) {
        Ok(()) => cannot_start(policy, &interpreter(policy).exec()),
        Err(reason) => reason,
    }
}

fn prepare(policy: &Policy, mut walls: Walls) -> Result<(), String> {
    walls.files = confine::files_and_ports(policy)?;
    let line = json(&walls)?;
    writeln!(std::io::stdout(), "{line}").map_err(|error| format!("cannot report: {error}"))
}

fn interpreter(policy: &Policy) -> Command {
    let mut command = Command::new(&policy.program);
    command.args(&policy.arguments).current_dir(&policy.workdir);
    command
}

fn cannot_start(policy: &Policy, error: &std::io::Error) -> String {
    format!(
        "cannot start the interpreter `{}`: {error}",
        policy.program.display()
    )
}

fn json<T: serde::Serialize>(value: &T) -> Result<String, String> {
    serde_json::to_string(value).map_err(|error| format!("cannot write a policy: {error}"))
}

fn die_with_parent() -> Result<(), String> {
    prctl::set_pdeathsig(Signal::SIGKILL)
        .map_err(|error| format!("cannot bind its life to its parent's: {error}"))
}

fn limit(policy: &Policy) -> Result<(), String> {
    for (resource, name, limit) in [
        (Resource::RLIMIT_FSIZE, "file size", policy.file_size),
        (Resource::RLIMIT_NOFILE, "open files", policy.open_files),
        (Resource::RLIMIT_CPU, "cpu time", policy.cpu),
        (Resource::RLIMIT_CORE, "core dumps", 0),
    ] {
        let (_, hard) = nix::sys::resource::getrlimit(resource)
            .map_err(|error| format!("cannot read the limit of {name}: {error}"))?;
        let limit = limit.min(hard);
        setrlimit(resource, limit, limit)
            .map_err(|error| format!("cannot limit {name}: {error}"))?;
    }
    Ok(())
}

/// Enters as many namespaces as the system permits: with a user namespace, without one (as root), or none.
fn enter_namespaces(no_network: bool) -> Walls {
    let mut flags = CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWIPC;
    if no_network {
        flags |= CloneFlags::CLONE_NEWNET;
    }
    let (user, group) = (geteuid(), getegid());
    let with_user = unshare(flags | CloneFlags::CLONE_NEWUSER).is_ok();
    if with_user {
        // Without a map the process is nobody in its namespace, which is less, not more, than it needs.
        let _ = std::fs::write("/proc/self/setgroups", "deny");
        let _ = std::fs::write("/proc/self/uid_map", format!("{INNER_ID} {user} 1"));
        let _ = std::fs::write("/proc/self/gid_map", format!("{INNER_ID} {group} 1"));
    }
    let entered = with_user || unshare(flags).is_ok();
    Walls {
        user: with_user,
        processes: entered,
        network: entered && no_network,
        files: false,
    }
}
