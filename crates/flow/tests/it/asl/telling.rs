//! What tests do with a world or a map run that the fuzzer does not.

use flow::asl::Input;
use flow::asl::map_run::MapRun;

use super::spread::Line;
use super::world::World;

impl World {
    /// Tells the execution something, and lets it run on.
    pub(crate) fn tell(&mut self, input: Input) {
        let goes_on = self.step(input);
        self.go_on(goes_on);
    }
}

impl Line {
    /// The map run as it is.
    pub(crate) fn run(&self) -> &MapRun {
        self.run.as_ref().expect("a map run")
    }
}
