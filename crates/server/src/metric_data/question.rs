//! A `GetMetricData` request, read and checked.

use engine::views::measures::{Metric, Statistic};
use model::Scope;
use ports::store::Series;

use super::{MINUTE, Manner, NAMESPACE};
use crate::decode::{Fields, Text};
use crate::error::{ApiError, echo};

/// Most queries of one request.
const MAX_QUERIES: usize = 500;
/// Most dimensions of one metric.
const MAX_DIMENSIONS: usize = 30;
/// Most values of one answer, and how many there are unless the request says less.
const MAX_POINTS: i64 = 100_800;
/// Longest period in seconds: a year.
const MAX_PERIOD: i64 = 366 * 24 * 3_600;
/// The default bus, whose rules stand without `EventBusName`.
const DEFAULT_BUS: &str = "default";

const ID: Text = Text::length(1, 255).matching("[a-z][a-zA-Z0-9_]*", |text| {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
});
const NAME: Text = Text::length(1, 255);
const VALUE: Text = Text::length(1, 1024);
const ANY: Text = Text::length(0, 2048);

/// What is asked.
pub(super) struct Question {
    pub(super) queries: Vec<Query>,
    /// Seconds since 1970.
    pub(super) start: i64,
    /// The first second that is no longer meant.
    pub(super) end: i64,
    pub(super) newest_first: bool,
    pub(super) most: usize,
    pub(super) token: Option<String>,
    /// All that selects values, as text: a token is good for the same question only.
    pub(super) text: String,
}

/// One metric that is asked for.
pub(super) struct Query {
    pub(super) id: String,
    pub(super) label: String,
    pub(super) period: i64,
    pub(super) statistic: Statistic,
    /// `None` where there can be no values: `message` says why.
    pub(super) metric: Option<Metric>,
    pub(super) series: Option<Series>,
    pub(super) message: Option<String>,
}

/// A dimension of a metric: its name and value.
pub(crate) type Dimension<'a> = (&'a str, &'a str);

impl Question {
    pub(super) fn read(
        fields: &Fields<'_>,
        scope: &Scope,
        manner: &Manner,
    ) -> Result<Self, ApiError> {
        let objects = fields.required_objects("MetricDataQueries", 1, MAX_QUERIES)?;
        let start = fields.required_timestamp("StartTime")?.as_second();
        let end = fields.required_timestamp("EndTime")?.as_second();
        if start >= end {
            return Err((manner.invalid)(
                "The parameter StartTime must be less than the parameter EndTime.".to_owned(),
            ));
        }
        let mut queries = Vec::new();
        let mut ids = std::collections::BTreeSet::new();
        for object in &objects {
            let query = Query::read(object, scope, manner)?;
            if !ids.insert(query.id.clone()) {
                let id = query.id;
                return Err((manner.invalid)(format!(
                    "The Id `{id}` stands twice in MetricDataQueries: give each query its own."
                )));
            }
            if object.boolean("ReturnData")?.unwrap_or(true) {
                queries.push(query);
            }
        }
        let order = fields.one_of("ScanBy", &["TimestampDescending", "TimestampAscending"])?;
        let most = fields.integer("MaxDatapoints", 1, MAX_POINTS)?;
        let most = most.unwrap_or(MAX_POINTS);
        let mut text = fields.map().clone();
        text.shift_remove("NextToken");
        Ok(Self {
            queries,
            start,
            end,
            newest_first: order != Some("TimestampAscending"),
            most: usize::try_from(most).unwrap_or(usize::MAX),
            token: fields
                .text("NextToken", Text::length(1, 2048))?
                .map(str::to_owned),
            text: serde_json::Value::Object(text).to_string(),
        })
    }

    /// The minutes that are looked at: from the start of the period in which the first instant lies.
    pub(super) fn minutes(&self) -> (i64, i64) {
        let longest = self.queries.iter().map(|query| query.period).max();
        let period = longest.unwrap_or(MINUTE);
        let first = self.start.div_euclid(period) * period;
        let last = self.end.div_euclid(MINUTE) + i64::from(self.end.rem_euclid(MINUTE) > 0);
        (first.div_euclid(MINUTE), last)
    }
}

impl Query {
    fn read(fields: &Fields<'_>, scope: &Scope, manner: &Manner) -> Result<Self, ApiError> {
        let id = fields.required_text("Id", ID)?.to_owned();
        if fields.raw("Expression").is_some() {
            return Err((manner.invalid)(format!(
                "The query `{id}` has an Expression, which is not computed here: give MetricStat, and compute from the values."
            )));
        }
        let stat = fields.required_object("MetricStat")?;
        let period = stat.integer("Period", 1, MAX_PERIOD)?.ok_or_else(|| {
            ApiError::constraint(&stat.place("Period"), None, "Member must not be null")
        })?;
        if period % MINUTE != 0 {
            return Err((manner.invalid)(format!(
                "The Period of the query `{id}` must be a multiple of 60: minutes are the finest that is kept."
            )));
        }
        let name = stat.required_text("Stat", NAME)?;
        let statistic = Statistic::parse(name).ok_or_else(|| {
            (manner.invalid)(format!(
                "The Stat `{}` of the query `{id}` must be Sum, SampleCount, Average, Minimum, Maximum or a percentile such as p99.",
                echo(name)
            ))
        })?;
        let asked = stat.required_object("Metric")?;
        let found = find(&asked, scope)?;
        let unit = stat.text("Unit", NAME)?;
        let metric_name = asked.text("MetricName", NAME)?.unwrap_or_default();
        let label = fields.text("Label", ANY)?.unwrap_or(metric_name).to_owned();
        let (metric, series, message) = match found {
            Ok((metric, _)) if unit.is_some_and(|unit| unit != metric.unit()) => {
                let message = format!("{} is counted in {}", metric.name(), metric.unit());
                (None, None, Some(message))
            }
            Ok((metric, series)) => (Some(metric), Some(series), None),
            Err(message) => (None, None, Some(message)),
        };
        Ok(Self {
            id,
            label,
            period,
            statistic,
            metric,
            series,
            message,
        })
    }
}

/// The metric and series that are meant, or why there are none such.
fn find(asked: &Fields<'_>, scope: &Scope) -> Result<Result<(Metric, Series), String>, ApiError> {
    let namespace = asked.text("Namespace", NAME)?.unwrap_or_default();
    let name = asked.text("MetricName", NAME)?.unwrap_or_default();
    let dimensions = asked.objects("Dimensions", 0, MAX_DIMENSIONS)?;
    let dimensions = dimensions
        .iter()
        .flatten()
        .map(|one| {
            Ok((
                one.required_text("Name", NAME)?,
                one.required_text("Value", VALUE)?,
            ))
        })
        .collect::<Result<Vec<Dimension<'_>>, ApiError>>()?;
    if namespace != NAMESPACE {
        return Ok(Err(format!("the only namespace here is {NAMESPACE}")));
    }
    let Some(metric) = Metric::parse(name) else {
        let known = Metric::ALL.map(Metric::name).join(", ");
        return Ok(Err(format!("the metrics of {NAMESPACE} here are: {known}")));
    };
    Ok(series_of(scope, &dimensions).map(|series| (metric, series)))
}

/// The series that dimensions mean, or why they mean none.
fn series_of(scope: &Scope, dimensions: &[Dimension<'_>]) -> Result<Series, String> {
    let (mut bus, mut rule, mut target) = (None, None, None);
    for (name, value) in dimensions {
        let slot = match *name {
            "EventBusName" => &mut bus,
            "RuleName" => &mut rule,
            "TargetId" => &mut target,
            other => {
                return Err(format!(
                    "there is no dimension `{}`: there are EventBusName, RuleName and TargetId",
                    echo(other)
                ));
            }
        };
        if slot.replace((*value).to_owned()).is_some() {
            return Err(format!("the dimension {name} stands twice"));
        }
    }
    if target.is_some() && rule.is_none() {
        return Err("TargetId needs RuleName beside it".to_owned());
    }
    let of_default_bus = rule.is_some().then(|| DEFAULT_BUS.to_owned());
    Ok(Series {
        scope: scope.clone(),
        bus: bus.or(of_default_bus).unwrap_or_default(),
        rule: rule.unwrap_or_default(),
        target: target.unwrap_or_default(),
    })
}

/// The dimensions by which a series is asked for.
pub(crate) fn names(series: &Series) -> Vec<Dimension<'_>> {
    let default_rule = !series.rule.is_empty() && series.bus == DEFAULT_BUS;
    let bus = if default_rule { "" } else { &series.bus };
    let all = [
        ("EventBusName", bus),
        ("RuleName", &series.rule),
        ("TargetId", &series.target),
    ];
    all.into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

/// The metrics that a series can have: events are counted by bus, matches by rule, and what became of them by target.
pub(crate) fn told_of(series: &Series) -> impl Iterator<Item = Metric> {
    let (of_rule, of_target) = (!series.rule.is_empty(), !series.target.is_empty());
    Metric::ALL.into_iter().filter(move |metric| match metric {
        Metric::PutEventsEntriesCount => !of_rule,
        Metric::MatchedEvents | Metric::TriggeredRules => !of_target,
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dimensions_mean_one_series() {
        let scope = Scope::new("123456789012", "us-east-1");
        let of = |dimensions: &[Dimension<'_>]| {
            series_of(&scope, dimensions).map(|series| (series.bus, series.rule, series.target))
        };
        let series = |bus: &str, rule: &str, target: &str| {
            Ok((bus.to_owned(), rule.to_owned(), target.to_owned()))
        };
        let (bus, rule, target) = (("EventBusName", "b"), ("RuleName", "r"), ("TargetId", "t"));
        assert_eq!(of(&[]), series("", "", ""));
        assert_eq!(of(&[bus]), series("b", "", ""));
        assert_eq!(of(&[rule]), series("default", "r", ""));
        assert_eq!(of(&[rule, bus]), series("b", "r", ""));
        assert_eq!(of(&[target, rule]), series("default", "r", "t"));
        for dimensions in [
            &[][..],
            &[bus],
            &[rule],
            &[bus, rule],
            &[rule, target],
            &[bus, rule, target],
        ] {
            let series = series_of(&scope, dimensions).expect("a series");
            assert_eq!(names(&series), dimensions);
        }
        for bad in [
            &[target][..],
            &[bus, target],
            &[rule, rule],
            &[("rulename", "r")],
        ] {
            assert!(of(bad).is_err(), "{bad:?}");
        }
    }
}
