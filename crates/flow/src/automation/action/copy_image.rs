//! `aws:copyImage`: copies an image from a region into the run's and waits until the copy is available.

use model::effect::Failure as EffectFailure;
use serde_json::{Map, Value};

use super::{DEFAULT_TIMEOUT, Phase, Progress, call, given, image, polling, text_input};
use crate::automation::document::Step;
use crate::automation::machine::Turn;
use crate::automation::record::Failure;

const API: &str = "CopyImage";

pub(super) fn begin(
    turn: &mut Turn<'_>,
    step: &Step,
    inputs: &Map<String, Value>,
) -> Result<Progress, Failure> {
    let mut params = given::same(inputs, &["Encrypted", "KmsKeyId", "ClientToken"]);
    given::renamed(&mut params, inputs, &[("ImageDescription", "Description")]);
    for (input, parameter) in [
        ("SourceRegion", "SourceRegion"),
        ("SourceImageId", "SourceImageId"),
        ("ImageName", "Name"),
    ] {
        params.insert(parameter.to_owned(), text_input(inputs, input)?.into());
    }
    turn.set_timeout(step.timeout_seconds.unwrap_or(DEFAULT_TIMEOUT));
    polling::start(turn, Phase::Change);
    call(turn, ("ec2", API), params, (false, None))
}

pub(super) fn on_effect(
    turn: &mut Turn<'_>,
    answer: Result<Value, EffectFailure>,
) -> Result<Progress, Failure> {
    image::on_effect(turn, API, answer)
}
