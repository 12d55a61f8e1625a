//! Log groups in files: one JSON line for each event, on the disk before it counts as delivered.
//!
//! `DIRECTORY/REGION/NAME.log`; a file that is full becomes `NAME.log.1`, and so on up to the number that is kept. A
//! line carries its delivery's id, so that a repeat finds what an earlier attempt wrote. Lines that wait for the same
//! file share one sync.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use model::Outcome;
use model::effect::LogAppend;
use serde_json::json;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::aws_call::plain_failure;
use crate::config::LogFiles;

/// Ids of lines that are remembered for each group.
const REMEMBERED: usize = 10_000;
/// How much of a file's end is read for its ids when the file is opened, in bytes.
const TAIL: u64 = 4 << 20;
/// Groups with an open file.
const OPEN: usize = 256;

/// The writer of all groups.
pub(crate) struct EventLogs {
    settings: LogFiles,
    groups: Mutex<HashMap<PathBuf, Arc<Group>>>,
}

/// A line that waits to be written, and who waits for it.
struct Pending {
    id: Uuid,
    line: String,
    written: oneshot::Sender<Result<Appended, String>>,
}

impl Pending {
    fn of(append: &LogAppend, written: oneshot::Sender<Result<Appended, String>>) -> Self {
        let line = json!({
            "timestamp": append.timestamp,
            "message": append.message,
            "eventId": append.id,
        });
        Self {
            id: append.id,
            line: format!("{line}\n"),
            written,
        }
    }
}

fn not_kept(group: &str) -> Outcome {
    let message = format!(
        "`{}` is no log group that this server keeps: use /aws/events/ and up to 200 letters, digits and `._-`",
        group.escape_debug()
    );
    Outcome::Failed(plain_failure("ParamValidation", message, false))
}

fn appended(id: Uuid, became: Result<Appended, String>) -> Outcome {
    match became {
        Ok(Appended::Now) => Outcome::Done { result: json!({}) },
        Ok(Appended::Before) => Outcome::Done {
            result: json!({ "AlreadyDone": id }),
        },
        Err(reason) => Outcome::Failed(plain_failure("Storage", reason, true)),
    }
}

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Appended {
    Now,
    Before,
}

/// One group.
#[derive(Default)]
struct Group {
    pending: Mutex<Vec<Pending>>,
    file: Mutex<Option<Open>>,
}

/// A group's file, open at its end.
struct Open {
    file: File,
    length: u64,
    known: Known,
}

/// The ids of the last lines.
#[derive(Default)]
struct Known {
    ids: HashSet<Uuid>,
    order: VecDeque<Uuid>,
}

impl Known {
    fn add(&mut self, id: Uuid) {
        if !self.ids.insert(id) {
            return;
        }
        self.order.push_back(id);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
    }
}

impl EventLogs {
    pub(crate) fn new(settings: LogFiles) -> Self {
        Self {
            settings,
            groups: Mutex::default(),
        }
    }

    /// Appends lines, in their order, unless they are there already. Lines for the same group are one write with one
    /// sync. What failed counts more than what did not; of lines that are written the last one tells.
    pub(crate) async fn append_all(&self, lines: &[LogAppend]) -> Outcome {
        let mut waiting: HashMap<PathBuf, Vec<Pending>> = HashMap::new();
        let mut answers = Vec::with_capacity(lines.len());
        let mut outcome = Outcome::Done { result: json!({}) };
        for append in lines {
            let Some(path) = self.path(append) else {
                outcome = not_kept(&append.group);
                continue;
            };
            let (written, answer) = oneshot::channel();
            let pending = Pending::of(append, written);
            waiting.entry(path).or_default().push(pending);
            answers.push((append.id, answer));
        }
        for (path, pending) in waiting {
            let group = self.group(&path);
            lock(&group.pending).extend(pending);
            let settings = self.settings.clone();
            // Who waits hears of a write that did not end by the channel that closes.
            tokio::task::spawn_blocking(move || group.write(&path, &settings));
        }
        for (id, answer) in answers {
            let one = answer
                .await
                .unwrap_or_else(|_| Err("the write did not end".to_owned()));
            if matches!(outcome, Outcome::Done { .. }) {
                outcome = appended(id, one);
            }
        }
        outcome
    }

    fn path(&self, append: &LogAppend) -> Option<PathBuf> {
        let name = LogAppend::group_name(&append.group)?;
        LogAppend::is_plain(&append.region).then(|| {
            self.settings
                .directory
                .join(&append.region)
                .join(format!("{name}.log"))
        })
    }

    fn group(&self, path: &Path) -> Arc<Group> {
        let mut groups = lock(&self.groups);
        if let Some(group) = groups.get(path) {
            return Arc::clone(group);
        }
        if groups.len() >= OPEN {
            // Who is being written stays: two writers of one file would not see each other.
            groups.retain(|_, group| Arc::strong_count(group) > 1);
        }
        let group = Arc::<Group>::default();
        groups.insert(path.to_owned(), Arc::clone(&group));
        group
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Group {
    /// Writes everything that waits, with one sync. Whoever comes second finds nothing left.
    fn write(&self, path: &Path, settings: &LogFiles) {
        let mut held = lock(&self.file);
        let pending = std::mem::take(&mut *lock(&self.pending));
        if pending.is_empty() {
            return;
        }
        let written = write(&mut held, path, settings, &pending);
        if written.is_err() {
            // What the file holds now is not known: the next write opens it and looks.
            *held = None;
        }
        for (index, one) in pending.into_iter().enumerate() {
            let outcome = match &written {
                Ok(done) => Ok(done.get(index).copied().unwrap_or(Appended::Now)),
                Err(error) => Err(format!("`{}` cannot be written: {error}", path.display())),
            };
            // A waiter that went away does not mind.
            let _ = one.written.send(outcome);
        }
    }
}

fn write(
    held: &mut Option<Open>,
    path: &Path,
    settings: &LogFiles,
    pending: &[Pending],
) -> io::Result<Vec<Appended>> {
    let mut outcomes = Vec::with_capacity(pending.len());
    for one in pending {
        let open = match held.take() {
            Some(open) => open,
            None => Open::at(path)?,
        };
        if open.known.ids.contains(&one.id) {
            outcomes.push(Appended::Before);
            *held = Some(open);
            continue;
        }
        let mut open = open.with_room(path, settings, one.line.len() as u64)?;
        open.append(one)?;
        outcomes.push(Appended::Now);
        *held = Some(open);
    }
    if let Some(open) = held {
        open.file.sync_data()?;
    }
    Ok(outcomes)
}

impl Open {
    /// Opens a group's file: cuts off a line that a crash left half written, and reads the ids of the last lines.
    fn at(path: &Path) -> io::Result<Self> {
        let directory = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(directory)?;
        let fresh = !path.exists();
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)?;
        if fresh {
            File::open(directory)?.sync_all()?;
        }
        let mut known = Known::default();
        if let Ok(mut before) = File::open(numbered(path, 1)) {
            let tail = tail(&mut before)?;
            note_ids(&tail, &mut known);
        }
        let length = file.metadata()?.len();
        let tail = tail(&mut file)?;
        let torn = tail.iter().rev().take_while(|byte| **byte != b'\n').count();
        if torn > 0 {
            file.set_len(length - torn as u64)?;
        }
        note_ids(&tail, &mut known);
        Ok(Self {
            length: length - torn as u64,
            file,
            known,
        })
    }

    /// This file, or a new one after this was put aside.
    fn with_room(self, path: &Path, settings: &LogFiles, more: u64) -> io::Result<Self> {
        if self.length == 0 || self.length + more <= settings.file_bytes {
            return Ok(self);
        }
        self.file.sync_data()?;
        let known = self.known;
        drop(self.file);
        for number in (1..settings.kept).rev() {
            rename_if_there(&numbered(path, number), &numbered(path, number + 1))?;
        }
        if settings.kept == 0 {
            fs::remove_file(path)?;
        } else {
            rename_if_there(path, &numbered(path, 1))?;
        }
        Ok(Self {
            known,
            ..Self::at(path)?
        })
    }

    fn append(&mut self, one: &Pending) -> io::Result<()> {
        self.file.write_all(one.line.as_bytes())?;
        self.length += one.line.len() as u64;
        self.known.add(one.id);
        Ok(())
    }
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

fn rename_if_there(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// The end of a file.
fn tail(file: &mut File) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn note_ids(tail: &[u8], known: &mut Known) {
    #[derive(serde::Deserialize)]
    struct Line {
        #[serde(rename = "eventId")]
        id: Uuid,
    }
    // The first piece may be the end of a line: it does not read, and is not needed.
    let lines = tail.split_inclusive(|byte| *byte == b'\n');
    for line in lines.filter(|line| line.ends_with(b"\n")) {
        if let Ok(Line { id }) = serde_json::from_slice(line) {
            known.add(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn line(number: u128, message: &str) -> LogAppend {
        LogAppend {
            id: Uuid::from_u128(number),
            region: "us-east-1".to_owned(),
            group: "/aws/events/findings".to_owned(),
            timestamp: 1_700_000_000_000,
            message: message.to_owned(),
        }
    }

    fn logs(directory: &Path) -> EventLogs {
        EventLogs::new(LogFiles::new(directory.to_owned()))
    }

    fn read(directory: &Path, name: &str) -> Vec<Value> {
        let text = fs::read_to_string(directory.join("us-east-1").join(name)).expect("a file");
        assert!(text.ends_with('\n'));
        text.lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }

    #[tokio::test]
    async fn a_line_is_written_once_whatever_it_holds() {
        let directory = tempfile::tempdir().expect("a directory");
        let message = "two\nlines \" \u{2028}";
        for _ in 0..2 {
            // A new process each time.
            let logs = logs(directory.path());
            for _ in 0..2 {
                let outcome = logs.append_all(&[line(1, message)]).await;
                assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
            }
        }
        let lines = read(directory.path(), "findings.log");
        assert_eq!(
            lines,
            [
                json!({ "timestamp": 1_700_000_000_000_i64, "message": message, "eventId": Uuid::from_u128(1) })
            ]
        );
    }

    #[tokio::test]
    async fn a_torn_line_is_cut_off_and_written_anew() {
        let directory = tempfile::tempdir().expect("a directory");
        logs(directory.path()).append_all(&[line(1, "a")]).await;
        let path = directory.path().join("us-east-1/findings.log");
        let mut file = OpenOptions::new().append(true).open(&path).expect("open");
        write!(file, "{{\"timestamp\":1,\"mess").expect("written");
        logs(directory.path()).append_all(&[line(2, "b")]).await;
        let lines = read(directory.path(), "findings.log");
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1]["message"], "b");
    }

    #[tokio::test]
    async fn files_are_put_aside_and_the_oldest_goes() {
        let directory = tempfile::tempdir().expect("a directory");
        let settings = LogFiles {
            file_bytes: 300,
            kept: 2,
            ..LogFiles::new(directory.path().to_owned())
        };
        let logs = EventLogs::new(settings);
        for number in 0..12 {
            logs.append_all(&[line(number, "some text")]).await;
        }
        // A repeat of a line that was put aside meanwhile.
        logs.append_all(&[line(8, "some text")]).await;
        let mut names: Vec<String> = fs::read_dir(directory.path().join("us-east-1"))
            .expect("a directory")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .into_string()
                    .expect("a name")
            })
            .collect();
        names.sort();
        assert_eq!(names, ["findings.log", "findings.log.1", "findings.log.2"]);
        let ids: Vec<Value> = ["findings.log.2", "findings.log.1", "findings.log"]
            .iter()
            .flat_map(|name| read(directory.path(), name))
            .map(|line| line["eventId"].clone())
            .collect();
        let last: Vec<Value> = (12 - ids.len() as u128..12)
            .map(|number| json!(Uuid::from_u128(number)))
            .collect();
        assert_eq!(ids, last, "in order, none twice");
    }

    #[tokio::test]
    async fn nothing_is_written_outside_the_directory() {
        let outer = tempfile::tempdir().expect("a directory");
        let directory = outer.path().join("logs");
        let logs = logs(&directory);
        for (region, group) in [
            ("us-east-1", "/aws/events/../../x"),
            ("us-east-1", "/aws/events/.."),
            ("us-east-1", "/etc/x"),
            ("..", "/aws/events/x"),
            ("../..", "/aws/events/x"),
        ] {
            let append = LogAppend {
                region: region.to_owned(),
                group: group.to_owned(),
                ..line(1, "a")
            };
            let outcome = logs.append_all(&[append]).await;
            assert!(
                matches!(outcome, Outcome::Failed(failure) if !failure.transient),
                "{group}"
            );
        }
        assert!(!directory.exists());
        assert_eq!(fs::read_dir(outer.path()).expect("read").count(), 0);
    }

    #[tokio::test]
    async fn what_cannot_be_written_is_tried_again_later() {
        let outer = tempfile::tempdir().expect("a directory");
        let directory = outer.path().join("logs");
        fs::write(&directory, "a file where the directory should be").expect("written");
        let logs = logs(&directory);
        let outcome = logs.append_all(&[line(1, "a")]).await;
        assert!(
            matches!(outcome, Outcome::Failed(failure) if failure.transient && failure.code == "Storage")
        );
        fs::remove_file(&directory).expect("removed");
        assert!(matches!(
            logs.append_all(&[line(1, "a")]).await,
            Outcome::Done { .. }
        ));
        assert_eq!(read(&directory, "findings.log").len(), 1);
    }
}
