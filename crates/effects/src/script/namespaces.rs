//! Namespaces of a run: processes, network, mounts; and the relay's door in the empty network.

use std::io::{IoSlice, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::AsFd;

use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketType,
};

use super::policy::{RELAY_PORT, Walls};

/// Id of user and group within the namespace. Not 0: a process that is not root loses its capabilities at `exec`.
const INNER_ID: u32 = 1000;

/// Enters the namespaces that the walls need.
///
/// # Errors
/// The system does not permit them.
pub(super) fn enter(walls: Walls) -> Result<(), String> {
    if !walls.processes {
        return Ok(());
    }
    let mut flags = CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWUTS;
    flags.set(CloneFlags::CLONE_NEWNET, walls.network);
    flags.set(CloneFlags::CLONE_NEWUSER, walls.user);
    let (user, group) = (geteuid(), getegid());
    unshare(flags).map_err(|error| format!("cannot enter namespaces: {error}"))?;
    if walls.user {
        let map = |file: &str, text: &str| {
            std::fs::write(file, text)
                .map_err(|error| format!("cannot map the namespace's user by `{file}`: {error}"))
        };
        map("/proc/self/setgroups", "deny")?;
        map("/proc/self/uid_map", &format!("{INNER_ID} {user} 1"))?;
        map("/proc/self/gid_map", &format!("{INNER_ID} {group} 1"))?;
    }
    Ok(())
}

/// Opens the loopback of a network namespace that was just entered and listens there for the relay.
///
/// # Errors
/// The namespace lacks the rights, as where the system restricts what user namespaces may do.
pub(super) fn open_loopback() -> Result<TcpListener, String> {
    raise_loopback().map_err(|error| format!("cannot raise the loopback: {error}"))?;
    TcpListener::bind((Ipv4Addr::LOCALHOST, RELAY_PORT))
        .map_err(|error| format!("cannot listen for the relay: {error}"))
}

/// Hands the listener to the process that asked for the run, by way of standard input, which is a socket. A socket
/// belongs to the network namespace in which it was made, whoever holds it.
pub(super) fn hand_over(listener: &TcpListener) -> Result<(), String> {
    let held = [listener.as_fd()];
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&held));
    let sent = rustix::net::sendmsg(
        std::io::stdin().as_fd(),
        &[IoSlice::new(b"r")],
        &mut control,
        SendFlags::empty(),
    );
    sent.map(drop)
        .map_err(|error| format!("cannot hand the relay's door over: {error}"))
}

/// Sets the flag "up" of the interface 1, which every network namespace calls `lo` (`rtnetlink(7)`).
fn raise_loopback() -> std::io::Result<()> {
    const NEW_LINK: u16 = 16;
    const REQUEST_WITH_ANSWER: u16 = 1 | 4;
    const ERROR: u16 = 2;
    const UP: u32 = 1;
    let mut message = Vec::with_capacity(32);
    message.write_all(&32_u32.to_ne_bytes())?;
    message.write_all(&NEW_LINK.to_ne_bytes())?;
    message.write_all(&REQUEST_WITH_ANSWER.to_ne_bytes())?;
    // Sequence, port; then family, type, index, flags, which flags are meant.
    for word in [1_u32, 0, 0, 1, UP, UP] {
        message.write_all(&word.to_ne_bytes())?;
    }
    // Protocol 0 is `NETLINK_ROUTE`.
    let socket = rustix::net::socket(AddressFamily::NETLINK, SocketType::RAW, None)?;
    let kernel = SocketAddrNetlink::new(0, 0);
    rustix::net::sendto(&socket, &message, SendFlags::empty(), &kernel)?;
    let mut answer = [0_u8; 256];
    let (_, length) = rustix::net::recv(&socket, &mut answer, RecvFlags::empty())?;
    let answer = answer.get(..length).unwrap_or_default();
    let kind = answer.get(4..6).map(|bytes| bytes == ERROR.to_ne_bytes());
    let code = answer
        .get(16..20)
        .and_then(|bytes| <[u8; 4]>::try_from(bytes).ok())
        .map(i32::from_ne_bytes);
    match (kind, code) {
        (Some(true), Some(0)) => Ok(()),
        (Some(true), Some(code)) => Err(std::io::Error::from_raw_os_error(-code)),
        _ => Err(std::io::Error::other("the kernel gave no answer")),
    }
}
