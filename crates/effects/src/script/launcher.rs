//! The sandbox's launcher: builds the walls around itself, then becomes the script's interpreter.
//!
//! It is a program of its own (Quell re-executed with a hidden subcommand) because what happens between `fork` and
//! `exec` in a process with threads must be async-signal-safe, and these steps are not. Two stages:
//!
//! 1. outside: die with the parent, set resource limits, enter new namespaces and a new root, hand the relay's door to
//!    Quell, start stage 2 as the first process in them, wait. When stage 1 or stage 2 dies, the kernel kills all that
//!    the script has started.
//! 2. inside: give up capabilities, limit files and ports by Landlock, filter system calls, start the interpreter, wait.
//!
//! Where the system permits no namespaces, both stages happen in one process that executes the interpreter. Which walls
//! can be built, a probe finds out before; a wall that was asked for and cannot be built ends the run before it began.

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command, ExitCode, ExitStatus};

use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use nix::unistd::{geteuid, getppid};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};

use super::policy::{Policy, Walls};
use super::syscalls::Around;
use super::{confine, namespaces, root, syscalls};

/// Exit code for a sandbox that could not be built, as opposed to one in which the script failed.
pub(crate) const EXIT_SANDBOX: u8 = 125;
/// First argument of stage 2.
const INSIDE: &str = "--inside";
/// First argument of the probe.
pub(super) const PROBE: &str = "--probe";

/// Runs the launcher; `args` are those after the hidden subcommand. Call it first in `main`, before any thread starts:
/// a process with threads cannot enter a user namespace.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<String> = args
        .into_iter()
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    let done = match args.as_slice() {
        [probe, policy] if probe == PROBE => read(policy).and_then(|policy| try_walls(&policy)),
        [policy] => read(policy).and_then(|policy| outside(&policy)),
        [inside, policy] if inside == INSIDE => read(policy).and_then(|policy| within(&policy)),
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
    no_new_privileges()?;
    limit(policy)?;
    prefer_for_killing();
    // Later, in a root of its own, the program could not find itself.
    let program = itself()?;
    namespaces::enter(policy.walls)?;
    if policy.walls.network {
        namespaces::hand_over(&namespaces::open_loopback()?)?;
    }
    if policy.walls.root {
        root::enter(policy, &program)?;
    }
    if !policy.walls.processes {
        restrict(policy)?;
        return Err(cannot_start(policy, &interpreter(policy).exec()));
    }
    Command::new(program)
        .args(&policy.entry)
        .arg(INSIDE)
        .arg(json(policy)?)
        .status()
        .map_err(|error| format!("cannot start inside the sandbox: {error}"))
}

fn within(policy: &Policy) -> Result<ExitStatus, String> {
    die_with_parent()?;
    if policy.walls.counted {
        // Counted per namespace: outside of one it would count every process of the user.
        setrlimit(Resource::RLIMIT_NPROC, policy.processes, policy.processes)
            .map_err(|error| format!("cannot limit processes: {error}"))?;
    }
    restrict(policy)?;
    interpreter(policy)
        .status()
        .map_err(|error| cannot_start(policy, &error))
}

/// The last walls: from here on this process may do no more than the script.
fn restrict(policy: &Policy) -> Result<(), String> {
    give_up_capabilities()?;
    let version = confine::files_and_ports(policy)?;
    if version < policy.walls.landlock {
        return Err("Landlock was there at the start and is not any more".to_owned());
    }
    if policy.walls.syscalls {
        syscalls::restrict(Around {
            processes: policy.walls.processes,
            local_sockets: policy.local_sockets,
        })?;
    }
    Ok(())
}

/// Without "no new privileges" a root's would come back at `exec`.
fn give_up_capabilities() -> Result<(), String> {
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None, none).map_err(|error| format!("cannot give up capabilities: {error}"))
}

fn no_new_privileges() -> Result<(), String> {
    prctl::set_no_new_privs().map_err(|error| format!("cannot give up gaining privileges: {error}"))
}

fn itself() -> Result<PathBuf, String> {
    std::env::current_exe().map_err(|error| format!("cannot find its own program: {error}"))
}

/// Builds every wall around itself, reports which stand, and ends.
fn try_walls(policy: &Policy) -> Result<ExitStatus, String> {
    die_with_parent()?;
    no_new_privileges()?;
    let program = itself()?;
    let is_root = geteuid().is_root();
    let mut reasons = Vec::new();
    let mut walls = Walls::default();
    // With a user namespace; as a root that may not have one, without; or with none of them.
    for user in [true, false] {
        let wanted = Walls {
            user,
            processes: true,
            network: true,
            ..Walls::default()
        };
        match namespaces::enter(wanted) {
            Ok(()) => {
                walls = wanted;
                break;
            }
            Err(reason) => reasons.push(reason),
        }
    }
    let mut stands =
        |built: Result<(), String>| built.map_err(|reason| reasons.push(reason)).is_ok();
    walls.counted = walls.user && !is_root;
    if walls.processes {
        walls.network = stands(namespaces::open_loopback().map(drop));
        walls.root = stands(root::enter(policy, &program));
    }
    walls.landlock = confine::files_and_ports(&Policy {
        walls,
        ..policy.clone()
    })
    .unwrap_or_default();
    walls.syscalls = stands(syscalls::restrict(Around {
        processes: walls.processes,
        local_sockets: false,
    }));
    writeln!(std::io::stdout(), "{}", json(&walls)?)
        .map_err(|error| format!("cannot report: {error}"))?;
    for reason in reasons {
        let _ = writeln!(std::io::stderr(), "{reason}");
    }
    Ok(ExitStatus::default())
}

fn interpreter(policy: &Policy) -> Command {
    let mut command = Command::new(&policy.program);
    command.args(&policy.arguments);
    // In a root of its own it is in the private folder already.
    if !policy.walls.root {
        command.current_dir(&policy.workdir);
    }
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

/// The kernel kills this process when the thread that started it ends.
fn die_with_parent() -> Result<(), String> {
    prctl::set_pdeathsig(Signal::SIGKILL)
        .map_err(|error| format!("cannot bind its life to its parent's: {error}"))
}

/// When memory runs out, the kernel ends scripts before it ends anything else. Where `/proc` cannot be written to, it
/// chooses as it does for everybody.
fn prefer_for_killing() {
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
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
