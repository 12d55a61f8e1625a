//! A root file system of its own: what may be read, read-only; a few devices; a private `/tmp` of limited size. Nothing
//! else of the machine is there, neither `/proc` nor other users' files nor sockets of services.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{chdir, pivot_root};

use super::confine::{DEVICES, SYSTEM};
use super::policy::Policy;

/// Where a run with a root of its own writes.
pub(crate) const TMP: &str = "/tmp";
/// Files in the private `/tmp`, at most.
const TMP_FILES: u32 = 20_000;
const QUIET: MsFlags = MsFlags::MS_NOSUID.union(MsFlags::MS_NODEV);

/// Builds the root on the policy's directory and enters it; `program` is the launcher itself, for its second stage.
///
/// # Errors
/// The mount namespace lacks the rights, or a path cannot be shown.
pub(super) fn enter(policy: &Policy, program: &Path) -> Result<(), String> {
    let root = &policy.workdir;
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
        .map_err(|error| format!("cannot part from the system's mounts: {error}"))?;
    let size = "mode=0755,size=4m,nr_inodes=20000";
    tmpfs(root, size)?;
    let mut shown: Vec<PathBuf> = SYSTEM
        .iter()
        .chain(&DEVICES)
        .map(PathBuf::from)
        .chain(policy.readable.iter().cloned())
        .chain([program.to_path_buf()])
        .collect();
    // First, for what is shown may lie in it.
    furnish(root, policy.tmp_size)?;
    // Parents first: what lies in a directory that is shown is there already.
    shown.sort();
    shown.dedup();
    let mut done: Vec<&Path> = Vec::new();
    for path in &shown {
        let is_there = done.iter().any(|parent| path.starts_with(parent));
        if !is_there && path.is_absolute() && path.exists() {
            show(root, path)?;
            done.push(path);
        }
    }
    let failed = |what: &str| {
        let what = what.to_owned();
        move |error: nix::Error| format!("cannot {what}: {error}")
    };
    chdir(root).map_err(failed("enter the new root"))?;
    pivot_root(".", ".").map_err(failed("change the root"))?;
    umount2(".", MntFlags::MNT_DETACH).map_err(failed("leave the old root"))?;
    let sealed = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY | QUIET;
    mount(none, "/", none, sealed, none).map_err(failed("seal the new root"))?;
    chdir(TMP).map_err(failed("enter the private folder"))
}

/// The places that programs expect to write to: all of them are the private `/tmp`.
fn furnish(root: &Path, tmp_size: u64) -> Result<(), String> {
    let made = |path: &Path, what: std::io::Result<()>| {
        what.map_err(|error| format!("cannot make `{}`: {error}", path.display()))
    };
    let tmp = inside(root, Path::new(TMP));
    made(&tmp, directory(&tmp))?;
    tmpfs(
        &tmp,
        &format!("mode=0700,size={tmp_size},nr_inodes={TMP_FILES}"),
    )?;
    for name in ["/var/tmp", "/dev/shm"] {
        let path = inside(root, Path::new(name));
        if let Some(parent) = path.parent() {
            made(parent, directory(parent))?;
        }
        made(&path, std::os::unix::fs::symlink(TMP, &path))?;
    }
    let proc = inside(root, Path::new("/proc"));
    made(&proc, directory(&proc))
}

fn tmpfs(at: &Path, options: &str) -> Result<(), String> {
    mount(Some("tmpfs"), at, Some("tmpfs"), QUIET, Some(options)).map_err(|error| {
        format!(
            "cannot mount a private file system on `{}`: {error}",
            at.display()
        )
    })
}

/// Shows a path of the machine at the same place of the new root, read-only unless it is a device.
fn show(root: &Path, path: &Path) -> Result<(), String> {
    let target = inside(root, path);
    let failed =
        |error: &dyn std::fmt::Display| format!("cannot show `{}`: {error}", path.display());
    if path.is_dir() {
        directory(&target).map_err(|error| failed(&error))?;
    } else {
        if let Some(parent) = target.parent() {
            directory(parent).map_err(|error| failed(&error))?;
        }
        fs::write(&target, "").map_err(|error| failed(&error))?;
    }
    let none = None::<&str>;
    let bound = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount(Some(path), &target, none, bound, none).map_err(|error| failed(&error))?;
    if DEVICES.iter().any(|device| Path::new(device) == path) {
        return Ok(());
    }
    // Flags that came with the mount cannot be taken away in a user namespace: they are named again.
    let kept = statvfs(&target).map_err(|error| failed(&error))?.flags();
    let mut flags =
        MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY | MsFlags::MS_NOSUID;
    for (have, flag) in [
        (FsFlags::ST_NODEV, MsFlags::MS_NODEV),
        (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
        (FsFlags::ST_NOATIME, MsFlags::MS_NOATIME),
        (FsFlags::ST_NODIRATIME, MsFlags::MS_NODIRATIME),
        (FsFlags::ST_RELATIME, MsFlags::MS_RELATIME),
    ] {
        flags.set(flag, kept.contains(have));
    }
    mount(none, &target, none, flags, none).map_err(|error| failed(&error))
}

fn inside(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

fn directory(path: &Path) -> std::io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(path)
}
