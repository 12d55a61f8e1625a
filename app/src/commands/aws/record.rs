//! The local record of calls: an append-only file of JSON lines, one before a call is sent and one after.
//!
//! A line is written with one write and synced before anything follows from it. A call whose second line is missing may
//! have happened. Secrets are masked and long values cut, so that the file can be kept and shown.

mod entry;

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use nix::fcntl::{Flock, FlockArg};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::arguments::Settled;
use super::ending::{Ended, Result, say};
use super::output;

use entry::Entries;
pub(crate) use entry::Entry;

/// Version of the lines.
const VERSION: u64 = 1;
/// Longest text of a parameter that is kept, in characters.
const TEXT: usize = 1_000;
/// Longest parameters that are kept, in bytes as JSON.
const PARAMS: usize = 32 * 1024;
/// How far back the record is read, in bytes.
const READ: u64 = 32 << 20;

/// The record, open for one call.
#[derive(Debug)]
pub(crate) struct Record {
    path: PathBuf,
}

/// A call as it is announced.
#[derive(Debug, Clone)]
pub(crate) struct Intent {
    pub(crate) id: Uuid,
    pub(crate) service: String,
    pub(crate) operation: String,
    pub(crate) region: String,
    pub(crate) account: Option<String>,
    pub(crate) role: Option<String>,
    pub(crate) access_key_id: Option<String>,
    pub(crate) endpoint: String,
    pub(crate) class: String,
    pub(crate) params: Value,
}

/// How a call ended.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    /// `succeeded`, `failed` or `unknown`.
    pub(crate) outcome: &'static str,
    pub(crate) code: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) status: Option<u16>,
    pub(crate) request_id: Option<String>,
    pub(crate) duration_ms: u64,
}

impl Record {
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    /// Announces a call. It must not be sent before this returned.
    pub(crate) fn announce(&self, intent: &Intent, at: Timestamp) -> Result<()> {
        let line = json!({
            "v": VERSION,
            "event": "intent",
            "id": intent.id,
            "at": at.to_string(),
            "user": std::env::var("USER").ok(),
            "pid": std::process::id(),
            "accessKeyId": intent.access_key_id,
            "role": intent.role,
            "account": intent.account,
            "region": intent.region,
            "endpoint": intent.endpoint,
            "service": intent.service,
            "operation": intent.operation,
            "class": intent.class,
            "params": kept(&intent.params),
        });
        self.append(&line).map_err(|error| {
            Ended::refused(format!(
                "{}: cannot be written: {error}; nothing was sent, since no call goes without its record: name another file by --record",
                self.path.display()
            ))
        })
    }

    /// Notes how a call ended. The call has happened: a failure to note it is told, and changes nothing.
    pub(crate) fn conclude(&self, id: Uuid, outcome: &Outcome, at: Timestamp) {
        let line = json!({
            "v": VERSION,
            "event": "outcome",
            "id": id,
            "at": at.to_string(),
            "outcome": outcome.outcome,
            "code": outcome.code,
            "message": outcome.message.as_deref().map(shortened),
            "status": outcome.status,
            "requestId": outcome.request_id,
            "durationMs": outcome.duration_ms,
        });
        if let Err(error) = self.append(&line) {
            say(&format!(
                "{}: the outcome of call {id} cannot be written: {error}",
                self.path.display()
            ));
        }
    }

    fn append(&self, line: &Value) -> std::io::Result<()> {
        let folder = self
            .path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)?;
        }
        let new = !self.path.exists();
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&self.path)?;
        // Two commands at once write their lines one after the other.
        let mut file = Flock::lock(file, FlockArg::LockExclusive)
            .map_err(|(_, error)| std::io::Error::from(error))?;
        if new {
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        }
        let mut text = String::new();
        // After a power cut the last line may be half: it must not spoil this one.
        if !ends_with_line_feed(&mut file)? {
            text.push('\n');
        }
        text.push_str(&line.to_string());
        text.push('\n');
        file.write_all(text.as_bytes())?;
        file.sync_data()
    }

    /// The calls on record, oldest first. Lines that cannot be read are told and passed over.
    pub(crate) fn entries(&self) -> Result<Vec<Entry>> {
        let failed = |error: std::io::Error| {
            Ended::refused(format!("{}: cannot be read: {error}", self.path.display()))
        };
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let metadata = file.metadata().map_err(failed)?;
        if metadata.permissions().mode() & 0o077 != 0 {
            say(&format!(
                "{}: others may read it: chmod 600",
                self.path.display()
            ));
        }
        let from = metadata.len().saturating_sub(READ);
        file.seek(SeekFrom::Start(from)).map_err(failed)?;
        let lines = BufReader::new(file.take(READ)).split(b'\n');
        let mut entries = Entries::default();
        for line in lines.skip(usize::from(from > 0)) {
            entries.take(&line.map_err(failed)?);
        }
        if entries.unreadable > 0 {
            say(&format!(
                "{}: {} lines cannot be read and are passed over",
                self.path.display(),
                entries.unreadable
            ));
        }
        Ok(entries.list)
    }

    /// Tells of calls whose outcome nobody knows, so that they are not forgotten.
    pub(crate) fn remind(&self, now: Timestamp) -> Result<Vec<Entry>> {
        let entries = self.entries()?;
        let unknown: Vec<&Entry> = entries
            .iter()
            .filter(|entry| entry.is_unknown(now))
            .collect();
        for entry in unknown.iter().take(5) {
            say(&format!("outcome unknown: {}", entry.line(now)));
        }
        if !unknown.is_empty() {
            say("see `quell aws record --unknown`, and settle it by `quell aws resolve`");
        }
        Ok(entries)
    }
}

fn ends_with_line_feed(file: &mut File) -> std::io::Result<bool> {
    let length = file.metadata()?.len();
    if length == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::Start(length - 1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == [b'\n'])
}

/// `quell aws record`.
pub(crate) fn list(path: &Path, unknown_only: bool) -> Result<()> {
    let now = super::local::now();
    let mut text = String::new();
    for entry in Record::new(path).entries()? {
        if !unknown_only || entry.is_unknown(now) {
            text.push_str(&entry.line(now));
            text.push('\n');
        }
    }
    output::print_text(&text)
}

/// `quell aws resolve` of a call on record.
pub(crate) fn settle(path: &Path, settled: &Settled) -> Result<()> {
    if settled.outcome == "retry" {
        return Err(Ended::usage(format!(
            "a call of the local record is repeated by making it again with --token {}",
            settled.id
        )));
    }
    let (record, now) = (Record::new(path), super::local::now());
    let entries = record.entries()?;
    let Some(entry) = entries.iter().find(|entry| entry.id == settled.id) else {
        return Err(Ended::usage(format!(
            "{}: there is no call {}",
            path.display(),
            settled.id
        )));
    };
    if !entry.is_unknown(now) {
        return Err(Ended::refused(format!(
            "the outcome of call {} is not unknown: there is nothing to settle",
            settled.id
        )));
    }
    let line = json!({
        "v": VERSION,
        "event": "resolved",
        "id": settled.id,
        "at": now.to_string(),
        "user": std::env::var("USER").ok(),
        "outcome": settled.outcome,
        "message": settled.message.as_deref().map(shortened),
    });
    record
        .append(&line)
        .map_err(|error| Ended::refused(format!("{}: cannot be written: {error}", path.display())))
}

/// Parameters as the record keeps them.
fn kept(params: &Value) -> Value {
    let short = cut(&aws::knowledge::masked(params));
    let bytes = short.to_string().len();
    if bytes <= PARAMS {
        short
    } else {
        json!({ "cut": format!("{bytes} bytes of parameters") })
    }
}

fn cut(value: &Value) -> Value {
    match value {
        Value::String(text) => shortened(text).into(),
        Value::Array(items) => items.iter().map(cut).collect(),
        Value::Object(map) => {
            let cut_member = |(name, value): (&String, &Value)| (name.clone(), cut(value));
            Value::Object(map.iter().map(cut_member).collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(TEXT) {
        None => text.to_owned(),
        Some((at, _)) => format!(
            "{}... ({} characters)",
            text.get(..at).unwrap_or_default(),
            text.chars().count()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn intent(id: u128, class: &str) -> Intent {
        Intent {
            id: Uuid::from_u128(id),
            service: "ec2".to_owned(),
            operation: "RunInstances".to_owned(),
            region: "eu-west-1".to_owned(),
            account: None,
            role: None,
            access_key_id: Some("AKIA".to_owned()),
            endpoint: "https://ec2".to_owned(),
            class: class.to_owned(),
            params: json!({"UserData": "secret", "Name": "x".repeat(3_000)}),
        }
    }

    #[test]
    fn an_intent_without_an_outcome_is_unknown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/record.jsonl");
        let record = Record::new(&path);
        for (id, class) in [(1, "changes"), (2, "changes"), (3, "reads"), (4, "changes")] {
            record.announce(&intent(id, class), at(0)).unwrap();
        }
        record.conclude(
            Uuid::from_u128(1),
            &Outcome {
                outcome: "succeeded",
                ..Outcome::default()
            },
            at(1),
        );
        record.conclude(
            Uuid::from_u128(4),
            &Outcome {
                outcome: "unknown",
                ..Outcome::default()
            },
            at(1),
        );
        // This very process wrote them: they are under way until no call can last so long.
        let unknown = |now: Timestamp| -> Vec<u128> {
            let entries = record.entries().unwrap();
            entries
                .iter()
                .filter(|entry| entry.is_unknown(now))
                .map(|entry| entry.id.as_u128())
                .collect()
        };
        assert_eq!(unknown(at(1)), [4]);
        assert_eq!(unknown(at(4_000)), [2, 4]);
        // A repeat under the same id, well ended, settles it.
        record.announce(&intent(2, "changes"), at(5_000)).unwrap();
        record.conclude(
            Uuid::from_u128(2),
            &Outcome {
                outcome: "succeeded",
                ..Outcome::default()
            },
            at(5_001),
        );
        assert_eq!(unknown(at(9_000)), [4]);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            !text.contains("secret") && text.contains("(3000 characters)"),
            "{text}"
        );
    }

    #[test]
    fn half_a_line_spoils_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record.jsonl");
        std::fs::write(&path, "{\"v\":1,\"event\":\"int").unwrap();
        let record = Record::new(&path);
        record.announce(&intent(7, "changes"), at(0)).unwrap();
        let entries = record.entries().unwrap();
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].service(), "ec2");
    }

    #[test]
    fn what_cannot_be_recorded_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let refused = Record::new(dir.path()).announce(&intent(1, "changes"), at(0));
        assert!(
            matches!(refused, Err(Ended::Refused(message)) if message.contains("nothing was sent"))
        );
    }
}
