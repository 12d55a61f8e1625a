//! Laying one configuration over another: a file over the defaults, the environment over both.

use anyhow::{Result, anyhow, bail};
use toml::{Table, Value};

/// Variables that begin with `QUELL_` and are not settings.
const OTHERS: [&str; 6] = [
    "QUELL_BIN",
    "QUELL_CASES",
    "QUELL_VENV",
    "QUELL_CONFIG",
    "QUELL_LOG",
    "QUELL_SERVER",
];

/// Lays `over` onto `base`, section by section.
pub(crate) fn merge(base: &mut Table, over: Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => merge(below, above),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

/// Applies `QUELL_<SECTION>_<SETTING>` variables; the type is that of the setting's default.
pub(crate) fn environment(
    table: &mut Table,
    variables: impl Iterator<Item = (String, String)>,
) -> Result<()> {
    for (name, text) in variables {
        if OTHERS.contains(&name.as_str()) {
            continue;
        }
        let lower = name.trim_start_matches("QUELL_").to_lowercase();
        let place = lower
            .split_once('_')
            .and_then(|(section, key)| match table.get_mut(section) {
                Some(Value::Table(section)) => section.get_mut(key),
                _ => None,
            });
        let Some(place) = place else {
            bail!(
                "{name} is no setting: the names are QUELL_<SECTION>_<SETTING>, see `quell config show`"
            );
        };
        let setting = lower.split_once('_').map_or("", |(_, setting)| setting);
        *place = typed(setting, place, &text)
            .map_err(|wanted| anyhow!("{name} `{text}` must be {wanted}"))?;
    }
    Ok(())
}

fn typed(setting: &str, default: &Value, text: &str) -> Result<Value, &'static str> {
    match default {
        Value::Boolean(_) => text
            .parse()
            .map(Value::Boolean)
            .map_err(|_| "true or false"),
        Value::Integer(_) => text
            .parse()
            .map(Value::Integer)
            .map_err(|_| "a whole number"),
        Value::Table(_) if setting == "endpoint_urls" => {
            pairs(text, address).ok_or("a list of NAME=ADDRESS, e.g. s3=http://127.0.0.1:9000")
        }
        Value::Table(_) if setting == "interpreters" => {
            pairs(text, address).ok_or("a list of RUNTIME=PATH, e.g. python3.9=/usr/bin/python3.9")
        }
        Value::Array(_) => Ok(Value::Array(list(text))),
        Value::Table(_) => pairs(text, number).ok_or("a list of NAME=NUMBER, e.g. iam=2,ec2=20"),
        _ => Ok(Value::String(text.to_owned())),
    }
}

/// `one,two` as a list.
fn list(text: &str) -> Vec<Value> {
    let entries = text.split(',').map(str::trim);
    entries
        .filter(|entry| !entry.is_empty())
        .map(|entry| Value::String(entry.to_owned()))
        .collect()
}

/// `name=1,other=2` as a table, each value read by `value`.
fn pairs(text: &str, value: fn(&str) -> Option<Value>) -> Option<Value> {
    text.split(',')
        .filter(|entry| !entry.trim().is_empty())
        .map(|entry| {
            let (name, text) = entry.split_once('=')?;
            let name = Some(name.trim()).filter(|name| !name.is_empty())?;
            Some((name.to_owned(), value(text.trim())?))
        })
        .collect::<Option<Table>>()
        .map(Value::Table)
}

fn number(text: &str) -> Option<Value> {
    text.parse().ok().map(Value::Integer)
}

fn address(text: &str) -> Option<Value> {
    (!text.is_empty()).then(|| Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_numbers_come_from_variables() {
        let default = || {
            let text = "[aws]\nservice_limits = { sns = 1 }\n";
            text.parse::<Table>().expect("a table")
        };
        let variable = |text: &str| {
            let name = "QUELL_AWS_SERVICE_LIMITS".to_owned();
            let mut table = default();
            environment(&mut table, [(name, text.to_owned())].into_iter()).map(|()| table)
        };
        for (text, expected) in [
            ("iam=2, ec2=20", "{ iam = 2, ec2 = 20 }"),
            ("iam=2,", "{ iam = 2 }"),
            ("", "{}"),
        ] {
            let expected = format!("[aws]\nservice_limits = {expected}\n");
            let expected: Table = expected.parse().expect("a table");
            assert_eq!(variable(text).expect(text), expected);
        }
        for wrong in ["iam", "iam=two", "iam=2;ec2=3", "=,"] {
            let refused = variable(wrong).expect_err(wrong).to_string();
            assert!(refused.contains("NAME=NUMBER"), "{refused}");
        }
    }

    #[test]
    fn lists_come_from_variables() {
        let name = "QUELL_SCRIPTS_ALLOW_HOSTS".to_owned();
        let text = [(name, "a.example:443, b.example:8443,".to_owned())];
        let mut table: Table = "[scripts]\nallow_hosts = []\n".parse().expect("a table");
        environment(&mut table, text.into_iter()).expect("a list");
        let expected = "[scripts]\nallow_hosts = [\"a.example:443\", \"b.example:8443\"]\n";
        assert_eq!(table, expected.parse::<Table>().expect("a table"));
    }

    #[test]
    fn tables_of_addresses_come_from_variables() {
        let variable = |text: &str| {
            let name = "QUELL_AWS_ENDPOINT_URLS".to_owned();
            let text = [(name, text.to_owned())];
            let mut table: Table = "[aws]\nendpoint_urls = {}\n".parse().expect("a table");
            environment(&mut table, text.into_iter()).map(|()| table)
        };
        let expected =
            "[aws]\nendpoint_urls = { s3 = \"http://127.0.0.1:9000\", ec2 = \"http://x?a=b\" }\n";
        let expected: Table = expected.parse().expect("a table");
        let found = variable("s3=http://127.0.0.1:9000, ec2=http://x?a=b");
        assert_eq!(found.expect("addresses"), expected);
        for wrong in ["s3", "=http://x", "s3="] {
            let refused = variable(wrong).expect_err(wrong).to_string();
            assert!(refused.contains("NAME=ADDRESS"), "{refused}");
        }
    }
}
