//! What a Map reads before its iterations begin, noted for a trial: its numbers, and its items on their way to the
//! iterations.

use model::Rejection;
use serde_json::{Value, json};

use super::enter::Scene;
use super::turn::Turn;
use super::{fork, quantity, supply};
use crate::asl::dataset::json::Decoder;
use crate::asl::dataset::{Sink, Unreadable, batch, weight};
use crate::asl::definition::{ItemBatcher, ItemReader, Kind, Map, State};
use crate::asl::fault::{Fault, ITEM_READER_FAILED};
use crate::asl::map_run::STATE_DATA;

/// Bytes of JSON that a trial makes of a Map's items, at most.
const MAX_MADE: usize = 4_194_304;
/// Bytes that it looks at for that: the state's input once for each item.
const MAX_WORK: usize = 67_108_864;

/// Notes what a Map or Parallel does with its input; says how many iterations may fail.
pub(super) fn looked_at(
    turn: &mut Turn<'_>,
    state: &State,
    scene: &Scene,
    read: Option<Value>,
) -> Result<Option<u32>, Fault> {
    if !scene.is_jsonata() {
        turn.note("afterInputPath", || scene.input.to_value());
    }
    let Kind::Map(map) = &state.kind else {
        return Ok(None);
    };
    let limit = match &map.concurrency {
        None => 0,
        Some(number) => quantity::integer(turn, scene, (number, "MaxConcurrency"))?,
    };
    turn.note("maxConcurrency", || json!(limit));
    let distributed = map.distributed.as_ref();
    let items = match distributed.and_then(|it| it.reader.as_ref()) {
        Some(reader) => pointed(turn, scene, reader, read)?,
        None => {
            let items = fork::items(turn, scene, map)?;
            if !scene.is_jsonata() {
                turn.note("afterItemsPath", || json!(items));
            }
            items
        }
    };
    let tolerated = fork::tolerated(
        turn,
        scene,
        (map, u32::try_from(items.len()).unwrap_or(u32::MAX)),
    )?;
    if let (Some(_), Some(count)) = (&map.tolerated_count, tolerated) {
        turn.note("toleratedFailureCount", || json!(count));
    }
    if let Some(number) = &map.tolerated_percentage {
        let percent = quantity::float(turn, scene, (number, "ToleratedFailurePercentage"))?;
        turn.note("toleratedFailurePercentage", || json!(percent));
    }
    let items = selected(turn, scene, map, items)?;
    if let Some(batcher) = distributed.and_then(|it| it.batcher.as_ref()) {
        let batches = batched(turn, scene, batcher, items)?;
        turn.note("afterItemBatcher", || json!(batches));
    }
    Ok(tolerated)
}

fn unreadable(error: &Unreadable) -> Fault {
    Fault::of(Some(ITEM_READER_FAILED.to_owned()), Some(error.to_string()))
}

/// The items that a reader would have found; nothing is known of them if what it would have read is not given.
fn pointed(
    turn: &mut Turn<'_>,
    scene: &Scene,
    reader: &ItemReader,
    read: Option<Value>,
) -> Result<Vec<Value>, Fault> {
    let Some(read) = read else {
        return Ok(Vec::new());
    };
    let pointer = supply::pointer(turn, scene, reader)?;
    let mut decoder =
        Decoder::new(pointer.as_deref().unwrap_or_default()).map_err(|it| unreadable(&it))?;
    let mut sink = Sink::new(None);
    decoder
        .decode(read.to_string().as_bytes(), true, &mut sink)
        .map_err(|it| unreadable(&it))?;
    if pointer.is_some() {
        turn.note("afterItemsPointer", || json!(sink.items));
    }
    Ok(sink.items)
}

/// What a trial may still make of a Map's items: a small request must not become a large answer, or long work.
struct Allowance {
    field: &'static str,
    /// Bytes that may be made.
    bytes: usize,
    /// Bytes that may be looked at.
    work: usize,
}

impl Allowance {
    fn of(field: &'static str) -> Self {
        Self {
            field,
            bytes: MAX_MADE,
            work: MAX_WORK,
        }
    }

    /// Takes note of so many bytes made out of so many.
    fn spend(&mut self, turn: &mut Turn<'_>, (made, seen): (usize, usize)) -> Result<(), Fault> {
        let bytes = self.bytes.checked_sub(made);
        let work = self.work.checked_sub(made.saturating_add(seen));
        if let (Some(bytes), Some(work)) = (bytes, work) {
            (self.bytes, self.work) = (bytes, work);
            return Ok(());
        }
        let what = if bytes.is_none() {
            format!("makes more than {MAX_MADE} bytes of the items of the Map")
        } else {
            format!("looks at more than {MAX_WORK} bytes for the items of the Map")
        };
        let message = format!("`{}` {what}: try the state with fewer items", self.field);
        if let Some(notes) = &mut turn.notes {
            notes.refused = Some(Rejection::invalid("definition", &message));
        }
        Err(Fault::runtime(message))
    }
}

/// What `ItemSelector` makes of the items.
fn selected(
    turn: &mut Turn<'_>,
    scene: &Scene,
    map: &Map,
    items: Vec<Value>,
) -> Result<Vec<Value>, Fault> {
    let Some(selector) = &map.item_selector else {
        return Ok(items);
    };
    let mut allowance = Allowance::of("ItemSelector");
    let around = turn.x.origin.start.input.len();
    let mut scene = scene.clone();
    let mut selected = Vec::with_capacity(items.len());
    for (index, value) in items.into_iter().enumerate() {
        let mut item = json!({"Index": index, "Value": value});
        if map
            .distributed
            .as_ref()
            .is_some_and(|it| it.reader.is_none())
        {
            item["Source"] = STATE_DATA.into();
        }
        allowance.spend(turn, (0, around + weight::text(&item)))?;
        scene.with_item(&item);
        let made = scene.fill(selector, &scene.input, turn)?;
        allowance.spend(turn, (weight::text(&made), 0))?;
        selected.push(made);
    }
    turn.note("afterItemSelector", || json!(selected));
    Ok(selected)
}

fn batched(
    turn: &mut Turn<'_>,
    scene: &Scene,
    batcher: &ItemBatcher,
    items: Vec<Value>,
) -> Result<Vec<Value>, Fault> {
    let limits = supply::batch_limits(turn, scene, batcher)?;
    let shared = match &batcher.input {
        Some(input) => Some(scene.fill(input, &scene.input, turn)?),
        None => None,
    };
    let mut allowance = Allowance::of("ItemBatcher");
    let mut batches = Vec::new();
    let mut rest = items.as_slice();
    while !rest.is_empty() {
        let next = rest.iter().cloned().map(Ok::<_, Fault>);
        let made = batch::batch(limits, shared.as_ref(), next)?;
        allowance.spend(turn, (weight::text(&made.input), 0))?;
        let count = usize::try_from(made.count).unwrap_or(usize::MAX).max(1);
        rest = rest.get(count..).unwrap_or_default();
        batches.push(made.input);
    }
    Ok(batches)
}
