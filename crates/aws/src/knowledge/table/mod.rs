//! The reviewed table: operations that a responder uses and whose repeat is known from their documentation.
//!
//! Sources: the API reference of each service, EC2 API reference "Ensuring idempotency" and "Error codes". A row here
//! wins over what [`super::derive`] would say. An operation that sends something to people or machines
//! (`sns:Publish`, `ssm:SendCommand`, `ec2:RebootInstances`) is [`Rule::Unknown`] on purpose.

mod compute;
mod control;
mod data;
mod detection;
mod identity;
mod infrastructure;

use serde_json::{Map, Value};

use super::Mutation;
use super::probe;

/// What the documentation says of an operation.
#[derive(Debug, Clone, Copy)]
enum Rule {
    /// Changes nothing.
    Reads,
    /// A repeat changes nothing more; the codes say that it is done already.
    Repeats(&'static [&'static str]),
    /// Carries a token in this member, remembered for so many seconds.
    Token(&'static str, u64),
    /// `probe` knows how to find out.
    Probe,
    /// A repeat may do it twice.
    Unknown,
}

/// Service, operations, rule.
type Row = (&'static str, &'static [&'static str], Rule);

fn rows() -> impl Iterator<Item = &'static Row> {
    compute::ROWS
        .iter()
        .chain(control::ROWS)
        .chain(data::ROWS)
        .chain(detection::ROWS)
        .chain(identity::ROWS)
        .chain(infrastructure::ROWS)
}

/// The reviewed rule, if the table has one.
pub(super) fn reviewed(service: &str, operation: &str, params: &Value) -> Option<Mutation> {
    if (service, operation) == ("ssm", "PutParameter") {
        return Some(put_parameter(params));
    }
    let row =
        rows().find(|(name, operations, _)| *name == service && operations.contains(&operation))?;
    let nothing = Map::new();
    Some(match row.2 {
        Rule::Reads => Mutation::ReadOnly,
        Rule::Repeats(already_done_codes) => Mutation::Idempotent { already_done_codes },
        Rule::Token(member, lifetime_secs) => Mutation::Token {
            member: member.to_owned(),
            lifetime_secs,
        },
        Rule::Probe => probe::build(operation, params.as_object().unwrap_or(&nothing))
            .map_or(Mutation::None, Mutation::Probe),
        Rule::Unknown => Mutation::None,
    })
}

/// With `Overwrite` the value is set again; without it the second call finds the parameter there.
fn put_parameter(params: &Value) -> Mutation {
    let overwrite = match params.get("Overwrite") {
        Some(Value::Bool(flag)) => *flag,
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
        _ => false,
    };
    Mutation::Idempotent {
        already_done_codes: if overwrite {
            &[]
        } else {
            &["ParameterAlreadyExists"]
        },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::model::catalog;

    #[test]
    fn every_row_names_an_operation_once() {
        let mut seen = HashSet::new();
        for (service, operations, rule) in rows() {
            let model = catalog().service(service).unwrap();
            assert_eq!(model.name, *service);
            for operation in *operations {
                let found = model
                    .operation(operation)
                    .unwrap_or_else(|| panic!("no {service}:{operation}"));
                assert_eq!(found.name, *operation);
                assert!(
                    seen.insert((*service, *operation)),
                    "{service}:{operation} twice"
                );
                if let Rule::Token(member, _) = rule {
                    let input = model.structure(found.input.as_ref().unwrap()).unwrap();
                    assert!(
                        input.member(member).is_some(),
                        "{service}:{operation} has no {member}"
                    );
                }
            }
        }
    }
}
