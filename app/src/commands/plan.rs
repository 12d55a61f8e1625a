//! Plans as the command line shows them: asked for, waited for, printed. For `quell playbook plan` and `quell run`.

use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use effects::operator::OperatorClient;
use serde_json::Value;

use super::run::now;

/// Longest wait for a plan, and the pause between two looks.
const LONGEST: Duration = Duration::from_secs(900);
const PAUSE: Duration = Duration::from_millis(200);
/// Longest wait for a run whose start is decided.
const BEGINNING: Duration = Duration::from_secs(60);
/// Characters shown of one call's parameters.
const SHOWN: usize = 2_000;

/// Asks for a plan (or for what is bound to one) and waits until it is there.
pub(super) async fn made(client: &OperatorClient, path: &str, body: &Value) -> Result<Value> {
    awaited(client, (path, "/api/v1/plans"), body).await
}

/// As [`made`], for plans that are asked for and found at one path.
pub(super) async fn made_at(client: &OperatorClient, path: &str, body: &Value) -> Result<Value> {
    awaited(client, (path, path), body).await
}

async fn awaited(
    client: &OperatorClient,
    (asked, found): (&str, &str),
    body: &Value,
) -> Result<Value> {
    let answer = client.call(("POST", asked, ""), Some(body), now()).await?;
    let id = answer["id"]
        .as_str()
        .ok_or_else(|| anyhow!("the server did not name the plan"))?;
    let path = format!("{found}/{id}");
    let mut waited = Duration::ZERO;
    loop {
        let plan = client.call(("GET", &path, ""), None, now()).await?;
        if plan["status"].as_str() != Some("InProgress") {
            return Ok(plan);
        }
        if waited >= LONGEST {
            bail!(
                "the plan `{id}` is not there after {} seconds: the server goes on with it",
                LONGEST.as_secs()
            );
        }
        tokio::time::sleep(PAUSE).await;
        waited += PAUSE;
    }
}

/// Waits until the run is there that hangs on a plan.
pub(super) async fn begun(client: &OperatorClient, plan: &Value) -> Result<()> {
    let path = format!("/api/v1/plans/{}", text(plan, "id"));
    let mut waited = Duration::ZERO;
    while waited < BEGINNING {
        let found = client.call(("GET", &path, ""), None, now()).await?;
        if found["bound"]["begun"].as_bool() == Some(true) {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
        waited += PAUSE;
    }
    bail!(
        "the plan is the one that was agreed to, but the run `{}` has not begun: look at the server's log",
        text(&plan["bound"], "AutomationExecutionId")
    )
}

/// Prints a plan. False when there is none.
pub(super) fn print(plan: &Value, json: bool) -> Result<bool> {
    let there = plan["status"].as_str() == Some("Success");
    if json {
        println!("{}", serde_json::to_string_pretty(plan)?);
        return Ok(there);
    }
    if plan["plan"].is_object() {
        whole(plan);
    }
    if !there {
        println!("failed  {}", text(plan, "message"));
    }
    Ok(there)
}

fn whole(plan: &Value) {
    let version = match text(plan, "version") {
        "" | "-" => String::new(),
        version => format!(" version {version}"),
    };
    println!(
        "{}{version} in {}",
        text(plan, "document"),
        text(plan, "region")
    );
    let body = &plan["plan"];
    for step in list(&body["steps"]) {
        print_step(step);
    }
    let resources: Vec<&Value> = list(&body["resources"]).collect();
    let accounts: Vec<&str> = list(&body["accounts"]).filter_map(Value::as_str).collect();
    let regions: Vec<&str> = list(&body["regions"]).filter_map(Value::as_str).collect();
    println!(
        "touches {} resources, in account {}, region {}",
        resources.len(),
        accounts.join(", "),
        regions.join(", ")
    );
    for resource in resources {
        println!(
            "  {}  {}",
            text(resource, "arn"),
            text(resource, "resourceType")
        );
        for related in list(&resource["related"]) {
            println!(
                "      {}, by {}",
                text(related, "name"),
                text(related, "by")
            );
        }
    }
    if body["complete"].as_bool() == Some(false) {
        let mut reasons = list(&body["leftOut"]).peekable();
        if reasons.peek().is_none() {
            println!("not complete: the plan is larger than a preview may be");
        }
        for reason in reasons {
            println!("not complete: {}", reason.as_str().unwrap_or_default());
        }
    }
    println!("ends    {}", text(body, "outcome"));
    println!("hash    {}", text(plan, "hash"));
}

fn print_step(step: &Value) {
    let word = match (text(step, "impact"), step["certain"].as_bool()) {
        ("Mutating", Some(true)) => "changes",
        ("Mutating", _) => "may change",
        ("Undetermined", _) => "unclear",
        (_, Some(true)) => "reads",
        _ => "may read",
    };
    let depth = usize::try_from(step["depth"].as_u64().unwrap_or(0)).unwrap_or(0);
    let indent = "  ".repeat(depth.min(10));
    let pass = step["iteration"].as_u64();
    let pass = pass.map(|pass| format!(" pass {pass}")).unwrap_or_default();
    let when = step["when"].as_str();
    let when = when.map(|when| format!(", {when}")).unwrap_or_default();
    println!(
        "{word:<10}  {indent}{}{pass}  {}{when}",
        text(step, "step"),
        text(step, "action")
    );
    if let Some(note) = step["note"].as_str() {
        println!("            {indent}{note}");
    }
    for call in list(&step["calls"]) {
        print_call(call, &indent);
    }
    if let Some(leads) = step["ifFails"].as_str() {
        println!("            {indent}if it fails, {leads}");
    }
}

fn print_call(call: &Value, indent: &str) {
    let params = call["params"].to_string();
    let mut shown: String = params.chars().take(SHOWN).collect();
    if shown.len() < params.len() {
        shown.push('…');
    }
    println!(
        "            {indent}{}:{} {shown}",
        text(call, "service"),
        text(call, "operation")
    );
    if let Some(role) = call["role"].as_str() {
        println!("              {indent}as {role}");
    }
    for name in ["undo", "problem"] {
        if let Some(told) = call[name].as_str() {
            println!("              {indent}{told}");
        }
    }
    for need in list(&call["permissions"]) {
        let resources: Vec<&str> = list(&need["resources"]).filter_map(Value::as_str).collect();
        println!(
            "              {indent}needs {} on {}",
            text(need, "action"),
            resources.join(", ")
        );
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or("-")
}
