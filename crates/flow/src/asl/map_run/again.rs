//! A map run that its parent does not want any more, or wants again. The parent counts its redrives, and the run counts with
//! it: what the run says in the end bears the number that the parent waits for.

use super::child::{Child, Standing};
use super::state::{Phase, RunStatus, Verdict};
use super::work::Turn;
use crate::asl::execution::Status;

impl Turn<'_> {
    /// The parent does not want it any more.
    pub(super) fn stop(&mut self) {
        self.changed |= self.run.root.wanted.take().is_some();
        match &self.run.root.phase {
            Phase::Over => {}
            Phase::Ending(_) => self.phase(Phase::Ending(Verdict::Stopped)),
            Phase::Running => self.end_early(Verdict::Stopped),
            Phase::Writing => {
                self.run.root.delivery = None;
                self.close(RunStatus::Aborted, None);
            }
        }
    }

    /// The parent wants it again, and waits for what is said with this number of redrives. What has been done already is
    /// not done again.
    pub(super) fn redrive(&mut self, redrives: u32) {
        let root = &self.run.root;
        let known = root.redrives.max(root.wanted.unwrap_or(0));
        let number = match redrives {
            0 => root.redrives + 1,
            number if number <= known => return,
            number => number,
        };
        match &root.phase {
            Phase::Over => self.begin_again(number),
            Phase::Ending(_) | Phase::Writing => {
                self.run.root.wanted = Some(number);
                self.changed = true;
            }
            // It goes on as it is: what it says in the end is what its parent waits for.
            Phase::Running if redrives > 0 => {
                self.run.root.redrives = number;
                self.run.root.redriven = Some(self.cx.at);
                self.changed = true;
            }
            Phase::Running => {}
        }
    }

    /// Begins again, if the parent has asked for that while the run was ending.
    pub(super) fn wanted_again(&mut self) {
        if let Some(number) = self.run.root.wanted.take() {
            self.begin_again(number.max(self.run.root.redrives + 1));
        }
    }

    /// It was over: what did not end well lives again, and what never began begins.
    fn begin_again(&mut self, number: u32) {
        let root = &mut self.run.root;
        root.wanted = None;
        root.redrives = number;
        root.delivery = None;
        root.written = false;
        root.redriven = Some(self.cx.at);
        root.status = RunStatus::Running;
        root.stopped = None;
        self.phase(Phase::Running);
        if self.run.source.is_none() && self.run.root.items == 0 {
            // What was never read is not taken for empty: the reader is opened again, and fails again if it must.
            self.open();
        }
        let express = self.run.origin.pattern.express;
        let lives_again = |child: &Child| {
            let ended = child.status().is_some_and(|it| it != Status::Succeeded);
            ended && (express || child.end.as_ref().is_some_and(|end| end.redrivable))
        };
        let chosen: Vec<u32> = self
            .run
            .children
            .iter()
            .filter(|(_, child)| lives_again(child))
            .map(|(index, _)| *index)
            .collect();
        for index in chosen {
            if let Some(mut child) = self.run.children.get(&index).cloned() {
                child.standing = Standing::Again;
                self.set(index, child);
            }
        }
    }
}
