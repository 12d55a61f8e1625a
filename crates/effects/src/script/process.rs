//! A run's process: its pipes, its way out, its time limit, and the killing of all that it
//! started.

use std::convert::Infallible;
use std::io::IoSliceMut;
use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, UnixStream};
use tokio::process::Child;

use super::egress::Egress;
use super::scratch::PrivateDir;

/// How long output is still read after the process has ended and what it started was killed.
const DRAIN: Duration = Duration::from_secs(2);

/// Where the relay of a process listens.
pub(super) enum Door {
    /// In the process's own network: it hands the listener over.
    HandedOver,
    /// In this network.
    Here(TcpListener),
    /// Nowhere.
    Closed,
}

/// A started process that waits for its request. Its whole group is killed when this is dropped.
pub(super) struct Waiting {
    child: Child,
    group: Pid,
    receiver: Option<OwnedReadHalf>,
    sender: Option<OwnedWriteHalf>,
    door: Door,
    // Last: the directory goes after the process.
    _home: PrivateDir,
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

impl Waiting {
    /// `socket` is the other end of the process's standard input. `None`: the process had ended before it began.
    pub(super) fn new(
        child: Child,
        socket: UnixStream,
        door: Door,
        home: PrivateDir,
    ) -> Option<Self> {
        let group = child.id().and_then(|id| i32::try_from(id).ok())?;
        let (receiver, sender) = socket.into_split();
        Some(Self {
            child,
            group: Pid::from_raw(group),
            receiver: Some(receiver),
            sender: Some(sender),
            door,
            _home: home,
        })
    }

    /// The port at which it finds the relay.
    pub(super) fn relay_port(&self) -> Option<u16> {
        match &self.door {
            Door::HandedOver => Some(super::policy::RELAY_PORT),
            Door::Here(listener) => listener.local_addr().ok().map(|address| address.port()),
            Door::Closed => None,
        }
    }

    /// Whether it has ended before it was asked anything.
    pub(super) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Gives it its request and waits for its end. Without an egress the relay is closed. `None`: it was started without
    /// pipes.
    pub(super) async fn finish(
        mut self,
        request: String,
        limits: OutputLimits,
        egress: Option<&Egress>,
    ) -> Option<Output> {
        let (stdout, stderr) = (self.child.stdout.take()?, self.child.stderr.take()?);
        let mut result = Capture::new(limits.result_bytes);
        let mut log = Capture::new(limits.log_bytes);
        let mut status = None;
        let mut timed_out = false;
        {
            let (receiver, sender) = (self.receiver.take()?, self.sender.take()?);
            let door = std::mem::replace(&mut self.door, Door::Closed);
            let way_out = serve(door, receiver, egress);
            let output = async {
                tokio::join!(
                    feed(sender, &request),
                    result.read(stdout),
                    log.read(stderr)
                )
            };
            let end = tokio::time::sleep(limits.time);
            tokio::pin!(way_out, output, end);
            let mut closed = false;
            while status.is_none() && !timed_out {
                tokio::select! {
                    ended = self.child.wait() => status = Some(ended),
                    _ = &mut output, if !closed => closed = true,
                    () = &mut end => timed_out = true,
                    never = &mut way_out => match never {},
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

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.child.id().is_some() {
            self.kill_group();
        }
    }
}

/// Writes the request; the end of the stream is the end of the request.
async fn feed(mut sender: OwnedWriteHalf, request: &str) {
    // A process that ends early does not read to the end, which is its right.
    let _ = sender.write_all(request.as_bytes()).await;
    let _ = sender.shutdown().await;
}

/// Serves the way out of a run until it is dropped.
async fn serve(door: Door, socket: OwnedReadHalf, egress: Option<&Egress>) -> Infallible {
    let listener = match door {
        Door::HandedOver => receive(socket.as_ref()).await,
        Door::Here(listener) => Some(listener),
        Door::Closed => None,
    };
    // Without an egress the listener is dropped here: connections are refused.
    match (listener, egress) {
        (Some(listener), Some(egress)) => egress.serve(listener).await,
        _ => std::future::pending().await,
    }
}

/// Receives the listener that the launcher hands over; `None` if it ends before.
async fn receive(socket: &UnixStream) -> Option<TcpListener> {
    loop {
        socket.readable().await.ok()?;
        match socket.try_io(Interest::READABLE, || receive_now(socket)) {
            Ok(handle) => {
                let listener = std::net::TcpListener::from(handle?);
                listener.set_nonblocking(true).ok()?;
                return TcpListener::from_std(listener).ok();
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return None,
        }
    }
}

fn receive_now(socket: &UnixStream) -> std::io::Result<Option<OwnedFd>> {
    let mut byte = [0_u8; 1];
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    rustix::net::recvmsg(
        socket,
        &mut [IoSliceMut::new(&mut byte)],
        &mut control,
        RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT,
    )?;
    let handle = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut handles) => handles.next(),
        _ => None,
    });
    Ok(handle)
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
