//! `GetMetricData` over the numbers of event buses, rules and targets: for the operator's API and for CloudWatch's wire.
//!
//! Namespace `AWS/Events`, its metric names and dimensions; as on AWS, `RuleName` without `EventBusName` is a rule of
//! the default bus. Expressions are not computed.

mod question;

use std::collections::BTreeMap;

use engine::views::measures::Measures;
use jiff::Timestamp;
use ports::store::Series;
use serde_json::{Value, json};

use crate::call::Call;
use crate::error::ApiError;
use crate::page::Cursor;
use question::{Query, Question};

pub(crate) use question::{names, told_of};

/// The one namespace that is served.
pub(crate) const NAMESPACE: &str = "AWS/Events";

/// Seconds of a minute, the finest that is kept.
const MINUTE: i64 = 60;
/// Minutes of all series that one request may read.
const MAX_MINUTES: i64 = 1_000_000;

/// How the two ways in differ.
pub(crate) struct Manner {
    /// An instant in an answer.
    pub(crate) instant: fn(Timestamp) -> Value,
    /// The error for a request that makes no sense.
    pub(crate) invalid: fn(String) -> ApiError,
    /// The error for a token of another request.
    pub(crate) bad_token: fn() -> ApiError,
}

/// A query's values, newest or oldest first.
struct Answered<'a> {
    query: &'a Query,
    points: Vec<(i64, f64)>,
}

/// Answers a request.
pub(crate) async fn get(call: &Call, manner: &Manner) -> Result<Value, ApiError> {
    let question = Question::read(&call.fields(), &call.scope, manner)?;
    let cursor = Cursor::new(call, "GetMetricData", &question.text);
    let skip = match &question.token {
        None => 0,
        Some(token) => cursor
            .position(token)
            .and_then(|position| position.parse().ok())
            .ok_or_else(manner.bad_token)?,
    };
    let minutes = read(call, &question, manner).await?;
    let answered: Vec<Answered<'_>> = question
        .queries
        .iter()
        .map(|query| Answered {
            query,
            points: points(&question, query, &minutes),
        })
        .collect();
    let (results, next) = page(&answered, (skip, question.most), manner);
    let mut answer = json!({ "MetricDataResults": results, "Messages": [] });
    if let Some(next) = next {
        answer["NextToken"] = cursor.token(&next.to_string()).into();
    }
    Ok(answer)
}

/// The minutes of every series that a query names, each read once.
async fn read(
    call: &Call,
    question: &Question,
    manner: &Manner,
) -> Result<BTreeMap<Series, BTreeMap<i64, Measures>>, ApiError> {
    let wanted = question
        .queries
        .iter()
        .filter_map(|query| query.series.as_ref());
    let mut minutes: BTreeMap<Series, BTreeMap<i64, Measures>> = wanted
        .map(|series| (series.clone(), BTreeMap::new()))
        .collect();
    let (from, until) = question.minutes();
    let count = i64::try_from(minutes.len()).unwrap_or(i64::MAX);
    if until.saturating_sub(from).saturating_mul(count) > MAX_MINUTES {
        return Err((manner.invalid)(format!(
            "the request spans more than {MAX_MINUTES} minutes of all its series together: ask for less time or fewer series"
        )));
    }
    for (series, found) in &mut minutes {
        *found = call.handle().measured(series, from, until).await?;
    }
    Ok(minutes)
}

/// The values of one query.
fn points(
    question: &Question,
    query: &Query,
    minutes: &BTreeMap<Series, BTreeMap<i64, Measures>>,
) -> Vec<(i64, f64)> {
    let Some((metric, series)) = query.metric.zip(query.series.as_ref()) else {
        return Vec::new();
    };
    let mut periods: BTreeMap<i64, Measures> = BTreeMap::new();
    let first = question.start.div_euclid(query.period) * query.period;
    for (minute, measures) in minutes.get(series).into_iter().flatten() {
        let second = minute.saturating_mul(MINUTE);
        let period = second.div_euclid(query.period) * query.period;
        if period >= first && second < question.end {
            periods.entry(period).or_default().add(measures);
        }
    }
    let values = periods
        .iter()
        .filter_map(|(period, measures)| Some((*period, metric.value(measures, query.statistic)?)));
    let mut points: Vec<(i64, f64)> = values.collect();
    if question.newest_first {
        points.reverse();
    }
    points
}

/// The results behind the first `skip` values, at most `most` values of all of them together, and where the next page
/// begins.
fn page(
    answered: &[Answered<'_>],
    (skip, most): (usize, usize),
    manner: &Manner,
) -> (Vec<Value>, Option<usize>) {
    let mut results = Vec::new();
    let mut before = 0;
    let until = skip.saturating_add(most);
    let mut next = None;
    for one in answered {
        let count = one.points.len();
        let from = skip.saturating_sub(before).min(count);
        let to = until.saturating_sub(before).min(count);
        before += count;
        let done_before = from == count && (count > 0 || skip > 0);
        if done_before {
            continue;
        }
        if to < count {
            next = Some(until);
        }
        if to == from && count > 0 {
            continue;
        }
        let part = one.points.get(from..to).unwrap_or_default();
        results.push(result(one.query, part, (to < count, manner)));
    }
    (results, next)
}

fn result(query: &Query, points: &[(i64, f64)], (partial, manner): (bool, &Manner)) -> Value {
    let instants = points.iter().filter_map(|(second, _)| {
        let at = Timestamp::from_second(*second).ok()?;
        Some((manner.instant)(at))
    });
    let mut result = json!({
        "Id": query.id,
        "Label": query.label,
        "Timestamps": instants.collect::<Vec<Value>>(),
        "Values": points.iter().map(|(_, value)| *value).collect::<Vec<f64>>(),
        "StatusCode": if partial { "PartialData" } else { "Complete" },
    });
    if let Some(message) = &query.message {
        result["Messages"] = json!([{ "Code": "NoSuchMetric", "Value": message }]);
    }
    result
}
