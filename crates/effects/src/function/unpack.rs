//! Unpacks an archive into a directory of its own. The archive is somebody else's: nothing of it leaves the directory,
//! and it costs no more than its limits, whatever it says of itself.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use ports::function::CodeError;
use zip::ZipArchive;
use zip::read::ZipFile;

/// Most entries of one archive.
const MAX_ENTRIES: usize = 65_535;
/// Longest path within an archive, in bytes, and its most parts.
const MAX_PATH: usize = 1_024;
const MAX_PARTS: usize = 64;

/// Unpacks into `to`, which must not be there.
pub(crate) fn unpack(archive: &[u8], to: &Path, limit: u64) -> Result<(), CodeError> {
    let mut archive = ZipArchive::new(io::Cursor::new(archive))
        .map_err(|error| CodeError::Invalid(error.to_string()))?;
    if archive.len() > MAX_ENTRIES {
        let message = format!("it has more than {MAX_ENTRIES} entries");
        return Err(CodeError::Invalid(message));
    }
    directory(to)?;
    let mut left = limit;
    for at in 0..archive.len() {
        let entry = archive
            .by_index(at)
            .map_err(|error| CodeError::Invalid(error.to_string()))?;
        one(entry, to, &mut left)?.map_or(Ok(()), |()| Err(too_large(limit)))?;
    }
    Ok(())
}

fn too_large(limit: u64) -> CodeError {
    CodeError::TooLarge(format!("Unzipped size must be smaller than {limit} bytes"))
}

/// Unpacks one entry; `Some` when it is more than is left.
fn one<R: Read>(
    mut entry: ZipFile<'_, R>,
    to: &Path,
    left: &mut u64,
) -> Result<Option<()>, CodeError> {
    let name = entry
        .name()
        .map_err(|error| CodeError::Invalid(error.to_string()))?
        .into_owned();
    let shown: String = name
        .chars()
        .take(200)
        .flat_map(char::escape_debug)
        .collect();
    let invalid = |why: &str| CodeError::Invalid(format!("its entry `{shown}` {why}"));
    let path = inside(&name)
        .ok_or_else(|| invalid("leads out of the archive, or has a name that no file can have"))?;
    if entry.encrypted() {
        return Err(invalid("is encrypted"));
    }
    if entry.is_symlink() {
        return Err(invalid("is a link: pack the file itself (zip without -y)"));
    }
    let path = to.join(path);
    if entry.is_dir() {
        directory(&path)?;
        return Ok(None);
    }
    if let Some(parent) = path.parent() {
        directory(parent)?;
    }
    let executable = entry.unix_mode().is_some_and(|mode| mode & 0o111 != 0);
    let mode = if executable { 0o755 } else { 0o644 };
    let opened = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&path);
    let mut file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(invalid("stands twice in it"));
        }
        Err(error) => return Err(storage(&error)),
    };
    copy(&mut entry, &mut file, left, &invalid)
}

fn copy<R: Read>(
    entry: &mut ZipFile<'_, R>,
    file: &mut File,
    left: &mut u64,
    invalid: &dyn Fn(&str) -> CodeError,
) -> Result<Option<()>, CodeError> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = match entry.read(&mut buffer) {
            Ok(0) => return Ok(None),
            Ok(count) => count,
            Err(error) => return Err(invalid(&format!("cannot be read: {error}"))),
        };
        // What an entry says of its size is not believed: what comes out is counted.
        let bytes = u64::try_from(count).unwrap_or(u64::MAX);
        let Some(rest) = left.checked_sub(bytes) else {
            return Ok(Some(()));
        };
        *left = rest;
        let read = buffer.get(..count).unwrap_or_default();
        file.write_all(read).map_err(|error| storage(&error))?;
    }
}

/// A path within the archive, if it stays there.
fn inside(name: &str) -> Option<PathBuf> {
    if name.len() > MAX_PATH || name.contains(['\0', '\\']) || name.starts_with('/') {
        return None;
    }
    let mut path = PathBuf::new();
    for part in Path::new(name).components() {
        match part {
            Component::Normal(part) if part.len() <= 255 => path.push(part),
            Component::CurDir => {}
            _ => return None,
        }
    }
    let parts = path.components().count();
    (1..=MAX_PARTS).contains(&parts).then_some(path)
}

fn directory(path: &Path) -> Result<(), CodeError> {
    let made = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(path);
    made.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
            CodeError::Invalid("an entry of it is a file and a directory at once".to_owned())
        }
        _ => storage(&error),
    })
}

pub(super) fn storage(error: &io::Error) -> CodeError {
    CodeError::Storage(error.to_string())
}

#[cfg(test)]
mod tests {
    use zip::write::{SimpleFileOptions, ZipWriter};

    use super::*;

    fn packed(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(io::Cursor::new(Vec::new()));
        for (name, body) in files {
            let options = SimpleFileOptions::default().unix_permissions(0o755);
            writer.start_file(*name, options).expect("an entry");
            writer.write_all(body).expect("its body");
        }
        writer.finish().expect("an archive").into_inner()
    }

    fn tried(archive: &[u8], limit: u64) -> (Result<(), CodeError>, tempfile::TempDir) {
        let room = tempfile::tempdir().expect("a directory");
        let done = unpack(archive, &room.path().join("to"), limit);
        (done, room)
    }

    #[test]
    fn files_come_out_as_they_were() {
        let archive = packed(&[("a.py", b"x = 1"), ("deep/er/b.txt", b""), ("./c", b"c")]);
        let (done, room) = tried(&archive, 100);
        assert_eq!(done, Ok(()));
        let read = |path: &str| fs::read(room.path().join("to").join(path)).expect(path);
        assert_eq!(read("a.py"), b"x = 1");
        assert_eq!(read("deep/er/b.txt"), b"");
        assert_eq!(read("c"), b"c");
    }

    #[test]
    fn nothing_leaves_the_directory() {
        for name in ["../a", "a/../../b", "/etc/x", "..", "a\\..\\b", "a\0b"] {
            let (done, room) = tried(&packed(&[(name, b"x")]), 100);
            assert!(
                matches!(done, Err(CodeError::Invalid(_))),
                "{name:?}: {done:?}"
            );
            let beside: Vec<_> = fs::read_dir(room.path()).expect("listed").collect();
            assert!(beside.len() <= 1, "{name:?} left {beside:?}");
        }
        assert_eq!(inside(&"a/".repeat(65)), None);
        assert_eq!(inside(&"a".repeat(300)), None);
    }

    #[test]
    fn links_and_what_stands_twice_are_refused() {
        let mut writer = ZipWriter::new(io::Cursor::new(Vec::new()));
        writer
            .add_symlink("link", "/etc/passwd", SimpleFileOptions::default())
            .expect("a link");
        let archive = writer.finish().expect("an archive").into_inner();
        let (done, _room) = tried(&archive, 100);
        assert!(
            matches!(&done, Err(CodeError::Invalid(why)) if why.contains("is a link")),
            "{done:?}"
        );
        let (done, _room) = tried(&packed(&[("a", b"1"), ("./a", b"2")]), 100);
        assert!(
            matches!(&done, Err(CodeError::Invalid(why)) if why.contains("twice")),
            "{done:?}"
        );
        let (done, _room) = tried(&packed(&[("a", b"1"), ("a/b", b"2")]), 100);
        assert!(matches!(done, Err(CodeError::Invalid(_))), "{done:?}");
    }

    #[test]
    fn a_bomb_ends_at_the_limit() {
        let archive = packed(&[("zeros", &vec![0; 4 << 20])]);
        assert!(archive.len() < 64 << 10);
        let (done, room) = tried(&archive, 1 << 20);
        assert!(matches!(done, Err(CodeError::TooLarge(_))), "{done:?}");
        let written = fs::metadata(room.path().join("to/zeros")).expect("a part");
        assert!(written.len() <= 1 << 20);
    }

    #[test]
    fn what_is_no_archive_is_refused() {
        let good = packed(&[("a", b"some text that is long enough")]);
        let mut flipped = good.clone();
        for at in (0..flipped.len()).step_by(7) {
            flipped[at] ^= 0x5a;
        }
        let cut = good.get(..good.len() / 2).expect("a half").to_vec();
        for bad in [
            Vec::new(),
            b"PK\x05\x06".to_vec(),
            b"hello".to_vec(),
            cut,
            flipped,
        ] {
            let (done, _room) = tried(&bad, 1_000);
            assert!(done.is_err(), "{bad:?}");
        }
    }
}
