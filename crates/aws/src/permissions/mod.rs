//! What a call needs: the IAM actions and the resources that a policy must allow for it.
//!
//! [`needs`] answers for any operation of any service: an operation's IAM action is mostly the service's prefix and
//! the operation's name, `actions` knows the exceptions, `table` which resources an action can be limited to.
//! [`python`] finds the calls of a script, [`policy`] makes policies of needs. Knows no documents and no runs.
//!
//! Source of the facts: AWS's Service Authorization Reference (actions, resource types and dependent actions of each
//! service) and the S3 guide's list of permissions for operations.

mod actions;
mod arns;
mod dependent;
mod gateway;
pub mod policy;
pub mod python;
mod table;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::Error;
use crate::model::catalog;

/// Stands for a value, or a part of one, that is not known before the call: as in a policy, it matches anything.
pub const ANY: &str = "*";

/// Where the calls will be made. `*` where it may be anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// `aws`, `aws-cn`, `aws-us-gov`...
    pub partition: String,
    /// Region.
    pub region: String,
    /// Account id.
    pub account: String,
}

impl Default for Place {
    fn default() -> Self {
        Self {
            partition: "aws".to_owned(),
            region: ANY.to_owned(),
            account: ANY.to_owned(),
        }
    }
}

/// One IAM action that a call needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    /// The action, e.g. `ec2:StopInstances`.
    pub action: String,
    /// ARNs, or patterns of ARNs, or `*`.
    pub resources: BTreeSet<String>,
    /// The service that a role is passed to, for `iam:PassRole`: e.g. `ec2.amazonaws.com`.
    pub passed_to: Option<String>,
}

/// What a call needs, and what a reader should know about it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Needs {
    /// Actions, sorted.
    pub needs: Vec<Need>,
    /// Why a resource is not named more exactly, and what the call may need besides.
    pub notes: Vec<String>,
}

/// What a call of `operation` with these parameters needs. Service and operation are spelled as in [`crate::Call`].
/// A text `*` in the parameters, or within one, stands for what is not known yet ([`ANY`]).
///
/// # Errors
/// There is no such service or operation; the nearest names are in the message.
pub fn needs(
    service: &str,
    operation: &str,
    params: &Value,
    place: &Place,
) -> Result<Needs, Error> {
    let (service, operation) = crate::resolve_names(service, operation)?;
    let model = catalog().service(&service)?;
    let known = model
        .operation(&operation)
        .ok_or_else(|| Error::UnknownOperation {
            service: service.clone(),
            operation: operation.clone(),
            nearest: String::new(),
        })?;
    if let Some(found) = gateway::needs(&model, known, params, place) {
        return Ok(found);
    }
    let prefix = actions::prefix(&model);
    let mut found = Needs::default();
    for action in actions::of(&model, known, params) {
        let (action_prefix, name) = action
            .split_once(':')
            .map_or((prefix, action.as_ref()), |(prefix, name)| (prefix, name));
        let mut need = Need {
            action: format!("{action_prefix}:{name}"),
            resources: BTreeSet::new(),
            passed_to: None,
        };
        need.resources = arns::resources(
            (action_prefix, name),
            (model.name, params),
            place,
            &mut found.notes,
        );
        found.needs.push(need);
        dependent::add(&mut found, (action_prefix, name), params, place);
    }
    found.needs.sort();
    found.needs.dedup();
    found.notes.sort();
    found.notes.dedup();
    Ok(found)
}

/// A member of a call's parameters by its name, in any spelling that the models' names differ in.
fn member<'a>(params: &'a Value, name: &str) -> Option<&'a Value> {
    let found = params
        .as_object()?
        .iter()
        .find(|(key, value)| !value.is_null() && key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value)
}

/// Whether a parameter is given, and is neither an empty text nor an empty list.
fn given(params: &Value, name: &str) -> bool {
    match member(params, name) {
        None => false,
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(items)) => !items.is_empty(),
        Some(_) => true,
    }
}
