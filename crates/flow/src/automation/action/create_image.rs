//! `aws:createImage`: makes an image of an instance and waits until it is available.

use model::effect::Failure as EffectFailure;
use serde_json::{Map, Value};

use super::{DEFAULT_TIMEOUT, Phase, Progress, call, given, image, polling, text_input};
use crate::automation::document::Step;
use crate::automation::machine::Turn;
use crate::automation::record::Failure;

const API: &str = "CreateImage";

pub(super) fn begin(
    turn: &mut Turn<'_>,
    step: &Step,
    inputs: &Map<String, Value>,
) -> Result<Progress, Failure> {
    let mut params = given::same(inputs, &["NoReboot", "BlockDeviceMappings"]);
    given::renamed(&mut params, inputs, &[("ImageDescription", "Description")]);
    given::wrap(&mut params, &["BlockDeviceMappings"]);
    params.insert(
        "InstanceId".to_owned(),
        text_input(inputs, "InstanceId")?.into(),
    );
    params.insert("Name".to_owned(), text_input(inputs, "ImageName")?.into());
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
