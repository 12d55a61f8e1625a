//! A run as a preview keeps it.

use std::sync::Arc;

use model::agreed::AgreedPlan;
use serde_json::Value;

use crate::automation::run::Run;

impl Run {
    /// All frames but those for taking back: what a planned run is kept as.
    pub(crate) fn dump(&self) -> Vec<(String, Value)> {
        let steps = (0..self.steps.len()).filter_map(|n| self.step_frame(u32::try_from(n).ok()?));
        let mut frames = vec![self.root_frame(), self.document_frame()];
        if !self.members.is_empty() {
            frames.push(self.members_frame());
        }
        frames.extend(steps);
        let bodies = frames
            .into_iter()
            .filter_map(|frame| Some((frame.key, frame.body?.into_value())));
        bodies.collect()
    }

    /// The run without the readings for taking it back, and as part of no incident: to be planned.
    pub(crate) fn planned_as(mut self, path: String) -> Self {
        let origin = Arc::make_mut(&mut self.origin);
        origin.request.undo.capture = false;
        origin.request.incident = None;
        origin.request.agreed = Some(Box::new(AgreedPlan {
            run: path,
            ..AgreedPlan::default()
        }));
        self.root.following = None;
        self.undo.clear();
        if let Some(current) = self.root.current.as_mut() {
            current.capture = None;
        }
        self
    }
}
