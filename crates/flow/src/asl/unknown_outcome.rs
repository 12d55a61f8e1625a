//! Calls of which nobody knows whether they happened, as a person is shown them.

use uuid::Uuid;

use super::execution::{Execution, Phase, Thread};

/// A call of which nobody knows whether it happened.
#[derive(Debug, Clone, PartialEq)]
pub struct UnknownOutcome<'a> {
    /// The state.
    pub state: &'a str,
    /// Why that is not known.
    pub reason: &'a str,
    /// The call's id, which tells it from others of the state.
    pub call: Uuid,
    /// Id of the event of the history that has the call's parameters.
    pub event: u64,
    /// The Parallels and Maps around the state, outermost first, and its branch or iteration of each, from 0.
    pub within: Vec<(&'a str, u32)>,
}

impl Execution {
    /// Calls that may or may not have happened.
    pub fn unknown(&self) -> impl Iterator<Item = UnknownOutcome<'_>> {
        self.threads.values().filter_map(|thread| {
            let Phase::Calling(call) = &thread.phase else {
                return None;
            };
            Some(UnknownOutcome {
                state: self.state_at(thread)?,
                reason: call.unknown.as_deref()?,
                call: call.effect?,
                event: thread.last.saturating_sub(1),
                within: self.within(thread),
            })
        })
    }

    /// Name of the state that a thread is at.
    pub(crate) fn state_at(&self, thread: &Thread) -> Option<&str> {
        let block = self.machine.blocks.get(thread.block)?;
        Some(&block.states.get(thread.state)?.name)
    }

    /// The states around a thread and its branch or iteration of each, outermost first.
    fn within(&self, thread: &Thread) -> Vec<(&str, u32)> {
        let mut around = Vec::new();
        let mut at = thread;
        while let Some(parent) = at.parent.and_then(|id| self.threads.get(&id)) {
            around.extend(self.state_at(parent).map(|name| (name, at.index)));
            at = parent;
        }
        around.reverse();
        around
    }
}
