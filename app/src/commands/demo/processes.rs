//! The programs that the demo starts: moto, the mail server, Quell. Each in a process group of its own, so that all
//! of it can be ended, or left running.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// How long a program may take until it answers.
const START: Duration = Duration::from_secs(60);
/// How long Quell may take to stop.
const STOP: Duration = Duration::from_secs(20);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// A running program.
pub(crate) struct Program {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Starts a program; what it prints goes to `<dir>/<name>.log`.
    pub(crate) fn start(name: &'static str, command: &mut Command, dir: &Path) -> Result<Self> {
        let log = dir.join(format!("{name}.log"));
        let out = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .with_context(|| format!("{}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        Ok(Self { name, child, log })
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the program answers on its port; an early end is an error with the last lines of its log.
    pub(crate) async fn listening(&mut self, address: SocketAddr) -> Result<()> {
        self.answering(address, |address| {
            TcpStream::connect_timeout(&address, LOOK).is_ok()
        })
        .await
    }

    /// Waits until `GET /health` answers 200: a server that listens may still be recovering.
    pub(crate) async fn healthy(&mut self, address: SocketAddr) -> Result<()> {
        self.answering(address, |address| {
            health(address).is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
        })
        .await
    }

    async fn answering(&mut self, address: SocketAddr, look: fn(SocketAddr) -> bool) -> Result<()> {
        let tries = START.as_millis() / LOOK.as_millis();
        for _ in 0..tries {
            if let Some(status) = self.child.try_wait()? {
                bail!(
                    "{} ended at its start ({status}):\n{}",
                    self.name,
                    self.last_lines()
                );
            }
            if look(address) {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
        bail!(
            "{} does not answer on {address}:\n{}",
            self.name,
            self.last_lines()
        )
    }

    fn last_lines(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }

    /// Ends the program and everything it started; first politely.
    pub(crate) fn end(&mut self) {
        let Ok(group) = i32::try_from(self.child.id()) else {
            return;
        };
        let _ = killpg(Pid::from_raw(group), Signal::SIGTERM);
        let tries = STOP.as_millis() / LOOK.as_millis();
        for _ in 0..tries {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            pause();
        }
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

/// What the server on this machine says of its health.
fn health(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, LOOK)?;
    stream.set_read_timeout(Some(LOOK * 20))?;
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(4096).read_to_string(&mut answer)?;
    Ok(answer)
}

#[expect(
    clippy::disallowed_methods,
    reason = "waits for a child at the very end, outside the async runtime's work"
)]
fn pause() {
    std::thread::sleep(LOOK);
}

/// A port that is free now.
pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("no free port")?;
    Ok(listener.local_addr()?.port())
}

/// The moto server of the virtual environment, or of the PATH.
pub(crate) fn find_tool(name: &str) -> Result<PathBuf> {
    let venv = std::env::var_os("QUELL_VENV")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(".venv"));
    let inside = venv.join("bin").join(name);
    if inside.is_file() {
        return std::fs::canonicalize(venv.join("bin"))
            .map(|bin| bin.join(name))
            .context("the virtual environment");
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|candidate| candidate.is_file());
    found.with_context(|| {
        format!("`{name}` was not found in {} or on the PATH: run `cargo xtask setup`, or `pip install 'moto[server]' awscli boto3`", venv.display())
    })
}
