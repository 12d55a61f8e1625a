//! A message that could not be taken in, told to its machine.

use bus::parked::{BODY_FRAME, Body, Input, MAX_BODY, Park, Parked, Status, step};
use model::{Rejection, ids};

use super::{context, start_of_time};

fn park(text: String) -> Input {
    Input::Park(Box::new(Park {
        source: "findings".to_owned(),
        message_id: "m-1".to_owned(),
        reason: "it is no JSON:\r\n line 1".to_owned(),
        tries: 3,
        sent: start_of_time(),
        size: text.len() as u64,
        digest: "00".to_owned(),
        attributes: (0..40).map(|n| (n.to_string(), String::new())).collect(),
        body: Body {
            text,
            base64: false,
        },
    }))
}

fn discard() -> Input {
    Input::Discard {
        by: "arn:aws:iam::123456789012:user/ana".to_owned(),
        note: Some("a test".to_owned()),
    }
}

fn retried() -> Input {
    Input::Retried {
        by: "arn:aws:iam::123456789012:user/ana".to_owned(),
        events: vec![ids::named(&["event"])],
    }
}

fn failed() -> Input {
    Input::RetryFailed {
        reason: "still no JSON".to_owned(),
    }
}

#[test]
fn the_table_of_its_states() {
    let id = ids::named(&["parked"]);
    let decide =
        |state: Option<&Parked>, input| step(state, input, &context(id, start_of_time(), 1));
    let parked = decide(None, park("{oh".to_owned())).expect("parked");
    assert_eq!(parked.state.status, Status::Parked);
    assert_eq!(parked.state.attributes.len(), 32);
    assert_eq!(parked.index.len(), 2);
    let stored = parked
        .frames
        .iter()
        .filter_map(|write| Some((write.key.clone(), write.body.as_ref()?.to_value())));
    let stored: Vec<_> = stored.collect();
    assert_eq!(Parked::restore(&stored).expect("restores"), parked.state);
    let body = Body::restore(&stored).expect("restores").expect("a body");
    assert_eq!(body.text, "{oh");
    let parked = parked.state;
    for (before, input, status, tries, arrivals, body_goes) in [
        (vec![], park(String::new()), Status::Parked, 3, 2, false),
        (vec![], failed(), Status::Parked, 4, 1, false),
        (vec![], retried(), Status::Retried, 3, 1, true),
        (vec![], discard(), Status::Discarded, 3, 1, true),
        (vec![failed()], discard(), Status::Discarded, 4, 1, true),
        (vec![retried()], retried(), Status::Retried, 3, 1, false),
        (
            vec![retried()],
            park(String::new()),
            Status::Retried,
            3,
            1,
            false,
        ),
        (vec![discard()], discard(), Status::Discarded, 3, 1, false),
        (
            vec![discard()],
            park(String::new()),
            Status::Discarded,
            3,
            1,
            false,
        ),
    ] {
        let mut state = parked.clone();
        for earlier in before {
            state = decide(Some(&state), earlier).expect("earlier").state;
        }
        let decision = decide(Some(&state), input.clone()).expect("decides");
        let got = &decision.state;
        assert_eq!(
            (got.status, got.tries, got.arrivals),
            (status, tries, arrivals),
            "{input:?}"
        );
        let goes = decision
            .frames
            .iter()
            .any(|write| write.key == BODY_FRAME && write.body.is_none());
        assert_eq!(goes, body_goes, "{input:?}");
        assert_eq!(got.settled.is_some(), status != Status::Parked, "{input:?}");
    }
}

#[test]
fn what_is_refused_says_why() {
    let id = ids::named(&["parked"]);
    let decide =
        |state: Option<&Parked>, input| step(state, input, &context(id, start_of_time(), 1));
    for input in [retried(), discard(), failed()] {
        let refused = decide(None, input).expect_err("nothing is parked");
        assert!(matches!(refused, Rejection::NotFound { .. }), "{refused}");
    }
    let refused = decide(None, park("x".repeat(MAX_BODY + 1))).expect_err("too large");
    assert!(refused.to_string().contains("more than"), "{refused}");
    let parked = decide(None, park(String::new())).expect("parked").state;
    let gone = decide(Some(&parked), discard()).expect("discarded").state;
    let taken = decide(Some(&parked), retried()).expect("retried").state;
    for (state, input, word) in [
        (&gone, retried(), "discarded already"),
        (&gone, failed(), "discarded already"),
        (&taken, discard(), "taken in by a retry already"),
        (&taken, failed(), "taken in by a retry already"),
    ] {
        let refused = decide(Some(state), input).expect_err(word).to_string();
        assert!(refused.contains(word), "{refused}");
    }
}
