//! `aws:branch`: the first condition that holds decides where the run goes on.

use super::{Goto, Progress, Success};
use crate::automation::document::{Body, Step};
use crate::automation::machine::Turn;
use crate::automation::record::Failure;

pub(super) fn begin(turn: &mut Turn<'_>, step: &Step) -> Result<Progress, Failure> {
    let Body::Branch { choices, default } = &step.body else {
        return Err(Failure::inputs("The step has no choices."));
    };
    let mut goto = default.clone();
    for (condition, target) in choices {
        let holds = condition
            .holds(&|reference| turn.run.lookup(turn.cx, reference))
            .map_err(|reason| {
                Failure::inputs(format!("Input Choices can not be resolved: {reason}."))
            })?;
        if holds {
            goto = Some(target.clone());
            break;
        }
    }
    let response = goto.as_ref().map(|target| format!("goes on at {target}"));
    Ok(Progress::Done(Success {
        response,
        goto: goto.map(Goto),
        ..Success::default()
    }))
}
