//! What was asked for: `Targets`, `TargetMaps`, `TargetLocations` and their limits, from the wire's members.
//!
//! One reader for `StartAutomationExecution` and for `aws:executeAutomation`. A text that may come to stand in an address
//! or an ARN (region, account, role name) is taken only in its strict form.

use std::collections::BTreeMap;

use model::fleet::{RateControl, Target, TargetLocation};
use serde_json::{Map, Value};

use super::located::locations;
use crate::expr::value_type::{kind_of, text_of};

const MAX_TARGETS: usize = 5;
const MAX_MAPS: usize = 300;
const MAX_MAP_ENTRIES: usize = 20;
/// Most values of `ParameterValues`, and of one parameter in a map.
const MAX_VALUES: usize = 50;
const MAX_TEXT: usize = 512;

/// Something asked for that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct AskedError {
    /// The member at fault, e.g. `TargetLocations.0.Regions`.
    pub field: String,
    /// What is wrong and what would be right.
    pub message: String,
}

pub(super) type Read<T> = Result<T, AskedError>;

pub(super) fn wrong<T>(field: &str, message: impl std::fmt::Display) -> Read<T> {
    Err(AskedError {
        field: field.to_owned(),
        message: format!("{field} {message}"),
    })
}

/// The members that this reader knows.
pub const MEMBERS: [&str; 6] = [
    "TargetParameterName",
    "Targets",
    "TargetMaps",
    "MaxConcurrency",
    "MaxErrors",
    "TargetLocations",
];

/// Reads the members of a request or of a step's inputs. Lists may be single values, numbers may be texts.
///
/// # Errors
/// The first member that breaks a rule.
pub fn read(
    members: &Map<String, Value>,
) -> Result<(RateControl, Vec<TargetLocation>), AskedError> {
    let rate = RateControl {
        parameter: text(members, "TargetParameterName", "")?,
        targets: targets(members, "Targets", "")?,
        maps: maps(members)?,
        max_concurrency: limit(members, ("MaxConcurrency", ""), 1)?,
        max_errors: limit(members, ("MaxErrors", ""), 0)?,
    };
    let locations = locations(members)?;
    if !rate.targets.is_empty() && !rate.maps.is_empty() {
        return wrong(
            "TargetMaps",
            "and Targets exclude each other: give one of them",
        );
    }
    let by_location = locations.iter().any(|entry| !entry.targets.is_empty());
    if (!rate.targets.is_empty() || by_location) && rate.parameter.is_none() {
        return wrong(
            "TargetParameterName",
            "is missing: name the parameter that takes the target",
        );
    }
    if rate.parameter.is_some() && !rate.is_asked() && !by_location {
        return wrong(
            "TargetParameterName",
            "stands without Targets or TargetMaps",
        );
    }
    Ok((rate, locations))
}

pub(super) fn present<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    members.get(name).filter(|value| !value.is_null())
}

pub(super) fn path(within: &str, name: &str) -> String {
    if within.is_empty() {
        name.to_owned()
    } else {
        format!("{within}.{name}")
    }
}

pub(super) fn text(members: &Map<String, Value>, name: &str, within: &str) -> Read<Option<String>> {
    let Some(value) = present(members, name) else {
        return Ok(None);
    };
    let field = path(within, name);
    scalar(value, &field).map(|text| Some(text).filter(|text| !text.is_empty()))
}

fn scalar(value: &Value, field: &str) -> Read<String> {
    if value.is_array() || value.is_object() {
        return wrong(field, format!("must be a text, not a {}", kind_of(value)));
    }
    let text = text_of(value).into_owned();
    if text.len() > MAX_TEXT {
        return wrong(field, format!("has more than {MAX_TEXT} bytes"));
    }
    Ok(text)
}

/// Texts; a single one counts as a list.
pub(super) fn texts(value: &Value, field: &str, most: usize) -> Read<Vec<String>> {
    let list = match value {
        Value::Array(items) => items
            .iter()
            .map(|item| scalar(item, field))
            .collect::<Read<Vec<_>>>()?,
        other => vec![scalar(other, field)?],
    };
    if list.len() > most {
        return wrong(
            field,
            format!("has {} items, at most {most} are taken", list.len()),
        );
    }
    Ok(list)
}

pub(super) fn objects<'a>(
    value: &'a Value,
    field: &str,
    most: usize,
) -> Read<Vec<&'a Map<String, Value>>> {
    let items: Vec<&Value> = match value {
        Value::Array(items) => items.iter().collect(),
        other => vec![other],
    };
    if items.len() > most {
        return wrong(
            field,
            format!("has {} items, at most {most} are taken", items.len()),
        );
    }
    items
        .into_iter()
        .map(|item| match item.as_object() {
            Some(map) => Ok(map),
            None => wrong(
                field,
                format!("has an item that is a {}, not a map", kind_of(item)),
            ),
        })
        .collect()
}

pub(super) fn targets(members: &Map<String, Value>, name: &str, within: &str) -> Read<Vec<Target>> {
    let Some(value) = present(members, name) else {
        return Ok(Vec::new());
    };
    let field = path(within, name);
    let mut targets = Vec::new();
    for map in objects(value, &field, MAX_TARGETS)? {
        let Some(key) = text(map, "Key", &field)? else {
            return wrong(&format!("{field}.Key"), "is missing");
        };
        let values = match map.get("Values") {
            None | Some(Value::Null) => Vec::new(),
            Some(values) => texts(values, &format!("{field}.Values"), MAX_VALUES)?,
        };
        check_key(&field, &key, &values)?;
        targets.push(Target { key, values });
    }
    let alone = ["ParameterValues", "ResourceGroup"];
    if targets.len() > 1
        && targets
            .iter()
            .any(|target| alone.contains(&target.key.as_str()))
    {
        return wrong(
            &field,
            "with ParameterValues or ResourceGroup takes one entry",
        );
    }
    Ok(targets)
}

fn check_key(field: &str, key: &str, values: &[String]) -> Read<()> {
    let known = key.strip_prefix("tag:").is_some_and(|tag| !tag.is_empty())
        || ["tag-key", "ParameterValues", "ResourceGroup"].contains(&key)
        || is_resource_type(key);
    if !known {
        let rule = format!(
            "has the key \"{key}\": known are tag:NAME, tag-key, ParameterValues, ResourceGroup and resource types such as AWS::EC2::Instance"
        );
        return wrong(field, rule);
    }
    let wanted = if key == "ResourceGroup" {
        1..=1
    } else {
        1..=MAX_VALUES
    };
    if !wanted.contains(&values.len()) || values.iter().any(String::is_empty) {
        return wrong(
            field,
            format!(
                "needs Values behind the key \"{key}\" (a ResourceGroup exactly one), none of them empty"
            ),
        );
    }
    Ok(())
}

/// `AWS::Service::Type`.
fn is_resource_type(key: &str) -> bool {
    let parts: Vec<&str> = key.split("::").collect();
    let plain = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric());
    parts.len() == 3 && parts.first() == Some(&"AWS") && parts.iter().all(plain)
}

fn maps(members: &Map<String, Value>) -> Read<Vec<BTreeMap<String, Vec<String>>>> {
    const FIELD: &str = "TargetMaps";
    let Some(value) = present(members, FIELD) else {
        return Ok(Vec::new());
    };
    let mut maps = Vec::new();
    for map in objects(value, FIELD, MAX_MAPS)? {
        if map.is_empty() || map.len() > MAX_MAP_ENTRIES {
            return wrong(
                FIELD,
                format!("takes maps of 1 to {MAX_MAP_ENTRIES} parameters"),
            );
        }
        let mut parameters = BTreeMap::new();
        for (name, values) in map {
            let field = format!("{FIELD}.{name}");
            parameters.insert(name.clone(), texts(values, &field, MAX_VALUES)?);
        }
        maps.push(parameters);
    }
    Ok(maps)
}

pub(super) fn limit(
    members: &Map<String, Value>,
    (name, within): (&str, &str),
    least: u32,
) -> Read<Option<String>> {
    let Some(given) = text(members, name, within)? else {
        return Ok(None);
    };
    let fits = match given.strip_suffix('%') {
        Some(percent) => number(percent).is_some_and(|n| (least..=100).contains(&n)),
        None => number(&given).is_some_and(|n| n >= least),
    };
    if !fits {
        let rule = format!(
            "must be a number such as 10 or a percentage such as 10%, at least {least}, found \"{given}\""
        );
        return wrong(&path(within, name), rule);
    }
    Ok(Some(given))
}

fn number(text: &str) -> Option<u32> {
    let digits = text.len() <= 7 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(members: Value) -> Read<(RateControl, Vec<TargetLocation>)> {
        read(members.as_object().unwrap())
    }

    #[test]
    fn what_is_asked_is_read() {
        let (rate, locations) = asked(json!({
            "TargetParameterName": "InstanceId",
            "Targets": [{"Key": "tag:Env", "Values": ["prod"]}, {"Key": "tag-key", "Values": ["Owner"]}],
            "MaxConcurrency": "50%", "MaxErrors": 1,
            "TargetLocations": [{
                "Accounts": "123456789012", "Regions": ["eu-west-1", "us-gov-east-1"], "ExecutionRoleName": "path/Run",
                "IncludeChildOrganizationUnits": "true", "ExcludeAccounts": ["210987654321"],
            }],
        }))
        .unwrap();
        assert_eq!(rate.targets.len(), 2);
        assert_eq!(rate.max_errors.as_deref(), Some("1"));
        assert_eq!(locations[0].accounts, ["123456789012"]);
        assert!(locations[0].include_child_units);
        assert_eq!(asked(json!({})).unwrap(), Default::default());
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        let place = |more: Value| {
            let mut entry = json!({"Accounts": ["123456789012"], "Regions": ["eu-west-1"]});
            entry
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            json!({"TargetLocations": [entry]})
        };
        let tag = json!([{"Key": "tag:Env", "Values": ["prod"]}]);
        for (members, field) in [
            (json!({"Targets": tag}), "TargetParameterName"),
            (json!({"TargetParameterName": "X"}), "TargetParameterName"),
            (
                json!({"TargetParameterName": "X", "Targets": tag, "TargetMaps": [{"A": ["1"]}]}),
                "TargetMaps",
            ),
            (
                json!({"TargetParameterName": "X", "Targets": [{"Key": "name", "Values": ["a"]}]}),
                "Targets",
            ),
            (
                json!({"TargetParameterName": "X", "Targets": [{"Key": "tag:", "Values": ["a"]}]}),
                "Targets",
            ),
            (
                json!({"TargetParameterName": "X", "Targets": [{"Key": "tag:A", "Values": []}]}),
                "Targets",
            ),
            (json!({"TargetMaps": [{}]}), "TargetMaps"),
            (json!({"MaxConcurrency": "0"}), "MaxConcurrency"),
            (json!({"MaxConcurrency": "101%"}), "MaxConcurrency"),
            (json!({"MaxErrors": "-1"}), "MaxErrors"),
            (
                place(json!({"Regions": ["eu-west-1.evil.example"]})),
                "TargetLocations.0.Regions",
            ),
            (place(json!({"Regions": []})), "TargetLocations.0"),
            (
                place(json!({"Accounts": ["12345"]})),
                "TargetLocations.0.Accounts",
            ),
            (
                place(json!({"ExecutionRoleName": "a b"})),
                "TargetLocations.0.ExecutionRoleName",
            ),
            (
                place(json!({"ExecutionRoleName": "/"})),
                "TargetLocations.0.ExecutionRoleName",
            ),
            (place(json!({"Acounts": []})), "TargetLocations.0.Acounts"),
        ] {
            let error = asked(members.clone()).expect_err(&members.to_string());
            assert_eq!(error.field, field, "{members}: {error}");
        }
    }
}
