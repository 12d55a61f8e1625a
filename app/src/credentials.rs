//! The access key of the first start: minted once, kept where only its owner can read it.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use ports::EntropySource;
use server::AccessKey;

const FILE: &str = "credentials";
const PROFILE: &str = "default";

/// The key in force, and whether it has just been minted.
pub(crate) struct Minted {
    pub(crate) key: AccessKey,
    pub(crate) path: PathBuf,
    pub(crate) new: bool,
}

impl Minted {
    /// Says where a new key lies; says nothing of one that was there before.
    pub(crate) fn tell(&self) {
        if self.new {
            let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
            println!(
                "A new access key was minted. It lies, readable only by you, in {}",
                path.display()
            );
        }
    }
}

/// Reads the data dir's credentials file, or mints a key and writes it (mode 0600).
pub(crate) fn load_or_mint(data_dir: &Path, entropy: &dyn EntropySource) -> Result<Minted> {
    let path = data_dir.join(FILE);
    if path.exists() {
        return Ok(Minted {
            key: read(&path)?,
            path,
            new: false,
        });
    }
    let key = mint("quell", entropy, true);
    let text = format!(
        "[{PROFILE}]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        key.id, key.secret
    );
    write_private(&path, &text)?;
    Ok(Minted {
        key,
        path,
        new: true,
    })
}

/// A new random key.
pub(crate) fn mint(name: &str, entropy: &dyn EntropySource, ingest: bool) -> AccessKey {
    // AWS's own ids are 20 characters of A to Z and 2 to 7; the prefix says that this one is not AWS's.
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let (id, secret) = (entropy.draw(), entropy.draw());
    let tail: String = id[..16]
        .iter()
        .map(|byte| char::from(LETTERS[usize::from(byte % 32)]))
        .collect();
    AccessKey {
        id: format!("QKIA{tail}"),
        secret: hex::encode(secret),
        ingest,
        name: name.to_owned(),
    }
}

/// Written beside and renamed into place, so that a crash never leaves half a file.
fn write_private(path: &Path, text: &str) -> Result<()> {
    let draft = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        if draft.exists() {
            fs::remove_file(&draft)?;
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// Reads the profile `default` of a credentials file.
pub(crate) fn read(path: &Path) -> Result<AccessKey> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut id = None;
    let mut secret = None;
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            inside = name.trim() == PROFILE;
        } else if inside && let Some((key, value)) = line.split_once('=') {
            match key.trim() {
                "aws_access_key_id" => id = Some(value.trim().to_owned()),
                "aws_secret_access_key" => secret = Some(value.trim().to_owned()),
                _ => {}
            }
        }
    }
    match (id, secret) {
        (Some(id), Some(secret)) if !id.is_empty() && secret.len() >= 16 => Ok(AccessKey {
            id,
            secret,
            ingest: true,
            name: "quell".to_owned(),
        }),
        _ => Err(anyhow!(
            "{} has no usable profile `{PROFILE}`: give it aws_access_key_id and aws_secret_access_key (16 characters or more), or remove the file to mint a new key",
            path.display()
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use ports::SeededEntropy;

    use super::*;

    #[test]
    fn a_key_is_minted_once_and_only_its_owner_can_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let entropy = SeededEntropy::new(1);
        let first = load_or_mint(dir.path(), &entropy).unwrap();
        assert!(first.new && first.key.ingest);
        let mode = fs::metadata(&first.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let second = load_or_mint(dir.path(), &entropy).unwrap();
        assert!(!second.new);
        assert_eq!(
            (first.key.id, first.key.secret),
            (second.key.id, second.key.secret)
        );
        fs::write(&second.path, "[other]\naws_access_key_id = X\n").unwrap();
        let error = load_or_mint(dir.path(), &entropy).err().unwrap();
        assert!(error.to_string().contains("no usable profile"), "{error}");
    }
}
