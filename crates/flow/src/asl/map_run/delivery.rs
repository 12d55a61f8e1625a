//! The results: the state's own, or written into a bucket, in files of bounded size one after another, then their manifest.

use model::effect::Outcome as EffectOutcome;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::child::{self, Child, Standing};
use super::state::{MapRun, Phase, RunStatus};
use super::work::{Named, Turn};
use super::{Outcome, supply::Destination};
use crate::asl::dataset::reading::s3_words;
use crate::asl::dataset::writing::{self, Composer, Written};
use crate::asl::definition::{ResultWriter, Transformation};
use crate::asl::execution::Status;
use crate::asl::fault::MAX_PAYLOAD;

/// The files' names, in the order in which they are written.
const CLASSES: [&str; 3] = ["SUCCEEDED", "FAILED", "PENDING"];

/// How far the writing is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Delivery {
    /// Why the run fails, if it does.
    #[serde(default)]
    pub(crate) failed: Option<(Option<String>, Option<String>)>,
    /// Which of the classes is written, and behind them the manifest.
    pub(crate) class: usize,
    /// The number of the class's next file.
    pub(crate) number: u32,
    /// The first execution, or item that no execution has, that is not written yet.
    pub(crate) next: u64,
    /// Executions of the class `PENDING` written so far.
    #[serde(default)]
    pub(crate) pending: u32,
    /// The call whose answer is waited for.
    pub(crate) effect: Option<Uuid>,
    pub(crate) files: Vec<Written>,
}

impl Turn<'_> {
    /// What is done with results, where the definition says it.
    pub(super) fn writer(&self) -> Option<&ResultWriter> {
        let map = MapRun::map(&self.run.machine, self.run.origin.block)?;
        map.distributed.as_ref()?.writer.as_ref()
    }

    /// Whether results are told with all that describes their executions.
    pub(super) fn wants_records(&self) -> bool {
        self.writer()
            .is_some_and(|writer| writer.transformation == Transformation::None)
    }

    /// Whether results are written.
    pub(super) fn is_written(&self) -> bool {
        self.run.origin.supply.destination.is_some()
    }

    /// Counts what an execution gives to the results, and forgets it if they are too large for a state's result already.
    pub(super) fn keep(&mut self, child: &mut Child) {
        let (shown, opened) = self.writer().map_or((false, false), |writer| {
            let opened = writer.transformation == Transformation::Flatten;
            (writer.transformation == Transformation::None, opened)
        });
        let Some(end) = &mut child.end else { return };
        child.size = end.size(shown);
        let (sum, size) = if end.status == Status::Succeeded {
            // Brackets may go.
            let size = child.size.saturating_sub(if opened { 2 } else { 0 });
            (self.run.root.bytes, size)
        } else {
            (self.run.root.described, child.size)
        };
        child.size = size;
        let most = u64::try_from(MAX_PAYLOAD).unwrap_or(u64::MAX);
        if !self.is_written() && sum.saturating_add(size) > most {
            end.strip();
            child.bare = true;
        }
    }

    /// The results in the order of the items; `None` when they are larger than a state's result may be. In the place of
    /// an output that there is not stands the execution with its metadata.
    pub(super) fn results(&self) -> Option<Value> {
        let most = u64::try_from(MAX_PAYLOAD).unwrap_or(u64::MAX);
        let bare = |child: &Child| child.bare && child.standing == Standing::Ended;
        if self.run.root.bytes > most || self.run.children.values().any(bare) {
            return None;
        }
        let machine_arn = &self.run.origin.pattern.machine_arn;
        let transformation = self
            .writer()
            .map_or(Transformation::Compact, |writer| writer.transformation);
        let results: Value = self
            .run
            .children
            .iter()
            .filter_map(|(index, child)| Some((index, child, child.end.as_ref()?)))
            .flat_map(|(index, child, end)| {
                let record = || {
                    let Named { name, arn, .. } = self.named(*index, child.attempt);
                    child::record((&arn, machine_arn, &name), end)
                };
                writing::kept(transformation, record, end.output.as_deref())
            })
            .collect();
        (results.to_string().len() <= MAX_PAYLOAD).then_some(results)
    }

    /// Where results go, and how.
    fn target(&self) -> Option<(Destination, Transformation, bool)> {
        let destination = self.run.origin.supply.destination.clone()?;
        let writer = self.writer()?;
        Some((destination, writer.transformation, writer.lines))
    }

    /// Begins to write the results, if they are written. `false` when they are not.
    pub(super) fn deliver(&mut self, failed: Option<(Option<String>, Option<String>)>) -> bool {
        if !self.is_written() || self.run.root.begun == 0 && failed.is_some() {
            return false;
        }
        self.run.root.delivery = Some(Delivery {
            failed,
            ..Delivery::default()
        });
        self.phase(Phase::Writing);
        true
    }

    /// Writes the next file, unless one is being written.
    pub(super) fn write_on(&mut self) {
        let Some((destination, transformation, lines)) = self.target() else {
            return self.closed(Err("The ResultWriter is not there any more.".to_owned()));
        };
        let Some(mut delivery) = self.run.root.delivery.clone() else {
            return;
        };
        if delivery.effect.is_some() {
            return;
        }
        let (run, redrives) = (self.cx.id.to_string(), self.run.root.redrives);
        let folder = writing::folder(&destination.prefix, (&run, redrives));
        while let Some(class) = CLASSES.get(delivery.class) {
            let body = self.file(&mut delivery, class, (transformation, lines));
            let Some(body) = body else {
                delivery.class += 1;
                (delivery.number, delivery.next) = (0, 0);
                continue;
            };
            let key = writing::key(&folder, (class, delivery.number), lines);
            delivery.number += 1;
            delivery.files.push(Written {
                class: (*class).to_owned(),
                key: key.clone(),
                size: u64::try_from(body.len()).unwrap_or(u64::MAX),
            });
            return self.put(delivery, &destination, (key, body));
        }
        let manifest = format!("{folder}/manifest.json");
        if delivery.class == CLASSES.len() {
            let arn = &self.run.origin.arn;
            let body = writing::manifest(&destination.bucket, arn, &delivery.files);
            delivery.class += 1;
            return self.put(delivery, &destination, (manifest, body));
        }
        self.run.root.written = true;
        self.closed(Ok(json!({
            "MapRunArn": self.run.origin.arn,
            "ResultWriterDetails": {"Bucket": destination.bucket, "Key": manifest},
        })));
    }

    fn put(&mut self, delivery: Delivery, to: &Destination, (key, body): (String, String)) {
        let mut parameters = Map::new();
        for (name, value) in [
            ("Bucket", Some(to.bucket.clone())),
            ("Key", Some(key)),
            ("Body", Some(body)),
            ("ContentType", Some("application/json".to_owned())),
            ("ExpectedBucketOwner", to.owner.clone()),
        ] {
            if let Some(value) = value {
                parameters.insert(name.to_owned(), Value::String(value));
            }
        }
        let effect = self.call("PutObject", parameters);
        self.run.root.delivery = Some(Delivery {
            effect: Some(effect),
            ..delivery
        });
    }

    /// A file has been written, or not.
    pub(super) fn delivered(&mut self, outcome: EffectOutcome) {
        if self.run.root.phase != Phase::Writing {
            return;
        }
        self.changed = true;
        if let Some(delivery) = &mut self.run.root.delivery {
            delivery.effect = None;
        }
        match outcome {
            EffectOutcome::Done { .. } => {}
            EffectOutcome::Failed(failure) => self.closed(Err(s3_words(&failure))),
            EffectOutcome::Unknown { reason } => self.closed(Err(reason)),
        }
    }

    /// The writing is over: so is the run.
    fn closed(&mut self, result: Result<Value, String>) {
        let delivery = self.run.root.delivery.take().unwrap_or_default();
        let failed = match (delivery.failed, result) {
            (Some(failed), _) => failed,
            (None, Ok(result)) => {
                self.close(RunStatus::Succeeded, Some(Outcome::Succeeded { result }));
                return self.wanted_again();
            }
            (None, Err(cause)) => self.unwritten(cause),
        };
        let (error, cause) = failed;
        self.close(RunStatus::Failed, Some(Outcome::Failed { error, cause }));
        self.wanted_again();
    }

    /// The next file of a class; `None` when the class has no further one.
    fn file(
        &mut self,
        delivery: &mut Delivery,
        class: &str,
        (transformation, lines): (Transformation, bool),
    ) -> Option<String> {
        let mut file = Composer::new(lines);
        if class == "PENDING" {
            self.pending(delivery, &mut file);
            return file.finish();
        }
        let from = u32::try_from(delivery.next).unwrap_or(u32::MAX);
        let machine_arn = &self.run.origin.pattern.machine_arn;
        for (index, child) in self.run.children.range(from..) {
            if belongs(child) != Some(class) {
                continue;
            }
            let Some(end) = &child.end else { continue };
            let Named { name, arn, .. } = self.named(*index, child.attempt);
            let record = || child::record((&arn, machine_arn, &name), end);
            let kept = writing::kept(transformation, record, end.output.as_deref());
            let texts: Vec<String> = kept.iter().map(ToString::to_string).collect();
            if file.is_full_for(texts.iter().map(String::len).sum()) {
                delivery.next = u64::from(*index);
                return file.finish();
            }
            texts.iter().for_each(|text| file.add(text));
        }
        delivery.next = u64::from(u32::MAX);
        file.finish()
    }

    /// The executions that never began. One whose input cannot be made is named without it.
    fn pending(&mut self, delivery: &mut Delivery, file: &mut Composer) {
        let mut at = delivery.next.max(self.run.root.next_item);
        while at < self.run.root.items {
            let index = self.run.root.begun.saturating_add(delivery.pending);
            let (count, input) = match self.taken((index, at), None) {
                Ok(taken) => (taken.count, Some(taken.input)),
                Err(_) => (1, None),
            };
            let Named { name, arn, .. } = self.named(index, 0);
            let machine_arn = &self.run.origin.pattern.machine_arn;
            let record = child::pending((&arn, machine_arn, &name), input).to_string();
            if file.is_full_for(record.len()) {
                break;
            }
            file.add(&record);
            delivery.pending += 1;
            at += u64::from(count);
        }
        delivery.next = at;
    }
}

/// The class of an execution that has ended.
fn belongs(child: &Child) -> Option<&'static str> {
    if child.standing != Standing::Ended {
        return None;
    }
    Some(match child.status()? {
        Status::Succeeded => "SUCCEEDED",
        _ => "FAILED",
    })
}
