//! Quell as its operator sets it up: people, runbooks, plans and rules, from the shipped playbook library.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::account::Account;
use super::client::{Client, REGION, list, text};
use super::mail;
use super::style::{Case, Style};

/// What a style contains: the case, its response plan, its rule.
const CONTAINED: [(Case, &str, &str); 2] = [
    (
        Case::Instance,
        include_str!("../../../../playbooks/ec2-isolate.response-plan.json"),
        include_str!("../../../../playbooks/ec2-isolate.rule.json"),
    ),
    (
        Case::User,
        include_str!("../../../../playbooks/iam-contain.response-plan.json"),
        include_str!("../../../../playbooks/iam-contain.rule.json"),
    ),
];
const IMPORTED_RULE: &str = include_str!("../../../../playbooks/security-hub-finding.rule.json");
const IMPORTED_PLAN: &str =
    include_str!("../../../../playbooks/security-hub-finding.response-plan.json");
const ESCALATION: &str = include_str!("../../../../playbooks/ec2-isolate.escalation.json");

/// Where the demo's mails go.
pub(crate) const PRIMARY: &str = "ana@example.com";
const SECONDARY: &str = "bo@example.com";
/// Account id of moto and of the demo's Quell.
pub(crate) const ACCOUNT: &str = "123456789012";
/// Between two looks for the activation mail.
const LOOK: Duration = Duration::from_millis(100);
/// Looks before the activation mail is given up.
const LOOKS: u32 = 200;

/// Installs everything that the story needs.
pub(crate) async fn install(
    quell: &Client,
    account: &Account,
    mails: &Path,
    style: Style,
) -> Result<()> {
    quell
        .call(
            "ssm-incidents",
            "CreateReplicationSet",
            json!({"regions": {REGION: {}}}),
        )
        .await?;
    let filled = |text: &str| {
        let text = [
            ("${ACCOUNT}", ACCOUNT),
            ("${REGION}", REGION),
            ("${EMAIL_PRIMARY}", PRIMARY),
            ("${EMAIL_SECONDARY}", SECONDARY),
            ("${ROLE_ARN}", account.role_arn.as_str()),
        ]
        .iter()
        .fold(text.to_owned(), |text, (name, value)| {
            text.replace(name, value)
        });
        serde_json::from_str::<Value>(&text).context("a file of the playbook library")
    };
    for contact in list(&filled(ESCALATION)?, "/Contacts") {
        person(quell, &contact, mails).await?;
    }
    for (case, plan, rule) in CONTAINED {
        let playbook = style.playbook(case);
        playbook.install(quell, &account.role_arn).await?;
        let plan = playbook.plan(filled(plan)?);
        plan_with_rule(quell, plan, &filled(rule)?).await?;
    }
    plan_with_rule(quell, filled(IMPORTED_PLAN)?, &filled(IMPORTED_RULE)?).await?;
    Ok(())
}

/// A response plan and its rule: its topic, if it has one, itself, its targets.
async fn plan_with_rule(quell: &Client, plan: Value, rule: &Value) -> Result<()> {
    quell
        .call("ssm-incidents", "CreateResponsePlan", plan)
        .await?;
    if let Some(topic) = rule.get("CreateTopic") {
        quell.call("sns", "CreateTopic", topic.clone()).await?;
    }
    quell
        .call("events", "PutRule", rule["PutRule"].clone())
        .await?;
    let put = quell
        .call("events", "PutTargets", rule["PutTargets"].clone())
        .await?;
    if put["FailedEntryCount"].as_i64() != Some(0) {
        bail!("a target was refused: {}", put["FailedEntries"]);
    }
    Ok(())
}

/// Creates a contact; a person with channels proves them by the code that arrives by mail.
async fn person(quell: &Client, contact: &Value, mails: &Path) -> Result<()> {
    let created = quell
        .call(
            "ssm-contacts",
            "CreateContact",
            contact["CreateContact"].clone(),
        )
        .await?;
    let arn = text(&created, "/ContactArn")?;
    let mut plan = contact.pointer("/UpdateContact/Plan").cloned();
    for mut channel in list(contact, "/CreateContactChannels") {
        channel["ContactId"] = arn.as_str().into();
        let name = text(&channel, "/Name")?;
        let address = text(&channel, "/DeliveryAddress/SimpleAddress")?;
        let created = quell
            .call("ssm-contacts", "CreateContactChannel", channel)
            .await?;
        let id = text(&created, "/ContactChannelArn")?;
        let code = activation_code(mails, &address).await?;
        let params = json!({"ContactChannelId": id, "ActivationCode": code});
        quell
            .call("ssm-contacts", "ActivateContactChannel", params)
            .await?;
        // The library names a channel by its name; the plan needs its ARN.
        plan = plan.map(|plan| with_channel(plan, &name, &id));
    }
    if let Some(plan) = plan {
        quell
            .call(
                "ssm-contacts",
                "UpdateContact",
                json!({"ContactId": arn, "Plan": plan}),
            )
            .await?;
    }
    Ok(())
}

fn with_channel(plan: Value, name: &str, arn: &str) -> Value {
    match plan {
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .map(|(key, value)| {
                    let named = key == "ContactChannelId" && value.as_str() == Some(name);
                    (
                        key,
                        if named {
                            arn.into()
                        } else {
                            with_channel(value, name, arn)
                        },
                    )
                })
                .collect(),
        ),
        Value::Array(items) => items
            .into_iter()
            .map(|item| with_channel(item, name, arn))
            .collect(),
        other => other,
    }
}

async fn activation_code(mails: &Path, address: &str) -> Result<String> {
    for _ in 0..LOOKS {
        let found = mail::read(mails)?
            .into_iter()
            .find(|mail| mail.to.contains(address));
        if let Some(code) = found.and_then(|mail| mail::code(&mail.text)) {
            return Ok(code);
        }
        tokio::time::sleep(LOOK).await;
    }
    bail!("no activation code came by mail for {address}")
}
