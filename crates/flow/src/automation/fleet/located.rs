//! Where it was asked for: `TargetLocations`, accounts and regions with limits and an alarm of their own.
//!
//! A text that may come to stand in an address or an ARN (region, account, role name) is taken only in its strict form.

use model::fleet::TargetLocation;
use model::report::AlarmWatch;
use serde_json::{Map, Value};

use super::asked::{Read, limit, objects, path, present, targets, text, texts, wrong};
use crate::expr::value_type::text_of;

const MAX_LOCATIONS: usize = 100;
const MAX_PLACES: usize = 50;
const MAX_EXCLUDED: usize = 5_000;
const MAX_ALARM_NAME: usize = 255;

pub(super) fn locations(members: &Map<String, Value>) -> Read<Vec<TargetLocation>> {
    const FIELD: &str = "TargetLocations";
    let Some(value) = present(members, FIELD) else {
        return Ok(Vec::new());
    };
    let maps = objects(value, FIELD, MAX_LOCATIONS)?;
    let read = maps
        .into_iter()
        .enumerate()
        .map(|(at, map)| location(map, &format!("{FIELD}.{at}")));
    read.collect()
}

fn location(map: &Map<String, Value>, within: &str) -> Read<TargetLocation> {
    check_names(map, within)?;
    let list = |name: &str, most: usize| match present(map, name) {
        None => Ok(Vec::new()),
        Some(value) => texts(value, &path(within, name), most),
    };
    let accounts = strict(
        list("Accounts", MAX_PLACES)?,
        &path(within, "Accounts"),
        is_account_or_unit,
    )?;
    let regions = strict(
        list("Regions", MAX_PLACES)?,
        &path(within, "Regions"),
        is_region,
    )?;
    if accounts.is_empty() || regions.is_empty() {
        return wrong(within, "needs at least one of Accounts and one of Regions");
    }
    let excluded = list("ExcludeAccounts", MAX_EXCLUDED)?;
    let role_name = text(map, "ExecutionRoleName", within)?;
    if let Some(name) = role_name.as_ref().filter(|name| !is_role_name(name)) {
        return wrong(
            &path(within, "ExecutionRoleName"),
            format!("must be a role's name of at most 64 characters, found \"{name}\""),
        );
    }
    let units = present(map, "IncludeChildOrganizationUnits");
    Ok(TargetLocation {
        accounts,
        regions,
        role_name,
        max_concurrency: limit(map, ("TargetLocationMaxConcurrency", within), 1)?,
        max_errors: limit(map, ("TargetLocationMaxErrors", within), 0)?,
        include_child_units: units.is_some_and(|value| text_of(value).eq_ignore_ascii_case("true")),
        exclude_accounts: strict(excluded, &path(within, "ExcludeAccounts"), is_account)?,
        targets: targets(map, "Targets", within)?,
        targets_max_concurrency: limit(map, ("TargetsMaxConcurrency", within), 1)?,
        targets_max_errors: limit(map, ("TargetsMaxErrors", within), 0)?,
        alarm: alarm(map, within)?,
    })
}

/// Refuses members that are unknown.
fn check_names(map: &Map<String, Value>, within: &str) -> Read<()> {
    const KNOWN: [&str; 11] = [
        "Accounts",
        "Regions",
        "ExecutionRoleName",
        "TargetLocationMaxConcurrency",
        "TargetLocationMaxErrors",
        "IncludeChildOrganizationUnits",
        "ExcludeAccounts",
        "Targets",
        "TargetsMaxConcurrency",
        "TargetsMaxErrors",
        "TargetLocationAlarmConfiguration",
    ];
    if let Some(name) = map.keys().find(|name| !KNOWN.contains(&name.as_str())) {
        return wrong(
            &path(within, name),
            format!("is unknown; known are {}", KNOWN.join(", ")),
        );
    }
    Ok(())
}

/// `TargetLocationAlarmConfiguration`: the alarm that stops the runs of this entry.
fn alarm(map: &Map<String, Value>, within: &str) -> Read<Option<AlarmWatch>> {
    const FIELD: &str = "TargetLocationAlarmConfiguration";
    let Some(given) = present(map, FIELD) else {
        return Ok(None);
    };
    let field = path(within, FIELD);
    let Value::Object(given) = given else {
        return wrong(&field, "must be an object with Alarms");
    };
    let known = ["Alarms", "IgnorePollAlarmFailure"];
    if let Some(name) = given.keys().find(|name| !known.contains(&name.as_str())) {
        return wrong(
            &path(&field, name),
            format!("is unknown; known are {}", known.join(", ")),
        );
    }
    let list = path(&field, "Alarms");
    let alarms = match present(given, "Alarms") {
        Some(alarms) => objects(alarms, &list, 1)?,
        None => Vec::new(),
    };
    let Some(alarm) = alarms.first() else {
        return wrong(&list, "needs one alarm: {\"Name\": ...}");
    };
    let name = text(alarm, "Name", &list)?.unwrap_or_default();
    if name.trim().is_empty() || name.contains('\n') || name.chars().count() > MAX_ALARM_NAME {
        let rule =
            format!("must be an alarm's name of 1 to {MAX_ALARM_NAME} characters on one line");
        return wrong(&path(&list, "Name"), rule);
    }
    let ignored = present(given, "IgnorePollAlarmFailure");
    Ok(Some(AlarmWatch {
        name,
        ignore_poll_failure: ignored
            .is_some_and(|value| text_of(value).eq_ignore_ascii_case("true")),
    }))
}

fn strict(list: Vec<String>, field: &str, fits: fn(&str) -> bool) -> Read<Vec<String>> {
    match list.iter().find(|text| !fits(text)) {
        Some(text) => wrong(field, format!("has an item that it cannot be: \"{text}\"")),
        None => Ok(list),
    }
}

/// Twelve digits.
#[must_use]
pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// An account, an organizational unit or the root of an organization.
fn is_account_or_unit(text: &str) -> bool {
    is_account(text) || is_unit(text)
}

pub(crate) fn is_unit(text: &str) -> bool {
    let id = text.strip_prefix("ou-").or_else(|| text.strip_prefix("r-"));
    id.is_some_and(|id| {
        (4..=64).contains(&id.len())
            && id
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    })
}

/// `eu-west-1`, `us-gov-east-1`: what may stand in a host name, and nothing else.
fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let word = |part: &&str| {
        (1..=16).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_lowercase())
    };
    match parts.split_last() {
        Some((number, words)) => {
            (2..=4).contains(&words.len())
                && words.iter().all(word)
                && (1..=2).contains(&number.len())
                && number.bytes().all(|byte| byte.is_ascii_digit())
        }
        None => false,
    }
}

/// A role's name; a path may stand before it.
fn is_role_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-/".contains(&byte);
    let name = text.rsplit('/').next().unwrap_or_default();
    text.bytes().all(plain) && (1..=64).contains(&name.len()) && !text.starts_with('/')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_alarm_has_one_name() {
        let place = |alarm: Value| {
            let entry = json!({
                "Accounts": ["123456789012"], "Regions": ["eu-west-1"],
                "TargetLocationAlarmConfiguration": alarm,
            });
            let members = json!({"TargetLocations": [entry]});
            locations(members.as_object().unwrap())
        };
        let read = place(json!({"Alarms": [{"Name": "Load"}], "IgnorePollAlarmFailure": "True"}));
        let alarm = read.unwrap().remove(0).alarm.unwrap();
        assert_eq!(
            (alarm.name.as_str(), alarm.ignore_poll_failure),
            ("Load", true)
        );
        for (alarm, field) in [
            (json!("Load"), ""),
            (json!({"Alarm": "Load"}), ".Alarm"),
            (json!({"Alarms": []}), ".Alarms"),
            (json!({"Alarms": [{"Name": " "}]}), ".Alarms.Name"),
            (json!({"Alarms": [{"Name": "a"}, {"Name": "b"}]}), ".Alarms"),
        ] {
            let error = place(alarm.clone()).expect_err(&alarm.to_string());
            let within = "TargetLocations.0.TargetLocationAlarmConfiguration";
            assert_eq!(error.field, format!("{within}{field}"), "{error}");
        }
    }
}
