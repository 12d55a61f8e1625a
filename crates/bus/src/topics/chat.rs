//! How a message of a topic reads in a chat channel, in Slack's markup.
//!
//! Findings, alarms and other events are told in a few lines; anything else stays the text that it is. Every value may
//! be an attacker's: it is one line, its `&`, `<` and `>` are escaped (so that it is neither a link nor a mention:
//! <https://docs.slack.dev/messaging/formatting-message-text>), and addresses in it are broken so that no reader's
//! program makes links of them.

use model::text::{one_line, paragraph};
use serde_json::Value;

/// Longest text, in characters. Slack cuts at 40,000 and advises 4,000.
const MAX_TEXT: usize = 3_500;
/// Longest single value.
const MAX_VALUE: usize = 300;
/// Longest description.
const MAX_DESCRIPTION: usize = 1_000;
/// Most resources that are named.
const MAX_RESOURCES: usize = 5;

/// The text for a channel.
#[must_use]
pub fn text(subject: Option<&str>, message: &str) -> String {
    let told = match serde_json::from_str::<Value>(message) {
        Ok(Value::Object(object)) => {
            let object = Value::Object(object);
            event(&object).or_else(|| alarm(&object))
        }
        _ => None,
    };
    let told = told.unwrap_or_else(|| plain(subject, message));
    shorten(&told)
}

/// Lines about one thing: a heading, then named values.
struct Lines(Vec<String>);

impl Lines {
    fn headed(kind: &str, title: &str) -> Self {
        let title = value(title, MAX_VALUE);
        let kind = value(kind, MAX_VALUE);
        Self(vec![if title.is_empty() {
            format!("*{kind}*")
        } else {
            format!("*{kind}*: {title}")
        }])
    }

    /// A named value, unless there is none.
    fn add(&mut self, name: &str, text: Option<String>) {
        let text = text.map(|text| value(&text, MAX_VALUE)).unwrap_or_default();
        if !text.is_empty() {
            self.0.push(format!("*{name}*: {text}"));
        }
    }

    fn describe(&mut self, text: Option<String>) {
        let text = text.map(|text| value(&text, MAX_DESCRIPTION));
        self.0.extend(text.filter(|text| !text.is_empty()));
    }

    fn resources(&mut self, all: &[String]) {
        for resource in all.iter().take(MAX_RESOURCES) {
            self.add("Resource", Some(resource.clone()));
        }
        if all.len() > MAX_RESOURCES {
            let more = all.len() - MAX_RESOURCES;
            self.0.push(format!("and {more} more resources"));
        }
    }

    fn text(self) -> String {
        self.0.join("\n")
    }
}

/// A text or number at a path.
fn at(event: &Value, path: &str) -> Option<String> {
    let found = path
        .split('.')
        .try_fold(event, |value, key| match key.parse::<usize>() {
            Ok(index) => value.get(index),
            Err(_) => value.get(key),
        });
    match found? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The texts at `key` of each element of a list.
fn each(list: Option<&Value>, key: &str) -> Vec<String> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| at(item, key)).collect()
}

/// An event of a bus.
fn event(event: &Value) -> Option<String> {
    let kind = at(event, "detail-type")?;
    at(event, "source")?;
    let detail = event.get("detail")?;
    let place = |lines: &mut Lines| {
        lines.add("Account", at(event, "account"));
        lines.add("Region", at(event, "region"));
    };
    let lines = match kind.as_str() {
        "GuardDuty Finding" => {
            let mut lines = Lines::headed(&kind, &at(detail, "title").unwrap_or_default());
            lines.add(
                "Severity",
                at(detail, "severity").map(|given| severity(&given)),
            );
            lines.add("Type", at(detail, "type"));
            place(&mut lines);
            let instance = at(detail, "resource.instanceDetails.instanceId");
            let key = at(detail, "resource.accessKeyDetails.userName");
            let buckets = each(detail.pointer("/resource/s3BucketDetails"), "name");
            let named: Vec<String> = instance.into_iter().chain(key).chain(buckets).collect();
            lines.resources(&named);
            lines.describe(at(detail, "description"));
            lines
        }
        _ if kind.starts_with("Security Hub Findings") => {
            let finding = detail.pointer("/findings/0")?;
            let mut lines = Lines::headed(&kind, &at(finding, "Title").unwrap_or_default());
            lines.add("Severity", at(finding, "Severity.Label"));
            lines.add("Product", at(finding, "ProductName"));
            lines.add("Action", at(detail, "actionName"));
            lines.add(
                "Account",
                at(finding, "AwsAccountId").or(at(event, "account")),
            );
            lines.add("Region", at(finding, "Region").or(at(event, "region")));
            lines.resources(&each(finding.get("Resources"), "Id"));
            lines.describe(at(finding, "Description"));
            lines
        }
        "Findings Imported V2" => {
            let finding = detail.pointer("/findings/0")?;
            let title = at(finding, "finding_info.title").unwrap_or_default();
            let mut lines = Lines::headed(&kind, &title);
            lines.add("Severity", at(finding, "severity"));
            place(&mut lines);
            lines.resources(&each(finding.get("resources"), "uid"));
            lines.describe(at(finding, "finding_info.desc"));
            lines
        }
        "CloudWatch Alarm State Change" => {
            let mut lines = Lines::headed(&kind, &at(detail, "alarmName").unwrap_or_default());
            lines.add("State", at(detail, "state.value"));
            lines.add("Before", at(detail, "previousState.value"));
            place(&mut lines);
            lines.describe(at(detail, "state.reason"));
            lines
        }
        _ => other(event, &kind, place),
    };
    Some(lines.text())
}

fn other(event: &Value, kind: &str, place: impl Fn(&mut Lines)) -> Lines {
    let mut lines = Lines::headed(kind, "");
    lines.add("Source", at(event, "source"));
    place(&mut lines);
    lines.add("Time", at(event, "time"));
    let resources = event.get("resources").and_then(Value::as_array);
    let texts = resources.into_iter().flatten().filter_map(Value::as_str);
    lines.resources(&texts.map(str::to_owned).collect::<Vec<_>>());
    lines
}

/// GuardDuty's number with the word that GuardDuty gives it.
/// Source: "Severity levels of GuardDuty findings", Amazon GuardDuty User Guide.
fn severity(given: &str) -> String {
    let word = match given.parse::<f64>() {
        Ok(number) if number >= 9.0 => "CRITICAL",
        Ok(number) if number >= 7.0 => "HIGH",
        Ok(number) if number >= 4.0 => "MEDIUM",
        Ok(number) if number >= 1.0 => "LOW",
        _ => return given.to_owned(),
    };
    format!("{word} ({given})")
}

/// An alarm as CloudWatch publishes it to a topic.
fn alarm(message: &Value) -> Option<String> {
    let name = at(message, "AlarmName")?;
    let state = at(message, "NewStateValue")?;
    let mut lines = Lines::headed("CloudWatch alarm", &name);
    lines.add("State", Some(state));
    lines.add("Before", at(message, "OldStateValue"));
    lines.add("Account", at(message, "AWSAccountId"));
    lines.add("Region", at(message, "Region"));
    lines.describe(at(message, "NewStateReason"));
    Some(lines.text())
}

/// Any other text, under its subject.
fn plain(subject: Option<&str>, message: &str) -> String {
    let body = safe(&paragraph(message, MAX_TEXT));
    let subject = subject.map(|subject| value(subject, MAX_VALUE));
    match subject.filter(|subject| !subject.is_empty()) {
        Some(subject) => format!("*{subject}*\n{body}"),
        None => body,
    }
}

fn value(text: &str, most: usize) -> String {
    safe(&one_line(text, most))
}

/// Escapes what Slack would read, and breaks addresses.
fn safe(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for letter in text.replace("://", "[:]//").chars() {
        match letter {
            '&' => kept.push_str("&amp;"),
            '<' => kept.push_str("&lt;"),
            '>' => kept.push_str("&gt;"),
            other => kept.push(other),
        }
    }
    kept
}

/// Cuts to the longest text, not within an escape.
fn shorten(text: &str) -> String {
    let cut = model::incident::cut(text, MAX_TEXT);
    if cut.len() == text.len() {
        return text.to_owned();
    }
    let open = cut.rfind('&').filter(|at| cut.len() - at < 5);
    let whole = open
        .filter(|at| cut.get(*at..).is_some_and(|tail| !tail.contains(';')))
        .and_then(|at| cut.get(..at));
    format!("{} ...", whole.unwrap_or(cut))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn findings_and_alarms_are_told_in_lines() {
        let hub = json!({
            "source": "aws.securityhub", "detail-type": "Security Hub Findings - Imported",
            "account": "111122223333", "region": "eu-west-1",
            "detail": { "findings": [{
                "Title": "Bucket is public", "Severity": { "Label": "HIGH" }, "ProductName": "Security Hub",
                "Resources": [{ "Id": "arn:aws:s3:::b" }], "Description": "Close it."
            }] }
        });
        assert_eq!(
            text(None, &hub.to_string()),
            "*Security Hub Findings - Imported*: Bucket is public\n*Severity*: HIGH\n*Product*: Security Hub\n\
             *Account*: 111122223333\n*Region*: eu-west-1\n*Resource*: arn:aws:s3:::b\nClose it."
        );
        let duty = json!({
            "source": "aws.guardduty", "detail-type": "GuardDuty Finding", "account": "1", "region": "r",
            "detail": { "title": "t", "severity": 8, "type": "Backdoor:EC2/x",
                        "resource": { "instanceDetails": { "instanceId": "i-1" } } }
        });
        let told = text(None, &duty.to_string());
        assert!(
            told.contains("*Severity*: HIGH (8)") && told.contains("*Resource*: i-1"),
            "{told}"
        );
        let alarm = json!({ "AlarmName": "cpu", "NewStateValue": "ALARM", "NewStateReason": "why", "Region": "EU (Ireland)" });
        assert_eq!(
            text(Some("ALARM: cpu"), &alarm.to_string()),
            "*CloudWatch alarm*: cpu\n*State*: ALARM\n*Region*: EU (Ireland)\nwhy"
        );
        let other = json!({ "source": "app", "detail-type": "Thing", "detail": {}, "resources": ["a", "b"] });
        assert_eq!(
            text(None, &other.to_string()),
            "*Thing*\n*Source*: app\n*Resource*: a\n*Resource*: b"
        );
    }

    #[test]
    fn other_text_stays_under_its_subject() {
        assert_eq!(text(Some("Hello"), "a\nb"), "*Hello*\na\nb");
        assert_eq!(text(None, r#"{"a":1}"#), r#"{"a":1}"#);
    }

    #[test]
    fn an_attackers_values_are_neither_links_nor_mentions_nor_lines() {
        let event = json!({
            "source": "aws.guardduty", "detail-type": "GuardDuty Finding",
            "detail": { "title": "<!channel> <https://evil.example|click>\n*Severity*: LOW & more", "severity": 5 }
        });
        let told = text(None, &event.to_string());
        let first = told.lines().next().expect("a line");
        assert_eq!(
            first,
            "*GuardDuty Finding*: &lt;!channel&gt; &lt;https[:]//evil.example|click&gt; *Severity*: LOW &amp; more"
        );
        let plain = text(Some("<@U1>"), "see http://evil.example <a>");
        assert_eq!(plain, "*&lt;@U1&gt;*\nsee http[:]//evil.example &lt;a&gt;");
    }

    #[test]
    fn a_long_text_is_cut_between_letters() {
        let told = text(None, &"&".repeat(10_000));
        assert!(
            told.chars().count() <= MAX_TEXT + 4 && told.ends_with("&amp; ..."),
            "{told}"
        );
        let exact = "x".repeat(MAX_TEXT);
        assert_eq!(text(None, &exact), exact);
    }
}
