//! `PutEvents`: 1,000 rules on the bus, batches of 10 events. Each client sends its next batch when the one before is
//! answered, which is after the commit.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use engine::{Handle, ResourceChange};
use model::bus::{RULE, Rule};
use model::resource::Expect;
use serde_json::json;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::rig::{Client, Figures, ROUNDS, Rig, now, raw, scope, signed};

const RULES: usize = 1_000;
const BATCH: usize = 10;
/// Length of one measured slice.
const SLICE: Duration = Duration::from_secs(2);

/// Measures all cases and prints their table.
pub(crate) fn table(runtime: &Runtime, dir: &Path) {
    println!(
        "| batches of {BATCH}, {RULES} rules | R per sec. | events per sec. | ratio (least to most of {ROUNDS}) | p50 of a batch | p99 |"
    );
    println!("|---|---|---|---|---|---|");
    for (matched, what) in [
        (0, "no event matches"),
        (1, "one event of a batch matches"),
        (BATCH, "each event matches one rule"),
    ] {
        for clients in [1, 16] {
            let name = format!("{what}, {clients} at once");
            case(dir, &name, |round| {
                runtime.block_on(slice(dir, clients, matched, round))
            });
        }
    }
}

/// Rules as people write them: a source, a kind, a severity and a part of a name; each wants events of one tenant.
async fn install_rules(handle: &Handle) {
    for numbers in (0..RULES).collect::<Vec<_>>().chunks(100) {
        let changes = numbers.iter().map(|number| {
            let pattern = json!({
                "source": ["shop.orders"],
                "detail-type": [{ "prefix": "Order" }],
                "detail": { "tenant": [format!("t{number}")], "severity": [{ "numeric": [">=", 4] }],
                            "name": [{ "wildcard": "*-prod-*" }] },
            });
            let rule: Rule = serde_json::from_value(json!({
                "name": format!("rule-{number}"), "bus": "default", "state": "ENABLED",
                "event_pattern": pattern.to_string(),
                "targets": { "web": { "Id": "web", "Arn": "https://hooks.example.com/x" } },
            }))
            .expect("a rule");
            ResourceChange {
                scope: scope(),
                kind: RULE,
                name: format!("default/rule-{number}"),
                expect: Expect::Absent,
                body: Some(json!(rule)),
            }
        });
        handle.change(changes.collect()).await.expect("rules");
    }
}

/// A batch of which `matched` events are wanted by one rule each, signed, as it goes over the wire.
fn batch(matched: usize) -> Vec<u8> {
    let entries: Vec<_> = (0..BATCH)
        .map(|number| {
            let tenant = if number < matched { format!("t{number}") } else { format!("x{number}") };
            let detail = json!({
                "tenant": tenant, "severity": 7, "name": "web-prod-1", "order": { "id": "o-1234567890", "total": 99.5 },
                "lines": [{ "sku": "A-1", "count": 2 }, { "sku": "B-7", "count": 1 }],
                "note": "x".repeat(400),
            });
            json!({ "Source": "shop.orders", "DetailType": "Order Placed", "Detail": detail.to_string() })
        })
        .collect();
    signed(
        "events",
        "AWSEvents.PutEvents",
        &json!({ "Entries": entries }),
    )
}

/// Sends one batch after the other until the slice is over; how long each took.
async fn send(address: SocketAddr, matched: usize, start: Instant) -> Vec<Duration> {
    let (mut client, wire, mut times) =
        (Client::connect(address).await, batch(matched), Vec::new());
    while start.elapsed() < SLICE {
        let one = now();
        let answer = client.ask(&wire).await;
        assert!(answer.contains("\"FailedEntryCount\":0"), "{answer}");
        times.push(one.elapsed());
    }
    times
}

async fn slice(dir: &Path, clients: usize, matched: usize, round: usize) -> Figures {
    let rig = Rig::start(dir, &format!("{clients}-{matched}-{round}")).await;
    install_rules(&rig.handle).await;
    let start = now();
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        tasks.spawn(send(rig.address, matched, start));
    }
    let times: Vec<Duration> = tasks.join_all().await.into_iter().flatten().collect();
    let took = start.elapsed();
    rig.stop().await;
    let events = times.len() * BATCH;
    Figures::of(times, took, events)
}

/// Measures one case beside the raw rate and prints the round with the median ratio.
fn case(dir: &Path, name: &str, mut measure: impl FnMut(usize) -> Figures) {
    let mut rounds: Vec<(f64, f64, Figures)> = (0..ROUNDS)
        .map(|round| {
            let raw = raw(dir);
            let figures = measure(round);
            (figures.rate / raw.rate, raw.rate, figures)
        })
        .collect();
    rounds.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (least, most) = (rounds[0].0, rounds[ROUNDS - 1].0);
    let (ratio, raw, figures) = &rounds[ROUNDS / 2];
    println!(
        "| {name} | {raw:.0} | {:.0} | {ratio:.2} R ({least:.2} to {most:.2}) | {:.3} ms | {:.3} ms |",
        figures.rate,
        figures.p50.as_secs_f64() * 1e3,
        figures.p99.as_secs_f64() * 1e3,
    );
}
