//! `ListMetrics`: the metrics of every bus, rule and target of which numbers are kept.

use std::collections::BTreeSet;

use engine::views::measures::Metric;
use ports::store::Series;
use serde_json::{Value, json};

use crate::call::{Answer, Call, Reply};
use crate::decode::{Fields, Text};
use crate::error::ApiError;
use crate::metric_data::{NAMESPACE, names, told_of};
use crate::page::Cursor;

/// Metrics of one page.
const PAGE: usize = 500;
/// Minutes that count as recent for `RecentlyActive`.
const RECENT: i64 = 3 * 60;
const NAME: Text = Text::length(1, 255);
const VALUE: Text = Text::length(1, 1024);

type Wanted<'a> = Vec<(&'a str, Option<&'a str>)>;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let namespace = fields.text("Namespace", NAME)?;
    let name = fields.text("MetricName", NAME)?;
    let wanted = dimensions(&fields)?;
    let recent = fields.one_of("RecentlyActive", &["PT3H"])?.is_some();
    let question = format!("{namespace:?}{name:?}{wanted:?}{recent}");
    let cursor = Cursor::new(&call, "ListMetrics", &question);
    let skip = skip(&fields, &cursor)?;
    if namespace.is_some_and(|namespace| namespace != NAMESPACE) {
        return Ok(Reply::ok(json!({ "Metrics": [] })));
    }
    let mut metrics = Vec::new();
    for series in all(&call).await? {
        let has = names(&series);
        let fits = wanted.iter().all(|(name, value)| {
            let mut found = has.iter().filter(|(have, _)| have == name);
            found.any(|(_, have)| value.is_none_or(|value| value == *have))
        });
        if !fits || (recent && !is_recent(&call, &series).await?) {
            continue;
        }
        let told = told_of(&series);
        let told = told.filter(|metric| name.is_none_or(|name| name == metric.name()));
        metrics.extend(told.map(|metric| view(metric, &has)));
    }
    let total = metrics.len();
    let page: Vec<Value> = metrics.into_iter().skip(skip).take(PAGE).collect();
    let mut answer = json!({ "Metrics": page });
    if skip.saturating_add(PAGE) < total {
        answer["NextToken"] = cursor.token(&(skip + PAGE).to_string()).into();
    }
    Ok(Reply::ok(answer))
}

fn dimensions<'a>(fields: &Fields<'a>) -> Result<Wanted<'a>, ApiError> {
    let given = fields.objects("Dimensions", 0, 10)?;
    given
        .iter()
        .flatten()
        .map(|one| Ok((one.required_text("Name", NAME)?, one.text("Value", VALUE)?)))
        .collect()
}

fn skip(fields: &Fields<'_>, cursor: &Cursor) -> Result<usize, ApiError> {
    let token = fields.text("NextToken", Text::length(1, 2048))?;
    let Some(token) = token else { return Ok(0) };
    let position = cursor.position(token);
    position
        .and_then(|position| position.parse().ok())
        .ok_or_else(|| {
            ApiError::new(
                "InvalidParameterValue",
                "The parameter NextToken is not valid: take it from the answer before, with the same parameters.",
            )
        })
}

/// Series with stored minutes, and those that have been counted since the start.
async fn all(call: &Call) -> Result<BTreeSet<Series>, ApiError> {
    let totals = call.handle().measured_totals().into_iter();
    let mut all: BTreeSet<Series> = totals
        .map(|(series, _)| series)
        .filter(|series| series.scope == call.scope)
        .collect();
    let mut after = None;
    loop {
        let page = call.handle().measured_series(&call.scope, after).await?;
        let Some(last) = page.last() else {
            return Ok(all);
        };
        after = Some(last.clone());
        all.extend(page);
    }
}

async fn is_recent(call: &Call, series: &Series) -> Result<bool, ApiError> {
    let now = call.handle().now().as_second().div_euclid(60);
    let minutes = call.handle().measured(series, now - RECENT, now + 1);
    Ok(!minutes.await?.is_empty())
}

fn view(metric: Metric, dimensions: &[(&str, &str)]) -> Value {
    let dimensions = dimensions
        .iter()
        .map(|(name, value)| json!({ "Name": name, "Value": value }));
    json!({
        "Namespace": NAMESPACE,
        "MetricName": metric.name(),
        "Dimensions": dimensions.collect::<Vec<Value>>(),
    })
}
