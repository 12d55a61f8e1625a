//! API Gateway's management: its IAM actions are HTTP methods, its resources the paths of its REST interface.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{ANY, Need, Needs, Place, member, table};
use crate::model::{Operation, Service};

/// What an operation of API Gateway needs; `None` for other services, and for its operations with actions of their
/// own.
pub(super) fn needs(
    service: &Service,
    operation: &Operation,
    params: &Value,
    place: &Place,
) -> Option<Needs> {
    let is_gateway = matches!(service.name, "apigateway" | "apigatewayv2");
    if !is_gateway || table::row("apigateway", operation.name).is_some() {
        return None;
    }
    let mut notes = Vec::new();
    let mut path = String::new();
    let uri = operation.uri.split('?').next().unwrap_or_default();
    let uri = uri.strip_prefix("/v2").unwrap_or(uri);
    for (n, part) in uri.split('{').enumerate() {
        let Some((label, rest)) = part.split_once('}').filter(|_| n > 0) else {
            path.push_str(part);
            continue;
        };
        let label = label.trim_end_matches('+');
        let value = value_of(params, label);
        if value == ANY {
            notes.push(format!(
                "apigateway:{}: `{label}` is known only in the run, so any is allowed",
                operation.method
            ));
        }
        path.push_str(&value);
        path.push_str(rest);
    }
    let arn = format!(
        "arn:{}:apigateway:{}::{path}",
        place.partition, place.region
    );
    Some(Needs {
        needs: vec![Need {
            action: format!("apigateway:{}", operation.method),
            resources: BTreeSet::from([arn]),
            passed_to: None,
        }],
        notes,
    })
}

fn value_of(params: &Value, label: &str) -> String {
    // Labels of paths are written with underscores where members are not.
    let plain = label.replace('_', "");
    let value = member(params, label).or_else(|| member(params, &plain));
    value.and_then(Value::as_str).unwrap_or(ANY).to_owned()
}
