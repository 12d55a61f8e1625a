use jiff::Timestamp;
use model::{Context, FrameWrite, Rejection, Scope};

use super::{Command, Input, Missed, Plan, Schedule, step};

fn at(text: &str) -> Timestamp {
    format!("2026-03-01T{text}Z").parse().unwrap()
}

fn context() -> Context {
    Context {
        id: model::ids::named(&["schedule"]),
        scope: Scope::new("123456789012", "us-east-1"),
        at: at("00:00:00"),
        entropy: [0; 32],
    }
}

fn plan(expression: &str) -> Plan {
    Plan {
        bus: "default".to_owned(),
        rule: "tick".to_owned(),
        expression: expression.to_owned(),
        enabled: true,
    }
}

fn set(expression: &str, text: &str) -> Schedule {
    let input = Input::Set {
        plan: plan(expression),
        at: at(text),
    };
    step(None, input, &context()).unwrap().state
}

fn due(
    state: &Schedule,
    text: &str,
    missed: Missed,
    prepared: Option<&str>,
) -> (Schedule, Vec<Command>) {
    let input = Input::Due {
        at: at(text),
        missed,
        prepared: prepared.map(at),
    };
    let decision = step(Some(state), input, &context()).unwrap();
    (decision.state, decision.commands)
}

fn fire(text: &str) -> Command {
    Command::Fire { due: at(text) }
}

fn timer(text: &str) -> Command {
    Command::SetTimer {
        key: "due".to_owned(),
        due: at(text),
    }
}

#[test]
fn what_is_due_fires_by_the_policy() {
    let state = set("rate(10 minutes)", "00:00:00");
    for (now, missed, prepared, want) in [
        // Too early: the clock was set back between the timer and the turn.
        ("00:09:59", Missed::Once, None, vec![timer("00:10:00")]),
        (
            "00:10:00",
            Missed::Once,
            Some("00:10:00"),
            vec![fire("00:10:00"), timer("00:20:00")],
        ),
        (
            "00:10:59",
            Missed::Skip,
            Some("00:10:00"),
            vec![fire("00:10:00"), timer("00:20:00")],
        ),
        (
            "00:11:00",
            Missed::Once,
            Some("00:10:00"),
            vec![fire("00:10:00"), timer("00:20:00")],
        ),
        ("00:11:00", Missed::Skip, None, vec![timer("00:20:00")]),
        (
            "05:55:00",
            Missed::Once,
            Some("05:50:00"),
            vec![fire("05:50:00"), timer("06:00:00")],
        ),
        ("05:55:00", Missed::Skip, None, vec![timer("06:00:00")]),
        (
            "05:50:30",
            Missed::Skip,
            Some("05:50:00"),
            vec![fire("05:50:00"), timer("06:00:00")],
        ),
        // Prepared for another instant: looked at again, nothing is settled.
        (
            "00:20:00",
            Missed::Once,
            Some("00:10:00"),
            vec![timer("00:10:00")],
        ),
    ] {
        let (after, commands) = due(&state, now, missed, prepared);
        assert_eq!(commands, want, "{now} {missed:?}");
        // A second turn at the same instant fires nothing more.
        if after.settled.is_some() {
            assert_eq!(after.firing(at(now), missed), None, "{now} {missed:?}");
        }
    }
}

#[test]
fn a_settled_instant_is_past_whatever_the_clock_says() {
    let (state, _) = due(
        &set("cron(* * * * ? *)", "00:00:00"),
        "00:05:10",
        Missed::Once,
        Some("00:05:00"),
    );
    let input = Input::Set {
        plan: plan("cron(*/2 * * * ? *)"),
        at: at("00:01:00"),
    };
    let again = step(Some(&state), input, &context()).unwrap();
    assert_eq!(again.state.next, Some(at("00:06:00")));
}

#[test]
fn a_schedule_that_is_gone_leaves_nothing_to_the_next_one() {
    let state = set("rate(10 minutes)", "00:00:00");
    let cleared = step(Some(&state), Input::Clear, &context()).unwrap();
    assert_eq!(cleared.frames, [FrameWrite::delete("")]);
    let timer = Command::CancelTimer {
        key: "due".to_owned(),
    };
    assert_eq!(cleared.commands, [timer]);
    let gone = cleared.state;
    for input in [
        Input::Clear,
        Input::Due {
            at: at("00:10:00"),
            missed: Missed::Once,
            prepared: None,
        },
    ] {
        let refused = step(Some(&gone), input, &context()).unwrap_err();
        assert!(matches!(refused, Rejection::NotFound { .. }), "{refused}");
    }
    let input = Input::Set {
        plan: plan("rate(10 minutes)"),
        at: at("00:07:00"),
    };
    let anew = step(Some(&gone), input, &context()).unwrap();
    assert_eq!(anew.state.next, Some(at("00:17:00")));
}

#[test]
fn a_text_that_is_no_schedule_is_refused() {
    let input = Input::Set {
        plan: plan("rate(1 minutes)"),
        at: at("00:00:00"),
    };
    let refused = step(None, input, &context()).unwrap_err();
    assert!(matches!(refused, Rejection::Invalid { .. }), "{refused}");
}
