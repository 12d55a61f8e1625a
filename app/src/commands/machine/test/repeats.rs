//! `--repeat-each`: what comes of a call that is made twice.

use std::fmt::Write as _;

use aws::knowledge::{self, Mutation};
use flow::asl::rehearsal::Made;
use flow::asl::rehearsal::repeat::{By, Class, Repetition};
use model::web::only_reads;
use serde_json::{Value, json};

use crate::commands::findings;

/// What a repeat of a call does.
pub(super) fn class(made: &Made) -> Class {
    let (service, operation) = made.call.split_once(':').unwrap_or((&made.call, ""));
    match service {
        "activity" => return Class::Worker,
        "http" => {
            let method = made.params["Method"].as_str().unwrap_or_default();
            return if only_reads(method) {
                Class::Reads
            } else {
                Class::Asks
            };
        }
        _ => {}
    }
    let Ok((service, operation)) = aws::resolve_names(service, operation) else {
        // A service or operation that does not exist does nothing.
        return Class::Reads;
    };
    let params = made.params.clone();
    let mut params = aws::spelling::to_members(&service, &operation, params);
    knowledge::inject_token(&service, &operation, &mut params, "token");
    match knowledge::mutation(&service, &operation, &params) {
        Mutation::ReadOnly => Class::Reads,
        Mutation::Idempotent { .. } => Class::Idempotent,
        Mutation::Token { member, .. } => Class::Token(member),
        Mutation::Probe(_) => Class::Lookup,
        Mutation::None => Class::Asks,
    }
}

/// A repetition for programs.
pub(super) fn tell(one: &Repetition) -> Value {
    json!({
        "repeats": one.state,
        "call": one.call,
        "class": one.class.word(),
        "by": one.by.word(),
        "unmet": one.unmet,
    })
}

/// A repetition for people.
pub(super) fn print(out: &mut String, told: &Value) {
    let text = |name: &str| findings::plain(told[name].as_str().unwrap_or("-"));
    let (state, by) = (text("repeats"), text("by"));
    let end = if by == By::Person.word() {
        "waits for a person".to_owned()
    } else if by == By::Worker.word() {
        "waits for its worker".to_owned()
    } else {
        let unmet = told["unmet"].as_array().into_iter().flatten();
        let unmet = unmet.map(|one| findings::plain(one.as_str().unwrap_or("-")));
        let unmet: Vec<String> = unmet.collect();
        if unmet.is_empty() {
            format!("by {by} the same end")
        } else {
            format!("by {by} NOT THE SAME: {}", unmet.join("; "))
        }
    };
    let (call, class) = (text("call"), text("class"));
    let _ = writeln!(out, "    if {state} is repeated: {end} ({call}: {class})");
}
