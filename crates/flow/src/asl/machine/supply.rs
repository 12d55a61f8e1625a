//! What a distributed Map hands over to its map run: reader, batches and destination, filled from the state's data.

use serde_json::Value;

use super::enter::Scene;
use super::quantity;
use super::turn::Turn;
use crate::asl::dataset::batch::BatchLimits;
use crate::asl::definition::{
    Distributed, Format, ItemBatcher, ItemReader, MAX_ITEMS, Number, Source, Text,
};
use crate::asl::fault::{Fault, ITEM_READER_FAILED};
use crate::asl::map_run::{Batching, Destination, Supply};

/// Fills the fields.
pub(super) fn supply(
    turn: &mut Turn<'_>,
    scene: &Scene,
    distributed: &Distributed,
) -> Result<Supply, Fault> {
    let mut supply = Supply::default();
    if let Some(reader) = &distributed.reader {
        let given = scene.fill(&reader.arguments, &scene.input, turn)?;
        supply.pointer = pointer(turn, scene, reader)?.unwrap_or_default();
        match max_items(turn, scene, reader) {
            Ok(most) => supply.most = most,
            // The map run says it, and fails.
            Err(fault) if fault.name() == ITEM_READER_FAILED => supply.refused = fault.cause,
            Err(fault) => return Err(fault),
        }
        supply.read = Some(given);
    }
    if let Some(batcher) = &distributed.batcher {
        supply.batching = Some(Batching {
            limits: batch_limits(turn, scene, batcher)?,
            input: match &batcher.input {
                Some(input) => Some(scene.fill(input, &scene.input, turn)?),
                None => None,
            },
        });
    }
    let writer = distributed.writer.as_ref();
    if let Some(template) = writer.and_then(|writer| writer.destination.as_ref()) {
        let given = scene.fill(template, &scene.input, turn)?;
        supply.destination = Some(destination(&given)?);
    }
    Ok(supply)
}

/// `MaxItems`; `None` means all.
fn max_items(
    turn: &mut Turn<'_>,
    scene: &Scene,
    reader: &ItemReader,
) -> Result<Option<u64>, Fault> {
    let Some(number) = &reader.max_items else {
        return Ok(None);
    };
    let refused = |cause: String| Fault::of(Some(ITEM_READER_FAILED.to_owned()), Some(cause));
    let most = match quantity::integer(turn, scene, (number, "MaxItems")) {
        Ok(most) => most,
        Err(fault) => {
            let Number::Path(path) = number else {
                return Err(fault);
            };
            let value = scene.view(&scene.input).look(path).map_err(|_| fault)?;
            return Err(refused(format!(
                "The MaxItemsPath field refers to value '{}' which is not a valid integer: {path}",
                value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned)
            )));
        }
    };
    let most =
        u64::try_from(most).map_err(|_| refused("field MaxItems must be positive".to_owned()))?;
    Ok((most > 0).then_some(most.min(MAX_ITEMS)))
}

/// `ItemsPointer`, filled in, where there is one.
pub(super) fn pointer(
    turn: &mut Turn<'_>,
    scene: &Scene,
    reader: &ItemReader,
) -> Result<Option<String>, Fault> {
    let (Source::Object(Format::Json { pointer })
    | Source::Listing(Some(Format::Json { pointer }))) = &reader.source
    else {
        return Ok(None);
    };
    match pointer {
        None => Ok(None),
        Some(Text::Fixed(text)) => Ok(Some(text.clone())),
        Some(Text::Template(template)) => {
            let value = scene.fill(template, &scene.input, turn)?;
            value
                .as_str()
                .map(|text| Some(text.to_owned()))
                .ok_or_else(|| {
                    Fault::runtime(format!("The ItemsPointer is no string but was: {value}"))
                })
        }
    }
}

/// The limits of batches, as the state's data has them.
pub(super) fn batch_limits(
    turn: &mut Turn<'_>,
    scene: &Scene,
    batcher: &ItemBatcher,
) -> Result<BatchLimits, Fault> {
    let mut limit = |number: &Option<_>, field: &str| {
        let Some(number) = number else {
            return Ok(None);
        };
        let value = quantity::integer(turn, scene, (number, field))?;
        match u64::try_from(value) {
            Ok(value) if value > 0 => Ok(Some(value)),
            _ => Err(Fault::runtime(format!("field {field} must be positive"))),
        }
    };
    Ok(BatchLimits {
        items: limit(&batcher.max_items, "MaxItemsPerBatch")?,
        bytes: limit(&batcher.max_bytes, "MaxInputBytesPerBatch")?,
    })
}

/// Where results go.
fn destination(given: &Value) -> Result<Destination, Fault> {
    let text = |name: &str| given[name].as_str().map(str::to_owned);
    let bucket = text("Bucket").filter(|bucket| !bucket.is_empty());
    let bucket =
        bucket.ok_or_else(|| Fault::runtime("The Bucket of the ResultWriter must be a string"))?;
    if !given["Prefix"].is_null() && !given["Prefix"].is_string() {
        return Err(Fault::runtime(
            "The Prefix of the ResultWriter must be a string",
        ));
    }
    Ok(Destination {
        bucket,
        prefix: text("Prefix").unwrap_or_default(),
        owner: text("ExpectedBucketOwner"),
    })
}
