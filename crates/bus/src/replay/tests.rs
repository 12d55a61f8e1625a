use jiff::Timestamp;
use model::{Context, Rejection, Scope};
use uuid::Uuid;

use super::{Command, Input, Position, Replay, SLOT_FAMILY, Start, Status, step};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn context() -> Context {
    Context {
        id: model::ids::named(&["replay"]),
        scope: Scope::new("123456789012", "us-east-1"),
        at: at(1_000),
        entropy: [0; 32],
    }
}

fn begin() -> Input {
    Input::Start(Box::new(Start {
        name: "again".to_owned(),
        description: None,
        archive_name: "all".to_owned(),
        archive: Uuid::nil(),
        archive_arn: "a".to_owned(),
        bus: "default".to_owned(),
        bus_arn: "b".to_owned(),
        filter_arns: Vec::new(),
        from: at(0),
        until: at(100),
        slot: "us-east-1/3".to_owned(),
    }))
}

fn position(second: i64) -> Option<Position> {
    Some(Position {
        at: at(second),
        event: Uuid::nil(),
    })
}

fn page(after: Option<i64>, last: Option<i64>, more: bool) -> Input {
    Input::Page {
        after: after.and_then(position),
        last: last.and_then(position),
        events: u64::from(last.is_some()) * 2,
        more,
    }
}

/// Runs inputs one after the other; answers the last state, its commands, and what was given back by all of them.
fn run(inputs: Vec<Input>) -> (Replay, Vec<Command>, Vec<(String, String)>) {
    let (mut state, mut commands, mut released) = (None::<Replay>, Vec::new(), Vec::new());
    for input in inputs {
        let decision = step(state.as_ref(), input, &context()).unwrap();
        commands = decision.commands;
        released.extend(decision.releases);
        state = Some(decision.state);
    }
    (state.unwrap(), commands, released)
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn the_table_of_the_header_holds() {
    let failed = || Input::Failed {
        reason: "gone".to_owned(),
    };
    let next = vec![Command::Next];
    let more = vec![Command::Deliver, Command::Next];
    for (inputs, status, commands, ends) in [
        (vec![], Status::Starting, next, false),
        (
            vec![page(None, Some(5), true)],
            Status::Running,
            more.clone(),
            false,
        ),
        (
            vec![page(None, Some(5), false)],
            Status::Completed,
            vec![Command::Deliver],
            true,
        ),
        (
            vec![page(None, None, false)],
            Status::Completed,
            vec![Command::Deliver],
            true,
        ),
        (
            vec![page(None, Some(5), true), page(Some(5), Some(9), false)],
            Status::Completed,
            vec![Command::Deliver],
            true,
        ),
        // A page that was read twice counts once.
        (
            vec![page(None, Some(5), true), page(None, Some(5), true)],
            Status::Running,
            vec![],
            false,
        ),
        (
            vec![Input::Busy],
            Status::Starting,
            vec![Command::Pause],
            false,
        ),
        (
            vec![page(None, Some(5), true), Input::Busy],
            Status::Running,
            vec![Command::Pause],
            false,
        ),
        (vec![failed()], Status::Failed, vec![], true),
        (vec![Input::Cancel], Status::Cancelling, vec![], false),
        (
            vec![
                page(None, Some(5), true),
                Input::Cancel,
                page(Some(5), Some(9), true),
            ],
            Status::Cancelled,
            vec![],
            true,
        ),
        (
            vec![Input::Cancel, Input::Busy],
            Status::Cancelled,
            vec![],
            true,
        ),
        (
            vec![failed(), page(None, Some(5), true)],
            Status::Failed,
            vec![],
            true,
        ),
        (
            vec![page(None, Some(5), false), page(Some(5), Some(9), true)],
            Status::Completed,
            vec![],
            true,
        ),
    ] {
        let told = format!("{inputs:?}");
        let (replay, got, released) = run([vec![begin()], inputs].concat());
        assert_eq!((replay.status, got), (status, commands), "{told}");
        assert_eq!(replay.ended.is_some(), ends, "{told}");
        let slot = (SLOT_FAMILY.to_owned(), "us-east-1/3".to_owned());
        assert_eq!(released, if ends { vec![slot] } else { vec![] }, "{told}");
    }
}

#[test]
fn a_replay_knows_how_far_it_is() {
    let (replay, ..) = run(vec![
        begin(),
        page(None, Some(5), true),
        page(Some(5), Some(9), true),
        page(Some(9), None, false),
    ]);
    assert_eq!((replay.position, replay.events), (position(9), 4));
}

#[test]
fn what_does_not_fit_is_refused() {
    let (running, ..) = run(vec![begin()]);
    let (completed, ..) = run(vec![begin(), page(None, None, false)]);
    let code = |state: Option<&Replay>, input| match step(state, input, &context()).unwrap_err() {
        Rejection::Conflict { code, .. } => code,
        other => other.to_string(),
    };
    assert_eq!(
        code(Some(&running), begin()),
        "ResourceAlreadyExistsException"
    );
    assert_eq!(
        code(Some(&completed), begin()),
        "ResourceAlreadyExistsException"
    );
    assert_eq!(
        code(Some(&completed), Input::Cancel),
        "IllegalStatusException"
    );
    let (cancelling, ..) = run(vec![begin(), Input::Cancel]);
    assert_eq!(
        code(Some(&cancelling), Input::Cancel),
        "IllegalStatusException"
    );
    assert!(code(None, Input::Cancel).contains("was not found"));
}
