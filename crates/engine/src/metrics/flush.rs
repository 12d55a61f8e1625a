//! Minutes that are over go to the store: at most once a minute, summed up for each rule, each bus and everything, so
//! that a reader of any of them reads one series.

use std::collections::BTreeMap;
use std::time::Duration;

use bus::measures::Measures;
use model::bus::RULE;
use ports::StoreError;
use ports::store::{CommitError, MeasuredMinute, Series, Turn};

use super::{Metrics, minute};
use crate::engine::Shared;

/// Seconds behind the full minute at which it is written.
const LAG_SECS: i64 = 2;
/// Rows of one commit.
const MAX_ROWS: usize = 2_000;
/// Rows kept in memory while the store takes none: the oldest go first.
const MAX_UNWRITTEN: usize = 200_000;
/// A series of a rule that is gone leaves the memory when it was silent for so many minutes.
const KEEP_GONE_MINUTES: i64 = 60;
/// Rules looked up per minute, whether they are still there.
const MAX_LOOK_UPS: usize = 200;

/// Numbers by minute and series, oldest first.
pub(super) type Minutes = BTreeMap<(i64, Series), Measures>;

/// Writes what is over, every minute, for ever.
pub(crate) async fn run(shared: &Shared) {
    loop {
        let second = shared.ports.clock.now().as_second().rem_euclid(60);
        let wait = u64::try_from(60 + LAG_SECS - second).unwrap_or(60);
        shared.ports.clock.sleep(Duration::from_secs(wait)).await;
        let now = minute(shared.ports.clock.now());
        flush(shared, now).await;
        if let Err(error) = forget_gone(shared, now).await {
            tracing::warn!(error = %error, "rules cannot be looked up, their numbers stay in memory");
        }
    }
}

/// Writes everything, the minute that runs included: for an orderly stop.
pub(crate) async fn flush_all(shared: &Shared) {
    flush(shared, i64::MAX).await;
}

async fn flush(shared: &Shared, until: i64) {
    let mut unwritten = shared.metrics.unwritten.write().await;
    for (key, measures) in sums(shared.metrics.take(until)) {
        unwritten.entry(key).or_default().add(&measures);
    }
    while unwritten.len() > MAX_UNWRITTEN {
        unwritten.pop_first();
    }
    while !unwritten.is_empty() {
        let keys: Vec<_> = unwritten.keys().take(MAX_ROWS).cloned().collect();
        let rows = keys.iter().filter_map(|key| row(key, unwritten.get(key)?));
        let turn = Turn {
            measured: rows.collect(),
            ..Turn::default()
        };
        let committed = shared.ports.store.commit(turn).await;
        match shared.metrics.committed(committed) {
            // Tried again with the next minute.
            Err(CommitError::Full) => return,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(error = %error, rows = keys.len(), "numbers of events were not kept");
            }
        }
        for key in &keys {
            unwritten.remove(key);
        }
    }
}

fn row((minute, series): &(i64, Series), measures: &Measures) -> Option<MeasuredMinute> {
    Some(MeasuredMinute {
        series: series.clone(),
        minute: *minute,
        body: serde_json::to_value(measures).ok()?,
    })
}

/// The minutes with the sums of their rules, their buses and everything.
pub(super) fn sums(own: Minutes) -> Minutes {
    let mut all = Minutes::new();
    for ((minute, series), measures) in own {
        for wider in wider(&series) {
            let sum = all.entry((minute, wider)).or_default();
            sum.add_part(&measures);
            if series.rule.is_empty() {
                sum.events = sum.events.saturating_add(measures.events);
                sum.matched = sum.matched.saturating_add(measures.matched);
            }
        }
        all.entry((minute, series)).or_default().add(&measures);
    }
    all.retain(|_, measures| !measures.is_empty());
    all
}

/// What a series is a part of.
fn wider(series: &Series) -> Vec<Series> {
    let whole = |bus: &str, rule: &str| Series {
        scope: series.scope.clone(),
        bus: bus.to_owned(),
        rule: rule.to_owned(),
        target: String::new(),
    };
    let mut wider = Vec::new();
    if !series.target.is_empty() {
        wider.push(whole(&series.bus, &series.rule));
    }
    if !series.rule.is_empty() {
        wider.push(whole(&series.bus, ""));
    }
    if !series.bus.is_empty() {
        wider.push(whole("", ""));
    }
    wider
}

/// Lets series of rules that no longer exist go, some time after their last event.
async fn forget_gone(shared: &Shared, now: i64) -> Result<(), StoreError> {
    let mut silent = Vec::new();
    shared.metrics.each(|counted| {
        let long = counted.minute.saturating_add(KEEP_GONE_MINUTES) < now;
        if long && !counted.series.rule.is_empty() && !counted.has_unwritten() {
            silent.push(counted.series.clone());
        }
    });
    // Others than last minute's come first, by chance of the hash: within hours each is looked at.
    silent.sort();
    let turn = usize::try_from(now).unwrap_or(0) % silent.len().max(1);
    silent.rotate_left(turn);
    let mut gone = Vec::new();
    for series in silent.into_iter().take(MAX_LOOK_UPS) {
        let name = format!("{}/{}", series.bus, series.rule);
        let found = shared
            .ports
            .store
            .resource(series.scope.clone(), RULE.to_owned(), name);
        if found.await?.is_none() {
            gone.push(series);
        }
    }
    shared.metrics.forget(&gone);
    Ok(())
}

impl Metrics {
    /// Takes out the minutes before `until`.
    fn take(&self, until: i64) -> Minutes {
        let mut taken = Minutes::new();
        self.each(|counted| {
            for (minute, measures) in counted.take(until) {
                let key = (minute, counted.series.clone());
                taken.entry(key).or_default().add(&measures);
            }
        });
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Scope;

    fn series(bus: &str, rule: &str, target: &str) -> Series {
        Series {
            scope: Scope::new("123456789012", "eu-central-1"),
            bus: bus.to_owned(),
            rule: rule.to_owned(),
            target: target.to_owned(),
        }
    }

    fn of(events: u64, matched: u64, triggered: u64, delivered: u64) -> Measures {
        Measures {
            events,
            matched,
            triggered,
            delivered,
            ..Measures::default()
        }
    }

    #[test]
    fn targets_add_up_to_rules_buses_and_everything() {
        let own = Minutes::from([
            ((7, series("", "", "")), of(2, 0, 0, 0)),
            ((7, series("b", "", "")), of(10, 4, 0, 0)),
            ((7, series("b", "r", "")), of(0, 4, 4, 0)),
            ((7, series("b", "r", "t")), of(0, 0, 0, 3)),
            ((7, series("b", "s", "")), of(0, 2, 2, 0)),
            ((7, series("b", "s", "u")), of(0, 0, 0, 1)),
            ((8, series("b", "r", "t")), of(0, 0, 0, 5)),
        ]);
        let want = Minutes::from([
            ((7, series("", "", "")), of(12, 4, 6, 4)),
            ((7, series("b", "", "")), of(10, 4, 6, 4)),
            ((7, series("b", "r", "")), of(0, 4, 4, 3)),
            ((7, series("b", "r", "t")), of(0, 0, 0, 3)),
            ((7, series("b", "s", "")), of(0, 2, 2, 1)),
            ((7, series("b", "s", "u")), of(0, 0, 0, 1)),
            ((8, series("", "", "")), of(0, 0, 0, 5)),
            ((8, series("b", "", "")), of(0, 0, 0, 5)),
            ((8, series("b", "r", "")), of(0, 0, 0, 5)),
            ((8, series("b", "r", "t")), of(0, 0, 0, 5)),
        ]);
        assert_eq!(sums(own), want);
    }
}
