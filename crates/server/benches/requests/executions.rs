//! Executions of state machines: from `StartExecution` to the answer of `DescribeExecution` that has the result, pages of
//! a history, and many executions at once.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::rig::{ACCOUNT, Client, Figures, ROUNDS, Rig, now, raw};

/// How often each machine runs in a round.
const RUNS: usize = 40;
/// Executions before the first that counts. The log of a young database grows with each commit, which costs the disk more
/// than to write over what is there; behind these it has its size, as that of a server that has run for a minute.
const WARM: usize = 300;
/// Executions that run at once, and the tasks of each.
const AT_ONCE: usize = 64;
const TASKS: usize = 20;
/// Length of the slice with many executions at once.
const SLICE: Duration = Duration::from_secs(2);
/// Iterations of the loops whose histories are read.
const SHORT: u32 = 250;
const LONG: u32 = 2_000;

/// Measures all cases and prints their tables.
pub(crate) fn table(runtime: &Runtime, dir: &Path) {
    println!("| start to result, one caller | f | a request | p50 | p99 | goal |");
    println!("|---|---|---|---|---|---|");
    let mut rounds: Vec<Vec<Waited>> = (0..ROUNDS)
        .map(|round| runtime.block_on(results(dir, round)))
        .collect();
    for row in 0..CASES.len() {
        // The round with the median time speaks for its case.
        rounds.sort_by_key(|cases| cases[row].figures.p50);
        let one = rounds[ROUNDS / 2][0].figures.p50;
        rounds[ROUNDS / 2][row].print(row, one);
    }
    println!("\n| pages of a history, 100 events each | ms | us an event |");
    println!("|---|---|---|");
    runtime.block_on(pages(dir));
    println!(
        "\n| executions | R per sec. | tasks per sec. | ratio (least to most of {ROUNDS}) | goal |"
    );
    println!("|---|---|---|---|---|");
    steps(runtime, dir);
}

/// What a case took in one round.
struct Waited {
    sync: Duration,
    request: Duration,
    figures: Figures,
}

/// Names of the machines, the first one the measure of the second.
const CASES: [&str; 4] = [
    "1 Pass",
    "100 Pass",
    "Map over 1,000 Pass",
    "loop of 1,000 Choices",
];

impl Waited {
    fn print(&self, row: usize, one: Duration) {
        let goal = match row {
            0 => self.sync * 8 + self.request * 2,
            1 => one.mul_f64(1.5),
            _ => Duration::from_millis(25) + self.sync * 8,
        };
        let met = if self.figures.p50 <= goal {
            "met"
        } else {
            "MISSED"
        };
        println!(
            "| {} | {:.3} ms | {:.3} ms | {:.3} ms | {:.3} ms | {:.3} ms {met} |",
            CASES[row],
            millis(self.sync),
            millis(self.request),
            millis(self.figures.p50),
            millis(self.figures.p99),
            millis(goal),
        );
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Each machine, one execution after the other.
async fn results(dir: &Path, round: usize) -> Vec<Waited> {
    let machines = [
        (chain(1), json!({})),
        (chain(100), json!({})),
        (map(), json!((0..1_000).collect::<Vec<_>>())),
        (counting(1_000), json!({"n": 0})),
    ];
    let sync = raw(dir).p50;
    let rig = Rig::start(dir, &format!("results-{round}")).await;
    let mut client = Client::connect(rig.address).await;
    let first = create(&mut client, "warm", &machines[0].0).await;
    for _ in 0..WARM {
        finish(&mut client, &first, &machines[0].1).await;
    }
    let mut all = Vec::new();
    for (row, (definition, input)) in machines.iter().enumerate() {
        let machine = create(&mut client, &format!("machine-{row}"), definition).await;
        let request = request(&mut client, &machine).await;
        let (begun, mut times) = (now(), Vec::new());
        for _ in 0..RUNS {
            let one = now();
            finish(&mut client, &machine, input).await;
            times.push(one.elapsed());
        }
        all.push(Waited {
            sync,
            request,
            figures: Figures::of(times, begun.elapsed(), RUNS),
        });
    }
    rig.stop().await;
    all
}

async fn create(client: &mut Client, name: &str, definition: &Value) -> Value {
    let role = format!("arn:aws:iam::{ACCOUNT}:role/bench");
    let body = json!({"name": name, "definition": definition.to_string(), "roleArn": role});
    client.states("CreateStateMachine", &body).await["stateMachineArn"].clone()
}

/// What a request takes that only reads.
async fn request(client: &mut Client, machine: &Value) -> Duration {
    let (begun, mut times) = (now(), Vec::new());
    for _ in 0..RUNS {
        let one = now();
        let body = json!({"stateMachineArn": machine});
        client.states("DescribeStateMachine", &body).await;
        times.push(one.elapsed());
    }
    Figures::of(times, begun.elapsed(), RUNS).p50
}

/// Starts an execution and asks until it has ended; gives its ARN.
async fn finish(client: &mut Client, machine: &Value, input: &Value) -> Value {
    let body = json!({"stateMachineArn": machine, "input": input.to_string()});
    let arn = client.states("StartExecution", &body).await["executionArn"].clone();
    loop {
        let told = client
            .states("DescribeExecution", &json!({"executionArn": arn}))
            .await;
        if told["status"] != "RUNNING" {
            assert_eq!(told["status"], "SUCCEEDED", "{told}");
            return arn;
        }
    }
}

/// Reads short and long histories whole, page by page.
async fn pages(dir: &Path) {
    let rig = Rig::start(dir, "pages").await;
    let mut client = Client::connect(rig.address).await;
    for times in [SHORT, LONG] {
        let machine = create(&mut client, &format!("loop-{times}"), &counting(times)).await;
        let arn = finish(&mut client, &machine, &json!({"n": 0})).await;
        let mut best: Option<(Duration, usize)> = None;
        for _ in 0..ROUNDS {
            let begun = now();
            let events = history(&mut client, &arn).await;
            let took = begun.elapsed();
            if best.is_none_or(|(least, _)| took < least) {
                best = Some((took, events));
            }
        }
        let (took, events) = best.expect("a round");
        let each = took.as_secs_f64() * 1e6 / events as f64;
        println!("| {events} events | {:.1} | {each:.1} |", millis(took));
    }
    rig.stop().await;
}

/// Reads all pages; how many events there were.
async fn history(client: &mut Client, arn: &Value) -> usize {
    let (mut body, mut events) = (json!({"executionArn": arn, "maxResults": 100}), 0);
    loop {
        let page = client.states("GetExecutionHistory", &body).await;
        events += page["events"].as_array().map_or(0, Vec::len);
        match page.get("nextToken") {
            Some(token) if token.is_string() => body["nextToken"] = token.clone(),
            _ => return events,
        }
    }
}

/// Many executions of tasks at once, again and again, each waited for to its end.
fn steps(runtime: &Runtime, dir: &Path) {
    let mut rounds: Vec<(f64, f64, f64)> = (0..ROUNDS)
        .map(|round| {
            let raw = raw(dir).rate;
            let rate = runtime.block_on(at_once(dir, round));
            (rate / raw, raw, rate)
        })
        .collect();
    rounds.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (least, most) = (rounds[0].0, rounds[ROUNDS - 1].0);
    let (ratio, raw, rate) = rounds[ROUNDS / 2];
    let met = if ratio >= 1.2 { "met" } else { "MISSED" };
    println!(
        "| {AT_ONCE} at once, {TASKS} tasks each | {raw:.0} | {rate:.0} | {ratio:.2} R ({least:.2} to {most:.2}) | 1.2 R {met} |"
    );
}

async fn at_once(dir: &Path, round: usize) -> f64 {
    let rig = Rig::start(dir, &format!("at-once-{round}")).await;
    let mut clients = Vec::new();
    for _ in 0..AT_ONCE {
        clients.push(Client::connect(rig.address).await);
    }
    let machine = create(&mut clients[0], "tasks", &tasks()).await;
    let (begun, mut count): (Instant, usize) = (now(), 0);
    while begun.elapsed() < SLICE {
        let mut starts = JoinSet::new();
        for mut client in clients.drain(..) {
            let body = json!({"stateMachineArn": machine, "input": "{}"});
            starts.spawn(async move {
                let started = client.states("StartExecution", &body).await;
                (client, started["executionArn"].clone())
            });
        }
        let (back, started): (Vec<_>, Vec<_>) = starts.join_all().await.into_iter().unzip();
        clients = back;
        rig.engine.settle().await;
        count += started.len() * TASKS;
        let body = json!({"executionArn": started[0]});
        let told = clients[0].states("DescribeExecution", &body).await;
        assert_eq!(told["status"], "SUCCEEDED", "{told}");
    }
    let took = begun.elapsed();
    rig.stop().await;
    count as f64 / took.as_secs_f64()
}

/// States of this shape in a row.
fn row(count: usize, state: &dyn Fn(usize) -> Value) -> Value {
    let mut states = serde_json::Map::new();
    for n in 0..count {
        let mut state = state(n);
        if n + 1 < count {
            state["Next"] = json!(format!("S{}", n + 1));
        } else {
            state["End"] = json!(true);
        }
        states.insert(format!("S{n}"), state);
    }
    json!({"StartAt": "S0", "States": states})
}

fn chain(count: usize) -> Value {
    row(count, &|_| json!({"Type": "Pass"}))
}

fn tasks() -> Value {
    let resource = "arn:aws:states:::aws-sdk:ec2:describeInstances";
    row(
        TASKS,
        &|_| json!({"Type": "Task", "Resource": resource, "Parameters": {}, "ResultPath": null}),
    )
}

fn map() -> Value {
    let pass = chain(1);
    json!({"StartAt": "M", "States": {"M": {"Type": "Map", "ItemProcessor": pass, "End": true}}})
}

fn counting(times: u32) -> Value {
    let choice = json!({
        "Type": "Choice", "Default": "Add",
        "Choices": [{"Variable": "$.n", "NumericGreaterThanEquals": times, "Next": "Done"}],
    });
    let add =
        json!({"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "Enough"});
    json!({"StartAt": "Enough", "States": {"Enough": choice, "Add": add, "Done": {"Type": "Succeed"}}})
}
