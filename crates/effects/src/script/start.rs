//! Starts processes behind the walls that stand here: interpreter, policy, launcher.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::net::{TcpListener, UnixStream};
use tokio::process::Command;

use super::confine::SYSTEM;
use super::launcher::PROBE;
use super::policy::{Policy, RELAY_PORT, Walls};
use super::process::{Door, Waiting};
use super::root::TMP;
use super::scratch::{self, PrivateDir};
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
    /// Size of its private `/tmp`, and of its largest file, in bytes.
    pub(super) tmp_size: u64,
    pub(super) file_size: u64,
    /// Whether the run may have a way out. In a network of its own that is decided by the request.
    pub(super) networked: bool,
    /// Whether the interpreter makes Unix sockets for itself, as PowerShell does.
    pub(super) local_sockets: bool,
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
        let scratch = scratch.canonicalize().map_err(failed)?;
        keep_apart(&scripts, &scratch)?;
        scratch::sweep(&scratch);
        let harness = scratch.join("harness.py");
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
        let walls = self.walls;
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
            local_sockets: profile.local_sockets && walls.root && walls.network,
            tmp_size: profile.tmp_size,
            file_size: profile.file_size,
            open_files: limits.open_files,
            processes: limits.processes,
            cpu: MOST_CPU,
        }
    }

    /// The harness, the interpreter's own installation, the operator's list, and what the profile needs.
    fn readable(&self, profile: &Profile) -> Vec<PathBuf> {
        installation(&profile.python)
            .into_iter()
            .chain([self.harness.clone()])
            .chain(self.scripts.readable.iter().cloned())
            .chain(profile.readable.iter().cloned())
            .collect()
    }
}

/// What belongs to a Python whose binary lies in `bin` of its installation, also behind a link. Only its own folders: it
/// may be installed in a home, beside everything that its user has.
fn installation(python: &Path) -> Vec<PathBuf> {
    const PARTS: [&str; 6] = ["bin", "lib", "lib64", "pyvenv.cfg", "share/zoneinfo", "ssl"];
    let real = python.canonicalize().ok();
    [Some(python), real.as_deref()]
        .into_iter()
        .flatten()
        .filter_map(|path| path.parent().and_then(Path::parent))
        .flat_map(|prefix| PARTS.map(|part| prefix.join(part)))
        .filter(|path| path.exists())
        .collect()
}

/// Refuses to let scripts read the folder in which this server keeps its own files: database, keys, private folders.
fn keep_apart(scripts: &Scripts, scratch: &Path) -> Result<(), String> {
    let pythons = scripts.interpreters.values().chain([&scripts.python]);
    let shown = SYSTEM
        .iter()
        .map(PathBuf::from)
        .chain(pythons.flat_map(|python| installation(python)))
        .chain(scripts.readable.iter().cloned())
        .filter_map(|path| path.canonicalize().ok());
    // The folder that the scratch directory lies in is the server's.
    let own = scratch.parent().unwrap_or(scratch);
    match shown.into_iter().find(|path| own.starts_with(path)) {
        None => Ok(()),
        Some(path) => Err(format!(
            "scripts may read `{}`, and this server's own files are in it: keep them elsewhere than `{}`",
            path.display(),
            own.display()
        )),
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
        local_sockets: false,
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
