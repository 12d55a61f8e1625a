//! Promises about bodies: what went in comes out.

use model::resource::Expect;
use model::{EffectCommand, Fact, FrameWrite, Outcome};
use serde_json::{Value, json};

use super::words::*;
use crate::Store;
use crate::limits::{MAX_BODY, MAX_DEPTH};
use crate::store::{CommitError, NewInput, Retention, SettledEffect, Turn};

/// Numbers keep every digit, text every character, objects their order.
pub async fn bodies_come_back_exactly(store: &dyn Store) {
    let deep = (0..MAX_DEPTH).fold(json!(1), |inner, level| {
        if level % 2 == 0 {
            json!([inner])
        } else {
            json!({"k": inner})
        }
    });
    let bodies = [
        json!(null),
        json!({"z": 1, "a": 2, "m": {"y": [], "b": {}}}),
        json!([
            0.1,
            1.0,
            -0.0,
            5e-324,
            1.797_693_134_862_315_7e308,
            0.299_999_999_999_999_93,
            1e21
        ]),
        json!([u64::MAX, i64::MIN, 9_007_199_254_740_993_i64]),
        json!({"": "", "nul": "a\u{0}b", "emoji": "😀", "line": "a\nb\r\u{2028}", "quote": "\"\\'", "bidi": "\u{202e}"}),
        deep,
    ];
    for (number, body) in (0_u8..).zip(bodies) {
        round_trip(store, number, &body).await;
    }
}

/// Bodies of 32 KiB and more come back from every place that holds one, and are still there when one of two rows that
/// hold the same is gone.
pub async fn large_bodies_come_back_exactly(store: &dyn Store) {
    let sizes = [
        32 * 1024 - 3,
        32 * 1024 - 2,
        32 * 1024 - 1,
        32 * 1024,
        100_000,
        1024 * 1024,
    ];
    for (number, size) in (0_u8..).zip(sizes) {
        round_trip(store, number, &Value::String("x".repeat(size))).await;
    }
    // Text that does not compress.
    let mut word = 88_172_645_463_325_252_u64;
    let noise = (0..20_000).map(|_| {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        json!(word)
    });
    let noise = Value::Array(noise.collect());
    round_trip(store, 20, &noise).await;

    let writes = vec![
        put("one", Expect::Absent, noise.clone()),
        put("two", Expect::Absent, noise.clone()),
    ];
    commit(store, resources(writes)).await;
    commit(store, resources(vec![remove("one", Expect::Any)])).await;
    let all = Some(jiff::Timestamp::MAX);
    let retention = Retention {
        inbox_before: all,
        effects_before: all,
        journal_before: all,
        claims_before: all,
        measured_before: None,
    };
    while store.prune(retention, 10).await.expect("prunes") > 0 {}
    let kept = store
        .resource(here(), "plan".to_owned(), "two".to_owned())
        .await
        .expect("readable");
    assert_eq!(kept.map(|resource| resource.body), Some(noise));
}

/// Puts a body everywhere a body can be, and reads it back from there; once more after it has been replaced.
#[expect(
    clippy::too_many_lines,
    reason = "one story, told from beginning to end"
)]
async fn round_trip(store: &dyn Store, number: u8, body: &Value) {
    let id = incident(number);
    let mut turn = with(step(id, 0), |write| {
        write.frames = vec![
            FrameWrite::root(body.clone()),
            FrameWrite::put("f", body.clone()),
        ];
        write.journal.inputs = vec![body.clone(), json!("small")];
        write.journal.facts = vec![Fact {
            name: "x.y".to_owned(),
            version: 3,
            body: body.clone(),
        }];
    });
    turn.inbox_new.push(NewInput {
        body: body.clone(),
        ..input(id, "")
    });
    let mut effect = effect(number);
    if let EffectCommand::CallAws(call) = &mut effect.command {
        call.params = body.clone();
    }
    turn.effects_new.push(effect.clone());
    let name = format!("r{number}");
    turn.resources
        .push(put(&name, Expect::Absent, body.clone()));
    let journal = turn.aggregate.as_ref().map(|write| write.journal.clone());
    let seqs = commit(store, turn).await;

    let frames = vec![
        (String::new(), body.clone()),
        ("f".to_owned(), body.clone()),
    ];
    assert_same(&loaded(store, id).await.frames, &frames);
    assert_same(
        &store.list(incidents()).await.expect("readable")[0].frames[0].1,
        body,
    );
    let found = store
        .resource(here(), "plan".to_owned(), name.clone())
        .await
        .expect("readable")
        .expect("there");
    assert_same(&found.body, body);
    let listed = store
        .resources(crate::store::ResourceQuery {
            prefix: name,
            ..plans()
        })
        .await
        .expect("readable");
    assert_same(&listed[0].body, body);
    assert_same(
        &store.inbox(seqs.inbox[0] - 1, 1).await.expect("readable")[0]
            .input
            .body,
        body,
    );
    assert_eq!(
        store
            .effects(seqs.effects[0] - 1, 1)
            .await
            .expect("readable")[0]
            .effect,
        effect
    );
    let told = store
        .journal(Some(id), 0, 1)
        .await
        .expect("readable")
        .remove(0)
        .entry;
    assert_same(&told.inputs[0], body);
    assert_eq!(Some(told), journal);

    let outcome = Outcome::Done {
        result: body.clone(),
    };
    let next = Turn {
        inbox_done: seqs.inbox,
        effects_settled: vec![SettledEffect {
            id: effect.id,
            outcome,
        }],
        ..with(step(id, 1), |write| {
            write.frames = vec![FrameWrite::root(json!(1)), FrameWrite::put("f", json!(2))]
        })
    };
    commit(store, next).await;
    let frames = loaded(store, id).await.frames;
    assert_eq!(
        frames,
        [(String::new(), json!(1)), ("f".to_owned(), json!(2))]
    );
}

/// Equal as text too: `PartialEq` of values says nothing of the order of members.
fn assert_same<T: serde::Serialize + PartialEq + std::fmt::Debug>(found: &T, want: &T) {
    let text = |value: &T| serde_json::to_string(value).expect("values are JSON");
    assert!(
        text(found) == text(want) && found == want,
        "a body came back changed"
    );
}

/// A body over the limit is refused alone, wherever it stands.
pub async fn bodies_beyond_the_limits_are_refused(store: &dyn Store) {
    let huge = Value::String("x".repeat(MAX_BODY));
    let turns = [
        with(step(incident(1), 0), |write| {
            write.frames = vec![FrameWrite::root(huge.clone())]
        }),
        with(step(incident(1), 0), |write| {
            write.journal.inputs = vec![huge.clone()]
        }),
        Turn {
            inbox_new: vec![NewInput {
                body: huge.clone(),
                ..input(incident(1), "")
            }],
            ..Turn::default()
        },
        resources(vec![put("huge", Expect::Any, huge.clone())]),
    ];
    for turn in turns {
        assert!(matches!(
            refused(store, turn).await,
            CommitError::Refused(_)
        ));
    }
    assert_eq!(ids(store, incidents()).await, [0_u8; 0]);
    // Just within it is fine: two quotes more than the characters.
    let most = Value::String("x".repeat(MAX_BODY - 2));
    commit(
        store,
        resources(vec![put("most", Expect::Any, most.clone())]),
    )
    .await;
    let found = store
        .resource(here(), "plan".to_owned(), "most".to_owned())
        .await
        .expect("readable");
    assert!(found.is_some_and(|resource| resource.body == most));
}
