//! Logs of functions in files: `DIRECTORY/REGION/NAME.log`; a file that is full becomes `NAME.log.1`.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use model::Scope;
use model::effect::LogAppend;
use model::function::is_name;

/// A file that would become larger is put aside, in bytes.
const FILE_BYTES: u64 = 8 << 20;

/// The logs of all functions. Cheap to clone.
#[derive(Clone)]
pub(super) struct FunctionLogs {
    directory: Arc<Path>,
    writes: Arc<Mutex<()>>,
}

impl FunctionLogs {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self {
            directory: directory.into(),
            writes: Arc::default(),
        }
    }

    /// Names come from callers: only what a file's name may be reaches a path.
    fn path(&self, scope: &Scope, function: &str) -> Option<PathBuf> {
        let plain = LogAppend::is_plain(&scope.region) && is_name(function);
        plain.then(|| {
            self.directory
                .join(&scope.region)
                .join(format!("{function}.log"))
        })
    }

    /// Appends what one invocation said. A log that cannot be written fails no invocation.
    pub(super) async fn append(&self, scope: &Scope, function: &str, text: Vec<u8>) {
        let Some(path) = self.path(scope, function) else {
            return;
        };
        let writes = Arc::clone(&self.writes);
        let work = tokio::task::spawn_blocking(move || {
            let _one = writes.lock().unwrap_or_else(PoisonError::into_inner);
            append(&path, &text)
        });
        let done = work.await.map_err(|error| error.to_string());
        if let Err(error) = done.and_then(|done| done.map_err(|error| error.to_string())) {
            tracing::warn!(function, error, "the log of a function cannot be written");
        }
    }

    /// The last bytes of a log, from the beginning of a line.
    pub(super) async fn tail(
        &self,
        scope: &Scope,
        function: &str,
        bytes: u64,
    ) -> std::io::Result<Option<Vec<u8>>> {
        let Some(path) = self.path(scope, function) else {
            return Ok(None);
        };
        let work = tokio::task::spawn_blocking(move || tail(&path, bytes));
        work.await
            .unwrap_or_else(|error| Err(std::io::Error::other(error)))
    }
}

fn append(path: &Path, text: &[u8]) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let have = fs::metadata(path).map_or(0, |found| found.len());
    let more = u64::try_from(text.len()).unwrap_or(u64::MAX);
    if have > 0 && have.saturating_add(more) > FILE_BYTES {
        fs::rename(path, path.with_extension("log.1"))?;
    }
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(text)
}

fn tail(path: &Path, bytes: u64) -> std::io::Result<Option<Vec<u8>>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let length = file.metadata()?.len();
    let start = length.saturating_sub(bytes);
    file.seek(SeekFrom::Start(start))?;
    let mut text = Vec::new();
    file.take(bytes).read_to_end(&mut text)?;
    if start > 0
        && let Some(line) = text.iter().position(|byte| *byte == b'\n')
    {
        text.drain(..=line);
    }
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_log_grows_and_is_put_aside() {
        let room = tempfile::tempdir().expect("a directory");
        let logs = FunctionLogs::new(room.path().join("logs"));
        let scope = Scope::new("123456789012", "us-east-1");
        let none = logs.tail(&scope, "f", 100).await.expect("read");
        assert_eq!(none, None);
        logs.append(&scope, "f", b"one\n".to_vec()).await;
        logs.append(&scope, "f", b"two\nthree\n".to_vec()).await;
        let read = logs.tail(&scope, "f", 9).await.expect("read");
        assert_eq!(read.as_deref(), Some(b"three\n".as_slice()));
        let large = vec![b'x'; usize::try_from(FILE_BYTES).expect("a size")];
        logs.append(&scope, "f", large).await;
        let old = room.path().join("logs/us-east-1/f.log.1");
        assert_eq!(fs::read(old).expect("put aside"), b"one\ntwo\nthree\n");
    }

    #[tokio::test]
    async fn no_name_leaves_the_directory() {
        let room = tempfile::tempdir().expect("a directory");
        let logs = FunctionLogs::new(room.path().join("logs"));
        for (region, name) in [("..", "f"), ("us-east-1", "../f"), ("", "f"), ("a/b", "f")] {
            let scope = Scope::new("123456789012", region);
            logs.append(&scope, name, b"x".to_vec()).await;
            assert_eq!(logs.tail(&scope, name, 9).await.expect("read"), None);
        }
        assert_eq!(fs::read_dir(room.path()).expect("listed").count(), 0);
    }
}
