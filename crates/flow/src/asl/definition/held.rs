//! What the language has and this server does not run yet: such definitions are refused before anything starts.

use super::{Kind, Problem, SCHEMA, StateMachine};

/// The states that this server does not run, as problems at their places.
pub(super) fn held_back(machine: &StateMachine, places: &[String]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (block, at) in machine.blocks.iter().zip(places) {
        for state in &block.states {
            if let Kind::Map(map) = &state.kind
                && map.distributed.is_some()
            {
                problems.push(Problem {
                    code: SCHEMA,
                    message: "The field 'Mode' should have one of these values: [INLINE] (this server does not run distributed Maps)".to_owned(),
                    location: Some(format!(
                        "{at}/States/{}/ItemProcessor/ProcessorConfig/Mode",
                        state.name
                    )),
                });
            }
        }
    }
    problems
}
