//! Scheduled rules: they fire when they say, once for each instant, whatever happens to the process or the clock.

use std::sync::Arc;
use std::time::Duration;

use engine::MissedSchedules;
use jiff::{SignedDuration, Timestamp};
use model::AggregateId;
use model::bus::RULE;
use ports::memory::{Faulty, Moment};
use ports::store::Frames;
use ports::{Clock, ManualClock, MemoryStore};
use proptest::prelude::*;
use rules::Schedule;
use serde_json::{Value, json};

use crate::hook::{HOOK, Process, at, memory, secs};
use crate::world::{World, put, scope, start_time};

fn rule(expression: Option<&str>, state: &str) -> Value {
    json!({
        "name": "tick", "bus": "default", "state": state, "schedule_expression": expression,
        "event_pattern": expression.is_none().then_some("{\"source\":[\"x\"]}"),
        "targets": {"hook": {"Id": "hook", "Arn": HOOK}},
    })
}

impl Process {
    async fn rule(&self, expression: Option<&str>, state: &str) {
        let change = put(scope(), RULE, "default/tick", rule(expression, state));
        self.handle.change(vec![change]).await.expect("changed");
        self.engine.settle().await;
    }

    async fn next(&self) -> Option<Timestamp> {
        let id = AggregateId::schedule_of(&scope(), "default", "tick");
        let stored = self.handle.load(id, Frames::All).await.expect("read")?;
        let schedule = bus::schedule::Schedule::restore(stored.frames).expect("restored");
        schedule.next
    }

    /// Lets everything happen that is due by now.
    async fn catch_up(&self, clock: &ManualClock) {
        for _ in 0..1_000 {
            clock.advance(Duration::ZERO);
            tokio::task::yield_now().await;
            self.engine.settle().await;
            if self.next().await.is_none_or(|next| next > clock.now()) {
                self.engine.settle().await;
                return;
            }
        }
        panic!("the schedule does not catch up");
    }
}

#[tokio::test]
async fn a_rate_fires_on_its_beat_with_the_scheduled_event() {
    let (store, hook, clock) = (memory(), Arc::default(), ManualClock::new(start_time()));
    let process = Process::start(&store, (&hook, &clock), MissedSchedules::Once).await;
    process.rule(Some("rate(5 minutes)"), "ENABLED").await;
    for _ in 0..3 {
        clock.advance(secs(300));
        process.catch_up(&clock).await;
    }
    assert_eq!(
        hook.times(),
        [
            "2026-03-01T03:05:00Z",
            "2026-03-01T03:10:00Z",
            "2026-03-01T03:15:00Z"
        ]
        .map(at)
    );
    let events = hook.0.lock().expect("no panic held it");
    let mut first = events[0].clone();
    assert!(first["id"].as_str().is_some_and(|id| id.len() == 36));
    assert_ne!(events[0]["id"], events[1]["id"]);
    first["id"] = json!("-");
    assert_eq!(
        first,
        json!({
            "version": "0", "id": "-", "detail-type": "Scheduled Event", "source": "aws.events",
            "account": "123456789012", "time": "2026-03-01T03:05:00Z", "region": "us-east-1",
            "resources": ["arn:aws:events:us-east-1:123456789012:rule/tick"], "detail": {},
        })
    );
}

#[tokio::test]
async fn a_rule_that_is_disabled_deleted_or_changed_fires_as_it_says_now() {
    let (store, hook, clock) = (memory(), Arc::default(), ManualClock::new(start_time()));
    let process = Process::start(&store, (&hook, &clock), MissedSchedules::Once).await;
    process.rule(Some("rate(10 minutes)"), "ENABLED").await;
    clock.advance(secs(420));
    // The same text, and targets that change, leave the beat alone.
    process.rule(Some("rate(10 minutes)"), "ENABLED").await;
    assert_eq!(process.next().await, Some(at("2026-03-01T03:10:00Z")));
    process.rule(Some("rate(10 minutes)"), "DISABLED").await;
    assert_eq!(process.next().await, None);
    clock.advance(secs(600));
    process.catch_up(&clock).await;
    assert_eq!(hook.times(), []);
    // Enabled again it keeps its beat and catches nothing up.
    process.rule(Some("rate(10 minutes)"), "ENABLED").await;
    assert_eq!(process.next().await, Some(at("2026-03-01T03:20:00Z")));
    // Another text begins anew.
    process.rule(Some("rate(1 hour)"), "ENABLED").await;
    assert_eq!(process.next().await, Some(at("2026-03-01T04:17:00Z")));
    process.rule(Some("cron(30 4 * * ? *)"), "ENABLED").await;
    assert_eq!(process.next().await, Some(at("2026-03-01T04:30:00Z")));
    process.rule(None, "ENABLED").await;
    assert_eq!(process.next().await, None);
    clock.advance(secs(86_400));
    process.catch_up(&clock).await;
    assert_eq!(hook.times(), []);
    // Deleted and put again at once, it counts from then.
    process.rule(Some("rate(1 day)"), "ENABLED").await;
    clock.advance(secs(60));
    let gone = engine::ResourceChange {
        body: None,
        ..put(scope(), RULE, "default/tick", Value::Null)
    };
    process.handle.change(vec![gone]).await.expect("deleted");
    process.rule(Some("rate(1 day)"), "ENABLED").await;
    assert_eq!(process.next().await, Some(at("2026-03-03T03:18:00Z")));
}

#[tokio::test]
async fn a_gap_fires_once_or_not_at_all_as_the_setting_says() {
    for (missed, want) in [
        (
            MissedSchedules::Once,
            vec![
                "2026-03-01T03:05:00Z",
                "2026-03-04T03:00:00Z",
                "2026-03-04T03:05:00Z",
            ],
        ),
        (
            MissedSchedules::Skip,
            vec!["2026-03-01T03:05:00Z", "2026-03-04T03:05:00Z"],
        ),
    ] {
        let (store, hook, clock) = (memory(), Arc::default(), ManualClock::new(start_time()));
        let process = Process::start(&store, (&hook, &clock), missed).await;
        process.rule(Some("rate(5 minutes)"), "ENABLED").await;
        clock.advance(secs(300));
        process.catch_up(&clock).await;
        process.engine.stop().await;
        clock.advance(secs(3 * 86_400 - 300 + 90));
        let process = Process::start(&store, (&hook, &clock), missed).await;
        process.catch_up(&clock).await;
        clock.advance(secs(210));
        process.catch_up(&clock).await;
        assert_eq!(
            hook.times(),
            want.into_iter().map(at).collect::<Vec<_>>(),
            "{missed:?}"
        );
    }
}

#[tokio::test]
async fn a_firing_within_its_minute_is_not_missed() {
    let (store, hook, clock) = (memory(), Arc::default(), ManualClock::new(start_time()));
    let process = Process::start(&store, (&hook, &clock), MissedSchedules::Skip).await;
    process.rule(Some("rate(1 minute)"), "ENABLED").await;
    process.engine.stop().await;
    clock.advance(secs(10 * 60 + 59));
    let process = Process::start(&store, (&hook, &clock), MissedSchedules::Skip).await;
    process.catch_up(&clock).await;
    assert_eq!(hook.times(), [at("2026-03-01T03:10:00Z")]);
}

#[tokio::test]
async fn a_clock_that_is_set_back_fires_nothing_twice() {
    let (store, hook, clock) = (memory(), Arc::default(), ManualClock::new(start_time()));
    let process = Process::start(&store, (&hook, &clock), MissedSchedules::Once).await;
    process.rule(Some("cron(* * * * ? *)"), "ENABLED").await;
    clock.advance(secs(300));
    process.catch_up(&clock).await;
    process.engine.stop().await;
    assert_eq!(hook.times(), [at("2026-03-01T03:05:00Z")]);
    // The next process finds its clock four minutes behind.
    let clock = ManualClock::new(at("2026-03-01T03:01:30Z"));
    let process = Process::start(&store, (&hook, &clock), MissedSchedules::Once).await;
    for _ in 0..6 {
        clock.advance(secs(60));
        process.catch_up(&clock).await;
    }
    // Nor does it when the rule is switched off and on meanwhile.
    assert_eq!(
        hook.times(),
        [
            "2026-03-01T03:05:00Z",
            "2026-03-01T03:06:00Z",
            "2026-03-01T03:07:00Z"
        ]
        .map(at)
    );
    let clock = ManualClock::new(at("2026-03-01T03:02:00Z"));
    process.engine.stop().await;
    let process = Process::start(&store, (&hook, &clock), MissedSchedules::Once).await;
    process.rule(Some("cron(* * * * ? *)"), "DISABLED").await;
    process.rule(Some("cron(* * * * ? *)"), "ENABLED").await;
    assert_eq!(process.next().await, Some(at("2026-03-01T03:08:00Z")));
}

#[tokio::test]
async fn a_rule_and_its_schedule_are_one_commit() {
    for (moment, kept) in [(Moment::Before, false), (Moment::After, true)] {
        let (inner, hook, clock) = (
            Arc::new(MemoryStore::new()),
            Arc::default(),
            ManualClock::new(start_time()),
        );
        let dying = Arc::new(Faulty::crashing(Arc::clone(&inner), 1, moment));
        let process = Process::start(&dying, (&hook, &clock), MissedSchedules::Once).await;
        let change = put(
            scope(),
            RULE,
            "default/tick",
            rule(Some("rate(1 hour)"), "ENABLED"),
        );
        assert!(process.handle.change(vec![change]).await.is_err());
        process.engine.stop().await;
        let process = Process::start(&inner, (&hook, &clock), MissedSchedules::Once).await;
        process.engine.settle().await;
        let stored = process
            .handle
            .resource(&scope(), RULE, "default/tick")
            .await;
        assert_eq!(stored.expect("read").is_some(), kept, "{moment:?}");
        let want = kept.then(|| at("2026-03-01T04:00:00Z"));
        assert_eq!(process.next().await, want, "{moment:?}");
    }
}

#[tokio::test]
async fn a_crash_around_a_firing_fires_it_once() {
    // Commit 1 puts the rule, 2 sets its schedule, 3 fires.
    for moment in [Moment::Before, Moment::After] {
        let (inner, hook, clock) = (
            Arc::new(MemoryStore::new()),
            Arc::default(),
            ManualClock::new(start_time()),
        );
        let dying = Arc::new(Faulty::crashing(Arc::clone(&inner), 3, moment));
        let process = Process::start(&dying, (&hook, &clock), MissedSchedules::Once).await;
        process.rule(Some("rate(1 hour)"), "ENABLED").await;
        clock.advance(secs(3_600));
        for _ in 0..20 {
            tokio::task::yield_now().await;
            process.engine.settle().await;
        }
        process.engine.stop().await;
        assert_eq!(hook.times(), [], "{moment:?}");
        let process = Process::start(&inner, (&hook, &clock), MissedSchedules::Once).await;
        process.engine.settle().await;
        process.catch_up(&clock).await;
        assert_eq!(hook.times(), [at("2026-03-01T04:00:00Z")], "{moment:?}");
    }
}

#[tokio::test]
async fn a_scheduled_rule_opens_incidents_too() {
    let (world, _) = World::new().await;
    world.install(None).await;
    let rule = json!({
        "name": "drill", "bus": "default", "state": "ENABLED", "schedule_expression": "rate(1 hour)",
        "targets": {"plan": {"Id": "plan", "Arn": "arn:aws:ssm-incidents::123456789012:response-plan/compromised"}},
    });
    world
        .put(vec![put(scope(), RULE, "default/drill", rule)])
        .await;
    world.fast_forward(Duration::from_secs(3_600)).await;
    assert_eq!(world.incidents().await.len(), 1);
}

fn expression() -> impl Strategy<Value = String> {
    prop_oneof![
        (1_u32..200).prop_map(|minutes| format!(
            "rate({minutes} minute{})",
            if minutes == 1 { "" } else { "s" }
        )),
        (2_u32..40).prop_map(|hours| format!("rate({hours} hours)")),
        Just("rate(1 day)".to_owned()),
        (0_u8..60, 0_u8..24).prop_map(|(minute, hour)| format!("cron({minute} {hour} * * ? *)")),
        (1_u8..60, 0_u8..24)
            .prop_map(|(step, hour)| format!("cron(0/{step} {hour}-23 ? * MON-FRI *)")),
        (1_u8..6).prop_map(|nth| format!("cron(0 9 ? * TUE#{nth} *)")),
        Just("cron(0 0 L * ? *)".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Moved on from firing to firing over months, with restarts in between, a rule fires at its schedule's own
    /// instants and at no other; after gaps at the last instant of the gap.
    #[test]
    fn what_fires_is_what_the_schedule_says(
        expression in expression(),
        restarts in proptest::collection::vec(any::<bool>(), 60),
        gaps in proptest::collection::vec(prop_oneof![4 => Just(0_i64), 1 => 1_i64..200_000], 60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let (fired, wanted) = runtime.block_on(months(&expression, restarts.into_iter().zip(gaps)));
        prop_assert_eq!(fired, wanted, "{}", expression);
    }
}

async fn months(
    expression: &str,
    steps: impl Iterator<Item = (bool, i64)>,
) -> (Vec<Timestamp>, Vec<Timestamp>) {
    let (store, hook, clock) = (memory(), Arc::default(), ManualClock::new(start_time()));
    let mut process = Process::start(&store, (&hook, &clock), MissedSchedules::Once).await;
    process.rule(Some(expression), "ENABLED").await;
    let schedule = Schedule::parse(expression).expect("valid");
    let (mut wanted, mut last) = (Vec::new(), start_time());
    for (restart, gap) in steps {
        let Some(next) = schedule.next_after(last, start_time()) else {
            break;
        };
        let now = next + SignedDuration::from_secs(gap);
        let due = schedule
            .last_between(last, now, start_time())
            .expect("at least the next");
        wanted.push(due);
        last = due;
        let wait = Duration::try_from(now.duration_since(clock.now())).unwrap_or_default();
        if restart {
            process.engine.stop().await;
            clock.advance(wait);
            process = Process::start(&store, (&hook, &clock), MissedSchedules::Once).await;
        } else {
            clock.advance(wait);
        }
        process.catch_up(&clock).await;
    }
    (hook.times(), wanted)
}
