//! Private directories of runs. What a run leaves in its own is hostile: names, links, permissions, any depth.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What the names of these directories begin with.
const NAME: &str = "script-";

/// A directory of one run, removed with all that is in it.
pub(super) struct PrivateDir(PathBuf);

impl PrivateDir {
    /// Makes a directory that only this user can enter.
    pub(super) fn new(scratch: &Path, name: &str) -> io::Result<Self> {
        fs::create_dir_all(scratch)?;
        let scratch = scratch.canonicalize()?;
        // The name is unique; a process before may have left its directory.
        for attempt in 0..100_u32 {
            let path = scratch.join(format!("{NAME}{name}-{attempt}"));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "a hundred attempts left their directories: remove them",
        ))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for PrivateDir {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "cannot remove the directory of a script");
        }
    }
}

/// Removes what the scripts of a server that was killed have left.
pub(super) fn sweep(scratch: &Path) {
    for entry in fs::read_dir(scratch).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(NAME) {
            // What cannot be removed now is tried again at the next start.
            let _ = remove(&entry.path());
        }
    }
}

/// Removes a directory with all that is in it. Not by descending: a script can nest directories deeper than a path may be
/// long, a stack high, or handles many. Each level is moved up instead.
fn remove(root: &Path) -> io::Result<()> {
    let mut waiting = Vec::new();
    let mut number: u64 = 0;
    take_apart(root, |entry| {
        waiting.push(entry);
        Ok(())
    })?;
    while let Some(folder) = waiting.pop() {
        take_apart(&folder, |entry| {
            let target = loop {
                let free = root.join(format!("{number}"));
                number += 1;
                if fs::symlink_metadata(&free).is_err() {
                    break free;
                }
            };
            // A directory that may not be written to cannot be moved.
            fs::set_permissions(&entry, Permissions::from_mode(0o700))?;
            fs::rename(&entry, &target)?;
            waiting.push(target);
            Ok(())
        })?;
        fs::remove_dir(&folder)?;
    }
    fs::remove_dir(root)
}

/// Removes the files of one directory and gives its directories away. Links are files here, wherever they lead.
fn take_apart(folder: &Path, mut give: impl FnMut(PathBuf) -> io::Result<()>) -> io::Result<()> {
    fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            give(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_goes_with_whatever_is_in_it_and_nothing_else() {
        let scratch = tempfile::tempdir().expect("a directory");
        let outside = tempfile::tempdir().expect("a directory");
        fs::write(outside.path().join("kept"), "x").expect("written");
        let home = PrivateDir::new(scratch.path(), "x").expect("made");
        let root = home.path().to_path_buf();
        for name in ["0", "1", "deep/a/b/c", "deep/0/0", "shut/in"] {
            fs::create_dir_all(root.join(name)).expect("made");
        }
        fs::write(root.join("deep/a/b/file"), "x").expect("written");
        std::os::unix::fs::symlink(outside.path(), root.join("link")).expect("linked");
        std::os::unix::fs::symlink(outside.path(), root.join("deep/a/link")).expect("linked");
        fs::set_permissions(root.join("shut"), Permissions::from_mode(0o000)).expect("shut");
        drop(home);
        assert!(!root.exists());
        assert!(outside.path().join("kept").exists());
    }

    #[test]
    fn a_directory_goes_however_deep_it_is() {
        let scratch = tempfile::tempdir().expect("a directory");
        let home = PrivateDir::new(scratch.path(), "x").expect("made");
        let root = home.path().to_path_buf();
        // Deeper than any path may be long: built from the inside, each level moved into the next.
        let (part, next) = (root.join("part"), root.join("next"));
        fs::create_dir(&part).expect("made");
        for _ in 0..6000 {
            fs::create_dir(&next).expect("made");
            fs::rename(&part, next.join("d")).expect("moved");
            fs::rename(&next, &part).expect("moved");
        }
        drop(home);
        assert!(!root.exists());
    }

    #[test]
    fn only_directories_of_scripts_are_swept() {
        let scratch = tempfile::tempdir().expect("a directory");
        for name in ["script-1-2-0", "other"] {
            fs::create_dir_all(scratch.path().join(name).join("in")).expect("made");
        }
        sweep(scratch.path());
        assert!(!scratch.path().join("script-1-2-0").exists());
        assert!(scratch.path().join("other/in").exists());
    }
}
