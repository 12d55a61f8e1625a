//! Code in files: `code/DIGEST.zip`, on the disk before it counts; and unpacked beside it, as long as this process lives.
//!
//! What is unpacked is a copy: it is thrown away at every start and made again when it is first needed, so that a crash
//! in its midst leaves no half of a function.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

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
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The directory with an archive's files, unpacked if it is not yet.
    pub(super) async fn directory(&self, digest: &str) -> Result<PathBuf, CodeError> {
        let digest = digest.to_owned();
        self.away(move |inner| inner.directory(&digest)).await
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
                fs::remove_file(entry.path())?;
                if let Some(digest) = digest {
                    match fs::remove_dir_all(self.unpacked.join(digest)) {
                        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                            return Err(error);
                        }
                        _ => {}
                    }
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
