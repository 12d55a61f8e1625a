//! Items that are read while executions run: a window of the data set at a time, as long as few of them wait.

use std::sync::Arc;

use model::effect::{AssumeRole, AwsCall, Outcome};
use model::{EffectCommand, ids};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::Command;
use super::MAX_RESULTS;
use super::state::{MapRun, Phase, Verdict};
use super::work::Turn;
use crate::asl::dataset::Unreadable;
use crate::asl::dataset::reading::Reading;
use crate::asl::fault::{ITEM_READER_FAILED, MAX_PAYLOAD, RESULT_WRITER_FAILED};

/// Items that may wait before no further ones are read.
const AHEAD: u64 = 2_000;
/// What they may weigh before no further ones are read: about the bytes of memory that they take.
const AHEAD_WEIGHT: usize = 16_777_216;
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

    /// Asks for the next window, unless enough items wait; `true` when items have come without a call, or when there are no
    /// more.
    pub(super) fn read_on(&mut self) -> bool {
        let mut come = false;
        while !self.enough_waits() {
            let Some(source) = &self.run.source else {
                break;
            };
            if source.effect.is_some() {
                break;
            }
            if source.reading.has_rest() {
                let mut reading = source.reading.clone();
                let from = source.reading.source();
                let items = reading.rest();
                self.took(reading, items, &from);
                come = true;
                if self.run.root.phase != Phase::Running {
                    break;
                }
                continue;
            }
            self.source_changed = true;
            let Some(wanted) = source.reading.wanted() else {
                self.run.source = None;
                return true;
            };
            let effect = self.call(wanted.operation, wanted.parameters);
            if let Some(source) = &mut self.run.source {
                source.effect = Some(effect);
            }
        }
        come
    }

    fn enough_waits(&self) -> bool {
        let root = &self.run.root;
        let waiting = root.items.saturating_sub(root.next_item);
        waiting > AHEAD.max(self.items_of_a_batch()) || self.much_waits()
    }

    /// Whether what is kept for executions takes as much memory as it may, while some run: when they end there will be room.
    fn much_is_held(&self) -> bool {
        let held = u64::try_from(self.run.pieces.weight()).unwrap_or(u64::MAX);
        held > MAX_RESULTS && self.run.root.executions.running > 0
    }

    /// Whether what waits, or what is kept, takes as much memory as it may.
    fn much_waits(&self) -> bool {
        self.much_is_held() || self.run.pieces.weight_from(self.run.root.next_item) > AHEAD_WEIGHT
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
            // A batch is made of what memory is given for.
            Some(_) if self.much_waits() => 1,
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
        let from = source.reading.source();
        let items = match &outcome {
            Outcome::Done { result } => reading.take(Ok(result)),
            Outcome::Failed(failure) => reading.take(Err(failure)),
            Outcome::Unknown { reason } => return self.unreadable(reason.clone()),
        };
        self.took(reading, items, &from);
    }

    /// What came of reading: items, and how far it is.
    fn took(&mut self, reading: Reading, items: Result<Vec<Value>, Unreadable>, from: &str) {
        self.source_changed = true;
        match items {
            Ok(items) => {
                if let Some(source) = &mut self.run.source {
                    source.reading = reading;
                }
                self.more(items, from);
            }
            Err(error) => self.unreadable(error.to_string()),
        }
    }

    fn more(&mut self, items: Vec<Value>, from: &str) {
        let first = self.run.root.items;
        self.run.root.items += u64::try_from(items.len()).unwrap_or(0);
        self.changed = true;
        let fresh = self.run.pieces.add(first, items, Some(&Arc::from(from)));
        self.fresh_pieces.extend(fresh);
        let held = u64::try_from(self.run.pieces.weight()).unwrap_or(u64::MAX);
        // While executions run, reading stops long before: so much is kept of those that failed.
        if held > 2 * MAX_RESULTS {
            self.unreadable(format!(
                "The items of executions that failed have more than {MAX_RESULTS} bytes: let fewer executions fail before the Map does"
            ));
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
