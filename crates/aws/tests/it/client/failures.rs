//! Attempts that fail: what is repeated, how long is waited, when it is given up.

use std::time::Duration;

use aws::client::{Policy, Request, Settings, TransportError};
use proptest::prelude::*;

use super::{Keys, Reply, World, answer, broken, error, good, policy, run_instances};

fn not_sent() -> Reply {
    Err(TransportError::NotSent {
        host: "h".to_owned(),
        reason: "refused".to_owned(),
    })
}

fn timeout() -> Reply {
    Err(TransportError::Timeout {
        host: "h".to_owned(),
        seconds: 60,
    })
}

/// What one failure, then a good answer, makes of a call.
#[derive(Debug, PartialEq)]
enum End {
    Answered,
    /// Its code; the outcome is known.
    Failed(&'static str),
    Unknown,
}

#[test]
fn every_failure_by_class_of_call() {
    use End::{Answered, Failed, Unknown};
    let too_large = || {
        Err(TransportError::TooLarge {
            host: "h".to_owned(),
            limit: 1,
        })
    };
    let forbidden = || {
        Err(TransportError::Forbidden {
            reason: "inside".to_owned(),
        })
    };
    let unsendable = || {
        Err(TransportError::Unsendable {
            reason: "no".to_owned(),
        })
    };
    let page = "<!doctype html><html></html>";
    for (name, failure, repeatable, once) in [
        ("not sent", not_sent(), Answered, Answered),
        ("broken", broken(), Answered, Unknown),
        ("timeout", timeout(), Answered, Unknown),
        ("too large", too_large(), Failed("Http"), Unknown),
        (
            "forbidden",
            forbidden(),
            Failed("ParamValidation"),
            Failed("ParamValidation"),
        ),
        (
            "unsendable",
            unsendable(),
            Failed("ParamValidation"),
            Failed("ParamValidation"),
        ),
        (
            "throttled",
            error(400, "RequestLimitExceeded", &[]),
            Answered,
            Answered,
        ),
        ("slow down", error(503, "SlowDown", &[]), Answered, Answered),
        (
            "internal",
            error(500, "InternalError", &[]),
            Answered,
            Failed("InternalError"),
        ),
        (
            "unavailable",
            error(503, "Unavailable", &[]),
            Answered,
            Failed("Unavailable"),
        ),
        (
            "gateway",
            answer(504, &[], "upstream timed out"),
            Answered,
            Unknown,
        ),
        (
            "gateway says so",
            error(502, "BadGateway", &[]),
            Answered,
            Unknown,
        ),
        (
            "refused",
            error(400, "InvalidParameterValue", &[]),
            Failed("InvalidParameterValue"),
            Failed("InvalidParameterValue"),
        ),
        (
            "denied",
            error(403, "UnauthorizedOperation", &[]),
            Failed("UnauthorizedOperation"),
            Failed("UnauthorizedOperation"),
        ),
        (
            "a proxy's words",
            answer(503, &[], "no healthy upstream"),
            Answered,
            Unknown,
        ),
        (
            "a server's silence",
            answer(500, &[], ""),
            Answered,
            Unknown,
        ),
        (
            "a proxy's refusal",
            answer(413, &[], "too large"),
            Failed("413"),
            Failed("413"),
        ),
        (
            "html",
            answer(500, &[], page),
            Failed("NotImplementedByTarget"),
            Failed("NotImplementedByTarget"),
        ),
        (
            "cut off",
            answer(200, &[], "<R><requestId>r</requ"),
            Failed("UnreadableResponse"),
            Unknown,
        ),
    ] {
        for (may, expected) in [(true, &repeatable), (false, &once)] {
            let world = World::new([failure.clone(), good()]);
            let got = match world.call(&run_instances(), policy(may)) {
                Ok(value) => {
                    assert_eq!(value["ResponseMetadata"]["RetryAttempts"], 1, "{name}");
                    Answered
                }
                Err(error) if error.is_unknown() => {
                    assert!(
                        error.to_string().contains("may have been carried out"),
                        "{error}"
                    );
                    Unknown
                }
                Err(error) => match expected {
                    Failed(code) if error.code() == *code => Failed(code),
                    other => panic!("{name}, repeatable {may}: {other:?} expected, got {error:?}"),
                },
            };
            assert_eq!(&got, expected, "{name}, repeatable {may}");
            let sent = world.script.sent.lock().unwrap();
            assert_eq!(
                sent.len(),
                if got == Answered { 2 } else { 1 },
                "{name}, repeatable {may}"
            );
            assert!(
                sent.iter().all(|sent| sent.limits.fresh_connection != may),
                "{name}"
            );
        }
    }
}

#[test]
fn repeats_are_the_same_call_and_end_after_three_attempts() {
    for (failure, code) in [
        (not_sent(), "Network"),
        (error(400, "Throttling", &[]), "Throttling"),
    ] {
        for may in [true, false] {
            let world = World::new([failure.clone()]);
            let refused = world.call(&run_instances(), policy(may)).unwrap_err();
            assert_eq!((refused.code(), refused.attempts), (code, 3));
            assert!(refused.is_transient() && !refused.may_have_happened);
            let sent = world.sent();
            assert_eq!(sent.len(), 3);
            assert!(String::from_utf8_lossy(&sent[0].body).contains("ClientToken=token-1"));
            for (i, request) in sent.iter().enumerate() {
                assert_eq!(request.body, sent[0].body, "the same token in every repeat");
                assert_eq!(request.header("amz-sdk-invocation-id"), Some("token-2"));
                let attempt = format!("attempt={}; max=3", i + 1);
                assert_eq!(request.header("amz-sdk-request"), Some(attempt.as_str()));
            }
            let halves = [500, 1000].map(Duration::from_millis);
            assert_eq!(*world.clock.slept.lock().unwrap(), halves);
        }
    }
}

#[test]
fn the_number_of_attempts_can_be_chosen() {
    for (of_client, of_call, expected) in [
        (None, None, 3),
        (Some(5), None, 5),
        (Some(5), Some(1), 1),
        (None, Some(2), 2),
        (Some(0), None, 1),
    ] {
        let mut world = World::new([not_sent()]);
        world.set(Settings {
            max_attempts: of_client,
            ..Settings::default()
        });
        let policy = Policy {
            max_attempts: of_call,
            ..policy(true)
        };
        world.call(&run_instances(), policy).unwrap_err();
        assert_eq!(world.sent().len(), expected, "{of_client:?} {of_call:?}");
    }
}

#[test]
fn the_service_says_how_long_to_wait() {
    let asked = error(503, "SlowDown", &[("retry-after", "7")]);
    let world = World::new([asked, good()]);
    world.call(&run_instances(), policy(false)).unwrap();
    assert_eq!(*world.clock.slept.lock().unwrap(), [Duration::from_secs(7)]);
    let tomorrow = error(503, "SlowDown", &[("retry-after", "86400")]);
    let world = World::new([tomorrow, good()]);
    let refused = world.call(&run_instances(), policy(true)).unwrap_err();
    assert_eq!((refused.code(), refused.attempts), ("SlowDown", 1));
}

#[test]
fn time_limits_of_attempts_and_of_the_call() {
    let world = World::with([timeout()], Keys::default(), Duration::from_secs(60));
    let limits = Policy::repeatable().within(Duration::from_secs(100));
    let refused = world.call(&run_instances(), limits).unwrap_err();
    assert_eq!((refused.code(), refused.attempts), ("Timeout", 2));
    assert!(refused.may_have_happened && !refused.is_unknown());
    let times: Vec<Duration> = world
        .script
        .sent
        .lock()
        .unwrap()
        .iter()
        .map(|sent| sent.limits.time)
        .collect();
    assert_eq!(times[0], Duration::from_secs(60));
    assert!(
        times[1] < Duration::from_secs(40),
        "what is left: {times:?}"
    );
    // A pause that would outlast the call is not begun.
    let world = World::new([error(400, "Throttling", &[("retry-after", "50")])]);
    let limits = policy(false).within(Duration::from_secs(20));
    let refused = world.call(&run_instances(), limits).unwrap_err();
    assert_eq!((refused.code(), world.sent().len()), ("Throttling", 1));
    assert!(world.clock.slept.lock().unwrap().is_empty());
    let world = World::new([good()]);
    let refused = world
        .call(&run_instances(), policy(true).within(Duration::ZERO))
        .unwrap_err();
    assert_eq!(
        (refused.code(), refused.attempts, world.sent().len()),
        ("Timeout", 0, 0)
    );
}

#[test]
fn a_service_in_trouble_is_not_flooded() {
    let world = World::new([not_sent()]);
    for _ in 0..60 {
        world.call(&run_instances(), policy(true)).unwrap_err();
    }
    // 500 tokens are 100 repeats; 60 calls would have made 120.
    assert_eq!(world.sent().len(), 60 + 100);
    let elsewhere = Request {
        region: "eu-west-2".to_owned(),
        ..run_instances()
    };
    world.call(&elsewhere, policy(true)).unwrap_err();
    assert_eq!(
        world.sent().len(),
        160 + 3,
        "another region has its own quota"
    );
    let other = Request {
        account: Some("210987654321".to_owned()),
        ..run_instances()
    };
    world.call(&other, policy(true)).unwrap_err();
    assert_eq!(world.sent().len(), 163 + 3, "so has another account");
}

/// A reply by number, and whether the request may have taken effect.
fn reply(kind: u8) -> (Reply, bool) {
    match kind {
        0 => (good(), true),
        1 => (not_sent(), false),
        2 => (broken(), true),
        3 => (timeout(), true),
        4 => (error(400, "Throttling", &[]), false),
        5 => (error(503, "SlowDown", &[]), false),
        6 => (error(500, "InternalError", &[]), false),
        7 => (answer(504, &[], "late"), true),
        8 => (error(400, "ExpiredToken", &[]), false),
        9 => (
            error(
                403,
                "AuthFailure",
                &[("date", "Sat, 21 Nov 2026 09:00:00 GMT")],
            ),
            false,
        ),
        10 => (answer(200, &[], "<cut"), true),
        11 => (answer(503, &[], "no healthy upstream"), true),
        _ => (error(400, "InvalidParameterValue", &[]), false),
    }
}

proptest! {
    #[test]
    fn what_may_have_happened_is_never_sent_again_unless_it_may_be_repeated(
        kinds in prop::collection::vec(0_u8..13, 1..8),
        repeatable: bool,
    ) {
        let replies: Vec<(Reply, bool)> = kinds.iter().map(|kind| reply(*kind)).collect();
        let world = World::new(replies.iter().map(|(reply, _)| reply.clone()));
        let ended = world.call(&run_instances(), policy(repeatable));
        let sent = world.sent();
        let met = (0..sent.len()).map(|i| &replies[i.min(replies.len() - 1)]);
        let effects: Vec<bool> = met.map(|(_, effect)| *effect).collect();
        if !repeatable {
            let first = effects.iter().position(|effect| *effect);
            prop_assert!(first.is_none_or(|first| first + 1 == effects.len()), "{:?}", effects);
        }
        prop_assert!(sent.len() <= 5, "three attempts, a clock and keys corrected");
        prop_assert!(sent.iter().all(|request| request.body == sent[0].body));
        match ended {
            Ok(answer) => prop_assert_eq!(&answer["ResponseMetadata"]["RetryAttempts"], sent.len() - 1),
            Err(error) => {
                prop_assert_eq!(error.attempts as usize, sent.len());
                let open = effects.iter().any(|effect| *effect);
                prop_assert_eq!(error.may_have_happened, open);
                prop_assert_eq!(error.is_unknown(), open && !repeatable);
            }
        }
    }
}
