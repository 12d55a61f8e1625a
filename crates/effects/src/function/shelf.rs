//! Code in files: `code/DIGEST.zip`, on the disk before it counts; and unpacked beside it, as long as this process lives.
//!
//! What is unpacked is a copy: it is thrown away at every start and made again when it is first needed, so that a crash
//! in its midst leaves no half of a function.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use model::function::Code;
use ports::function::{CodeError, CodeLimits, CodeShelf};
use ports::{BoxFuture, Clock};

use super::unpack::{storage, unpack};

/// Archives younger than this are kept though no function has them: one may be about to, or still run.
const YOUNG: SignedDuration = SignedDuration::from_hours(1);

/// The shelf of a data directory. Cheap to clone.
#[derive(Clone)]
pub struct FunctionShelf {
    inner: Arc<Inner>,
}

struct Inner {
    archives: PathBuf,
    unpacked: PathBuf,
    limits: CodeLimits,
    clock: Arc<dyn Clock>,
    /// One change at a time: two puts of one archive, or a put and a removal, must not meet.
    changes: Mutex<()>,
    made: AtomicU64,
    /// How many invocations run each unpacked archive.
    used: Mutex<BTreeMap<String, usize>>,
}

/// Unpacked code that an invocation runs: it stays where it is until this is dropped.
pub(super) struct Unpacked {
    path: PathBuf,
    digest: String,
    inner: Arc<Inner>,
}

impl Unpacked {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Unpacked {
    fn drop(&mut self) {
        let mut used = self.inner.used();
        if let Some(count) = used.get_mut(&self.digest) {
            *count -= 1;
            if *count == 0 {
                used.remove(&self.digest);
            }
        }
    }
}

impl FunctionShelf {
    /// A shelf in `directory`; what an earlier process unpacked there goes.
    ///
    /// # Errors
    /// The directory cannot be made or emptied.
    pub fn new(
        directory: &Path,
        limits: CodeLimits,
        clock: Arc<dyn Clock>,
    ) -> std::io::Result<Self> {
        let (archives, unpacked) = (directory.join("code"), directory.join("unpacked"));
        fs::create_dir_all(&archives)?;
        match fs::remove_dir_all(&unpacked) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::create_dir_all(&unpacked)?;
        let inner = Inner {
            archives: archives.canonicalize()?,
            unpacked: unpacked.canonicalize()?,
            limits,
            clock,
            changes: Mutex::default(),
            made: AtomicU64::new(0),
            used: Mutex::default(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The directory with an archive's files, unpacked if it is not yet.
    pub(super) async fn directory(&self, digest: &str) -> Result<Unpacked, CodeError> {
        *self.inner.used().entry(digest.to_owned()).or_default() += 1;
        // From here on it is counted, and given back whatever becomes of it.
        let mut unpacked = Unpacked {
            path: PathBuf::new(),
            digest: digest.to_owned(),
            inner: Arc::clone(&self.inner),
        };
        let digest = digest.to_owned();
        unpacked.path = self.away(move |inner| inner.directory(&digest)).await?;
        Ok(unpacked)
    }

    async fn away<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, CodeError> + Send + 'static,
    ) -> Result<T, CodeError> {
        let inner = Arc::clone(&self.inner);
        let done = tokio::task::spawn_blocking(move || work(&inner)).await;
        done.unwrap_or_else(|error| Err(CodeError::Storage(error.to_string())))
    }
}

impl Inner {
    fn used(&self) -> MutexGuard<'_, BTreeMap<String, usize>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what is unpacked out of the way unless an invocation runs it; where it is now, if it was there.
    fn put_aside(&self, digest: &str) -> std::io::Result<Option<PathBuf>> {
        // Held for the look and the rename together: an invocation that begins meanwhile finds it or makes it anew.
        let used = self.used();
        if used.contains_key(digest) {
            return Err(std::io::ErrorKind::ResourceBusy.into());
        }
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let aside = self.unpacked.join(format!("gone-{number}"));
        match fs::rename(self.unpacked.join(digest), &aside) {
            Ok(()) => Ok(Some(aside)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn archive(&self, digest: &str) -> Result<PathBuf, CodeError> {
        // A digest comes from the store or from a link: nothing else of it may reach a path.
        let fits = digest.len() == 64
            && digest
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !fits {
            return Err(CodeError::Storage("a digest is none".to_owned()));
        }
        Ok(self.archives.join(format!("{digest}.zip")))
    }

    fn put(&self, archive: &[u8]) -> Result<Code, CodeError> {
        let bytes = u64::try_from(archive.len()).unwrap_or(u64::MAX);
        if bytes > self.limits.archive_bytes {
            let limit = self.limits.archive_bytes;
            return Err(CodeError::TooLarge(format!(
                "The zip file must be smaller than {limit} bytes"
            )));
        }
        let digest = digest(archive);
        let _change = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.archive(&digest)?;
        let ready = self.unpacked.join(&digest);
        if !ready.is_dir() {
            self.unpack(archive, &ready)?;
        }
        if !path.is_file() {
            let limit = self.limits.overall_bytes;
            if self.bytes()?.saturating_add(bytes) > limit {
                return Err(CodeError::Full { limit });
            }
            self.write(archive, &path)?;
        } else if let Ok(file) = File::options().append(true).open(&path) {
            // As young as a new one: a removal that is under way elsewhere must leave it.
            let now = std::time::SystemTime::from(self.clock.now());
            file.set_modified(now).map_err(|error| storage(&error))?;
        }
        Ok(Code { digest, bytes })
    }

    fn unpack(&self, archive: &[u8], ready: &Path) -> Result<(), CodeError> {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let making = self.unpacked.join(format!("making-{number}"));
        let made = unpack(archive, &making, self.limits.unpacked_bytes)
            .and_then(|()| fs::rename(&making, ready).map_err(|error| storage(&error)));
        if made.is_err() {
            let _ = fs::remove_dir_all(&making);
        }
        made
    }

    fn write(&self, archive: &[u8], path: &Path) -> Result<(), CodeError> {
        let making = path.with_extension("making");
        let write = || {
            let mut file = File::create(&making)?;
            file.write_all(archive)?;
            file.sync_all()?;
            fs::rename(&making, path)?;
            File::open(&self.archives)?.sync_all()
        };
        write().map_err(|error| storage(&error))
    }

    fn directory(&self, digest: &str) -> Result<PathBuf, CodeError> {
        let path = self.archive(digest)?;
        let ready = self.unpacked.join(digest);
        if ready.is_dir() {
            return Ok(ready);
        }
        let _change = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        if !ready.is_dir() {
            let archive = fs::read(path).map_err(|error| storage(&error))?;
            if self::digest(&archive) != digest {
                let message = "the archive on the disk was changed: upload the code again";
                return Err(CodeError::Storage(message.to_owned()));
            }
            self.unpack(&archive, &ready)?;
        }
        Ok(ready)
    }

    fn get(&self, digest: &str) -> Result<Option<Vec<u8>>, CodeError> {
        match fs::read(self.archive(digest)?) {
            Ok(archive) => Ok(Some(archive)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(storage(&error)),
        }
    }

    fn bytes(&self) -> Result<u64, CodeError> {
        let sum = || {
            let mut sum = 0;
            for entry in fs::read_dir(&self.archives)? {
                sum += entry?.metadata()?.len();
            }
            Ok(sum)
        };
        sum().map_err(|error: std::io::Error| storage(&error))
    }

    fn keep_only(&self, digests: &BTreeSet<String>) -> Result<u64, CodeError> {
        let _change = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let last = self.clock.now().checked_sub(YOUNG);
        let last = last.map_err(|error| CodeError::Storage(error.to_string()))?;
        let sweep = || {
            let mut removed = 0;
            for entry in fs::read_dir(&self.archives)? {
                let entry = entry?;
                let name = entry.file_name();
                let digest = name.to_str().and_then(|name| name.strip_suffix(".zip"));
                let modified = Timestamp::try_from(entry.metadata()?.modified()?);
                let old = modified.is_ok_and(|modified| modified < last);
                if !old || digest.is_some_and(|digest| digests.contains(digest)) {
                    continue;
                }
                let aside = match digest.map(|digest| self.put_aside(digest)) {
                    // An invocation runs it: a later removal takes it.
                    Some(Err(error)) if error.kind() == std::io::ErrorKind::ResourceBusy => {
                        continue;
                    }
                    other => other.transpose()?.flatten(),
                };
                fs::remove_file(entry.path())?;
                if let Some(aside) = aside {
                    fs::remove_dir_all(aside)?;
                }
                removed += 1;
            }
            Ok(removed)
        };
        sweep().map_err(|error: std::io::Error| storage(&error))
    }
}

/// SHA-256 in hexadecimal digits, lower case.
pub(crate) fn digest(archive: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, archive);
    let digits = digest.as_ref().iter().map(|byte| format!("{byte:02x}"));
    digits.collect()
}

impl CodeShelf for FunctionShelf {
    fn limits(&self) -> CodeLimits {
        self.inner.limits
    }

    fn put(&self, archive: Vec<u8>) -> BoxFuture<'static, Result<Code, CodeError>> {
        let shelf = self.clone();
        Box::pin(async move { shelf.away(move |inner| inner.put(&archive)).await })
    }

    fn get(&self, digest: String) -> BoxFuture<'static, Result<Option<Vec<u8>>, CodeError>> {
        let shelf = self.clone();
        Box::pin(async move { shelf.away(move |inner| inner.get(&digest)).await })
    }

    fn bytes(&self) -> BoxFuture<'static, Result<u64, CodeError>> {
        let shelf = self.clone();
        Box::pin(async move { shelf.away(Inner::bytes).await })
    }

    fn keep_only(&self, digests: BTreeSet<String>) -> BoxFuture<'static, Result<u64, CodeError>> {
        let shelf = self.clone();
        Box::pin(async move { shelf.away(move |inner| inner.keep_only(&digests)).await })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use ports::ManualClock;
    use zip::write::{SimpleFileOptions, ZipWriter};

    use super::*;

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer
            .start_file("main.py", SimpleFileOptions::default())
            .expect("an entry");
        writer.write_all(text).expect("its body");
        writer.finish().expect("an archive").into_inner()
    }

    #[tokio::test]
    async fn code_stays_as_long_as_an_invocation_runs_it() {
        let room = tempfile::tempdir().expect("a directory");
        // Files are written in the present, which is long ago for this clock.
        let later: Timestamp = "2200-01-01T00:00:00Z".parse().expect("an instant");
        let limits = CodeLimits {
            archive_bytes: 1 << 20,
            unpacked_bytes: 1 << 20,
            overall_bytes: 1 << 20,
            concurrent: 1,
        };
        let clock = Arc::new(ManualClock::new(later));
        let shelf = FunctionShelf::new(room.path(), limits, clock).expect("a shelf");
        let code = shelf.put(packed(b"x = 1")).await.expect("kept");
        let runs = shelf.directory(&code.digest).await.expect("unpacked");
        let also = shelf.directory(&code.digest).await.expect("unpacked");
        assert_eq!(shelf.keep_only(BTreeSet::new()).await, Ok(0));
        drop(also);
        assert_eq!(shelf.keep_only(BTreeSet::new()).await, Ok(0));
        assert!(runs.path().join("main.py").is_file());
        drop(runs);
        assert_eq!(shelf.keep_only(BTreeSet::new()).await, Ok(1));
        assert_eq!(shelf.get(code.digest.clone()).await, Ok(None));
        assert!(shelf.directory(&code.digest).await.is_err());
    }
}
