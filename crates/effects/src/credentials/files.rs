//! The files in which AWS's tools keep settings, tokens and keys: read within limits, written privately and whole.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use aws::credentials::profile::Profiles;

use crate::config::Environment;

/// Largest file read, in bytes.
const FILE_BYTES: u64 = 1 << 20;
/// What to do where no home directory is known.
pub(super) const HOMELESS: &str =
    "the home directory is not known: set HOME, or the variable that names the file";

/// The home directory.
pub(super) fn home(environment: &Environment) -> Option<PathBuf> {
    environment.get("HOME").map(PathBuf::from)
}

/// A path with `~` as the home directory.
pub(super) fn expand(environment: &Environment, path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), home(environment)) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

/// Both shared files: `AWS_SHARED_CREDENTIALS_FILE` and `AWS_CONFIG_FILE`, else those in `~/.aws`. An absent file is
/// an empty one.
pub(crate) fn profiles(environment: &Environment) -> Result<Profiles, String> {
    let text = |variable: &str, name: &str| {
        let path = match environment.get(variable) {
            Some(path) => Some(expand(environment, path)),
            None => home(environment).map(|home| home.join(".aws").join(name)),
        };
        match path {
            // A directory or device such as /dev/null holds no settings.
            Some(path) if path.is_file() => read_now(&path),
            _ => Ok(String::new()),
        }
    };
    let credentials = text("AWS_SHARED_CREDENTIALS_FILE", "credentials")?;
    let config = text("AWS_CONFIG_FILE", "config")?;
    Profiles::parse(&credentials, &config).map_err(|error| error.to_string())
}

/// A file's text.
pub(super) async fn read(path: &Path) -> Result<String, String> {
    let path = path.to_path_buf();
    let shown = path.display().to_string();
    tokio::task::spawn_blocking(move || read_now(&path))
        .await
        .unwrap_or_else(|_| Err(format!("cannot read `{shown}`")))
}

fn read_now(path: &Path) -> Result<String, String> {
    let fail = |error: std::io::Error| format!("cannot read `{}`: {error}", path.display());
    let size = std::fs::metadata(path).map_err(fail)?.len();
    if size > FILE_BYTES {
        return Err(format!(
            "`{}` is larger than {FILE_BYTES} bytes",
            path.display()
        ));
    }
    std::fs::read_to_string(path).map_err(fail)
}

/// Replaces a file: whoever reads sees the old text or the new one, and nobody but its owner reads it.
pub(super) async fn replace(path: &Path, text: String) -> Result<(), String> {
    let path = path.to_path_buf();
    let shown = path.display().to_string();
    let fail = move |reason: String| format!("cannot write `{shown}`: {reason}");
    match tokio::task::spawn_blocking(move || replace_now(&path, &text)).await {
        Ok(done) => done.map_err(|error| fail(error.to_string())),
        Err(_) => Err(fail("the writer was stopped".to_owned())),
    }
}

fn replace_now(path: &Path, text: &str) -> std::io::Result<()> {
    let new = path.with_extension(format!("{}.new", std::process::id()));
    let _ = std::fs::remove_file(&new);
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)?;
    // The mode above is subject to the process's mask; this one is not.
    file.set_permissions(Permissions::from_mode(0o600))?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(&new, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&new);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_replaced_whole_and_privately() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token.json");
        std::fs::write(&path, "old").unwrap();
        replace(&path, "new".to_owned()).await.unwrap();
        assert_eq!(read(&path).await.unwrap(), "new");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            1,
            "nothing is left over"
        );
        let absent = folder.path().join("no/such/folder/x.json");
        assert!(
            replace(&absent, String::new())
                .await
                .unwrap_err()
                .contains("cannot write")
        );
        assert!(read(&absent).await.unwrap_err().contains("cannot read"));
    }

    #[tokio::test]
    async fn a_large_file_is_not_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(FILE_BYTES + 1).unwrap();
        assert!(read(file.path()).await.unwrap_err().contains("larger than"));
    }

    #[test]
    fn a_tilde_is_the_home_directory() {
        let environment = Environment::from_pairs([("HOME".to_owned(), "/home/me".to_owned())]);
        assert_eq!(expand(&environment, "~/x"), PathBuf::from("/home/me/x"));
        assert_eq!(expand(&environment, "/x~/y"), PathBuf::from("/x~/y"));
        assert_eq!(expand(&Environment::default(), "~/x"), PathBuf::from("~/x"));
    }
}
