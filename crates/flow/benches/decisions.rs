//! How fast playbooks are read and decided, on one thread: `cargo bench -p flow`.
//!
//! A step decision is all that one step execution needs of this crate: resolving its inputs, deciding, and the record,
//! facts and frames that the engine commits. Steps without effects run in one turn of many; an assertion takes two
//! turns, its beginning and its answer, and counts once. State machines have rows of their own.

#[path = "decisions/executions.rs"]
mod executions;

use std::sync::Arc;
use std::time::{Duration, Instant};

use flow::automation::document::{self, Document, Format};
use flow::automation::review::review;
use flow::automation::{
    self, Command, Context, DEFAULT_BUDGET, DocumentSource, Input, Parsed, Run, Start, Status,
};
use model::Scope;
use model::effect::Outcome;
use model::report::StartRun;
use serde_json::json;
use uuid::Uuid;

/// The allocator of the binary that is shipped.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Length of one measured slice; the best of several counts, since the machine is shared.
const SLICE: Duration = Duration::from_millis(400);
const SLICES: u32 = 5;
/// Assertions of one run.
const ASSERTIONS: usize = 300;

fn main() {
    // Words behind `--` choose rows by name.
    let words: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |name: &str| {
        let mut words = words
            .iter()
            .filter(|word| !word.starts_with('-'))
            .peekable();
        words.peek().is_none() || words.any(|word| name.contains(word.as_str()))
    };
    let rows = [
        ("branch", row(BRANCH)),
        ("updateVariable", row(UPDATE)),
        ("assertAwsResourceProperty", assertions()),
    ];
    for (name, text) in rows.iter().filter(|(name, _)| wanted(name)) {
        steps(name, text);
    }
    for format in [Format::Yaml, Format::Json] {
        if wanted(format.as_str()) {
            documents(format);
        }
    }
    executions::rows(wanted);
}

#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
fn now() -> Instant {
    Instant::now()
}

/// CPU time of this thread so far; real time where the kernel does not tell it. The machine is shared.
fn spent(begun: Instant) -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = told.and_then(|text| text.split(' ').next()?.parse().ok());
    nanos.map_or_else(|| begun.elapsed(), Duration::from_nanos)
}

/// Does something again and again; gives how many units of it were done in a second of CPU time in the best slice.
pub(crate) fn rate(mut work: impl FnMut() -> u64) -> f64 {
    let mut best = 0.0_f64;
    for _ in 0..SLICES {
        let (begun, mut units) = (now(), 0);
        let before = spent(begun);
        while begun.elapsed() < SLICE {
            units += work();
        }
        let took = spent(begun).saturating_sub(before);
        #[expect(clippy::cast_precision_loss, reason = "counts of a bench are small")]
        let units = units as f64;
        best = best.max(units / took.as_secs_f64().max(1e-9));
    }
    best
}

const BRANCH: &str = "- name: NAME\n  action: aws:branch\n  inputs:\n    Choices:\n    - {NextStep: Never, Variable: '{{ Word }}', StringEquals: other}\n    - {NextStep: NEXT, Variable: '{{ Word }}', StringEquals: word}\n";
const UPDATE: &str = "- name: NAME\n  action: aws:updateVariable\n  nextStep: NEXT\n  inputs: {Name: 'variable:Last', Value: '{{ Word }} of {{ global:REGION }}'}\n";

/// A document whose steps of this kind stand in a row of a hundred.
fn row(step: &str) -> String {
    let mut steps = String::new();
    for n in 0..100 {
        let next = format!("S{}", n + 1);
        steps.push_str(
            &step
                .replace("NAME", &format!("S{n}"))
                .replace("NEXT", &next),
        );
    }
    format!(
        "schemaVersion: '0.3'\nparameters:\n  Word: {{type: String}}\nvariables:\n  Last: {{type: String, default: ''}}\nmainSteps:\n{steps}- name: S100\n  action: aws:sleep\n  isEnd: true\n  inputs: {{Duration: PT0S}}\n- name: Never\n  action: aws:sleep\n  inputs: {{Duration: PT0S}}\n"
    )
}

fn assertions() -> String {
    let mut steps = String::new();
    for n in 0..ASSERTIONS {
        steps.push_str(&format!("- {{name: S{n}, action: 'aws:assertAwsResourceProperty', inputs: {{Service: ec2, Api: DescribeX, I: ['{{{{ Word }}}}'], PropertySelector: $.A.B, DesiredValues: ['{{{{ Word }}}}']}}}}\n"));
    }
    format!("schemaVersion: '0.3'\nparameters:\n  Word: {{type: String}}\nmainSteps:\n{steps}")
}

/// Measures runs of a document.
fn steps(what: &str, text: &str) {
    let (document, diagnostics) = document::parse(text, Format::Yaml);
    let document = Arc::new(document.unwrap_or_else(|| panic!("{diagnostics:?}")));
    let best = rate(|| {
        let run = run_through(text, &document);
        assert_eq!(run.status(), Status::Success);
        run.executions().len() as u64
    });
    println!("{what:28} {best:>12.0} step decisions/s");
}

fn run_through(text: &str, document: &Arc<Document>) -> Run {
    let cx = Context {
        id: Uuid::from_u128(42),
        scope: Scope::new("123456789012", "eu-west-1"),
        at: jiff::Timestamp::UNIX_EPOCH,
        entropy: [0; 32],
        budget: DEFAULT_BUDGET,
        throttle_retry_secs: 0,
    };
    let request: StartRun = serde_json::from_value(json!({
        "document_name": "Doc", "document_version": null, "parameters": {"Word": ["word"]},
        "executed_by": "arn:aws:iam::123456789012:user/ana", "region": "eu-west-1", "mode": "Auto",
        "incident": null, "tags": {}
    }))
    .expect("a request");
    let mut input = Input::Start(Box::new(Start {
        request,
        document: DocumentSource::Found {
            name: "Doc".to_owned(),
            version: "1".to_owned(),
            format: Format::Yaml,
            content: text.to_owned(),
            attachments: Vec::new(),
        },
        parsed: Parsed(Some(Arc::clone(document))),
        target_type: None,
        queued: false,
    }));
    let mut run = None;
    loop {
        let decision = automation::step(run.take(), input, &cx).expect("taken");
        let asked = decision.commands.iter().find_map(|command| match command {
            Command::Perform { effect, .. } => Some(*effect),
            _ => None,
        });
        std::hint::black_box((&decision.frames, &decision.facts));
        let Some(effect) = asked else {
            return decision.state;
        };
        run = Some(decision.state);
        input = Input::Effect {
            effect,
            outcome: Outcome::Done {
                result: json!({"A": {"B": "word"}}),
            },
        };
    }
}

/// Measures reading and checking a document of nearly 64 KB.
fn documents(format: Format) {
    let mut text = String::from(
        "schemaVersion: '0.3'\nparameters:\n  Word: {type: String, allowedPattern: '^(?!x)[a-z]+$'}\nmainSteps:\n",
    );
    for n in 0.. {
        let step = format!(
            "- name: Step{n}\n  action: aws:executeAwsApi\n  description: Looks at an instance and at what belongs to it.\n  onFailure: Continue\n  inputs:\n    Service: ec2\n    Api: DescribeInstances\n    Filters:\n    - {{Name: 'tag:Name', Values: ['{{{{ Word }}}}', 'in {{{{ global:REGION }}}}']}}\n  outputs:\n  - {{Name: State, Selector: '$.Reservations[0].Instances[0].State.Name', Type: String}}\n"
        );
        if text.len() + step.len() > document::MAX_BYTES {
            break;
        }
        text.push_str(&step);
    }
    if format == Format::Json {
        // Without blanks.
        let value = document::convert(&text, Format::Yaml, Format::Json).expect("converts");
        let value: serde_json::Value = serde_json::from_str(&value).expect("JSON");
        text = value.to_string();
    }
    let parse = rate(|| {
        let (document, diagnostics) = document::parse(std::hint::black_box(&text), format);
        assert!(document.is_some(), "{diagnostics:?}");
        1
    });
    let check = rate(|| {
        std::hint::black_box(review(&text, format, &|_, _, _| true));
        1
    });
    println!(
        "{} of {} bytes: read and checked in {:.2} ms, with all warnings in {:.2} ms",
        format.as_str(),
        text.len(),
        1_000.0 / parse,
        1_000.0 / check
    );
}
