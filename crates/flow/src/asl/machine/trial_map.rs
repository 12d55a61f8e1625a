//! What a Map reads before its iterations begin, noted for a trial: its numbers, and its items on their way to the
//! iterations.

use serde_json::{Value, json};

use super::enter::Scene;
use super::turn::Turn;
use super::{fork, quantity, supply};
use crate::asl::dataset::batch;
use crate::asl::dataset::json::Decoder;
use crate::asl::dataset::{Sink, Unreadable};
use crate::asl::definition::{ItemBatcher, ItemReader, Kind, Map, State};
use crate::asl::fault::{Fault, ITEM_READER_FAILED};

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
    let mut selected = Vec::with_capacity(items.len());
    for (index, value) in items.into_iter().enumerate() {
        let mut scene = scene.clone();
        scene.with_item(&json!({"Index": index, "Value": value}));
        let input = scene.input.clone();
        selected.push(scene.fill(selector, &input, turn)?);
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
    let mut batches = Vec::new();
    let mut rest = items.as_slice();
    while !rest.is_empty() {
        let next = rest.iter().cloned().map(Ok::<_, Fault>);
        let made = batch::batch(limits, shared.as_ref(), next)?;
        let count = usize::try_from(made.count).unwrap_or(usize::MAX).max(1);
        rest = rest.get(count..).unwrap_or_default();
        batches.push(made.input);
    }
    Ok(batches)
}
