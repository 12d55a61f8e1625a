//! What a CloudWatch alarm is about: the metric it watches, and the resources that the metric's dimensions name.
//!
//! Incident Manager gives an alarm's incident the same: DynamoDB tables with their indexes and streams, EC2 instances and
//! images, Lambda functions, RDS instances and clusters, S3 buckets. Values are written by whoever wrote the event: one
//! that could not be part of an ARN is left out.

use model::incident::{ItemIdentifier, ItemType, ItemValue, RelatedItem};
use model::text::one_line;
use serde_json::{Map, Value, json};

use super::resource::at;

/// `source` and `detail-type` of a change of state.
const EVENT: (&str, &str) = ("aws.cloudwatch", "CloudWatch Alarm State Change");
/// Metrics and expressions of an alarm that are looked at; CloudWatch allows 100.
const METRICS: usize = 100;
/// Dimensions of a metric that are looked at; CloudWatch allows 30.
const DIMENSIONS: usize = 30;
/// Longest `metricDefinition`, in characters.
const DEFINITION_CHARS: usize = 4000;

/// The metrics and expressions of an event that is an alarm's change of state; of any other event none.
fn queries(event: &Value) -> impl Iterator<Item = &Value> {
    let word = |name: &str| event.get(name).and_then(Value::as_str);
    let is_alarm = (word("source"), word("detail-type")) == (Some(EVENT.0), Some(EVENT.1));
    at(event, "detail.configuration.metrics")
        .and_then(Value::as_array)
        .filter(|_| is_alarm)
        .into_iter()
        .flatten()
        .take(METRICS)
}

/// The ARNs of the resources that an alarm's metrics are about, each once.
#[must_use]
pub fn resources(event: &Value) -> Vec<String> {
    let mut all = Vec::new();
    for query in queries(event) {
        let Some(metric) = at(query, "metricStat.metric") else {
            continue;
        };
        let Some(place) = Place::of(event, query) else {
            continue;
        };
        if let Some(arn) = place.arn(metric)
            && !all.contains(&arn)
        {
            all.push(arn);
        }
    }
    all
}

/// Where a metric's resource is.
struct Place<'a> {
    partition: &'static str,
    region: &'a str,
    account: &'a str,
}

impl<'a> Place<'a> {
    /// The event's, but the account of a metric that is watched across accounts.
    fn of(event: &'a Value, query: &'a Value) -> Option<Self> {
        let plain = |text: &&str| fits(text);
        let region = at(event, "region")?.as_str().filter(plain)?;
        let other = at(query, "accountId").and_then(Value::as_str);
        let account = other.or_else(|| at(event, "account")?.as_str());
        let partition = match region {
            _ if region.starts_with("cn-") => "aws-cn",
            _ if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        };
        Some(Self {
            partition,
            region,
            account: account.filter(plain)?,
        })
    }

    fn arn(&self, metric: &Value) -> Option<String> {
        let dimension = |name: &str| {
            let value = at(metric, "dimensions")?.get(name)?.as_str()?;
            fits(value).then_some(value)
        };
        let (service, resource) = match metric.get("namespace")?.as_str()? {
            "AWS/EC2" => match dimension("InstanceId") {
                Some(id) => ("ec2", format!("instance/{id}")),
                None => return self.image(dimension("ImageId")?),
            },
            "AWS/Lambda" => ("lambda", format!("function:{}", function(dimension)?)),
            "AWS/DynamoDB" => ("dynamodb", table(dimension)?),
            "AWS/RDS" => match dimension("DBInstanceIdentifier") {
                Some(id) => ("rds", format!("db:{id}")),
                None => (
                    "rds",
                    format!("cluster:{}", dimension("DBClusterIdentifier")?),
                ),
            },
            "AWS/S3" => {
                return Some(format!(
                    "arn:{}:s3:::{}",
                    self.partition,
                    dimension("BucketName")?
                ));
            }
            _ => return None,
        };
        Some(format!(
            "arn:{}:{service}:{}:{}:{resource}",
            self.partition, self.region, self.account
        ))
    }

    /// Images have no account in their ARN.
    fn image(&self, id: &str) -> Option<String> {
        Some(format!(
            "arn:{}:ec2:{}::image/{id}",
            self.partition, self.region
        ))
    }
}

/// A function; `Resource` names it with its alias or version.
fn function<'a>(dimension: impl Fn(&str) -> Option<&'a str>) -> Option<&'a str> {
    let name = dimension("FunctionName")?;
    let qualified = dimension("Resource").filter(|resource| {
        let rest = resource.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with(':'))
    });
    Some(qualified.unwrap_or(name))
}

/// A table, or its index or stream.
fn table<'a>(dimension: impl Fn(&str) -> Option<&'a str>) -> Option<String> {
    let name = dimension("TableName")?;
    let part = dimension("GlobalSecondaryIndexName")
        .map(|index| format!("/index/{index}"))
        .or_else(|| dimension("StreamLabel").map(|label| format!("/stream/{label}")));
    Some(format!("table/{name}{}", part.unwrap_or_default()))
}

/// Whether a value can be part of an ARN.
fn fits(value: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.:-$/".contains(c);
    (1..=255).contains(&value.len()) && value.chars().all(plain)
}

/// The alarm's metric as a related item: its source as CloudWatch's graphs read it. Metrics that would make it too long
/// are left out.
#[must_use]
pub fn metric(event: &Value) -> Option<RelatedItem> {
    let name = at(event, "detail.alarmName").and_then(Value::as_str);
    let title = one_line(name.unwrap_or_default(), 200);
    let region = at(event, "region").and_then(Value::as_str);
    let all: Vec<&Value> = queries(event).collect();
    let single = all.len() == 1;
    let mut rows: Vec<Value> = all
        .into_iter()
        .filter_map(|query| row(query, single))
        .collect();
    while !rows.is_empty() {
        let definition = json!({
            "view": "timeSeries",
            "stacked": false,
            "region": region,
            "title": title,
            "metrics": rows,
        })
        .to_string();
        if definition.chars().count() <= DEFINITION_CHARS {
            let identifier = ItemIdentifier {
                kind: ItemType::Metric,
                value: ItemValue::MetricDefinition(definition),
            };
            return Some(RelatedItem {
                generated_id: None,
                identifier,
                title: Some(title).filter(|title| !title.is_empty()),
            });
        }
        rows.pop();
    }
    None
}

/// One line of a graph: `[namespace, name, dimension, value, ..., options]`, or `[options]` for an expression.
fn row(query: &Value, single: bool) -> Option<Value> {
    let mut options = Map::new();
    let shown = query
        .get("returnData")
        .and_then(Value::as_bool)
        .unwrap_or(true);
    if let Some(id) = query
        .get("id")
        .and_then(Value::as_str)
        .filter(|id| !single && is_metric_id(id))
    {
        options.insert("id".to_owned(), id.into());
    }
    for name in ["label", "accountId"] {
        if let Some(value) = query.get(name).and_then(Value::as_str) {
            options.insert(name.to_owned(), value.into());
        }
    }
    if !shown {
        options.insert("visible".to_owned(), false.into());
    }
    let Some(metric) = at(query, "metricStat.metric") else {
        let expression = query.get("expression")?.as_str()?;
        options.insert("expression".to_owned(), expression.into());
        return Some(json!([options]));
    };
    for name in ["stat", "period"] {
        if let Some(value) = at(query, "metricStat").and_then(|stat| stat.get(name)) {
            options.insert(name.to_owned(), value.clone());
        }
    }
    let mut row = vec![
        Value::from(metric.get("namespace")?.as_str()?),
        Value::from(metric.get("name")?.as_str()?),
    ];
    let dimensions = metric.get("dimensions").and_then(Value::as_object);
    for (name, value) in dimensions.into_iter().flatten().take(DIMENSIONS) {
        row.extend([Value::from(name.as_str()), Value::from(value.as_str()?)]);
    }
    row.push(options.into());
    Some(row.into())
}

/// Ids of a graph begin with a small letter; EventBridge gives the one metric of a plain alarm a UUID instead.
fn is_metric_id(id: &str) -> bool {
    id.starts_with(|c: char| c.is_ascii_lowercase())
        && id.len() <= 255
        && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alarm(metrics: &Value) -> Value {
        json!({ "source": "aws.cloudwatch", "detail-type": "CloudWatch Alarm State Change", "account": "123456789012",
                "region": "eu-west-1", "detail": { "alarmName": "cpu\nhigh", "state": { "value": "ALARM" },
                "configuration": { "metrics": metrics } } })
    }

    fn one(namespace: &str, dimensions: Value) -> Value {
        json!([{ "id": "0c0f", "metricStat": { "metric": { "namespace": namespace, "name": "M", "dimensions": dimensions },
                 "period": 60, "stat": "Average" }, "returnData": true }])
    }

    /// Namespace, dimensions, and the ARN behind region and account, where there is one.
    const TABLE: &str = r#"
        AWS/EC2      {"InstanceId":"i-1"}                            ec2      instance/i-1
        AWS/Lambda   {"FunctionName":"f"}                            lambda   function:f
        AWS/Lambda   {"FunctionName":"f","Resource":"f:live"}        lambda   function:f:live
        AWS/Lambda   {"FunctionName":"f","Resource":"g:live"}        lambda   function:f
        AWS/DynamoDB {"TableName":"t"}                               dynamodb table/t
        AWS/DynamoDB {"TableName":"t","GlobalSecondaryIndexName":"g"} dynamodb table/t/index/g
        AWS/DynamoDB {"TableName":"t","StreamLabel":"2026"}          dynamodb table/t/stream/2026
        AWS/RDS      {"DBInstanceIdentifier":"d"}                    rds      db:d
        AWS/RDS      {"DBClusterIdentifier":"c"}                     rds      cluster:c
        AWS/EC2      {"AutoScalingGroupName":"a"}
        AWS/EC2      {"InstanceId":"i-1\nx"}
        AWS/EC2      {"InstanceId":1}
        Custom       {"InstanceId":"i-1"}
    "#;

    #[test]
    fn dimensions_name_resources() {
        for line in TABLE.lines().filter(|line| !line.trim().is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let dimensions = serde_json::from_str(words[1]).expect("JSON");
            let found = resources(&alarm(&one(words[0], dimensions)));
            let wanted = match words[2..] {
                [service, resource] => vec![format!(
                    "arn:aws:{service}:eu-west-1:123456789012:{resource}"
                )],
                _ => Vec::new(),
            };
            assert_eq!(found, wanted, "{line}");
        }
        let image = alarm(&one("AWS/EC2", json!({ "ImageId": "ami-1" })));
        assert_eq!(resources(&image), ["arn:aws:ec2:eu-west-1::image/ami-1"]);
        let bucket = one("AWS/S3", json!({ "BucketName": "b", "StorageType": "x" }));
        assert_eq!(resources(&alarm(&bucket)), ["arn:aws:s3:::b"]);
    }

    #[test]
    fn partition_and_account_are_the_metrics_own() {
        let mut metrics = one("AWS/EC2", json!({ "InstanceId": "i-1" }));
        metrics[0]["accountId"] = "210987654321".into();
        let mut event = alarm(&metrics);
        event["region"] = "cn-north-1".into();
        assert_eq!(
            resources(&event),
            ["arn:aws-cn:ec2:cn-north-1:210987654321:instance/i-1"]
        );
        event["source"] = "my.app".into();
        assert_eq!(resources(&event), [""; 0]);
        assert_eq!(metric(&event), None);
    }

    #[test]
    fn the_metric_is_told_as_a_graphs_source() {
        let item =
            metric(&alarm(&one("AWS/EC2", json!({ "InstanceId": "i-1" })))).expect("a metric");
        assert_eq!(item.title.as_deref(), Some("cpu high"));
        assert!(item.validate("relatedItems[0]").is_ok());
        assert_eq!(
            item.identifier.value,
            ItemValue::MetricDefinition(
                r#"{"view":"timeSeries","stacked":false,"region":"eu-west-1","title":"cpu high","metrics":[["AWS/EC2","M","InstanceId","i-1",{"stat":"Average","period":60}]]}"#
                    .to_owned()
            )
        );
    }

    #[test]
    fn expressions_and_what_they_are_made_of_are_rows() {
        let metrics = json!([
            { "id": "e1", "expression": "m1*2", "label": "twice", "returnData": true },
            { "id": "m1", "metricStat": { "metric": { "namespace": "N", "name": "M" }, "period": 60, "stat": "Sum" },
              "returnData": false },
        ]);
        let item = metric(&alarm(&metrics)).expect("a metric");
        let ItemValue::MetricDefinition(text) = item.identifier.value else {
            panic!("a definition");
        };
        let shown: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(
            shown["metrics"],
            json!([
                [{ "id": "e1", "label": "twice", "expression": "m1*2" }],
                ["N", "M", { "id": "m1", "visible": false, "stat": "Sum", "period": 60 }],
            ])
        );
        assert_eq!(
            metric(&alarm(&json!([]))),
            None,
            "a composite alarm has none"
        );
    }

    #[test]
    fn a_definition_stays_within_its_limit() {
        let many: Vec<Value> = (0..100)
            .map(|at| json!({ "id": format!("e{at}"), "expression": "x".repeat(900), "returnData": true }))
            .collect();
        let item = metric(&alarm(&Value::from(many))).expect("a metric");
        assert!(item.validate("relatedItems[0]").is_ok());
        let huge = json!([{ "id": "e", "expression": "x".repeat(5000) }]);
        assert_eq!(metric(&alarm(&huge)), None);
    }
}
