//! What planned calls change, as far as their parameters name it: readings of it say nothing about the run.

use std::collections::BTreeSet;

use model::effect::AwsCall;
use serde_json::Value;

use crate::asl::open;
use crate::expr::unknown;

/// Beginnings of operations that change nothing but tags.
const TAGGING: [&str; 6] = [
    "Tag",
    "Untag",
    "AddTags",
    "RemoveTags",
    "CreateTags",
    "DeleteTags",
];
/// Members that hold tags, in parameters and in answers.
const TAGS: [&str; 8] = [
    "Tags",
    "TagKeys",
    "TagList",
    "TagSet",
    "TagSpecifications",
    "Tagging",
    "tags",
    "tagKeys",
];
/// What the ids of EC2 begin with, and the word for it in operations.
const NOUNS: [(&str, &str); 8] = [
    ("i-", "Instance"),
    ("vol-", "Volume"),
    ("snap-", "Snapshot"),
    ("sg-", "SecurityGroup"),
    ("eni-", "NetworkInterface"),
    ("ami-", "Image"),
    ("vpc-", "Vpc"),
    ("subnet-", "Subnet"),
];

/// What the planned calls of a way change: services and the texts that they name.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Changes {
    named: BTreeSet<(String, String)>,
    /// Resources of which only the tags change.
    tagged: BTreeSet<(String, String)>,
    /// Keys and values of those tags.
    tags: BTreeSet<(String, String)>,
    /// Keys and values of the tags of what is made.
    made: BTreeSet<(String, String)>,
}

/// What of a reading the planned calls change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Touched {
    Nothing,
    /// Only the tags of what it shows.
    Tags,
    All,
}

impl Changes {
    /// Whether all that another way changes is changed here as well.
    pub(super) fn includes(&self, other: &Self) -> bool {
        self.named.is_superset(&other.named)
            && self.tagged.is_superset(&other.tagged)
            && self.tags.is_superset(&other.tags)
            && self.made.is_superset(&other.made)
    }

    /// Takes in what another way changes.
    pub(super) fn join(&mut self, other: &Self) {
        self.named.extend(other.named.iter().cloned());
        self.tagged.extend(other.tagged.iter().cloned());
        self.tags.extend(other.tags.iter().cloned());
        self.made.extend(other.made.iter().cloned());
    }

    /// A call that is planned.
    pub(super) fn add(&mut self, call: &AwsCall) {
        let tagging = TAGGING.iter().any(|word| call.operation.starts_with(word));
        for (name, value) in call.params.as_object().into_iter().flatten() {
            let into = match (tagging, TAGS.contains(&name.as_str())) {
                (true, true) => &mut self.tags,
                (true, false) => &mut self.tagged,
                (false, true) => &mut self.made,
                (false, false) => &mut self.named,
            };
            each_leaf(value, false, &mut |text, _| {
                into.insert((call.service.clone(), text.to_owned()));
            });
        }
    }

    /// What they change of what a call reads.
    pub(super) fn touch(&self, call: &AwsCall) -> Touched {
        let (mut named, mut tagged, mut by_tag) = (false, false, false);
        each_leaf(&call.params, false, &mut |text, of_tag| {
            let is = |(service, what): &(String, String)| {
                what == text && (*service == call.service || is_distinct(text))
            };
            named |= self.named.iter().any(is);
            tagged |= self.tagged.iter().any(is);
            named |= of_tag && self.made.iter().any(is);
            by_tag |= of_tag && self.tags.iter().any(is);
        });
        let of_service =
            |set: &BTreeSet<(String, String)>| set.iter().any(|it| it.0 == call.service);
        let lists_tags = call.operation.contains("Tags") && of_service(&self.tagged);
        if named || lists_tags || (by_tag && self.may_be_among(&call.operation)) {
            return Touched::All;
        }
        if tagged {
            Touched::Tags
        } else {
            Touched::Nothing
        }
    }

    /// Whether the resources whose tags change may be of the kind that an operation lists.
    fn may_be_among(&self, operation: &str) -> bool {
        self.tagged.iter().any(|(_, id)| {
            let noun = NOUNS.iter().find(|(prefix, _)| id.starts_with(prefix));
            noun.is_none_or(|(_, noun)| operation.contains(noun))
        })
    }
}

/// An answer whose tags are not known.
pub(super) fn without_tags(answer: Value) -> Value {
    match answer {
        Value::Object(map) => {
            let members = map.into_iter().map(|(name, value)| {
                let value = if TAGS.contains(&name.as_str()) {
                    open::named("tags")
                } else {
                    without_tags(value)
                };
                (name, value)
            });
            Value::Object(members.collect())
        }
        Value::Array(items) => items.into_iter().map(without_tags).collect(),
        other => other,
    }
}

/// Visits texts that may name something, and says whether they stand in a filter by tags. Names of filters name nothing.
fn each_leaf(value: &Value, of_tag: bool, visit: &mut dyn FnMut(&str, bool)) {
    match value {
        Value::String(text) if text.len() >= 3 && !unknown::in_text(text) => visit(text, of_tag),
        Value::Array(items) => items.iter().for_each(|item| each_leaf(item, of_tag, visit)),
        Value::Object(map) => {
            let filter = map.contains_key("Values");
            let name = map.get("Name").and_then(Value::as_str).unwrap_or_default();
            let of_tag = of_tag || (filter && name.starts_with("tag"));
            for (key, item) in map {
                if !(filter && key == "Name") {
                    each_leaf(item, of_tag || TAGS.contains(&key.as_str()), visit);
                }
            }
        }
        _ => {}
    }
}

/// Whether a text names one thing wherever it stands, whatever the service.
fn is_distinct(text: &str) -> bool {
    text.len() >= 8 && text.contains(|c: char| c.is_ascii_digit() || matches!(c, '-' | '/' | ':'))
}

#[cfg(test)]
mod tests {
    use model::effect::Spelling;
    use serde_json::json;

    use super::*;

    fn call(service: &str, operation: &str, params: Value) -> AwsCall {
        AwsCall {
            service: service.to_owned(),
            operation: operation.to_owned(),
            params,
            region: "us-east-1".to_owned(),
            assume_role: None,
            timeout_secs: 60,
            spelling: Spelling::Service,
        }
    }

    fn changes() -> Changes {
        let mut changes = Changes::default();
        changes.add(&call(
            "ec2",
            "CreateTags",
            json!({"Resources": ["i-0123456789"], "Tags": [{"Key": "finding", "Value": "f-1"}]}),
        ));
        changes.add(&call(
            "iam",
            "UpdateAccessKey",
            json!({"UserName": "ann", "AccessKeyId": "AKIA1", "Status": "Inactive"}),
        ));
        changes.add(&call("ec2", "CreateVolume", json!({"Size": 1, "TagSpecifications": [{"Tags": [{"Key": "of", "Value": "i-0123456789"}]}]})));
        changes
    }

    #[test]
    fn readings_of_what_changes_are_found() {
        let changes = changes();
        let cases = [
            (
                "ec2",
                "GetConsoleOutput",
                json!({"InstanceId": "i-0123456789"}),
                Touched::Tags,
            ),
            (
                "ec2",
                "DescribeVolumes",
                json!({"Filters": [{"Name": "tag:of", "Values": ["i-0123456789"]}]}),
                Touched::All,
            ),
            (
                "ec2",
                "DescribeInstances",
                json!({"InstanceIds": ["i-0123456789"]}),
                Touched::Tags,
            ),
            (
                "ec2",
                "DescribeInstances",
                json!({"Filters": [{"Name": "tag:finding", "Values": ["f-1"]}]}),
                Touched::All,
            ),
            (
                "ec2",
                "DescribeSnapshots",
                json!({"Filters": [{"Name": "tag:finding", "Values": ["f-1"]}]}),
                Touched::Nothing,
            ),
            ("ec2", "DescribeTags", json!({}), Touched::All),
            (
                "iam",
                "ListAccessKeys",
                json!({"UserName": "ann"}),
                Touched::All,
            ),
            (
                "iam",
                "ListAccessKeys",
                json!({"UserName": "bob"}),
                Touched::Nothing,
            ),
        ];
        for (service, operation, params, expected) in cases {
            let reading = call(service, operation, params);
            assert_eq!(changes.touch(&reading), expected, "{reading:?}");
        }
    }
}
