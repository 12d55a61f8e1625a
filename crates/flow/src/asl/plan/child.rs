//! Machines that a planned machine starts: their own plan, within it.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::effect::{AssumeRole, AwsCall, Outcome, Spelling};
use serde_json::{Value, json};

use super::Begin;
use super::walk::{Walk, started};
use super::way::{Book, Frame, Way};
use crate::asl::definition::{self, MachineType};
use crate::expr::unknown;

/// Machines within machines that are planned.
const MOST_MACHINES_DEEP: u32 = 5;

/// The role of a planned call; none for the server's own identity.
pub(super) fn assumed(role: &str) -> Option<AssumeRole> {
    (!role.is_empty()).then(|| AssumeRole {
        role_arn: role.to_owned(),
        session_name: "quell-plan".to_owned(),
        through: None,
    })
}

impl Walk<'_> {
    /// Plans the machine that a call starts. `None` while its definition is asked for.
    pub(super) fn nested(
        &mut self,
        (frame, node): (&Frame<'_>, u32),
        (way, book): (&mut Way, &mut Book),
        call: &AwsCall,
    ) -> Option<()> {
        let param = |names: [&str; 2]| names.iter().find_map(|name| call.params.get(*name));
        let arn = param(["stateMachineArn", "StateMachineArn"]).and_then(Value::as_str);
        let Some(arn) = arn.filter(|arn| !unknown::in_text(arn)) else {
            self.note(node, "which machine it starts is known only in the run");
            self.cut("a machine that is started is known only in the run");
            return Some(());
        };
        if frame.depth >= MOST_MACHINES_DEEP {
            self.cut(format!(
                "machines more than {MOST_MACHINES_DEEP} levels down are not planned"
            ));
            self.note(node, "machines further down are not planned");
            return Some(());
        }
        let described = AwsCall {
            service: "stepfunctions".to_owned(),
            operation: "DescribeStateMachine".to_owned(),
            params: json!({"stateMachineArn": arn}),
            spelling: Spelling::Service,
            ..call.clone()
        };
        let Some(answer) = self.answer(&described) else {
            book.ended.halted = true;
            return None;
        };
        let input = param(["input", "Input"])
            .cloned()
            .unwrap_or_else(|| json!("{}"));
        let begin = match read(&answer, &input) {
            Ok(begin) => begin,
            Err(reason) => {
                self.note(node, &format!("its machine is not planned: {reason}"));
                self.cut(format!("a machine that is started is not planned: {arn}"));
                return Some(());
            }
        };
        self.walk_into(frame, (way, book), begin)
    }

    fn walk_into(
        &mut self,
        frame: &Frame<'_>,
        (way, book): (&mut Way, &mut Book),
        (begin, input): (Begin, Value),
    ) -> Option<()> {
        let kind = if begin.express {
            MachineType::Express
        } else {
            MachineType::Standard
        };
        let machine = Arc::new(definition::parse(&begin.definition, kind).ok()?);
        let start = started(&begin, self.cx);
        let inner = Frame {
            machine: &machine,
            start: &start,
            block: 0,
            depth: frame.depth + 1,
            nesting: frame.nesting + 1,
            item: None,
            iteration: None,
            when: way.when.clone(),
        };
        let mut ended = self.block(&inner, way.entry(input.into(), BTreeMap::new()));
        if ended.halted {
            book.ended.halted = true;
            return None;
        }
        way.takes(&ended, book);
        // The machine that starts it goes on, however it ends.
        ended.tails.append(&mut ended.failed_tails);
        if !ended.tails.is_empty() {
            way.tails = ended.tails;
        }
        Some(())
    }
}

/// What the started machine is, and its input.
fn read(answer: &Outcome, input: &Value) -> Result<(Begin, Value), String> {
    let machine = match answer {
        Outcome::Done { result } => result.get("read").unwrap_or(&Value::Null),
        Outcome::Failed(failure) => return Err(format!("{}: {}", failure.code, failure.message)),
        Outcome::Unknown { reason } => return Err(reason.clone()),
    };
    let text = |name: &str| {
        machine
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    // The input of a call is a text of JSON; what is not known may stand within it, or in its place.
    let input = match input {
        Value::String(text) => serde_json::from_str(text).unwrap_or_else(|_| input.clone()),
        other => other.clone(),
    };
    let begin = Begin {
        name: text("name").to_owned(),
        arn: text("stateMachineArn").to_owned(),
        definition: text("definition").to_owned(),
        express: text("type") == "EXPRESS",
        role_arn: text("roleArn").to_owned(),
        input: input.to_string(),
    };
    let kind = if begin.express {
        MachineType::Express
    } else {
        MachineType::Standard
    };
    match definition::parse(&begin.definition, kind) {
        Ok(_) => Ok((begin, input)),
        Err(_) => Err("its definition cannot be read".to_owned()),
    }
}
