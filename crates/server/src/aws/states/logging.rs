//! `loggingConfiguration` of a state machine: read, checked, and what it means for executions.

use engine::views::machines::logging::{Level, Logging};
use model::arn::Arn;
use model::effect::{LOG_GROUP_PREFIX, LogAppend};
use serde_json::{Map, Value, json};

use crate::decode::{Fields, Text};
use crate::error::{ApiError, echo};

/// Longest name of a log group, in characters. Source: the `logs` model.
const GROUP: usize = 512;
const GROUP_ARN: Text = Text::length(1, 256);

/// The configuration as it is kept and shown: with the defaults of what is not given.
pub(super) fn read(fields: &Fields<'_>) -> Result<Option<Value>, ApiError> {
    let Some(given) = fields.object("loggingConfiguration")? else {
        return Ok(None);
    };
    let level = given
        .one_of("level", &["ALL", "ERROR", "FATAL", "OFF"])?
        .unwrap_or("OFF");
    let with_data = given.boolean("includeExecutionData")?.unwrap_or(false);
    let destinations = given.objects("destinations", 0, 10)?.unwrap_or_default();
    if destinations.len() > 1 || (level != "OFF" && destinations.is_empty()) {
        return Err(refused("Must specify exactly one Log Destination."));
    }
    let mut shown = Map::new();
    shown.insert("level".to_owned(), level.into());
    shown.insert("includeExecutionData".to_owned(), with_data.into());
    if let Some(raw) = given.map().get("destinations") {
        shown.insert("destinations".to_owned(), raw.clone());
    }
    for destination in &destinations {
        let group = destination.object("cloudWatchLogsLogGroup")?;
        let arn = match &group {
            Some(group) => group.text("logGroupArn", GROUP_ARN)?,
            None => None,
        };
        check(arn.unwrap_or_default())?;
    }
    Ok(Some(Value::Object(shown)))
}

/// What is shown of a machine that was made without one.
pub(super) fn off() -> Value {
    json!({"level": "OFF", "includeExecutionData": false})
}

/// What a kept configuration means for an execution: nothing, when it is off.
pub(super) fn of(kept: Option<&Value>) -> Option<Logging> {
    let kept = kept?;
    let level = match kept["level"].as_str()? {
        "ALL" => Level::All,
        "ERROR" => Level::Error,
        "FATAL" => Level::Fatal,
        _ => return None,
    };
    let arn = kept.pointer("/destinations/0/cloudWatchLogsLogGroup/logGroupArn");
    Some(Logging {
        level,
        with_data: kept["includeExecutionData"].as_bool().unwrap_or(false),
        group_arn: without_star(arn?.as_str()?).to_owned(),
    })
}

/// The configuration that an execution was started with, as it is shown.
pub(super) fn shown(logging: Option<&Logging>) -> Value {
    let Some(logging) = logging else {
        return off();
    };
    let level = match logging.level {
        Level::All => "ALL",
        Level::Error => "ERROR",
        Level::Fatal => "FATAL",
    };
    json!({
        "level": level,
        "includeExecutionData": logging.with_data,
        "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": format!("{}:*", logging.group_arn)}}],
    })
}

fn refused(reason: &str) -> ApiError {
    let message = format!("Invalid Logging Configuration: {reason}");
    ApiError::new("InvalidLoggingConfiguration", message)
}

/// Log groups are named as CloudWatch Logs names them; those of this server also as its files are.
fn check(arn: &str) -> Result<(), ApiError> {
    let none = || {
        refused(&format!(
            "`{}` is not the ARN of a log group: give arn:aws:logs:REGION:ACCOUNT:log-group:NAME:*",
            echo(arn)
        ))
    };
    let parsed = Arn::parse(without_star(arn)).filter(|arn| arn.service == "logs");
    let parsed = parsed.ok_or_else(none)?;
    let name = parsed
        .resource
        .strip_prefix("log-group:")
        .ok_or_else(none)?;
    let letters = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"_-/.#".contains(&byte));
    if !letters || name.is_empty() || name.len() > GROUP || parsed.region.is_empty() {
        return Err(none());
    }
    if name.starts_with(LOG_GROUP_PREFIX) && LogAppend::group_name(name).is_none() {
        return Err(refused(&format!(
            "`{}` is no log group that this server keeps: use {LOG_GROUP_PREFIX} and up to 200 letters, digits and `._-`",
            echo(name)
        )));
    }
    Ok(())
}

fn without_star(arn: &str) -> &str {
    arn.strip_suffix(":*").unwrap_or(arn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_arn_of_a_log_group_will_do() {
        let place = "arn:aws:logs:us-east-1:123456789012";
        for arn in [
            format!("{place}:log-group:/aws/vendedlogs/states/x:*"),
            format!("{place}:log-group:x"),
            format!("{place}:log-group:/aws/events/machines:*"),
        ] {
            assert!(check(&arn).is_ok(), "{arn}");
        }
        for arn in [
            String::new(),
            "x".to_owned(),
            format!("{place}:log-group:"),
            format!("{place}:log-group:a b"),
            format!("{place}:log-group:/aws/events/../../x:*"),
            format!("{place}:log-group:/aws/events/a/b"),
            "arn:aws:logs:::log-group:x".to_owned(),
            "arn:aws:sqs:us-east-1:123456789012:x".to_owned(),
        ] {
            assert!(check(&arn).is_err(), "{arn}");
        }
    }

    #[test]
    fn what_is_kept_means_something_only_if_it_is_on() {
        let destination =
            json!([{"cloudWatchLogsLogGroup": {"logGroupArn": "arn:aws:logs:r:1:log-group:g:*"}}]);
        let kept =
            json!({"level": "ERROR", "includeExecutionData": true, "destinations": destination});
        let logging = of(Some(&kept)).expect("on");
        assert_eq!(
            (logging.level, logging.with_data, logging.group_arn.as_str()),
            (Level::Error, true, "arn:aws:logs:r:1:log-group:g")
        );
        assert_eq!(shown(Some(&logging)), kept);
        assert_eq!(
            of(Some(&json!({"level": "OFF", "destinations": destination}))),
            None
        );
        assert_eq!((of(None), shown(None)), (None, off()));
    }
}
