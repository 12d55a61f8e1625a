//! A turn made ready for the writer thread: checked, and every body already text.

use model::{Fact, Outcome};
use ports::store::{CommitError, JournalEntry, Turn};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::body::Body;

/// A turn whose bodies are encoded. The values inside `turn` are gone; the lists here run in the same order.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) turn: Turn,
    /// Of `aggregate.frames`; `None` deletes the frame.
    pub(super) frames: Vec<Option<Body>>,
    pub(super) journal: Option<Body>,
    /// Of `inbox_new`.
    pub(super) inbox: Vec<Body>,
    /// Of `effects_new`, with the recovery class.
    pub(super) effects: Vec<(Body, String)>,
    /// Of `effects_settled`, with the status.
    pub(super) outcomes: Vec<(Body, i64)>,
    /// Of `resources`; `None` deletes the resource.
    pub(super) resources: Vec<Option<Body>>,
    /// Of `archived`, with the size of the text.
    pub(super) archived: Vec<(Body, i64)>,
    /// Of `measured`, as JSON text.
    pub(super) measured: Vec<String>,
}

/// The body of a journal row, as written.
#[derive(Serialize)]
struct JournalOut<'a> {
    inputs: &'a [Value],
    facts: &'a [Fact],
}

/// The body of a journal row, as read.
#[derive(Deserialize)]
pub(super) struct JournalIn {
    #[serde(default)]
    pub(super) inputs: Vec<Value>,
    #[serde(default)]
    pub(super) facts: Vec<Fact>,
}

/// Checks and encodes a turn.
pub(super) fn prepare(mut turn: Turn) -> Result<Prepared, CommitError> {
    encode(&mut turn)
        .map_err(CommitError::Refused)
        .map(|parts| Prepared { turn, ..parts })
}

fn encode(turn: &mut Turn) -> Result<Prepared, String> {
    turn.check()?;
    let mut frames = Vec::new();
    let mut journal = None;
    if let Some(write) = &mut turn.aggregate {
        for frame in &mut write.frames {
            let body = frame.body.take();
            frames.push(body.map(|body| Body::of_frame(&body)).transpose()?);
        }
        journal = Some(encode_journal(&mut write.journal)?);
    }
    let inputs = turn.inbox_new.iter_mut();
    let inbox = inputs
        .map(|input| Body::encode("input", &input.body.take()))
        .collect::<Result<_, _>>()?;
    let effects = turn.effects_new.iter().map(|effect| {
        let recovery =
            serde_json::to_string(&effect.recovery).map_err(|error| error.to_string())?;
        Ok((Body::encode("effect", &effect.command)?, recovery))
    });
    let effects = effects.collect::<Result<_, String>>()?;
    let settled = turn.effects_settled.iter();
    let outcomes = settled.map(|settled| {
        Ok((
            Body::encode("outcome", &settled.outcome)?,
            status(&settled.outcome),
        ))
    });
    let outcomes = outcomes.collect::<Result<_, String>>()?;
    let writes = turn.resources.iter_mut();
    let resources = writes
        .map(|write| optional("resource", write.body.take()))
        .collect::<Result<_, _>>()?;
    let events = turn.archived.iter_mut().map(|event| {
        let text = std::mem::take(&mut event.text);
        let size = i64::try_from(text.len()).unwrap_or(i64::MAX);
        Ok((Body::of_text("archived event", text)?, size))
    });
    let archived = events.collect::<Result<_, String>>()?;
    let minutes = turn.measured.iter_mut();
    let measured = minutes
        .map(|minute| minute.body.take().to_string())
        .collect();
    Ok(Prepared {
        turn: Turn::default(),
        frames,
        journal,
        inbox,
        effects,
        outcomes,
        resources,
        archived,
        measured,
    })
}

fn optional(what: &str, body: Option<Value>) -> Result<Option<Body>, String> {
    body.map(|body| Body::encode(what, &body)).transpose()
}

fn encode_journal(entry: &mut JournalEntry) -> Result<Body, String> {
    let (inputs, facts) = (
        std::mem::take(&mut entry.inputs),
        std::mem::take(&mut entry.facts),
    );
    Body::encode(
        "journal",
        &JournalOut {
            inputs: &inputs,
            facts: &facts,
        },
    )
}

/// Column `effect.status`; 0 is an intent without an outcome.
fn status(outcome: &Outcome) -> i64 {
    match outcome {
        Outcome::Done { .. } => 1,
        Outcome::Failed(_) => 2,
        Outcome::Unknown { .. } => 3,
    }
}
