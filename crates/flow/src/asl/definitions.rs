//! Definitions that were parsed of late: the executions of a machine share one parsed form, and an execution that is
//! loaded again and again is not parsed again and again. It forgets, and knows nothing of who runs what.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::definition::{self, MachineType, StateMachine};
use super::input::Start;

/// Bytes of definitions that are remembered; those used of late may be as many again.
const BYTES: usize = 4 << 20;

/// Parsed definitions by their text. To parse is to compute: what is found here is what parsing would give.
#[derive(Debug, Default)]
pub struct Definitions {
    standard: Mutex<Known>,
    express: Mutex<Known>,
}

/// Two generations: when the young one is full it becomes the old one, and what nobody asked for since is forgotten.
#[derive(Debug, Default)]
struct Known {
    young: HashMap<String, Arc<StateMachine>>,
    old: HashMap<String, Arc<StateMachine>>,
    bytes: usize,
}

impl Known {
    fn find(&mut self, text: &str) -> Option<Arc<StateMachine>> {
        if let Some(found) = self.young.get(text) {
            return Some(Arc::clone(found));
        }
        let (text, found) = self.old.remove_entry(text)?;
        self.add(text, Arc::clone(&found));
        Some(found)
    }

    fn add(&mut self, text: String, machine: Arc<StateMachine>) {
        if self.bytes + text.len() > BYTES {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
        self.bytes += text.len();
        self.young.insert(text, machine);
    }
}

impl Definitions {
    /// The machine that an execution runs.
    ///
    /// # Errors
    /// The first problems of a definition that is not valid, as one text.
    pub(crate) fn of(&self, start: &Start) -> Result<Arc<StateMachine>, String> {
        // What a map run's execution walks through is a part of its parent's definition, and that is Standard.
        let (kind, known) = if start.express && start.member.is_none() {
            (MachineType::Express, &self.express)
        } else {
            (MachineType::Standard, &self.standard)
        };
        let lock = || known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = lock().find(&start.definition) {
            return Ok(found);
        }
        // Nobody waits for the lock while a long definition is parsed.
        let parsed = definition::parse(&start.definition, kind).map_err(|problems| {
            let all: Vec<String> = problems.iter().take(5).map(ToString::to_string).collect();
            all.join(", ")
        })?;
        let parsed = Arc::new(parsed);
        lock().add(start.definition.clone(), Arc::clone(&parsed));
        Ok(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(definition: &str, express: bool) -> Start {
        let start = serde_json::json!({
            "arn": "arn:aws:states:eu-west-1:123456789012:execution:m:e", "name": "e",
            "machine_arn": "arn:aws:states:eu-west-1:123456789012:stateMachine:m", "machine_name": "m",
            "definition": definition, "express": express, "role_arn": "r", "input": "{}",
        });
        serde_json::from_value(start).expect("a start")
    }

    fn definition(comment: &str) -> String {
        format!(
            r#"{{"Comment": "{comment}", "StartAt": "A", "States": {{"A": {{"Type": "Succeed"}}}}}}"#
        )
    }

    #[test]
    fn what_is_parsed_once_is_shared_within_its_type() {
        let definitions = Definitions::default();
        let of = |express| definitions.of(&start(&definition("one"), express));
        let first = of(false).expect("valid");
        assert!(Arc::ptr_eq(&first, &of(false).expect("valid")));
        assert!(!Arc::ptr_eq(&first, &of(true).expect("valid")));
    }

    #[test]
    fn what_is_not_valid_is_told_each_time() {
        let definitions = Definitions::default();
        for _ in 0..2 {
            let told = definitions.of(&start("{}", false));
            assert!(told.is_err_and(|told| told.contains("StartAt")));
        }
    }

    #[test]
    fn what_nobody_asks_for_is_forgotten_and_what_is_used_stays() {
        let definitions = Definitions::default();
        let used = definitions.of(&start(&definition("used"), false));
        let used = used.expect("valid");
        for number in 0..40 {
            let large = definition(&number.to_string().repeat(BYTES / 16));
            definitions.of(&start(&large, false)).expect("valid");
            let again = definitions.of(&start(&definition("used"), false));
            assert!(Arc::ptr_eq(&used, &again.expect("valid")));
        }
        let known = definitions.standard.lock().expect("no panic");
        let held: usize = known
            .young
            .keys()
            .chain(known.old.keys())
            .map(String::len)
            .sum();
        assert!(held <= 2 * BYTES + BYTES / 4, "{held} bytes");
    }
}
