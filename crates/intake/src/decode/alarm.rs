//! CloudWatch alarms that come by SNS (`AlarmName`, `NewStateValue`, ...) or as a direct action (`alarmData`), in the
//! shape in which EventBridge sends a change of state: one rule catches all three.

use model::arn::Arn;
use model::ids;

use super::format::Kind;
use super::json::{ObjectText, instant, quoted};
use super::members::Members;
use super::walk::{Draft, Drafts, Identity, Outer};

const SOURCE: &str = "aws.cloudwatch";
const DETAIL_TYPE: &str = "CloudWatch Alarm State Change";
/// Metrics of one alarm that are read; CloudWatch allows fewer.
const METRICS: usize = 100;
/// Dimensions of one metric; CloudWatch allows 30.
const DIMENSIONS: usize = 50;

pub(super) fn is(members: &Members<'_>) -> bool {
    members.has_all(&["AlarmName", "NewStateValue"]) || members.has_all(&["alarmData", "alarmArn"])
}

pub(super) fn drafts(members: &Members<'_>, outer: &Outer) -> Drafts {
    if members.has("alarmData") {
        direct(members, outer)
    } else {
        notified(members, outer)
    }
}

/// A direct action, as a function gets it: `alarmData` is the detail already.
fn direct(members: &Members<'_>, outer: &Outer) -> Drafts {
    let format = Kind::Alarm.word();
    let arn = members.need("alarmArn", format, &outer.place)?;
    let data = members.object("alarmData").unwrap_or_default();
    let place = outer.step(".alarmData").place;
    data.need("alarmName", format, &place)?;
    let state = data.object("state").unwrap_or_default();
    let value = state.need("value", format, &format!("{place}.state"))?;
    let moment = state.text("timestamp").or_else(|| members.text("time"));
    let detail = members.raw("alarmData").unwrap_or("{}").to_owned();
    let mut draft = alarm(&arn, &value, moment.as_deref(), detail);
    draft.account = members.word("accountId").or(draft.account);
    draft.region = members.word("region").or(draft.region);
    draft.time = members
        .text("time")
        .and_then(|text| instant(&text))
        .or(draft.time);
    Ok(vec![draft])
}

/// The payload of an SNS action.
fn notified(members: &Members<'_>, outer: &Outer) -> Drafts {
    let format = Kind::Alarm.word();
    let name = members.need("AlarmName", format, &outer.place)?;
    let value = members.need("NewStateValue", format, &outer.place)?;
    let moment = members.text("StateChangeTime");
    let arn = members.word("AlarmArn").unwrap_or_default();
    let mut state = ObjectText::default();
    state.string("value", &value);
    state.maybe_raw("reason", members.raw("NewStateReason"));
    state.maybe_raw("reasonData", members.raw("NewStateReasonData"));
    state.maybe("timestamp", moment.as_deref());
    let mut detail = ObjectText::default();
    detail.string("alarmName", &name);
    detail.raw("state", &state.finish());
    if let Some(before) = members.raw("OldStateValue") {
        let mut previous = ObjectText::default();
        detail.raw("previousState", &previous.raw("value", before).finish());
    }
    detail.raw("configuration", &configuration(members, &arn));
    for (name, member) in [
        ("trigger", "Trigger"),
        ("alarmActions", "AlarmActions"),
        ("okActions", "OKActions"),
        ("insufficientDataActions", "InsufficientDataActions"),
    ] {
        detail.maybe_raw(name, members.raw(member));
    }
    let mut draft = alarm(&arn, &value, moment.as_deref(), detail.finish());
    if arn.is_empty() {
        draft.identity = Identity::Message;
    }
    draft.account = members.word("AWSAccountId").or(draft.account);
    Ok(vec![draft])
}

fn alarm(arn: &str, value: &str, moment: Option<&str>, detail: String) -> Draft {
    let mut draft = Draft::new(Kind::Alarm, SOURCE, DETAIL_TYPE, detail);
    let parsed = Arn::parse(arn);
    if let Some(moment) = moment {
        let parts = [arn, value, moment];
        draft.identity = Identity::Own(parts.map(str::to_owned).to_vec());
    }
    draft.time = moment.and_then(instant);
    if let Some(parsed) = parsed {
        draft.account = Some(parsed.account).filter(|account| !account.is_empty());
        draft.region = Some(parsed.region).filter(|region| !region.is_empty());
        draft.resources = vec![arn.to_owned()];
    }
    draft
}

/// `configuration`: description and metrics, or the rule of a composite alarm.
fn configuration(members: &Members<'_>, arn: &str) -> String {
    let mut configuration = ObjectText::default();
    configuration.maybe_raw("description", members.raw("AlarmDescription"));
    configuration.maybe_raw("alarmRule", members.raw("AlarmRule"));
    let Some(trigger) = members.object("Trigger") else {
        return configuration.finish();
    };
    let metrics: Vec<String> = match trigger.list("Metrics") {
        Some(list) => {
            let queries = list.into_iter().filter_map(Members::of).take(METRICS);
            queries.map(|query| metric_query(&query)).collect()
        }
        None if trigger.has("MetricName") => vec![single_metric(&trigger, arn)],
        None => Vec::new(),
    };
    if !metrics.is_empty() {
        configuration.raw("metrics", &format!("[{}]", metrics.join(",")));
    }
    configuration.finish()
}

/// The one metric of an alarm without metric math. EventBridge gives it an id of its own, here made of the alarm's ARN.
fn single_metric(trigger: &Members<'_>, arn: &str) -> String {
    let mut stat = ObjectText::default();
    stat.raw("metric", &metric(trigger));
    stat.maybe_raw("period", trigger.raw("Period"));
    let statistic = trigger.word("ExtendedStatistic").or_else(|| {
        let word = trigger.word("Statistic")?;
        Some(statistic(&word).to_owned())
    });
    stat.maybe("stat", statistic.as_deref());
    stat.maybe_raw("unit", trigger.raw("Unit"));
    let mut query = ObjectText::default();
    query.string("id", &ids::named(&["metric of alarm", arn]).to_string());
    query.raw("metricStat", &stat.finish());
    query.raw("returnData", "true");
    query.finish()
}

/// One of an alarm's metrics or expressions: the same members, spelled as EventBridge does.
fn metric_query(query: &Members<'_>) -> String {
    let mut written = ObjectText::default();
    written.maybe_raw("id", query.raw("Id"));
    written.maybe_raw("expression", query.raw("Expression"));
    written.maybe_raw("label", query.raw("Label"));
    if let Some(sent) = query.object("MetricStat") {
        let mut stat = ObjectText::default();
        stat.raw(
            "metric",
            &metric(&sent.object("Metric").unwrap_or_default()),
        );
        stat.maybe_raw("period", sent.raw("Period"));
        stat.maybe_raw("stat", sent.raw("Stat"));
        stat.maybe_raw("unit", sent.raw("Unit"));
        written.raw("metricStat", &stat.finish());
    }
    written.maybe_raw("accountId", query.raw("AccountId"));
    written.maybe_raw("period", query.raw("Period"));
    written.maybe_raw("returnData", query.raw("ReturnData"));
    written.finish()
}

fn metric(sent: &Members<'_>) -> String {
    let mut metric = ObjectText::default();
    metric.maybe_raw("namespace", sent.raw("Namespace"));
    metric.maybe_raw("name", sent.raw("MetricName"));
    let mut dimensions = ObjectText::default();
    let list = sent.list("Dimensions").unwrap_or_default();
    for dimension in list.into_iter().filter_map(Members::of).take(DIMENSIONS) {
        let name = dimension.text("name").or_else(|| dimension.text("Name"));
        let value = dimension.text("value").or_else(|| dimension.text("Value"));
        if let Some((name, value)) = name.zip(value) {
            dimensions.raw(&name, &quoted(&value));
        }
    }
    metric.raw("dimensions", &dimensions.finish());
    metric.finish()
}

/// SNS shouts the statistic's name; EventBridge spells it as the API does.
fn statistic(word: &str) -> &str {
    match word {
        "AVERAGE" => "Average",
        "SUM" => "Sum",
        "MINIMUM" => "Minimum",
        "MAXIMUM" => "Maximum",
        "SAMPLE_COUNT" | "SAMPLECOUNT" => "SampleCount",
        other => other,
    }
}
