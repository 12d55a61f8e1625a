//! A run's process: its private directory, its pipes, its time limit, and the killing of all that it started.

use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;

/// How long output is still read after the process has ended and what it started was killed.
const DRAIN: Duration = Duration::from_secs(2);

/// A directory of one run, removed with all that is in it.
pub(super) struct PrivateDir(PathBuf);

impl PrivateDir {
    /// Makes a directory that only this user can enter.
    pub(super) fn new(scratch: &Path, name: &str) -> std::io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        std::fs::create_dir_all(scratch)?;
        let scratch = scratch.canonicalize()?;
        // The name is unique; an attempt before may have left its directory.
        for attempt in 0..100_u32 {
            let path = scratch.join(format!("script-{name}-{attempt}"));
            match std::fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(std::io::Error::new(
            std::io::ErrorKind::AlreadyExists,
            "a hundred attempts left their directories: remove them",
        ))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for PrivateDir {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "cannot remove the directory of a script");
        }
    }
}

/// A started child whose whole process group is killed when this is dropped.
pub(super) struct Running {
    child: Child,
    group: Pid,
}

/// What came out of a process.
pub(super) struct Output {
    pub(super) result: String,
    pub(super) log: String,
    pub(super) log_cut: bool,
    pub(super) code: Option<i32>,
    pub(super) timed_out: bool,
}

/// How long a process may run, and how much of its output is kept, in bytes.
#[derive(Clone, Copy)]
pub(super) struct OutputLimits {
    pub(super) time: Duration,
    pub(super) result_bytes: usize,
    pub(super) log_bytes: usize,
}

impl Running {
    /// `None`: the process had ended before it began.
    pub(super) fn new(child: Child) -> Option<Self> {
        let group = child.id().and_then(|id| i32::try_from(id).ok())?;
        Some(Self {
            child,
            group: Pid::from_raw(group),
        })
    }

    /// Gives it its request and waits for its end. `None`: it was started without pipes.
    pub(super) async fn finish(mut self, request: String, limits: OutputLimits) -> Option<Output> {
        let mut stdin = self.child.stdin.take()?;
        let (stdout, stderr) = (self.child.stdout.take()?, self.child.stderr.take()?);
        let mut result = Capture::new(limits.result_bytes);
        let mut log = Capture::new(limits.log_bytes);
        let feed = async {
            // A script that ends early does not read to the end, which is its right.
            let _ = stdin.write_all(request.as_bytes()).await;
            drop(stdin);
        };
        let mut status = None;
        let mut timed_out = false;
        {
            let output = async { tokio::join!(feed, result.read(stdout), log.read(stderr)) };
            tokio::pin!(output);
            let end = tokio::time::sleep(limits.time);
            tokio::pin!(end);
            let mut closed = false;
            while status.is_none() && !timed_out {
                tokio::select! {
                    ended = self.child.wait() => status = Some(ended),
                    _ = &mut output, if !closed => closed = true,
                    () = &mut end => timed_out = true,
                }
            }
            self.kill_group();
            if !closed {
                let _ = tokio::time::timeout(DRAIN, &mut output).await;
            }
        }
        if timed_out {
            let _ = self.child.wait().await;
        }
        let code = status.and_then(Result::ok).and_then(|status| status.code());
        Some(Output {
            result: result.text(),
            log_cut: log.cut,
            log: log.text(),
            code,
            timed_out,
        })
    }

    fn kill_group(&self) {
        // An error means that no process of the group is left.
        let _ = killpg(self.group, Signal::SIGKILL);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.child.id().is_some() {
            self.kill_group();
        }
    }
}

/// Reads a pipe to its end and keeps the beginning: a full pipe would stop the script.
struct Capture {
    kept: Vec<u8>,
    limit: usize,
    cut: bool,
}

impl Capture {
    fn new(limit: usize) -> Self {
        Self {
            kept: Vec::new(),
            limit,
            cut: false,
        }
    }

    async fn read(&mut self, mut pipe: impl AsyncRead + Unpin) {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
            let room = self.limit.saturating_sub(self.kept.len());
            self.cut |= count > room;
            self.kept.extend(buffer.iter().take(count.min(room)));
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.kept).into_owned()
    }
}
