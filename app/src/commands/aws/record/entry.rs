//! What the lines of the record say of each call.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::VERSION;

/// What the record says of one call.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) id: Uuid,
    intent: Value,
    last: Option<Value>,
}

/// The calls that the lines tell of, oldest first.
#[derive(Default)]
pub(super) struct Entries {
    pub(super) list: Vec<Entry>,
    places: HashMap<Uuid, usize>,
    /// Lines that tell of none.
    pub(super) unreadable: usize,
}

impl Entries {
    pub(super) fn take(&mut self, line: &[u8]) {
        if line.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        let parsed = serde_json::from_slice::<Value>(line).ok().and_then(|line| {
            let id: Uuid = line.get("id")?.as_str()?.parse().ok()?;
            let event = line.get("event")?.as_str()?.to_owned();
            (line.get("v").and_then(Value::as_u64) == Some(VERSION)).then_some((id, event, line))
        });
        let Some((id, event, line)) = parsed else {
            self.unreadable += 1;
            return;
        };
        match (self.places.get(&id), event.as_str()) {
            (Some(place), "intent") => {
                if let Some(entry) = self.list.get_mut(*place) {
                    entry.intent = line;
                    entry.last = None;
                }
            }
            (Some(place), _) => {
                if let Some(entry) = self.list.get_mut(*place) {
                    entry.last = Some(line);
                }
            }
            (None, "intent") => {
                self.places.insert(id, self.list.len());
                self.list.push(Entry {
                    id,
                    intent: line,
                    last: None,
                });
            }
            // Its beginning lies further back than is read.
            (None, _) => {}
        }
    }
}

impl Entry {
    fn text<'a>(from: &'a Value, name: &str) -> &'a str {
        from.get(name).and_then(Value::as_str).unwrap_or("-")
    }

    pub(crate) fn service(&self) -> &str {
        Self::text(&self.intent, "service")
    }

    pub(crate) fn operation(&self) -> &str {
        Self::text(&self.intent, "operation")
    }

    /// Whether it is under way in a process that lives.
    fn is_under_way(&self, now: Timestamp) -> bool {
        let pid = self.intent.get("pid").and_then(Value::as_i64);
        let pid = pid
            .and_then(|pid| i32::try_from(pid).ok())
            .filter(|pid| *pid > 0);
        let lives = pid.is_some_and(|pid| {
            nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None).is_ok()
        });
        // No call lasts longer: an older one's process id belongs to somebody else.
        let begun: Option<Timestamp> = Self::text(&self.intent, "at").parse().ok();
        lives && begun.is_some_and(|begun| now.duration_since(begun).as_secs() < 3_600)
    }

    /// Whether the account may have been changed without anybody knowing.
    pub(crate) fn is_unknown(&self, now: Timestamp) -> bool {
        let reads = Self::text(&self.intent, "class") == "reads";
        match &self.last {
            None => !reads && !self.is_under_way(now),
            Some(last) => Self::text(last, "outcome") == "unknown",
        }
    }

    pub(super) fn line(&self, now: Timestamp) -> String {
        let outcome = match &self.last {
            Some(last) => {
                let code = Self::text(last, "code");
                let word = Self::text(last, "outcome");
                if code == "-" {
                    word.to_owned()
                } else {
                    format!("{word} ({code})")
                }
            }
            None if self.is_under_way(now) => "under way".to_owned(),
            None => "no outcome".to_owned(),
        };
        format!(
            "{}  {}  {} {}  {}  {}  {outcome}",
            self.id,
            Self::text(&self.intent, "at"),
            self.service(),
            self.operation(),
            Self::text(&self.intent, "region"),
            match Self::text(&self.intent, "role") {
                "-" => Self::text(&self.intent, "accessKeyId"),
                role => role,
            },
        )
    }
}
