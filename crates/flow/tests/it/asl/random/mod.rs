//! Random machines in a world that is as random: what their histories tell is what is stored, a kill at any commit changes
//! nothing, and turns may be cut anywhere.

mod account;
mod folded;
mod machines;
mod play;

use flow::asl::Status;
use serde_json::Value;

use super::chance::{Chance, seeds};
use machines::machine;
use play::{Habits, Play};

/// An execution of the machine of a seed, to its end.
fn played(seed: u64, habits: Habits) -> Play {
    let (definition, input) = machine(&mut Chance::new(seed));
    Play::run(seed, (&definition, &input), habits)
}

/// What is shown when a machine of a seed fails a test.
fn shown(seed: u64) -> String {
    let (definition, input) = machine(&mut Chance::new(seed));
    format!("QUELL_SEED={seed}\ninput {input}\n{definition:#}")
}

#[test]
fn the_history_alone_tells_what_the_snapshot_tells() {
    let mut ends = std::collections::BTreeMap::new();
    let mut kinds = std::collections::BTreeSet::new();
    for seed in seeds(160) {
        let habits = Habits {
            budget: 1 + u32::try_from(seed % 9).expect("small"),
            folds: true,
            ..Habits::default()
        };
        let play = played(seed, habits);
        *ends.entry(play.execution.status().as_str()).or_insert(0) += 1;
        let types = play.history.iter().filter_map(|it| it["type"].as_str());
        kinds.extend(types.map(str::to_owned));
    }
    println!("ends: {ends:?}\nkinds of events: {kinds:?}");
    if std::env::var_os("QUELL_SEED").is_none() {
        // The generator reaches what it is meant to reach.
        assert!(ends.len() >= 3, "{ends:?}");
        for kind in [
            "MapIterationFailed",
            "ParallelStateFailed",
            "TaskTimedOut",
            "TaskSubmitted",
            "ActivityStarted",
            "EvaluationFailed",
            "ExecutionRedriven",
            "ExecutionAborted",
        ] {
            assert!(kinds.contains(kind), "{kind} never came about: {kinds:?}");
        }
    }
}

#[test]
fn a_kill_at_any_commit_changes_nothing_and_repeats_no_change() {
    let (mut kills, mut compared, mut asked) = (0, 0, 0);
    for seed in seeds(160) {
        let habits = Habits {
            budget: 1 + u32::try_from(seed % 7).expect("small"),
            ..Habits::default()
        };
        let undisturbed = played(seed, habits);
        let killed = played(
            seed,
            Habits {
                kills: 30,
                ..habits
            },
        );
        kills += killed.kills;
        asked += usize::from(killed.diverged);
        // Every change is made once, whatever came between: the account has refused anything else.
        assert_ne!(
            killed.execution.status(),
            Status::Running,
            "{}",
            shown(seed)
        );
        if killed.diverged {
            continue;
        }
        compared += 1;
        let differs = |(a, b): &(&Value, &Value)| a != b;
        let differ = killed
            .history
            .iter()
            .zip(&undisturbed.history)
            .find(differs);
        assert_eq!(differ, None, "{}", shown(seed));
        assert_eq!(
            killed.history.len(),
            undisturbed.history.len(),
            "{}",
            shown(seed)
        );
        assert_eq!(killed.frames, undisturbed.frames, "{}", shown(seed));
        assert_eq!(killed.account, undisturbed.account, "{}", shown(seed));
    }
    println!(
        "{kills} kills; {compared} as if undisturbed, {asked} where a person let a call be made anew"
    );
}

#[test]
fn turns_may_be_cut_anywhere() {
    for seed in seeds(160) {
        let [small, large] = [1, 10_000].map(|budget| {
            let play = played(
                seed,
                Habits {
                    budget,
                    ..Habits::default()
                },
            );
            let id = play.execution_id().simple().to_string();
            let events = play.history.iter();
            events.map(|it| timeless(it, &id)).collect::<Vec<_>>()
        });
        assert_eq!(small, large, "{}", shown(seed));
    }
}

/// An event without its time and without the secrets of tokens, which come from a turn's own entropy.
fn timeless(event: &Value, execution: &str) -> String {
    let mut event = event.clone();
    event["timestamp"] = Value::Null;
    let text = event.to_string();
    let mut parts = text.split(execution);
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        // `.THREAD.SECRET`
        let (thread, rest) = part[1..].split_once('.').expect("a token");
        kept.push_str(&format!("{execution}.{thread}.{}", &rest[32..]));
    }
    kept
}
