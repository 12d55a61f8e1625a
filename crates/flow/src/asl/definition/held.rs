//! What the language has and this server does not run yet: such definitions are refused before anything starts.

use super::{Kind, Problem, SCHEMA, StateMachine};

/// The states that this server does not run, as problems at their places.
pub(super) fn held_back(machine: &StateMachine, places: &[String]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (block, at) in machine.blocks.iter().zip(places) {
        for state in &block.states {
            let Kind::Map(map) = &state.kind else {
                continue;
            };
            let Some(distributed) = &map.distributed else {
                continue;
            };
            for (field, there) in [
                ("ItemReader", distributed.reader.is_some()),
                ("ItemBatcher", distributed.batcher.is_some()),
                ("ResultWriter", distributed.writer.is_some()),
            ] {
                if there {
                    problems.push(Problem {
                        code: SCHEMA,
                        message: format!(
                            "Field '{field}' is not supported (this server gives distributed Maps their items by the state's input, one to each execution, and their results as its output)"
                        ),
                        location: Some(format!("{at}/States/{}/{field}", state.name)),
                    });
                }
            }
        }
    }
    problems
}
