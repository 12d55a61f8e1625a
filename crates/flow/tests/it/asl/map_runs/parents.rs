//! Parents of map runs that are redriven: they go on with the run that they have.

use flow::asl::map_run::{Input, RunStatus};
use flow::asl::{self, Status};
use serde_json::json;

use super::Play;

#[test]
fn a_redriven_parent_goes_on_with_its_map_run() {
    let mut play = Play::begin(&json!({"MaxConcurrency": 2}), 5);
    play.end(0, Status::Succeeded);
    play.end(0, Status::Failed);
    play.obey();
    assert_eq!(play.parent.status(), Status::Failed);
    let counts = play.counts();
    assert_eq!(
        (&counts["succeeded"], &counts["failed"]),
        (&json!(1), &json!(1)),
        "{counts}"
    );
    assert_eq!(
        (&counts["aborted"], &counts["pending"]),
        (&json!(1), &json!(2)),
        "{counts}"
    );
    play.tell_parent(asl::Input::Redrive {
        token: None,
        by_map_run: false,
    });
    assert_eq!(play.line.run().redrives().0, 1);
    while !play.living.is_empty() {
        play.end(0, Status::Succeeded);
    }
    assert_eq!(play.parent.status(), Status::Succeeded);
    assert_eq!(play.line.run().status(), RunStatus::Succeeded);
    assert_eq!(play.parent.output(), Some(r#"["0","1","2","3","4"]"#));
    let types = play.types();
    let redriven = types
        .iter()
        .position(|it| *it == "MapRunRedriven")
        .expect("redriven");
    assert_eq!(types[redriven - 1], "ExecutionRedriven");
    assert_eq!(
        types[redriven + 1..],
        [
            "MapRunSucceeded",
            "MapStateSucceeded",
            "MapStateExited",
            "ExecutionSucceeded"
        ]
    );
}

#[test]
fn a_run_that_is_wanted_again_before_it_is_over_goes_on_then() {
    let mut play = Play::begin(&json!({}), 3);
    play.tell_parent(asl::Input::Stop {
        error: None,
        cause: None,
    });
    assert!(
        play.types()
            .ends_with(&["MapRunAborted", "MapStateAborted", "ExecutionAborted"])
    );
    assert_eq!(
        play.line.run().status(),
        RunStatus::Running,
        "its executions live yet"
    );
    play.tell_parent(asl::Input::Redrive {
        token: None,
        by_map_run: false,
    });
    play.obey();
    assert_eq!(play.living.len(), 3);
    while !play.living.is_empty() {
        play.end(0, Status::Succeeded);
    }
    assert_eq!((play.parent.status(), play.told), (Status::Succeeded, 1));
}

#[test]
fn a_parent_whose_machine_is_deleted_does_not_wait_for_its_run() {
    let mut play = Play::begin(&json!({}), 3);
    play.tell_parent(asl::Input::MachineDeleted);
    assert!(
        play.types()
            .ends_with(&["MapRunAborted", "MapStateAborted", "ExecutionFailed"])
    );
    assert_eq!(play.parent.failure().0, Some("States.Runtime"));
    play.obey();
    assert_eq!(play.line.run().status(), RunStatus::Aborted);
    assert!(play.living.is_empty());
}

#[test]
fn however_often_a_parent_changes_its_mind_it_and_its_run_count_alike() {
    for changes in 1..4 {
        let mut play = Play::begin(&json!({}), 3);
        for _ in 0..changes {
            play.tell_parent(asl::Input::Stop {
                error: None,
                cause: None,
            });
            play.tell_parent(asl::Input::Redrive {
                token: None,
                by_map_run: false,
            });
        }
        assert_eq!(play.line.run().redrives().0, 0, "it is ending yet");
        play.obey();
        assert_eq!(play.line.run().redrives().0, changes);
        // What was said twice is done once.
        play.tell(Input::Redrive { redrives: changes });
        assert_eq!(play.line.run().redrives().0, changes);
        assert_eq!(play.living.len(), 3);
        while !play.living.is_empty() {
            play.end(0, Status::Succeeded);
        }
        assert_eq!((play.parent.status(), play.told), (Status::Succeeded, 1));
        play.tell(Input::Redrive { redrives: changes });
        assert_eq!(play.line.run().status(), RunStatus::Succeeded);
        assert_eq!(play.told, 1);
    }
}
