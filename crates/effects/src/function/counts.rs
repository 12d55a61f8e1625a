//! What is counted of functions, in memory, since the process started.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use model::effect::FunctionCall;
use ports::function::{FunctionCounts, InvokeError, Invoked};

/// Most functions that are counted; invocations of further ones are not.
const MAX_FUNCTIONS: usize = 10_000;

/// The counts, by region and name.
#[derive(Default)]
pub(super) struct Counts(Mutex<BTreeMap<(String, String), FunctionCounts>>);

impl Counts {
    /// Counts what an invocation came to.
    pub(super) fn note(
        &self,
        call: &FunctionCall,
        done: &Result<Invoked, InvokeError>,
        took: Duration,
    ) {
        // Names that callers make up are not counted.
        if matches!(done, Err(InvokeError::Missing(_))) {
            return;
        }
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (call.scope.region.clone(), call.function.clone());
        if all.len() >= MAX_FUNCTIONS && !all.contains_key(&key) {
            return;
        }
        let counts = all.entry(key).or_insert_with(|| FunctionCounts {
            region: call.scope.region.clone(),
            function: call.function.clone(),
            ..FunctionCounts::default()
        });
        match done {
            Ok(invoked) => {
                counts.invocations += 1;
                counts.errors += u64::from(invoked.failed);
                let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
                counts.duration_micros = counts.duration_micros.saturating_add(micros);
            }
            Err(InvokeError::Throttled { .. }) => counts.throttles += 1,
            Err(_) => counts.faults += 1,
        }
    }

    pub(super) fn all(&self) -> Vec<FunctionCounts> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use model::Scope;
    use uuid::Uuid;

    use super::*;

    fn call(function: &str) -> FunctionCall {
        FunctionCall {
            scope: Scope::new("123456789012", "eu-west-1"),
            function: function.to_owned(),
            version: "$LATEST".to_owned(),
            invoked_arn: String::new(),
            request_id: Uuid::nil(),
            payload: String::new(),
            client_context: None,
        }
    }

    #[test]
    fn each_end_counts_as_what_it_is() {
        let counts = Counts::default();
        let ran = |failed| {
            Ok(Invoked {
                payload: String::new(),
                failed,
                log_tail: Vec::new(),
            })
        };
        let took = Duration::from_millis(2);
        counts.note(&call("b"), &ran(false), took);
        counts.note(&call("b"), &ran(true), took);
        counts.note(
            &call("b"),
            &Err(InvokeError::Throttled { reserved: true }),
            took,
        );
        counts.note(&call("a"), &Err(InvokeError::Broken("x".to_owned())), took);
        counts.note(
            &call("none"),
            &Err(InvokeError::Missing("x".to_owned())),
            took,
        );
        let all = counts.all();
        let names: Vec<&str> = all.iter().map(|one| one.function.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!((all[0].faults, all[0].invocations), (1, 0));
        let b = &all[1];
        assert_eq!((b.invocations, b.errors, b.throttles), (2, 1, 1));
        assert_eq!(b.duration_micros, 4_000);
    }
}
