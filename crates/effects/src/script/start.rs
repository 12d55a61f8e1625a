//! Starts processes behind the walls that stand here: interpreter, policy, launcher.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::net::{TcpListener, UnixStream};
use tokio::process::Command;

use super::launcher::PROBE;
use super::policy::{Policy, RELAY_PORT, Walls};
use super::process::{Door, PrivateDir, Waiting};
use super::root::TMP;
use crate::config::Scripts;

const HARNESS: &str = include_str!("harness.py");
/// Largest CPU time of a process in seconds, before its request lowers it: a function's quarter of an hour.
const MOST_CPU: u64 = 1000;

/// What a process is started with, apart from its request: processes of one profile are interchangeable.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Profile {
    /// The Python that runs the harness.
    pub(super) python: PathBuf,
    /// What it may read besides the interpreter and the operator's list.
    pub(super) readable: Vec<PathBuf>,
    /// Whether the run may have a way out. In a network of its own that is decided by the request.
    pub(super) networked: bool,
    /// Whether the interpreter needs the system's own root (PowerShell reads `/proc`).
    pub(super) bare: bool,
}

/// Starts processes.
pub(super) struct Starter {
    pub(super) scripts: Scripts,
    pub(super) walls: Walls,
    harness: PathBuf,
    count: AtomicU64,
}

impl Starter {
    /// Finds out which walls stand here, and writes the harness where every run can read it.
    pub(super) async fn new(scripts: Scripts) -> Result<Self, String> {
        let scratch = &scripts.scratch;
        let failed =
            |error: std::io::Error| format!("cannot write to `{}`: {error}", scratch.display());
        std::fs::create_dir_all(scratch).map_err(failed)?;
        let harness = scratch.canonicalize().map_err(failed)?.join("harness.py");
        write_once(&harness, HARNESS).map_err(failed)?;
        let walls = probe(&scripts).await?;
        Ok(Self {
            scripts,
            walls,
            harness,
            count: AtomicU64::new(0),
        })
    }

    /// Starts a process that waits for its request; `early`: it has time to get ready.
    pub(super) async fn start(&self, profile: &Profile, early: bool) -> Result<Waiting, String> {
        let scratch = &self.scripts.scratch;
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{number}", std::process::id());
        let home = PrivateDir::new(scratch, &name).map_err(|error| {
            format!(
                "cannot make a private directory in `{}`: {error}",
                scratch.display()
            )
        })?;
        let walls = Walls {
            root: self.walls.root && !profile.bare,
            ..self.walls
        };
        let (door, ports) = self.door(profile, walls).await?;
        let policy = self.policy(profile, walls, (&home, ports, early));
        let policy = serde_json::to_string(&policy)
            .map_err(|error| format!("cannot write the policy: {error}"))?;
        let (socket, input) = socket_pair()?;
        let written = if walls.root {
            Path::new(TMP)
        } else {
            home.path()
        };
        let written = written.display().to_string();
        let child = Command::new(&self.scripts.launcher)
            .args(&self.scripts.launcher_args)
            .arg(policy)
            .env_clear()
            .envs([
                ("PATH", "/usr/local/bin:/usr/bin:/bin"),
                ("LANG", "C.UTF-8"),
                ("TZ", "UTC"),
                ("HOME", &written),
                ("TMPDIR", &written),
            ])
            .current_dir(home.path())
            .process_group(0)
            .stdin(Stdio::from(input))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| {
                format!(
                    "cannot start `{}`: {error}",
                    self.scripts.launcher.display()
                )
            })?;
        Waiting::new(child, socket, door, home)
            .ok_or_else(|| "the script's process ended before it began".to_owned())
    }

    /// Where the relay will listen, and the ports that the process may connect to.
    async fn door(&self, profile: &Profile, walls: Walls) -> Result<(Door, Vec<u16>), String> {
        if walls.network {
            return Ok((Door::HandedOver, vec![RELAY_PORT]));
        }
        if !profile.networked {
            return Ok((Door::Closed, Vec::new()));
        }
        let failed = |error: std::io::Error| format!("cannot listen for the relay: {error}");
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        Ok((Door::Here(listener), vec![port]))
    }

    fn policy(
        &self,
        profile: &Profile,
        walls: Walls,
        (home, ports, early): (&PrivateDir, Vec<u16>, bool),
    ) -> Policy {
        let limits = &self.scripts.limits;
        let harness = self.harness.display().to_string();
        let arguments = ["-I", "-B", "-u", "-X", "utf8", &harness];
        let early = early.then_some("--early");
        Policy {
            entry: self.scripts.launcher_args.clone(),
            parent: nix::unistd::getpid().as_raw(),
            program: profile.python.clone(),
            arguments: arguments
                .into_iter()
                .chain(early)
                .map(str::to_owned)
                .collect(),
            workdir: home.path().to_path_buf(),
            readable: self.readable(profile),
            walls,
            ports,
            tmp_size: limits.tmp_size,
            file_size: limits.file_size,
            open_files: limits.open_files,
            processes: limits.processes,
            cpu: MOST_CPU,
        }
    }

    /// The harness, the interpreter's own installation (two levels above the binary, also behind a link), the operator's
    /// list, and what the profile needs.
    fn readable(&self, profile: &Profile) -> Vec<PathBuf> {
        let installation =
            |path: &Path| path.parent().and_then(Path::parent).map(Path::to_path_buf);
        let real = profile.python.canonicalize().ok();
        [Some(profile.python.as_path()), real.as_deref()]
            .into_iter()
            .flatten()
            .filter_map(installation)
            // `/bin/python` would open the whole file system; `/bin` itself is readable anyway.
            .filter(|path| path.parent().is_some())
            .chain([self.harness.clone()])
            .chain(self.scripts.readable.iter().cloned())
            .chain(profile.readable.iter().cloned())
            .collect()
    }
}

/// A connected pair: one end for this process, one as a child's standard input.
fn socket_pair() -> Result<(UnixStream, OwnedFd), String> {
    let failed = |error: std::io::Error| format!("cannot make a socket: {error}");
    let (ours, theirs) = StdStream::pair().map_err(failed)?;
    ours.set_nonblocking(true).map_err(failed)?;
    let ours = UnixStream::from_std(ours).map_err(failed)?;
    Ok((ours, OwnedFd::from(theirs)))
}

/// Writes a file in one step, so that a process that starts meanwhile reads the old one or the new one.
fn write_once(path: &Path, text: &str) -> std::io::Result<()> {
    if std::fs::read_to_string(path).is_ok_and(|have| have == text) {
        return Ok(());
    }
    let new = path.with_extension(format!("new-{}", std::process::id()));
    std::fs::write(&new, text)?;
    std::fs::rename(&new, path)
}

/// Lets the launcher build every wall around itself and say which stand.
async fn probe(scripts: &Scripts) -> Result<Walls, String> {
    let failed = |reason: String| {
        format!(
            "the sandbox `{}` cannot be tried: {reason}",
            scripts.launcher.display()
        )
    };
    let home = PrivateDir::new(&scripts.scratch, &format!("{}-probe", std::process::id()))
        .map_err(|error| failed(error.to_string()))?;
    let policy = Policy {
        entry: scripts.launcher_args.clone(),
        parent: nix::unistd::getpid().as_raw(),
        program: PathBuf::new(),
        arguments: Vec::new(),
        workdir: home.path().to_path_buf(),
        readable: scripts.readable.clone(),
        walls: Walls::default(),
        ports: Vec::new(),
        tmp_size: scripts.limits.tmp_size,
        file_size: scripts.limits.file_size,
        open_files: scripts.limits.open_files,
        processes: scripts.limits.processes,
        cpu: MOST_CPU,
    };
    let policy = serde_json::to_string(&policy).map_err(|error| failed(error.to_string()))?;
    let output = Command::new(&scripts.launcher)
        .args(&scripts.launcher_args)
        .arg(PROBE)
        .arg(policy)
        .env_clear()
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| failed(error.to_string()))?;
    let told = String::from_utf8_lossy(&output.stderr);
    for reason in told.lines() {
        tracing::debug!(reason, "a wall of the script sandbox cannot be built");
    }
    serde_json::from_slice(&output.stdout).map_err(|_| failed(told.trim().to_owned()))
}
