//! What was counted, for those who ask: minutes from store and memory together, and sums since the start.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use bus::measures::Measures;
use ports::StoreError;
use ports::store::{MeasuredQuery, Series};
use serde::Deserialize;

use super::Metrics;
use super::flush::{Minutes, sums};
use crate::engine::Shared;

/// Rows of one read.
const PAGE: usize = 1_000;

/// The minutes of one series from `from` until before `until` (minutes since 1970).
pub(crate) async fn minutes(
    shared: &Shared,
    series: &Series,
    from: i64,
    until: i64,
) -> Result<BTreeMap<i64, Measures>, StoreError> {
    // Held over the store's answer: what moves there meanwhile would be counted twice or not at all.
    let unwritten = shared.metrics.unwritten.read().await;
    let mut found = BTreeMap::<i64, Measures>::new();
    let memory = shared.metrics.running(series);
    let within = |minute: &i64| (from..until).contains(minute);
    for ((minute, named), measures) in unwritten.iter().chain(&memory) {
        if named == series && within(minute) {
            found.entry(*minute).or_default().add(measures);
        }
    }
    let mut after = None;
    loop {
        let query = MeasuredQuery {
            series: series.clone(),
            from,
            until,
            after,
            limit: PAGE,
        };
        let page = shared.ports.store.measured(query).await?;
        after = page.last().map(|row| row.number);
        let full = page.len() == PAGE;
        for row in page {
            match Measures::deserialize(&row.body) {
                Ok(measures) => found.entry(row.number.0).or_default().add(&measures),
                Err(error) => {
                    tracing::warn!(error = %error, "a stored minute cannot be read, it is left out");
                }
            }
        }
        if !full {
            return Ok(found);
        }
    }
}

/// How the engine is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Inputs that wait for their turn.
    pub inputs_waiting: usize,
    /// Timers in memory: those that are due within the next hour.
    pub timers: usize,
    /// Turns that the store took since the start of the process.
    pub commits: u64,
    /// Series that are counted.
    pub series: usize,
    /// Outcomes that were counted in no series of their own, because there are too many series.
    pub uncounted: u64,
}

/// How the engine is doing.
pub(crate) fn figures(shared: &Shared) -> Figures {
    let metrics = &shared.metrics;
    Figures {
        inputs_waiting: shared.dispatcher.waiting(),
        timers: shared.timers.count(),
        commits: metrics.commits.load(Ordering::Relaxed),
        series: metrics.series.load(Ordering::Relaxed),
        uncounted: metrics.uncounted.load(Ordering::Relaxed),
    }
}

impl Metrics {
    /// What is in memory and belongs to a series or its parts, summed up.
    fn running(&self, whole: &Series) -> Minutes {
        let part = |named: &str, whole: &str| whole.is_empty() || named == whole;
        let mut running = Minutes::new();
        self.each(|counted| {
            let series = &counted.series;
            let belongs = series.scope == whole.scope
                && part(&series.bus, &whole.bus)
                && part(&series.rule, &whole.rule)
                && part(&series.target, &whole.target);
            if !belongs {
                return;
            }
            let current = std::iter::once((&counted.minute, &counted.current));
            let over = counted.over.iter().map(|(minute, of)| (minute, of));
            for (minute, measures) in over.chain(current) {
                let key = (*minute, series.clone());
                running.entry(key).or_default().add(measures);
            }
        });
        sums(running)
    }

    /// Sums since the start of the process, in order of series.
    pub(crate) fn totals(&self) -> Vec<(Series, Measures)> {
        let mut totals = Vec::new();
        self.each(|counted| totals.push((counted.series.clone(), counted.total.clone())));
        totals.sort_by(|(one, _), (other, _)| one.cmp(other));
        totals
    }
}
