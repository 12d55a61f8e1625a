//! Minutes of series, in memory.

use std::collections::BTreeMap;

use model::Scope;
use serde_json::Value;

use crate::limits::{minutes_before, page};
use crate::store::{MeasuredMinute, MeasuredQuery, MeasuredRow, Retention, Series};

/// Numbers by series, then by minute and part.
#[derive(Debug, Default)]
pub(in crate::memory) struct Measured(BTreeMap<Series, BTreeMap<(i64, i64), Value>>);

impl Measured {
    pub(super) fn add(&mut self, measured: MeasuredMinute) {
        let rows = self.0.entry(measured.series).or_default();
        let minute = measured.minute;
        let last = rows.range((minute, 0)..=(minute, i64::MAX)).next_back();
        let part = last.map_or(0, |((_, part), _)| part + 1);
        rows.insert((minute, part), measured.body);
    }

    pub(in crate::memory) fn read(&self, query: &MeasuredQuery) -> Vec<MeasuredRow> {
        let Some(rows) = self.0.get(&query.series) else {
            return Vec::new();
        };
        let wanted = rows.iter().filter(|(number, _)| {
            (query.from..query.until).contains(&number.0)
                && query.after.is_none_or(|after| **number > after)
        });
        wanted
            .take(page(query.limit))
            .map(|(number, body)| MeasuredRow {
                number: *number,
                body: body.clone(),
            })
            .collect()
    }

    pub(in crate::memory) fn series(
        &self,
        scope: &Scope,
        after: Option<Series>,
        limit: usize,
    ) -> Vec<Series> {
        let wanted = self.0.keys().filter(|series| {
            series.scope == *scope && after.as_ref().is_none_or(|after| *series > after)
        });
        wanted.take(limit).cloned().collect()
    }

    /// Deletes at most `limit` minutes, and the series that have none left.
    pub(super) fn prune(&mut self, retention: &Retention, limit: usize) -> usize {
        let Some(before) = retention.measured_before.map(minutes_before) else {
            return 0;
        };
        let mut gone = 0;
        self.0.retain(|_, rows| {
            while gone < limit
                && rows
                    .first_key_value()
                    .is_some_and(|(number, _)| number.0 < before)
            {
                rows.pop_first();
                gone += 1;
            }
            !rows.is_empty()
        });
        gone
    }
}
