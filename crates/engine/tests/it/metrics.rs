//! What is counted of rules and targets: by minute, over a restart, and what a kill loses.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bus::measures::Measures;
use engine::PutEntry;
use ports::ManualClock;
use ports::store::Series;

use crate::world::{World, scope, start_time};

fn series(bus: &str, rule: &str, target: &str) -> Series {
    Series {
        scope: scope(),
        bus: bus.to_owned(),
        rule: rule.to_owned(),
        target: target.to_owned(),
    }
}

/// What a test looks at.
type Pick = fn(&Measures) -> u64;
/// By minute.
type Want = &'static [(i64, u64)];

/// Minutes behind the start of the test, with what `pick` wants of each.
async fn minutes(world: &World, series: Series, pick: Pick) -> BTreeMap<i64, u64> {
    let start = start_time().as_second() / 60;
    let found = world.handle.measured(&series, start - 10, start + 100);
    let found = found.await.expect("readable").into_iter();
    found
        .map(|(minute, of)| (minute - start, pick(&of)))
        .filter(|(_, count)| *count > 0)
        .collect()
}

async fn stray(world: &World, bus: &str) {
    let entry = PutEntry {
        id: None,
        account: None,
        region: None,
        bus: bus.to_owned(),
        source: "shop".to_owned(),
        detail_type: "Order".to_owned(),
        detail: "{}".to_owned(),
        resources: Vec::new(),
        time: None,
    };
    world
        .handle
        .put_events(&scope(), vec![entry])
        .await
        .expect("taken");
}

#[tokio::test]
async fn rules_targets_and_buses_are_counted_by_minute() {
    let (world, _) = World::new().await;
    world.install(None).await;
    world.finding("i-1").await;
    stray(&world, "default").await;
    stray(&world, "made-up").await;
    world.fast_forward(Duration::from_secs(61)).await;
    world.finding("i-2").await;
    let cases: [(Series, Pick, Want); 8] = [
        (series("", "", ""), |of| of.events, &[(0, 3), (1, 1)]),
        (series("", "", ""), |of| of.matched, &[(0, 1), (1, 1)]),
        (series("default", "", ""), |of| of.events, &[(0, 2), (1, 1)]),
        (series("made-up", "", ""), |of| of.events, &[]),
        (
            series("default", "findings", ""),
            |of| of.matched,
            &[(0, 1), (1, 1)],
        ),
        (
            series("default", "findings", ""),
            |of| of.delivered,
            &[(0, 1), (1, 1)],
        ),
        (
            series("default", "findings", "plan"),
            |of| of.done.count(),
            &[(0, 1), (1, 1)],
        ),
        (series("default", "findings", "plan"), |of| of.matched, &[]),
    ];
    for (series, pick, want) in cases {
        let got = minutes(&world, series.clone(), pick).await;
        assert_eq!(got, want.iter().copied().collect(), "{series:?}");
    }
    let totals = world.handle.measured_totals();
    let names: Vec<_> = totals
        .iter()
        .map(|(series, of)| {
            (
                series.bus.as_str(),
                series.rule.as_str(),
                series.target.as_str(),
                of.events,
            )
        })
        .collect();
    let want = [
        ("", "", "", 1),
        ("default", "", "", 3),
        ("default", "findings", "", 0),
        ("default", "findings", "plan", 0),
    ];
    assert_eq!(names, want);
}

#[tokio::test]
async fn a_restart_keeps_every_minute_and_a_kill_loses_the_one_that_ran() {
    let (world, store) = World::new().await;
    let clock = world.clock.clone();
    world.install(None).await;
    world.finding("i-1").await;
    world.fast_forward(Duration::from_secs(70)).await;
    world.finding("i-1").await;
    world.engine.stop().await;
    let again = async |clock: &ManualClock| {
        World::on(Arc::clone(&store), Arc::default(), clock.clone()).await
    };
    let world = again(&clock).await;
    let rule = || series("default", "findings", "");
    let matched = |of: &Measures| of.matched;
    let stopped = BTreeMap::from([(0, 1), (1, 1)]);
    assert_eq!(minutes(&world, rule(), matched).await, stopped);
    world.finding("i-1").await;
    let both = BTreeMap::from([(0, 1), (1, 2)]);
    assert_eq!(
        minutes(&world, rule(), matched).await,
        both,
        "parts of one minute add up"
    );
    world.kill();
    let world = again(&clock).await;
    assert_eq!(minutes(&world, rule(), matched).await, stopped);
    let listed = world.handle.measured_series(&scope(), None).await;
    assert_eq!(
        listed.expect("readable"),
        [
            series("", "", ""),
            series("default", "", ""),
            rule(),
            series("default", "findings", "plan"),
        ]
    );
}

#[tokio::test]
async fn minutes_are_one_commit_and_silence_is_none() {
    let (world, store) = World::new().await;
    world.install(None).await;
    world.fast_forward(Duration::from_secs(61)).await;
    for _ in 0..5 {
        stray(&world, "default").await;
    }
    let before = store.commits();
    for _ in 0..5 {
        world.fast_forward(Duration::from_secs(60)).await;
    }
    assert_eq!(store.commits() - before, 1);
}
