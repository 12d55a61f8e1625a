//! The story: findings go in, the incident is followed live, its page acknowledged, the incident resolved.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::chat;
use super::client::{Client, list, text};
use super::mail::{self, Mail};

/// Longest time for one part of the story.
const PATIENCE: Duration = Duration::from_secs(240);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(150);

/// Times of one incident, in seconds since its first finding was sent.
#[derive(Debug, Default, Clone)]
pub(crate) struct Times {
    pub(crate) detected: f64,
    pub(crate) acknowledged: f64,
    pub(crate) contained: f64,
    pub(crate) resolved: f64,
}

/// One incident being followed.
pub(crate) struct Story<'a> {
    quell: &'a Client,
    mails: &'a Path,
    start: Timestamp,
    now: fn() -> Timestamp,
    told: BTreeSet<String>,
    pub(crate) times: Times,
}

impl<'a> Story<'a> {
    pub(crate) fn new(quell: &'a Client, mails: &'a Path, now: fn() -> Timestamp) -> Self {
        Self {
            quell,
            mails,
            start: now(),
            now,
            told: BTreeSet::new(),
            times: Times::default(),
        }
    }

    /// Sends findings as EventBridge would.
    pub(crate) async fn send(&mut self, findings: &[Value]) -> Result<()> {
        self.start = (self.now)();
        for finding in findings {
            let entry = json!({
                "Source": finding["source"], "DetailType": finding["detail-type"],
                "Detail": finding["detail"].to_string(), "Resources": finding["resources"], "Time": finding["time"],
            });
            let answer = self
                .quell
                .call("events", "PutEvents", json!({"Entries": [entry]}))
                .await?;
            if answer["FailedEntryCount"].as_i64() != Some(0) {
                bail!("a finding was refused: {}", answer["Entries"]);
            }
            self.tell(&format!("finding sent       {}", kind(&finding["detail"])));
        }
        Ok(())
    }

    /// Waits for the open incident about `instance`.
    pub(crate) async fn incident(&mut self, instance: &str) -> Result<String> {
        let arn = self
            .wait("an incident", || self.find_open(instance))
            .await?;
        self.times.detected = self.seconds();
        self.tell(&format!("incident opened    {arn}"));
        Ok(arn)
    }

    async fn find_open(&self, instance: &str) -> Result<Option<String>> {
        let params = json!({"filters": [{"key": "status", "condition": {"equals": {"stringValues": ["OPEN"]}}}]});
        let found = self
            .quell
            .call("ssm-incidents", "ListIncidentRecords", params)
            .await?;
        for summary in list(&found, "/incidentRecordSummaries") {
            let record = self
                .quell
                .call(
                    "ssm-incidents",
                    "GetIncidentRecord",
                    json!({"arn": summary["arn"]}),
                )
                .await?;
            let dedupe = record
                .pointer("/incidentRecord/dedupeString")
                .and_then(Value::as_str)
                .unwrap_or_default();
            if dedupe.contains(instance) {
                return text(&summary, "/arn").map(Some);
            }
        }
        Ok(None)
    }

    /// Shows the page's mail and acknowledges it with the code that stands in it.
    pub(crate) async fn acknowledge(&mut self, incident: &str) -> Result<()> {
        let (page, code, shown) = self
            .wait("a page by mail", || self.find_page(incident))
            .await?;
        self.tell(&format!(
            "paged              {} «{}»",
            shown.to, shown.subject
        ));
        for line in shown.text.lines() {
            println!("                     | {line}");
        }
        let params = json!({"PageId": page, "AcceptType": "READ", "AcceptCode": code});
        self.quell
            .call("ssm-contacts", "AcceptPage", params)
            .await?;
        self.times.acknowledged = self.seconds();
        self.tell("page acknowledged  with the code from the mail");
        Ok(())
    }

    /// Shows what the chat room was told about `title`; answers how often.
    pub(crate) async fn told_in_chat(&mut self, chat: &Path, title: &str) -> Result<usize> {
        let about = |texts: Vec<String>| -> Vec<String> {
            let about = |text: &String| text.contains(title);
            texts.into_iter().filter(about).collect()
        };
        let look = || async { Ok(about(chat::read(chat)?).into_iter().next()) };
        let text = self.wait("a chat message", look).await?;
        self.tell("chat room told");
        for line in text.lines() {
            println!("                     | {line}");
        }
        Ok(about(chat::read(chat)?).len())
    }

    async fn find_page(&self, incident: &str) -> Result<Option<(String, String, Mail)>> {
        let id = incident.rsplit('/').next().unwrap_or_default();
        let engagements = self
            .quell
            .call(
                "ssm-contacts",
                "ListEngagements",
                json!({"IncidentId": incident}),
            )
            .await?;
        for engagement in list(&engagements, "/Engagements") {
            let params = json!({"EngagementId": engagement["EngagementArn"]});
            let pages = self
                .quell
                .call("ssm-contacts", "ListPagesByEngagement", params)
                .await?;
            for page in list(&pages, "/Pages") {
                let arn = text(&page, "/PageArn")?;
                for mail in mail::read(self.mails)? {
                    let code = mail::code(&mail.text);
                    if mail.text.contains(&arn) && mail.text.contains(id) && code.is_some() {
                        return Ok(code.map(|code| (arn, code, mail)));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Tells each step as it ends, until the run of the incident has ended; answers its outputs.
    pub(crate) async fn follow_run(&mut self, incident: &str) -> Result<Value> {
        let run = self.wait("a runbook", || self.find_run(incident)).await?;
        self.tell(&format!("runbook started    {run}"));
        let mut left = PATIENCE.as_millis() / LOOK.as_millis();
        loop {
            let found = self
                .quell
                .call(
                    "ssm",
                    "GetAutomationExecution",
                    json!({"AutomationExecutionId": run}),
                )
                .await?;
            let execution = &found["AutomationExecution"];
            self.tell_steps(&run, execution);
            let status = text(execution, "/AutomationExecutionStatus")?;
            match status.as_str() {
                "Success" => {
                    self.times.contained = self.seconds();
                    self.tell("containment proven by the runbook");
                    return Ok(execution["Outputs"].clone());
                }
                "Failed" | "TimedOut" | "Cancelled" => {
                    bail!(
                        "the runbook ended {status}: {}",
                        execution["FailureMessage"].as_str().unwrap_or_default()
                    )
                }
                _ if left == 0 => bail!("the runbook did not end in time; it is {status}"),
                _ => left -= 1,
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn find_run(&self, incident: &str) -> Result<Option<String>> {
        let found = self
            .quell
            .call(
                "ssm-incidents",
                "GetIncidentRecord",
                json!({"arn": incident}),
            )
            .await?;
        let arn = found
            .pointer("/incidentRecord/automationExecutions/0/ssmExecutionArn")
            .and_then(Value::as_str);
        Ok(arn
            .and_then(|arn| arn.rsplit('/').next())
            .map(str::to_owned))
    }

    fn tell_steps(&mut self, run: &str, execution: &Value) {
        for step in list(execution, "/StepExecutions") {
            let status = step["StepStatus"].as_str().unwrap_or_default();
            let id = step["StepExecutionId"].as_str().unwrap_or_default();
            let ended = matches!(status, "Success" | "Failed" | "TimedOut" | "Cancelled");
            if !ended || !self.told.insert(format!("{run}/{id}")) {
                continue;
            }
            let took = seconds_between(&step, "ExecutionStartTime", "ExecutionEndTime");
            let name = step["StepName"].as_str().unwrap_or_default();
            let action = step["Action"].as_str().unwrap_or_default();
            self.tell(&format!("  {status:<8} {took:>6.2} s  {name} ({action})"));
        }
    }

    /// Resolves the incident and makes sure that nothing pages any more.
    pub(crate) async fn resolve(&mut self, incident: &str) -> Result<()> {
        let params = json!({"arn": incident, "status": "RESOLVED"});
        self.quell
            .call("ssm-incidents", "UpdateIncidentRecord", params)
            .await?;
        self.times.resolved = self.seconds();
        self.tell("incident resolved");
        self.wait("the end of paging", || self.all_stopped(incident))
            .await?;
        self.tell("engagement stopped nobody else is paged");
        Ok(())
    }

    async fn all_stopped(&self, incident: &str) -> Result<Option<()>> {
        let found = self
            .quell
            .call(
                "ssm-contacts",
                "ListEngagements",
                json!({"IncidentId": incident}),
            )
            .await?;
        let engagements = list(&found, "/Engagements");
        Ok(engagements
            .iter()
            .all(|engagement| engagement.get("StopTime").is_some())
            .then_some(()))
    }

    /// Prints the record's own timeline, oldest first.
    pub(crate) async fn timeline(&self, incident: &str) -> Result<()> {
        let mut token = Value::Null;
        loop {
            let mut params =
                json!({"incidentRecordArn": incident, "sortOrder": "ASCENDING", "maxResults": 100});
            if !token.is_null() {
                params["nextToken"] = token;
            }
            let page = self
                .quell
                .call("ssm-incidents", "ListTimelineEvents", params)
                .await?;
            for summary in list(&page, "/eventSummaries") {
                let params = json!({"incidentRecordArn": incident, "eventId": summary["eventId"]});
                let event = self
                    .quell
                    .call("ssm-incidents", "GetTimelineEvent", params)
                    .await?;
                println!("  {}", timeline_line(&event["event"]));
            }
            token = page.get("nextToken").cloned().unwrap_or(Value::Null);
            if token.is_null() {
                return Ok(());
            }
        }
    }

    async fn wait<T, F>(&self, what: &str, look: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<Option<T>>>,
    {
        let tries = PATIENCE.as_millis() / LOOK.as_millis();
        for _ in 0..tries {
            if let Some(found) = look()
                .await
                .with_context(|| format!("looking for {what}"))?
            {
                return Ok(found);
            }
            tokio::time::sleep(LOOK).await;
        }
        bail!("{what} did not come within {} seconds", PATIENCE.as_secs())
    }

    fn seconds(&self) -> f64 {
        (self.now)().duration_since(self.start).as_secs_f64()
    }

    fn tell(&self, line: &str) {
        println!("  {:>7.2} s  {line}", self.seconds());
    }
}

/// The type of a finding, of GuardDuty or of Security Hub.
fn kind(detail: &Value) -> &str {
    let imported = detail.pointer("/findings/0/Types/0");
    let found = detail.get("type").or(imported);
    found.and_then(Value::as_str).unwrap_or_default()
}

/// One line of the timeline: when, what, and the words that tell it apart.
fn timeline_line(event: &Value) -> String {
    let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
    let time = text("eventTime").parse::<Timestamp>();
    let time = time.map(|time| time.strftime("%H:%M:%S%.3f").to_string());
    let time = time.unwrap_or_default();
    let kind = text("eventType");
    let kind = kind.strip_suffix(" for Incident").unwrap_or(&kind);
    let data = serde_json::from_str::<Value>(&text("eventData")).unwrap_or(Value::Null);
    let words: Vec<String> = [
        "stepName",
        "status",
        "contactArn",
        "ssmDocumentName",
        "incidentTitle",
    ]
    .iter()
    .filter_map(|name| data[*name].as_str().map(str::to_owned))
    .chain(data.as_str().map(|note| note.chars().take(90).collect()))
    .collect();
    format!("{time:<12}  {kind:<32} {}", words.join("  "))
}

/// Both members are ISO texts, as boto3 shows timestamps.
fn seconds_between(step: &Value, start: &str, end: &str) -> f64 {
    let instant = |name: &str| {
        step[name]
            .as_str()
            .and_then(|text| text.parse::<Timestamp>().ok())
    };
    match (instant(start), instant(end)) {
        (Some(start), Some(end)) => end.duration_since(start).as_secs_f64(),
        _ => 0.0,
    }
}
