//! The file with the keys of secrets at rest, beside the database and never in it.
//!
//! Text, mode 0600: a first line with the version, then one key a line, `<id> <base64>`. The last key seals; earlier
//! ones only open what they sealed. Whoever has this file and the database has every secret; whoever has lost this file
//! has lost them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ports::EntropySource;
use ports::vault::{Key, KeyRing};

const FIRST_LINE: &str = "quell-keys 1";
/// A key is less than 150 bytes; a thousand rotations fit.
const MAX_BYTES: u64 = 256 * 1024;

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// Not there although something is sealed with it.
    #[error(
        "the key file `{path}` is missing, but the database holds secrets sealed with it: put the file back from its backup"
    )]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// Others could read it.
    #[error(
        "the key file `{path}` has mode {mode:03o}, so others can read it: run `chmod 600` on it"
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Not what Quell wrote.
    #[error(
        "line {line} of the key file `{path}` cannot be read: {reason}; put the file back from its backup"
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong, without the key.
        reason: &'static str,
    },
    /// The system refused.
    #[error("the key file `{path}` cannot be used: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
}

/// Reads the keys, or makes the file with a first key where nothing is sealed yet.
///
/// # Errors
/// [`KeyFileError`]; above all [`KeyFileError::Missing`] when `sealed_before` says that a new key would be of no use.
pub fn load_or_create(
    path: &Path,
    entropy: Arc<dyn EntropySource>,
    sealed_before: bool,
) -> Result<KeyRing, KeyFileError> {
    let io = |source| KeyFileError::Io {
        path: path.to_owned(),
        source,
    };
    let mut keys = match File::open(path) {
        Ok(file) => read(path, file)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound && sealed_before => {
            return Err(KeyFileError::Missing {
                path: path.to_owned(),
            });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let keys = vec![Key::mint(entropy.as_ref())];
            write(path, &keys).map_err(io)?;
            keys
        }
        Err(error) => return Err(io(error)),
    };
    match keys.pop() {
        Some(current) => Ok(KeyRing::new(current, keys, entropy)),
        None => Err(KeyFileError::Malformed {
            path: path.to_owned(),
            line: 2,
            reason: "there is no key",
        }),
    }
}

fn read(path: &Path, file: File) -> Result<Vec<Key>, KeyFileError> {
    let io = |source| KeyFileError::Io {
        path: path.to_owned(),
        source,
    };
    let mode = file.metadata().map_err(io)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    let mut text = String::new();
    file.take(MAX_BYTES).read_to_string(&mut text).map_err(io)?;
    let malformed = |line, reason| KeyFileError::Malformed {
        path: path.to_owned(),
        line,
        reason,
    };
    let mut lines = text.lines().enumerate();
    if lines.next().map(|(_, line)| line) != Some(FIRST_LINE) {
        return Err(malformed(1, "it must be `quell-keys 1`"));
    }
    let mut keys: Vec<Key> = Vec::new();
    for (at, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let key = parse(line.trim()).ok_or_else(|| {
            malformed(at + 1, "it must be an id, a space, and 32 bytes in base64")
        })?;
        if keys.iter().any(|have| have.id() == key.id()) {
            return Err(malformed(at + 1, "a key of this id stands above"));
        }
        keys.push(key);
    }
    Ok(keys)
}

fn parse(line: &str) -> Option<Key> {
    let (id, text) = line.split_once(' ')?;
    let bytes = BASE64.decode(text.trim()).ok()?;
    Key::new(id, bytes.try_into().ok()?)
}

/// Written beside and renamed into place, and on disk before anything is sealed with it.
fn write(path: &Path, keys: &[Key]) -> io::Result<()> {
    let draft = path.with_extension("new");
    if draft.exists() {
        fs::remove_file(&draft)?;
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    writeln!(file, "{FIRST_LINE}")?;
    for key in keys {
        writeln!(file, "{} {}", key.id(), BASE64.encode(key.expose()))?;
    }
    file.sync_all()?;
    fs::rename(&draft, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use model::Scope;
    use ports::SeededEntropy;
    use ports::vault::{Place, Secret, Vault as _};

    use super::*;

    fn entropy() -> Arc<dyn EntropySource> {
        Arc::new(SeededEntropy::new(1))
    }

    #[test]
    fn made_once_private_and_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secrets.keys");
        let first = load_or_create(&path, entropy(), false).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let place = Place::new(&Scope::new("1", "r"), "kind", "name", "member");
        let sealed = first.seal(&place, &Secret::new("hunter2")).unwrap();
        let again = load_or_create(&path, entropy(), true).unwrap();
        assert_eq!(again.current_id(), first.current_id());
        assert_eq!(again.open(&place, &sealed).unwrap().expose(), "hunter2");
        // A further key seals from now on; what the first one sealed still opens.
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{text}second {}\n", BASE64.encode([7; 32]))).unwrap();
        let rotated = load_or_create(&path, entropy(), true).unwrap();
        assert_eq!(rotated.current_id(), "second");
        assert_eq!(rotated.open(&place, &sealed).unwrap().expose(), "hunter2");
    }

    #[test]
    fn a_lost_exposed_or_damaged_file_is_told_with_its_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secrets.keys");
        let lost = load_or_create(&path, entropy(), true).unwrap_err();
        assert!(matches!(lost, KeyFileError::Missing { .. }), "{lost}");
        assert!(!path.exists(), "no new key is made over a lost one");
        load_or_create(&path, entropy(), false).unwrap();
        let good = fs::read_to_string(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let exposed = load_or_create(&path, entropy(), true).unwrap_err();
        assert!(exposed.to_string().contains("640") && exposed.to_string().contains("chmod 600"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let twice = good.lines().nth(1).unwrap();
        for (bad, line) in [
            ("", "line 1"),
            ("quell-keys 2\n", "line 1"),
            ("quell-keys 1\n", "line 2"),
            ("quell-keys 1\n\n", "line 2"),
            ("quell-keys 1\nid\n", "line 2"),
            ("quell-keys 1\nid AAAA\n", "line 2"),
            (
                "quell-keys 1\na.b AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
                "line 2",
            ),
            (&format!("{good}{twice}\n"), "line 3"),
        ] {
            fs::write(&path, bad).unwrap();
            let refused = load_or_create(&path, entropy(), true).unwrap_err();
            assert!(refused.to_string().contains(line), "{bad:?}: {refused}");
            assert!(!refused.to_string().contains("AAAA"), "no key in a message");
        }
    }
}
