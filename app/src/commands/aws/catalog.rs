//! `quell aws list`: what there is to call, from the models alone.

use std::collections::HashSet;

use aws::model::{Operation, Ref, Service, Shape, Waiter, catalog};
use clap::ArgMatches;
use serde_json::{Value, json};

use super::arguments;
use super::ending::{Ended, Result};
use super::output::{self, Format};

/// Levels of nested members that are listed.
const DEPTH: usize = 6;

/// `quell aws list [SERVICE [OPERATION]]`.
pub(crate) fn list(matches: &ArgMatches) -> Result<()> {
    show(matches, arguments::format(matches)?)
}

/// `quell aws [SERVICE [OPERATION]] help`.
pub(crate) fn help(matches: &ArgMatches) -> Result<()> {
    let service = matches.get_one::<String>("service");
    if service.is_none_or(|service| service == "help") {
        return output::print_text(&arguments::interface().render_help().to_string());
    }
    show(matches, Format::Table)
}

fn show(matches: &ArgMatches, format: Format) -> Result<()> {
    let word = |name: &str| {
        matches
            .get_one::<String>(name)
            .filter(|word| *word != "help")
    };
    let Some(service) = word("service") else {
        return services(format);
    };
    let service = catalog()
        .service(service)
        .map_err(|error| Ended::usage(error.to_string()))?;
    match word("operation") {
        None => operations(&service, format),
        Some(name) if name == "wait" => waiters(&service, format),
        Some(name) => {
            aws::resolve_names(service.name, name)
                .map_err(|error| Ended::usage(error.to_string()))?;
            match service.operation(name) {
                Some(operation) => parameters(&service, operation, format),
                None => Err(Ended::usage(format!("there is no operation `{name}`"))),
            }
        }
    }
}

fn services(format: Format) -> Result<()> {
    let names: Vec<&str> = catalog().names().collect();
    output::print(&json!(names), format)
}

fn operations(service: &Service, format: Format) -> Result<()> {
    let list: Vec<Value> = service
        .operations
        .iter()
        .map(|operation| json!({"operation": operation.name, "class": class(service, operation)}))
        .collect();
    output::print(&Value::Array(list), format)
}

fn waiters(service: &Service, format: Format) -> Result<()> {
    let told = |waiter: &Waiter| {
        json!({
            "waiter": waiter.name,
            "operation": waiter.operation,
            "seconds": waiter.delay_s,
            "attempts": waiter.max_attempts,
        })
    };
    let list: Vec<Value> = service.waiters.iter().map(told).collect();
    output::print(&Value::Array(list), format)
}

fn class(service: &Service, operation: &Operation) -> &'static str {
    aws::knowledge::mutation(service.name, operation.name, &json!({})).word()
}

fn parameters(service: &Service, operation: &Operation, format: Format) -> Result<()> {
    let mut tree = Tree {
        service,
        above: HashSet::new(),
    };
    let input = operation.input.as_ref();
    let members = input.map_or_else(Vec::new, |input| tree.members(input, 0));
    if format != Format::Table {
        return output::print(
            &json!({
                "service": service.name,
                "operation": operation.name,
                "class": class(service, operation),
                "parameters": members,
            }),
            format,
        );
    }
    let mut text = format!(
        "{} {}: {}\n",
        service.name,
        operation.name,
        class(service, operation)
    );
    for member in &members {
        line(&mut text, member, 1);
    }
    if members.is_empty() {
        text.push_str("  (no parameters)\n");
    }
    output::print_text(&text)
}

fn line(text: &mut String, member: &Value, depth: usize) {
    let word = |name: &str| member[name].as_str().unwrap_or_default();
    text.push_str(&"  ".repeat(depth));
    text.push_str(&format!("{}: {}", word("name"), word("type")));
    if member["required"] == true {
        text.push_str(", required");
    }
    if let Some(values) = member["values"].as_array() {
        let values: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
        text.push_str(&format!(" ({})", values.join(" | ")));
    }
    text.push('\n');
    for inner in member["members"].as_array().into_iter().flatten() {
        line(text, inner, depth + 1);
    }
}

/// Walks an input. A shape within itself is named, not opened again.
struct Tree<'a> {
    service: &'a Service,
    above: HashSet<u32>,
}

impl Tree<'_> {
    fn members(&mut self, target: &Ref, depth: usize) -> Vec<Value> {
        let service = self.service;
        let Some(structure) = service.structure(target) else {
            return Vec::new();
        };
        if depth >= DEPTH || !self.above.insert(target.shape) {
            return Vec::new();
        }
        let list = structure
            .members
            .iter()
            .map(|member| {
                let mut told = json!({
                    "name": member.name,
                    "type": kind(service, &member.target),
                    "required": member.required,
                });
                let values = values(service, &member.target);
                if !values.is_empty() {
                    told["values"] = values.into();
                }
                let inner = innermost(service, &member.target);
                let members = self.members(&inner, depth + 1);
                if !members.is_empty() {
                    told["members"] = members.into();
                }
                told
            })
            .collect();
        self.above.remove(&target.shape);
        list
    }
}

/// The values that a text may have, where the model lists them.
fn values(service: &Service, target: &Ref) -> Vec<&'static str> {
    match service.shape(&innermost(service, target)) {
        Shape::String { values, .. } => values.to_vec(),
        _ => Vec::new(),
    }
}

/// What a list or map finally holds.
fn innermost(service: &Service, target: &Ref) -> Ref {
    let mut target = target.clone();
    for _ in 0..DEPTH {
        target = match service.shape(&target) {
            Shape::List { member, .. } => member.clone(),
            Shape::Map { value, .. } => value.clone(),
            _ => return target,
        };
    }
    target
}

fn kind(service: &Service, target: &Ref) -> String {
    kind_within(service, target, 0)
}

fn kind_within(service: &Service, target: &Ref, depth: usize) -> String {
    let word = match service.shape(target) {
        Shape::List { member, .. } if depth < DEPTH => {
            return format!("list of {}", kind_within(service, member, depth + 1));
        }
        Shape::Map { value, .. } if depth < DEPTH => {
            return format!("map of {}", kind_within(service, value, depth + 1));
        }
        Shape::List { .. } => "list",
        Shape::Map { .. } => "map",
        Shape::Structure(structure) if structure.document => "any JSON",
        Shape::Structure(structure) if structure.union => "structure with one member",
        Shape::Structure(_) => "structure",
        Shape::String { .. } => "string",
        Shape::Integer { .. } | Shape::Long { .. } => "integer",
        Shape::Float | Shape::Double => "number",
        Shape::Boolean => "boolean",
        Shape::Timestamp => "timestamp",
        Shape::Blob => "blob",
    };
    word.to_owned()
}
