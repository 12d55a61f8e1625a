//! Promises about the numbers of minutes.

use jiff::Timestamp;
use model::Scope;
use serde_json::{Value, json};

use super::words::*;
use crate::Store;
use crate::limits::MAX_MEASURED;
use crate::store::{CommitError, MeasuredMinute, MeasuredQuery, Retention, Series, Turn};

fn series(bus: &str, rule: &str, target: &str) -> Series {
    Series {
        scope: here(),
        bus: bus.to_owned(),
        rule: rule.to_owned(),
        target: target.to_owned(),
    }
}

fn of(series: &Series, minute: i64, body: Value) -> MeasuredMinute {
    MeasuredMinute {
        series: series.clone(),
        minute,
        body,
    }
}

fn measured(measured: Vec<MeasuredMinute>) -> Turn {
    Turn {
        measured,
        ..Turn::default()
    }
}

fn all(series: &Series) -> MeasuredQuery {
    MeasuredQuery {
        series: series.clone(),
        from: 0,
        until: i64::MAX,
        after: None,
        limit: 1_000,
    }
}

async fn bodies(store: &dyn Store, query: MeasuredQuery) -> Vec<(i64, Value)> {
    let rows = store.measured(query).await.expect("readable");
    rows.into_iter()
        .map(|row| (row.number.0, row.body))
        .collect()
}

/// Minutes come in order, parts of one minute one behind the other; pages and spans are as asked.
pub async fn minutes_add_up_in_order(store: &dyn Store) {
    let rule = series("b", "r", "");
    let target = series("b", "r", "t");
    let first = vec![
        of(&rule, 8, json!({"n": 3})),
        of(&rule, 7, json!({"n": 1})),
        of(&target, 7, json!({"n": 9})),
    ];
    commit(store, measured(first)).await;
    commit(store, measured(vec![of(&rule, 7, json!({"n": 2}))])).await;
    let want = [
        (7, json!({"n": 1})),
        (7, json!({"n": 2})),
        (8, json!({"n": 3})),
    ];
    assert_eq!(bodies(store, all(&rule)).await, want);
    assert_eq!(bodies(store, all(&target)).await, [(7, json!({"n": 9}))]);
    assert_eq!(bodies(store, all(&series("b", "s", ""))).await, []);
    let span = MeasuredQuery {
        from: 7,
        until: 8,
        ..all(&rule)
    };
    assert_eq!(bodies(store, span).await, want[..2]);
    let mut after = None;
    for one in want {
        let page = MeasuredQuery {
            after,
            limit: 1,
            ..all(&rule)
        };
        let rows = store.measured(page).await.expect("readable");
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].number.0, rows[0].body.clone()), one);
        after = Some(rows[0].number);
    }
    let behind = MeasuredQuery {
        after,
        ..all(&rule)
    };
    assert_eq!(bodies(store, behind).await, []);
}

/// The series of an owner are listed in order; those of others are not.
pub async fn series_are_listed_by_owner(store: &dyn Store) {
    let mine = [
        series("", "", ""),
        series("a", "", ""),
        series("a", "r", ""),
        series("a", "r", "t"),
        series("b", "", ""),
    ];
    let mut other = series("a", "", "");
    other.scope = Scope::new("123456789012", "us-east-1");
    let written = mine.iter().rev().chain([&other]);
    let rows = written.map(|series| of(series, 1, json!({}))).collect();
    commit(store, measured(rows)).await;
    let found = store.series(here(), None, 100).await;
    assert_eq!(found.expect("readable"), mine);
    let behind = Some(mine[2].clone());
    let found = store.series(here(), behind, 1).await;
    assert_eq!(found.expect("readable"), mine[3..4]);
}

/// Minutes go by age, a bounded number at a time, and a series with its last minute.
pub async fn old_minutes_are_pruned_with_their_series(store: &dyn Store) {
    let (old, both) = (series("a", "", ""), series("b", "", ""));
    let rows = (0..4).map(|minute| of(&old, minute, json!({})));
    let rows = rows.chain((2..6).map(|minute| of(&both, minute, json!({}))));
    commit(store, measured(rows.collect())).await;
    let before = Retention {
        measured_before: Some(Timestamp::from_second(4 * 60).expect("in range")),
        ..Retention::default()
    };
    assert_eq!(store.prune(before, 4).await, Ok(4));
    assert_eq!(store.prune(before, 4).await, Ok(2));
    assert_eq!(store.prune(before, 4).await, Ok(0));
    assert_eq!(
        bodies(store, all(&both)).await,
        [(4, json!({})), (5, json!({}))]
    );
    let found = store.series(here(), None, 100).await;
    assert_eq!(found.expect("readable"), [both]);
}

/// Names and numbers beyond the limits are refused, with everything else of the turn.
pub async fn malformed_minutes_are_refused(store: &dyn Store) {
    let good = series("a", "", "");
    let bad = [
        of(&series(&"b".repeat(3_000), "", ""), 1, json!({})),
        of(&series("a", "r\0", ""), 1, json!({})),
        of(&good, 1, json!("x".repeat(MAX_MEASURED))),
    ];
    for minute in bad {
        let turn = measured(vec![of(&good, 1, json!({})), minute]);
        assert!(matches!(
            refused(store, turn).await,
            CommitError::Refused(_)
        ));
    }
    assert_eq!(bodies(store, all(&good)).await, []);
}
