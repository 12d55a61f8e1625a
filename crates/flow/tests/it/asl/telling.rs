//! What tests do with a world or a map run that the fuzzer does not.

use flow::asl::map_run::MapRun;
use flow::asl::{Input, UNDO_FAMILY, step};
use serde_json::Value;

use super::spread::Line;
use super::world::World;

impl World {
    /// Tells the execution something, and lets it run on.
    pub(crate) fn tell(&mut self, input: Input) {
        let goes_on = self.step(input);
        self.go_on(goes_on);
    }

    /// Why an input is refused.
    pub(super) fn refuses(&self, input: Input) -> String {
        let refused = step(Some(self.execution.clone()), input, &self.now());
        refused.map(|_| ()).expect_err("refused").to_string()
    }

    /// What the store holds of changing calls.
    pub(super) fn kept(&self) -> Vec<(String, Value)> {
        let frames = self.frames.iter();
        let kept = frames.filter(|(key, _)| key.starts_with(UNDO_FAMILY));
        kept.map(|(key, body)| (key.clone(), body.clone()))
            .collect()
    }
}

impl Line {
    /// The map run as it is.
    pub(crate) fn run(&self) -> &MapRun {
        self.run.as_ref().expect("a map run")
    }
}
