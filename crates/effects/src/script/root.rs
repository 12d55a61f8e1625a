//! A root file system of its own: what may be read, read-only; a few devices; a private `/tmp` of limited size. Nothing
//! else of the machine is there, neither `/proc` (but for PowerShell, which reads it) nor other users' files nor sockets of
//! services.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
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
    seal(root)?;
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
    // The links stay within the new root while it is built, too.
    for name in ["/var/tmp", "/dev/shm"] {
        let path = inside(root, Path::new(name));
        if let Some(parent) = path.parent() {
            made(parent, directory(parent))?;
        }
        made(&path, std::os::unix::fs::symlink("../tmp", &path))?;
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

/// Shows a path of the machine at the same place of the new root.
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
    mount(Some(path), &target, none, bound, none).map_err(|error| failed(&error))
}

/// Makes what is shown read-only, with everything that is mounted below it: a mount is sealed alone, not what lies in it.
fn seal(root: &Path) -> Result<(), String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo")
        .map_err(|error| format!("cannot read what is mounted: {error}"))?;
    let writable = [TMP, DEVICES[0]].map(|path| inside(root, Path::new(path)));
    let none = None::<&str>;
    for place in mounts.lines().filter_map(mounted) {
        if !place.path.starts_with(root) || place.path == root || writable.contains(&place.path) {
            continue;
        }
        mount(none, &place.path, none, place.sealed, none)
            .map_err(|error| format!("cannot seal `{}`: {error}", place.path.display()))?;
    }
    Ok(())
}

/// A mount, and its flags with "read-only".
struct Mounted {
    path: PathBuf,
    sealed: MsFlags,
}

/// Reads a line of `/proc/self/mountinfo` (`proc_pid_mountinfo(5)`). `None` for what need not be sealed: places that only
/// mount something when they are entered.
fn mounted(line: &str) -> Option<Mounted> {
    let (mount, system) = line.split_once(" - ")?;
    if system.starts_with("autofs ") {
        return None;
    }
    let mut fields = mount.split(' ').skip(4);
    let (path, options) = (fields.next()?, fields.next()?);
    let has = |option: &str| options.split(',').any(|one| one == option);
    let mut sealed =
        MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY | MsFlags::MS_NOSUID;
    // Flags that came with the mount cannot be taken away in a user namespace: they are named again.
    for (option, flag) in [
        ("nodev", MsFlags::MS_NODEV),
        ("noexec", MsFlags::MS_NOEXEC),
        ("noatime", MsFlags::MS_NOATIME),
        ("nodiratime", MsFlags::MS_NODIRATIME),
        ("relatime", MsFlags::MS_RELATIME),
    ] {
        sealed.set(flag, has(option));
    }
    Some(Mounted {
        path: unescaped(path),
        sealed,
    })
}

/// Blanks, tabs, line ends and backslashes are written as three octal digits.
fn unescaped(text: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, others @ ..] = rest {
        let digits = others
            .get(..3)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let code = digits.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        rest = match (first, code) {
            (b'\\', Some(code)) => {
                bytes.push(code);
                others.get(3..).unwrap_or_default()
            }
            (byte, _) => {
                bytes.push(*byte);
                others
            }
        };
    }
    PathBuf::from(OsString::from_vec(bytes))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_read_with_their_flags() {
        let line = "36 35 98:0 /mnt1 /a\\040b\\134 rw,nodev,noatime master:1 - ext3 /dev/root rw,errors=continue";
        let read = mounted(line).expect("a mount");
        assert_eq!(read.path, Path::new("/a b\\"));
        let want = MsFlags::MS_REMOUNT
            | MsFlags::MS_BIND
            | MsFlags::MS_RDONLY
            | MsFlags::MS_NOSUID
            | MsFlags::MS_NODEV
            | MsFlags::MS_NOATIME;
        assert_eq!(read.sealed, want);
        assert!(mounted("36 35 0:5 / /proc/x rw - autofs systemd-1 rw").is_none());
        assert!(mounted("").is_none() && mounted("1 2 3 - ext4 x").is_none());
        for (text, want) in [("/a\\04", "/a\\04"), ("/\\", "/\\"), ("/\\999", "/\\999")] {
            assert_eq!(unescaped(text), Path::new(want));
        }
    }
}
