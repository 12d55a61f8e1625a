//! Calls that may have happened: what is repeated, and what a repeat tells of the first.

use model::effect::Intent;
use model::{EffectCommand, Outcome};
use ports::{Effects, Probe};
use serde_json::json;

use super::{call, ec2_error, of_class, performer, xml};
use crate::http_stub::{Received, Reply, Stub};
use crate::world::{done, failed, intent, perform};

fn throttled() -> Reply {
    Reply::Answer(
        400,
        "text/xml",
        "<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>slow down</Message></Error></Errors><RequestID>r</RequestID></Response>".to_owned(),
    )
}

#[tokio::test]
async fn throttling_is_waited_out_for_every_class() {
    for class in ["read", "token", "probe", "ask"] {
        let stub = Stub::start(|_, number| {
            if number == 0 {
                throttled()
            } else {
                xml("<R><requestId>r</requestId></R>")
            }
        })
        .await;
        done(perform(&performer(stub.url()), of_class(class).0).await);
        assert_eq!(stub.seen().len(), 2, "{class}");
        assert_eq!(
            stub.seen()[0].body,
            stub.seen()[1].body,
            "{class}: the same call, byte for byte"
        );
    }
    let stub = Stub::start(|_, _| throttled()).await;
    let failure = failed(perform(&performer(stub.url()), of_class("ask").0).await);
    assert_eq!(
        (failure.code.as_str(), failure.transient),
        ("RequestLimitExceeded", true)
    );
    assert_eq!(stub.seen().len(), 3);
}

#[tokio::test]
async fn a_lost_answer_is_treated_by_class() {
    for (class, repeated) in [
        ("read", true),
        ("idempotent", true),
        ("token", true),
        ("probe", false),
        ("ask", false),
    ] {
        let stub = Stub::start(|_, number| {
            if number == 0 {
                Reply::Drop
            } else {
                xml("<R><requestId>r</requestId></R>")
            }
        })
        .await;
        let outcome = perform(&performer(stub.url()), of_class(class).0).await;
        if repeated {
            done(outcome);
            assert_eq!(stub.seen().len(), 2, "{class}");
            assert_eq!(
                stub.seen()[0].body,
                stub.seen()[1].body,
                "{class}: the same call, byte for byte"
            );
        } else {
            assert!(
                matches!(&outcome, Outcome::Unknown { reason } if reason.contains("may have been carried out")),
                "{class}: {outcome:?}"
            );
            assert_eq!(stub.seen().len(), 1, "{class}");
        }
    }
}

#[tokio::test]
async fn server_errors_by_class() {
    let page = "<!doctype html><html><title>500 Internal Server Error</title></html>";
    for class in ["read", "ask"] {
        let stub = Stub::start(move |_, _| {
            Reply::Answer(500, "text/html; charset=utf-8", page.to_owned())
        })
        .await;
        let failure = failed(perform(&performer(stub.url()), of_class(class).0).await);
        assert_eq!(
            (failure.code.as_str(), failure.transient),
            ("NotImplementedByTarget", false),
            "{class}"
        );
        assert_eq!(stub.seen().len(), 1, "{class}: no retry helps");
    }
    // The service itself says that it failed.
    let stub = Stub::start(|_, number| {
        if number == 0 {
            ec2_error(500, "InternalError")
        } else {
            xml("<R/>")
        }
    })
    .await;
    done(perform(&performer(stub.url()), of_class("read").0).await);
    let stub = Stub::start(|_, _| ec2_error(500, "InternalError")).await;
    let failure = failed(perform(&performer(stub.url()), of_class("ask").0).await);
    assert_eq!(
        (failure.code.as_str(), failure.transient, stub.seen().len()),
        ("InternalError", true, 1)
    );
    // A gateway that gave up does not know.
    let stub =
        Stub::start(|_, _| Reply::Answer(504, "text/plain", "upstream timed out".to_owned())).await;
    let outcome = perform(&performer(stub.url()), of_class("ask").0).await;
    assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
    assert_eq!(stub.seen().len(), 1);
}

/// A conflict on a repeat may be the first call's own doing: it is neither success nor failure.
#[tokio::test]
async fn a_conflict_on_a_repeat_is_not_taken_for_a_failure() {
    let command = || {
        EffectCommand::CallAws(call(
            "rds",
            "DeleteDBInstance",
            json!({"DBInstanceIdentifier": "db-1"}),
        ))
    };
    let under_way = "InvalidDBInstanceState";
    let conflict = move || {
        let body = format!(
            "<ErrorResponse><Error><Code>{under_way}</Code><Message>deleting</Message></Error></ErrorResponse>"
        );
        Reply::Answer(400, "text/xml", body)
    };
    let stub = Stub::start(move |_, _| conflict()).await;
    assert_eq!(
        failed(perform(&performer(stub.url()), command()).await).code,
        under_way,
        "a first attempt is told the truth"
    );
    let stub = Stub::start(
        move |_, number| {
            if number == 0 { Reply::Drop } else { conflict() }
        },
    )
    .await;
    let outcome = perform(&performer(stub.url()), command()).await;
    assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
}

#[tokio::test]
async fn what_an_earlier_attempt_did_counts_as_done() {
    let revoke = json!({"GroupId": "sg-1", "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "0.0.0.0/0"});
    let command =
        || EffectCommand::CallAws(call("ec2", "RevokeSecurityGroupIngress", revoke.clone()));
    let gone = "InvalidPermission.NotFound";

    let stub = Stub::start(move |_, _| ec2_error(400, gone)).await;
    assert_eq!(
        failed(perform(&performer(stub.url()), command()).await).code,
        gone,
        "a first attempt is told the truth"
    );

    let performer_again = performer(stub.url());
    let repeat = Intent {
        repeat: true,
        ..intent(&performer_again, command())
    };
    assert_eq!(
        done(performer_again.perform(repeat).await)["AlreadyDone"],
        gone,
        "a repeat after a crash"
    );

    let stub = Stub::start(move |_, number| {
        if number == 0 {
            Reply::Drop
        } else {
            ec2_error(400, gone)
        }
    })
    .await;
    assert_eq!(
        done(perform(&performer(stub.url()), command()).await)["AlreadyDone"],
        gone,
        "a retry after a lost answer"
    );

    let stub = Stub::start(move |_, number| {
        if number == 0 {
            throttled()
        } else {
            ec2_error(400, gone)
        }
    })
    .await;
    assert_eq!(
        failed(perform(&performer(stub.url()), command()).await).code,
        gone,
        "a throttled attempt did nothing"
    );
}

#[tokio::test]
async fn a_lost_snapshot_is_looked_up_by_its_tag() {
    let stub = Stub::start(|request: &Received, _| {
        if request.body.contains("Action=CreateSnapshot") {
            Reply::Drop
        } else if request.body.contains("NextToken") {
            xml("<R><snapshotSet><item><snapshotId>snap-1</snapshotId></item></snapshotSet></R>")
        } else {
            xml("<R><snapshotSet/><nextToken>more</nextToken></R>")
        }
    })
    .await;
    let performer = performer(stub.url());
    let intent = intent(&performer, of_class("probe").0);
    let outcome = performer.perform(intent.clone()).await;
    assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
    assert!(
        stub.seen()[0].body.contains(&intent.id.to_string()),
        "{}",
        stub.seen()[0].body
    );
    match performer.probe(intent.clone()).await {
        Probe::Happened(result) => assert_eq!(result["SnapshotId"], "snap-1"),
        other => panic!("{other:?}"),
    }
    let look = &stub.seen()[1].body;
    assert!(
        look.contains("Action=DescribeSnapshots") && look.contains(&intent.id.to_string()),
        "{look}"
    );

    let stub = Stub::start(|_, _| xml("<R><snapshotSet/></R>")).await;
    assert_eq!(
        self::performer(stub.url()).probe(intent.clone()).await,
        Probe::NotHappened
    );
    let stub = Stub::start(|_, _| ec2_error(403, "UnauthorizedOperation")).await;
    let unclear = self::performer(stub.url()).probe(intent).await;
    assert!(
        matches!(&unclear, Probe::Unclear(reason) if reason.contains("UnauthorizedOperation")),
        "{unclear:?}"
    );
}
