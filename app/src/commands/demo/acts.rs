//! The acts of the story: two compromised instances, a leaked access key, a finding that Security Hub imports.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::account::{self, Account};
use super::client::{self, REGION};
use super::proof::{self, Finding};
use super::story::Story;
use super::style::Case;
use super::{Stage, now, setup};

const FIRST: [&str; 3] = [
    include_str!("../../../../examples/findings/1-tor-client.json"),
    include_str!("../../../../examples/findings/2-bitcoin-tool-dns.json"),
    include_str!("../../../../examples/findings/3-malicious-ip-caller.json"),
];
const SECOND: [&str; 1] = [include_str!(
    "../../../../examples/findings/4-second-instance-tor-client.json"
)];
const SECURITY_HUB: &str =
    include_str!("../../../../examples/findings/5-security-hub-access-key.json");
const LEAKED_KEY: &str = include_str!("../../../../examples/findings/6-access-key-tor-caller.json");

/// The incidents that the story opened.
pub(super) struct Incidents {
    pub(super) instances: Vec<String>,
    pub(super) user: String,
    pub(super) imported: String,
}

/// Tells the whole story; answers whether everything is proven.
pub(super) async fn tell(stage: &Stage, state: Option<&Path>) -> Result<bool> {
    let account = account::build(&stage.aws)
        .await
        .context("the account could not be built")?;
    setup::install(&stage.quell, &account, &stage.mails, stage.style)
        .await
        .context("Quell could not be set up")?;
    let mut proven = true;
    let mut instances = Vec::new();
    for (instance, findings) in account.instances.iter().zip([&FIRST[..], &SECOND[..]]) {
        let (incident, contained) = compromised(stage, instance, findings).await?;
        instances.push(incident);
        proven &= contained;
    }
    let (user, contained) = leaked(stage, &account).await?;
    let (imported, told) = imported(stage).await?;
    proven &= contained && told;
    let listed = stage
        .quell
        .call("ssm-incidents", "ListIncidentRecords", json!({}))
        .await?;
    let count = client::list(&listed, "/incidentRecordSummaries").len();
    println!(
        "\nIncidents on record: {count} (three findings on the first instance are one incident)"
    );
    proven &= count == instances.len() + 2;
    if let Some(path) = state {
        let incidents = Incidents {
            instances,
            user,
            imported,
        };
        stage.write_state(path, &account, &incidents)?;
    }
    println!(
        "{}",
        if proven {
            "\nContainment is proven."
        } else {
            "\nContainment is NOT proven."
        }
    );
    Ok(proven)
}

/// One instance from its findings to the end of its incident.
async fn compromised(stage: &Stage, instance: &str, findings: &[&str]) -> Result<(String, bool)> {
    println!("\nInstance {instance} is compromised.");
    let about = [
        ("${INSTANCE_ID}", instance),
        ("${SECOND_INSTANCE_ID}", instance),
    ];
    let findings: Vec<Value> = findings
        .iter()
        .map(|text| finding(text, &about))
        .collect::<Result<_>>()?;
    let attacker = attacker(&findings[0])?;
    let mut story = Story::new(&stage.quell, &stage.mails, now);
    let incident = contain(stage, &mut story, Case::Instance, (instance, &findings)).await?;
    let read = proof::read_back(&stage.aws, (instance, &attacker), stage.style).await?;
    conclude(&mut story, &incident, &read).await?;
    Ok((incident, read.iter().all(Finding::is_as_promised)))
}

/// A user whose access key is used from Tor, from the finding to the end of the incident.
async fn leaked(stage: &Stage, account: &Account) -> Result<(String, bool)> {
    let user = &account.user;
    println!("\nAn access key of the user {} has leaked.", user.name);
    let about = [
        ("${USER_NAME}", user.name.as_str()),
        ("${ACCESS_KEY_ID}", &user.leaked),
    ];
    let findings = [finding(LEAKED_KEY, &about)?];
    let mut story = Story::new(&stage.quell, &stage.mails, now);
    let incident = contain(stage, &mut story, Case::User, (&user.leaked, &findings)).await?;
    let read = proof::read_back_user(&stage.aws, user, stage.style).await?;
    conclude(&mut story, &incident, &read).await?;
    Ok((incident, read.iter().all(Finding::is_as_promised)))
}

/// From the findings to the end of the run that contains what they are about.
async fn contain(
    stage: &Stage,
    story: &mut Story<'_>,
    case: Case,
    (about, findings): (&str, &[Value]),
) -> Result<String> {
    story.send(findings).await?;
    let incident = story.incident(about).await?;
    story.acknowledge(&incident).await?;
    let outputs = story.follow_run(&incident).await?;
    let playbook = stage.style.playbook(case);
    for line in playbook.told(&stage.quell, &outputs).await? {
        println!("                     | {line}");
    }
    Ok(incident)
}

/// Shows what was read back, resolves the incident, and shows its timeline and times.
async fn conclude(story: &mut Story<'_>, incident: &str, read: &[Finding]) -> Result<()> {
    println!("\nRead back from the account:");
    for finding in read {
        println!(
            "  {}  {:<42} {}",
            finding.word(),
            finding.what,
            finding.seen
        );
    }
    if read.iter().any(|finding| !finding.promised) {
        println!("  (-: this playbook does not see to it)");
    }
    println!();
    story.resolve(incident).await?;
    println!("\nThe incident's own timeline:");
    story.timeline(incident).await?;
    let times = &story.times;
    println!(
        "\nTimes: detected {:.2} s, acknowledged {:.2} s, contained {:.2} s, resolved {:.2} s",
        times.detected, times.acknowledged, times.contained, times.resolved
    );
    Ok(())
}

/// A finding that Security Hub imports: one rule with two targets opens an incident and tells the chat room.
async fn imported(stage: &Stage) -> Result<(String, bool)> {
    println!("\nSecurity Hub imports a finding.");
    let finding = finding(SECURITY_HUB, &[])?;
    let about = client::text(&finding, "/detail/findings/0/Resources/0/Id")?;
    let key = about.rsplit(':').next().unwrap_or_default();
    let title = client::text(&finding, "/detail/findings/0/Title")?;
    let mut story = Story::new(&stage.quell, &stage.mails, now);
    story.send(&[finding]).await?;
    let incident = story.incident(key).await?;
    let said = story.told_in_chat(&stage.chat, &title).await?;
    story.acknowledge(&incident).await?;
    story.resolve(&incident).await?;
    println!(
        "\n  {}  the chat room was told once          {said} message(s)",
        if said == 1 { "yes" } else { "NO " }
    );
    Ok((incident, said == 1))
}

/// A finding from `examples/findings` with its placeholders filled: those that all have, and these.
fn finding(text: &str, about: &[(&str, &str)]) -> Result<Value> {
    let at = now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let (_, first) = about.first().copied().unwrap_or_default();
    let id = model::ids::named(&[text, first, &at]).to_string();
    let text = [
        ("${ACCOUNT}", setup::ACCOUNT),
        ("${REGION}", REGION),
        ("${TIME}", at.as_str()),
        ("${EVENT_ID}", id.as_str()),
    ]
    .iter()
    .chain(about)
    .fold(text.to_owned(), |text, (name, value)| {
        text.replace(name, value)
    });
    serde_json::from_str(&text).context("a file of examples/findings")
}

/// The address that the instance talked to, as the finding tells it.
fn attacker(finding: &Value) -> Result<String> {
    client::text(
        finding,
        "/detail/service/action/networkConnectionAction/remoteIpDetails/ipAddressV4",
    )
}
