//! Items that are read while executions run: a window of the data set at a time, as long as few of them wait.

use model::effect::{AssumeRole, AwsCall, Outcome};
use model::{EffectCommand, ids};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::Command;
use super::state::{MapRun, Phase, Verdict, pieces};
use super::work::Turn;
use crate::asl::dataset::reading::Reading;
use crate::asl::fault::{ITEM_READER_FAILED, MAX_PAYLOAD, RESULT_WRITER_FAILED};

/// Items that may wait before no further ones are read.
const AHEAD: u64 = 2_000;
/// Seconds that one call may take.
const CALL_SECONDS: u32 = 60;

/// The data set of a map run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Source {
    pub(crate) v: u16,
    /// The call whose answer is waited for.
    pub(crate) effect: Option<Uuid>,
    pub(crate) reading: Reading,
}

impl Turn<'_> {
    /// Begins to read, if the items are read.
    pub(super) fn open(&mut self) {
        let supply = &self.run.origin.supply;
        let Some(given) = supply.read.clone() else {
            return;
        };
        if let Some(cause) = supply.refused.clone() {
            return self.unreadable(cause);
        }
        let reader = MapRun::map(&self.run.machine, self.run.origin.block)
            .and_then(|map| map.distributed.as_ref()?.reader.as_ref());
        let Some(reader) = reader else {
            return self.unreadable("The ItemReader is not there any more.".to_owned());
        };
        let limits = (supply.pointer.as_str(), supply.most);
        match Reading::begin(&reader.source, given, limits) {
            Ok(reading) => {
                self.run.source = Some(Source {
                    v: 1,
                    effect: None,
                    reading,
                });
                self.source_changed = true;
            }
            Err(error) => self.unreadable(error.to_string()),
        }
    }

    fn unreadable(&mut self, cause: String) {
        self.end_early(Verdict::Failed {
            error: Some(ITEM_READER_FAILED.to_owned()),
            cause: Some(cause),
        });
    }

    /// Asks for the next window, unless enough items wait.
    pub(super) fn read_on(&mut self) {
        let waiting = self.run.root.items.saturating_sub(self.run.root.next_item);
        if waiting > AHEAD.max(self.items_of_a_batch()) {
            return;
        }
        let Some(source) = &self.run.source else {
            return;
        };
        if source.effect.is_some() {
            return;
        }
        self.source_changed = true;
        match source.reading.wanted() {
            None => self.run.source = None,
            Some(wanted) => {
                let effect = self.call(wanted.operation, wanted.parameters);
                if let Some(source) = &mut self.run.source {
                    source.effect = Some(effect);
                }
            }
        }
    }

    /// How many items must be there before it can be said how many a batch has.
    fn items_of_a_batch(&self) -> u64 {
        let Some(batching) = &self.run.origin.supply.batching else {
            return 1;
        };
        // Each item has a byte at least, and a comma.
        let bytes = batching.limits.bytes.unwrap_or(u64::MAX);
        let bytes = bytes.min(u64::try_from(MAX_PAYLOAD).unwrap_or(u64::MAX));
        batching.limits.items.unwrap_or(u64::MAX).min(bytes / 2 + 1)
    }

    /// Whether the items of the next execution are there.
    pub(super) fn has_items(&self) -> bool {
        let waiting = self.run.root.items.saturating_sub(self.run.root.next_item);
        let needed = match self.run.source {
            None => 1,
            Some(_) => self.items_of_a_batch(),
        };
        waiting >= needed
    }

    /// A call has ended. What is told of one that is not waited for is of no meaning.
    pub(super) fn settled(&mut self, effect: Uuid, outcome: Outcome) {
        let reads = |source: &Source| source.effect == Some(effect);
        if self.run.source.as_ref().is_some_and(reads) {
            if self.run.root.phase == Phase::Running {
                self.read(outcome);
            } else if let Some(source) = &mut self.run.source {
                // A redriven run makes the same call again.
                source.effect = None;
                self.source_changed = true;
            }
            return;
        }
        let writes = self.run.root.delivery.as_ref();
        if writes.is_some_and(|delivery| delivery.effect == Some(effect)) {
            self.delivered(outcome);
        }
    }

    fn read(&mut self, outcome: Outcome) {
        let Some(source) = &mut self.run.source else {
            return;
        };
        self.source_changed = true;
        source.effect = None;
        // Should it fail, a redriven run makes the same call again.
        let mut reading = source.reading.clone();
        let items = match &outcome {
            Outcome::Done { result } => reading.take(Ok(result)),
            Outcome::Failed(failure) => reading.take(Err(failure)),
            Outcome::Unknown { reason } => return self.unreadable(reason.clone()),
        };
        match items {
            Ok(items) => {
                source.reading = reading;
                self.more(items);
            }
            Err(error) => self.unreadable(error.to_string()),
        }
    }

    fn more(&mut self, items: Vec<Value>) {
        let first = self.run.root.items;
        self.run.root.items += u64::try_from(items.len()).unwrap_or(0);
        self.changed = true;
        for (at, piece) in pieces(first, items) {
            self.fresh_pieces.push(at);
            self.run.pieces.insert(at, piece);
        }
    }

    /// Asks for a call to S3 as the machine's role.
    pub(super) fn call(&mut self, operation: &str, parameters: Map<String, Value>) -> Uuid {
        self.run.root.effects += 1;
        self.changed = true;
        // Names of executions are children of the run as well, with smaller numbers or with an attempt.
        let effect = ids::child(self.cx.id, (1 << 31) | self.run.root.effects);
        let call = AwsCall {
            service: "s3".to_owned(),
            operation: operation.to_owned(),
            params: Value::Object(parameters),
            region: self.cx.scope.region.clone(),
            assume_role: Some(AssumeRole {
                role_arn: self.run.origin.pattern.role_arn.clone(),
                session_name: self.cx.id.simple().to_string(),
                through: None,
            }),
            timeout_secs: CALL_SECONDS,
            spelling: model::effect::Spelling::default(),
        };
        self.commands.push(Command::Perform {
            effect,
            command: Box::new(EffectCommand::CallAws(call)),
        });
        effect
    }

    /// The results cannot be written.
    pub(super) fn unwritten(&self, cause: String) -> (Option<String>, Option<String>) {
        (Some(RESULT_WRITER_FAILED.to_owned()), Some(cause))
    }
}
