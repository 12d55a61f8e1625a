//! What every store refuses before it writes: malformed turns, names and bodies beyond their limits.
//!
//! Kept beside the trait so that all stores refuse the same; knows nothing of how any of them stores.

use jiff::Timestamp;
use model::effect::PreviewAsk;
use model::{EffectCommand, FrameBody, Outcome, Scope};
use serde::Serialize;
use serde_json::Value;

use crate::store::{MeasuredMinute, Turn};

/// Deepest nesting of a stored body. Readers of JSON stop at 128; the difference is for the envelopes around bodies.
pub const MAX_DEPTH: usize = 100;

/// Largest stored body as JSON text, in bytes.
pub const MAX_BODY: usize = 16 * 1024 * 1024;

/// Longest name, key or indexed value, in bytes: what fits into an index page of either database.
pub const MAX_NAME: usize = 2_048;

/// Largest body of a minute's numbers as JSON text, in bytes.
pub const MAX_MEASURED: usize = 32 * 1024;

/// Most rows that one read answers.
pub const MAX_PAGE: usize = 1_000;

/// An instant as stores keep it: cut to the microsecond.
#[must_use]
pub fn instant(at: Timestamp) -> Timestamp {
    from_micros(at.as_microsecond()).unwrap_or(at)
}

/// The instant so many microseconds behind 1970 UTC, if there is such an instant.
#[must_use]
pub fn from_micros(micros: i64) -> Option<Timestamp> {
    // Not `Timestamp::from_microsecond`: its range ends at the last whole second, before `Timestamp::MAX`.
    let nanos = i32::try_from(micros.rem_euclid(1_000_000)).ok()? * 1_000;
    Timestamp::new(micros.div_euclid(1_000_000), nanos).ok()
}

/// The first minute since 1970 UTC that did not begin before an instant.
#[must_use]
pub fn minutes_before(at: Timestamp) -> i64 {
    let within = at.as_second().rem_euclid(60) > 0 || at.subsec_nanosecond() > 0;
    at.as_second().div_euclid(60) + i64::from(within)
}

/// A page size brought between 1 and [`MAX_PAGE`].
#[must_use]
pub fn page(limit: usize) -> usize {
    limit.clamp(1, MAX_PAGE)
}

impl Turn {
    /// The instant of the turn, by which claims lapse: when the aggregate was decided, or else when the first input
    /// was accepted or the first resource written. A turn with none of these finds every claim in force.
    #[must_use]
    pub fn at(&self) -> Option<Timestamp> {
        let input = || self.inbox_new.first().map(|input| input.at);
        let resource = || self.resources.first().map(|write| write.at);
        self.aggregate
            .as_ref()
            .map(|write| write.at)
            .or_else(input)
            .or_else(resource)
    }

    /// Checks the form of the turn. Sizes of bodies are checked when they are encoded ([`MAX_BODY`]).
    ///
    /// # Errors
    /// What is wrong and where, in words.
    pub fn check(&self) -> Result<(), String> {
        if self.aggregate.is_none() && !(self.effects_new.is_empty() && self.timers.is_empty()) {
            return Err("effects and timers need the aggregate that waits for them".to_owned());
        }
        self.check_names()?;
        self.check_measured()?;
        self.check_archived()?;
        self.check_depths()
    }

    fn check_measured(&self) -> Result<(), String> {
        for MeasuredMinute { series, body, .. } in &self.measured {
            scope(&series.scope)?;
            name("bus", &series.bus)?;
            name("rule", &series.rule)?;
            name("target", &series.target)?;
            let bytes = json_size(body);
            if bytes > MAX_MEASURED {
                return Err(format!(
                    "the numbers of a minute have {bytes} bytes as JSON, more than {MAX_MEASURED}"
                ));
            }
        }
        shallow("measured", self.measured.iter().map(|minute| &minute.body))
    }

    fn check_archived(&self) -> Result<(), String> {
        for event in &self.archived {
            scope(&event.scope)?;
            body_size("archived event", event.text.len())?;
        }
        Ok(())
    }

    fn check_names(&self) -> Result<(), String> {
        if let Some(write) = &self.aggregate {
            scope(&write.scope)?;
            write
                .frames
                .iter()
                .try_for_each(|frame| name("frame key", &frame.key))?;
            for entry in &write.index {
                name("index name", &entry.name)?;
                name("index value", &entry.value)?;
            }
        }
        self.timers
            .iter()
            .try_for_each(|timer| name("timer key", &timer.key))?;
        for input in &self.inbox_new {
            scope(&input.scope)?;
        }
        for claim in self
            .claims
            .iter()
            .map(|new| &new.claim)
            .chain(&self.releases)
        {
            scope(&claim.scope)?;
            name("claim family", &claim.family)?;
            name("claim key", &claim.key)?;
        }
        for write in &self.resources {
            scope(&write.scope)?;
            name("resource kind", &write.kind)?;
            name("resource name", &write.name)?;
            if write.kind.is_empty() || write.name.is_empty() {
                return Err("a resource needs a kind and a name: neither may be empty".to_owned());
            }
        }
        Ok(())
    }

    fn check_depths(&self) -> Result<(), String> {
        if let Some(write) = &self.aggregate {
            let frames = write.frames.iter().filter_map(|frame| frame.body.as_ref());
            shallow_frames(frames)?;
            shallow("journaled input", &write.journal.inputs)?;
            shallow("fact", write.journal.facts.iter().map(|fact| &fact.body))?;
        }
        shallow("input", self.inbox_new.iter().map(|input| &input.body))?;
        let commands = self
            .effects_new
            .iter()
            .filter_map(|effect| match &effect.command {
                EffectCommand::CallAws(call) | EffectCommand::DeliverByAws(call) => {
                    Some(&call.params)
                }
                EffectCommand::RunScript(call) => Some(&call.payload),
                EffectCommand::InvokeHttp(call) => call.body.as_ref(),
                EffectCommand::Preview(ask) => match &**ask {
                    PreviewAsk::Call { call, .. } => Some(&call.params),
                    PreviewAsk::Script { .. } => None,
                },
                EffectCommand::SendEmail(_)
                | EffectCommand::PostWebhook(_)
                | EffectCommand::InvokeApiDestination(_)
                | EffectCommand::AppendLog(_)
                | EffectCommand::WriteLogs(_)
                | EffectCommand::SendTopicMessage(_)
                | EffectCommand::InvokeIntegration(_)
                | EffectCommand::PostChat(_)
                | EffectCommand::InvokeFunction(_) => None,
            });
        shallow("effect", commands)?;
        let outcomes = self
            .effects_settled
            .iter()
            .filter_map(|settled| match &settled.outcome {
                Outcome::Done { result } => Some(result),
                Outcome::Failed(_) | Outcome::Unknown { .. } => None,
            });
        shallow("outcome", outcomes)?;
        shallow(
            "resource",
            self.resources
                .iter()
                .filter_map(|write| write.body.as_ref()),
        )
    }
}

/// Checks the size of a body as JSON text.
///
/// # Errors
/// The size and the limit, in words.
pub fn body_size(what: &str, bytes: usize) -> Result<(), String> {
    if bytes <= MAX_BODY {
        return Ok(());
    }
    Err(format!(
        "the {what} body has {bytes} bytes as JSON, more than {MAX_BODY}: store a reference instead"
    ))
}

/// Counts what is written.
struct Count(usize);

impl std::io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The size of a value as JSON text, in bytes, without building the text.
#[must_use]
pub fn json_size(value: &impl Serialize) -> usize {
    let mut count = Count(0);
    // What cannot be written as JSON cannot be stored: let it look too large.
    serde_json::to_writer(&mut count, value).map_or(usize::MAX, |()| count.0)
}

/// As [`json_size`], of a frame.
#[must_use]
pub fn frame_size(body: &FrameBody) -> usize {
    let mut count = Count(0);
    body.write(&mut count).map_or(usize::MAX, |()| count.0)
}

fn scope(scope: &Scope) -> Result<(), String> {
    name("tenant", &scope.tenant)?;
    name("account", &scope.account)?;
    name("region", &scope.region)
}

fn name(what: &str, text: &str) -> Result<(), String> {
    if text.len() > MAX_NAME {
        return Err(format!(
            "the {what} has {} bytes, more than {MAX_NAME}: shorten or hash it",
            text.len()
        ));
    }
    if text.contains('\0') {
        return Err(format!("the {what} contains a NUL character: remove it"));
    }
    Ok(())
}

fn shallow<'a>(what: &str, bodies: impl IntoIterator<Item = &'a Value>) -> Result<(), String> {
    for body in bodies {
        if !fits(body, MAX_DEPTH) {
            return Err(format!(
                "the {what} body is nested deeper than {MAX_DEPTH} levels: flatten it"
            ));
        }
    }
    Ok(())
}

fn shallow_frames<'a>(bodies: impl IntoIterator<Item = &'a FrameBody>) -> Result<(), String> {
    for body in bodies {
        let fits = match body {
            FrameBody::Value(value) => fits(value, MAX_DEPTH),
            FrameBody::Typed(_) => nesting(body) <= MAX_DEPTH,
        };
        if !fits {
            return Err(format!(
                "the frame body is nested deeper than {MAX_DEPTH} levels: flatten it"
            ));
        }
    }
    Ok(())
}

/// How deep arrays and objects nest in a frame's JSON text.
fn nesting(body: &FrameBody) -> usize {
    let mut depth = Depth::default();
    // What cannot be written as JSON cannot be stored: let it look too deep.
    body.write(&mut depth).map_or(usize::MAX, |()| depth.most)
}

/// Looks at JSON text on its way for how deep it nests.
#[derive(Default)]
struct Depth {
    now: usize,
    most: usize,
    in_text: bool,
    escaped: bool,
}

impl std::io::Write for Depth {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        for byte in bytes {
            match (self.in_text, byte) {
                (true, _) if self.escaped => self.escaped = false,
                (true, b'\\') => self.escaped = true,
                (_, b'"') => self.in_text = !self.in_text,
                (false, b'[' | b'{') => {
                    self.now += 1;
                    self.most = self.most.max(self.now);
                }
                (false, b']' | b'}') => self.now = self.now.saturating_sub(1),
                _ => {}
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Whether `value` nests at most `left` levels of arrays and objects. Recursion ends at the limit.
fn fits(value: &Value, left: usize) -> bool {
    match value {
        Value::Array(items) => left > 0 && items.iter().all(|item| fits(item, left - 1)),
        Value::Object(members) => left > 0 && members.values().all(|member| fits(member, left - 1)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_counted_in_levels_of_brackets() {
        let mut value = Value::Null;
        for _ in 0..MAX_DEPTH {
            value = Value::Array(vec![value]);
        }
        assert!(fits(&value, MAX_DEPTH));
        let typed = |value: &Value| nesting(&FrameBody::typed(std::sync::Arc::new(value.clone())));
        assert_eq!(typed(&value), MAX_DEPTH);
        let deeper = Value::Array(vec![value]);
        assert!(!fits(&deeper, MAX_DEPTH));
        assert_eq!(typed(&deeper), MAX_DEPTH + 1);
        assert_eq!(typed(&serde_json::json!({"a": ["[[\"[[\\"], "b": []})), 2);
    }

    #[test]
    fn sizes_are_those_of_the_text() {
        let value = serde_json::json!({"a": [1, "é\n"]});
        assert_eq!(json_size(&value), value.to_string().len());
        assert!(body_size("x", MAX_BODY).is_ok());
        assert!(body_size("x", MAX_BODY + 1).is_err());
    }

    #[test]
    fn minutes_begin_before_an_instant() {
        for (second, nanos, want) in [
            (0, 0, 0),
            (0, 1, 1),
            (1, 0, 1),
            (60, 0, 1),
            (61, 0, 2),
            (-1, 0, 0),
            (-60, 0, -1),
        ] {
            let at = Timestamp::new(second, nanos).expect("in range");
            assert_eq!(minutes_before(at), want, "{second}.{nanos}");
        }
    }

    #[test]
    fn instants_lose_what_is_finer_than_a_microsecond() {
        let fine = Timestamp::new(5, 123_456_789).expect("in range");
        assert_eq!(instant(fine).subsec_nanosecond(), 123_456_000);
        for edge in [Timestamp::MIN, Timestamp::MAX] {
            assert_eq!(instant(edge).as_microsecond(), edge.as_microsecond());
        }
        assert_eq!(from_micros(-1), Timestamp::new(-1, 999_999_000).ok());
        assert_eq!(from_micros(i64::MAX), None);
    }
}
