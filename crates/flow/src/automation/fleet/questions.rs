//! From targets and organizational units to resources and accounts: what to ask AWS, and what an answer says.

use model::arn::Arn;
use model::fleet::Target;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::located::{is_account, is_unit};

/// The resource type for which EC2 itself is asked.
const INSTANCE: &str = "AWS::EC2::Instance";
/// `TargetType` of documents for every kind of resource.
const ANY: &str = "/";

/// One reading call, repeated for each page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Question {
    pub(crate) subject: Subject,
    /// Where the next page begins.
    #[serde(default)]
    pub(crate) token: Option<String>,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Subject {
    /// Instances with all of these filters.
    Instances { filters: Vec<(String, Vec<String>)> },
    /// Resources with all of these tags (no values: the tag's name is enough).
    Tagged {
        tags: Vec<(String, Vec<String>)>,
        kind: Option<String>,
    },
    /// Resources of a group.
    Group { name: String, kind: Option<String> },
    /// Accounts of an organizational unit, for this entry of `TargetLocations`.
    Accounts { entry: usize, unit: String },
    /// Organizational units below one.
    Units { entry: usize, unit: String },
}

/// What an answer brings.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Found {
    /// Resource names or ARNs.
    pub(crate) resources: Vec<String>,
    /// Accounts with their entry of `TargetLocations`.
    pub(crate) accounts: Vec<(usize, String)>,
    /// What is to be asked next.
    pub(crate) further: Vec<Question>,
}

/// The question for `Targets`; `Err` holds the values where nothing needs to be asked. `kind` is the type of resource
/// that the document is for.
pub(crate) fn of_targets(targets: &[Target], kind: Option<&str>) -> Result<Question, Vec<String>> {
    if let Some(given) = targets
        .iter()
        .find(|target| target.key == "ParameterValues")
    {
        return Err(given.values.clone());
    }
    let kind_of_key = targets.iter().find(|target| target.key.contains("::"));
    if let Some(listed) = kind_of_key.filter(|target| !target.values.iter().any(|v| v == "*")) {
        return Err(listed.values.clone());
    }
    let kind = kind_of_key
        .map(|target| target.key.as_str())
        .or(kind)
        .unwrap_or(INSTANCE);
    let group = targets.iter().find(|target| target.key == "ResourceGroup");
    let subject = if let Some(name) = group.and_then(|target| target.values.first()) {
        let kind = (kind != ANY).then(|| kind.to_owned());
        Subject::Group {
            name: name.clone(),
            kind,
        }
    } else if kind == INSTANCE {
        let filters = targets.iter().filter(|target| !target.key.contains("::"));
        let filters = filters.map(|target| (target.key.clone(), target.values.clone()));
        Subject::Instances {
            filters: filters.collect(),
        }
    } else {
        let tags = targets.iter().flat_map(tag_filters).collect();
        let kind = (kind != ANY).then(|| tagging_type(kind));
        Subject::Tagged { tags, kind }
    };
    Ok(Question {
        subject,
        token: None,
    })
}

/// `tag:Env` with values is one filter; `tag-key` one for each of its names.
fn tag_filters(target: &Target) -> Vec<(String, Vec<String>)> {
    match target.key.strip_prefix("tag:") {
        Some(name) => vec![(name.to_owned(), target.values.clone())],
        None if target.key == "tag-key" => target
            .values
            .iter()
            .map(|name| (name.clone(), Vec::new()))
            .collect(),
        None => Vec::new(),
    }
}

/// A resource type as the tagging API spells it: `ec2:security-group`, `s3`, `rds:db`.
fn tagging_type(kind: &str) -> String {
    let mut parts = kind.trim_start_matches('/').split("::").skip(1);
    let service = parts.next().unwrap_or_default().to_ascii_lowercase();
    let name = parts.next().unwrap_or_default();
    match (service.as_str(), name) {
        ("s3", "Bucket") => "s3".to_owned(),
        ("sns", "Topic") => "sns".to_owned(),
        ("sqs", "Queue") => "sqs".to_owned(),
        ("rds", "DBInstance") => "rds:db".to_owned(),
        ("rds", "DBCluster") => "rds:cluster".to_owned(),
        ("rds", "DBSnapshot") => "rds:snapshot".to_owned(),
        ("ec2", "EIP") => "ec2:elastic-ip".to_owned(),
        _ => format!("{service}:{}", kebab(name)),
    }
}

/// `SecurityGroup` to `security-group`, `VPC` to `vpc`.
fn kebab(name: &str) -> String {
    let mut text = String::new();
    let mut former_small = false;
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && former_small {
            text.push('-');
        }
        former_small = !letter.is_ascii_uppercase();
        text.push(letter.to_ascii_lowercase());
    }
    text
}

/// The type of resource that a parameter takes, by the type that the document declares for it.
pub(crate) fn type_of_parameter(type_name: &str) -> Option<&'static str> {
    let plain = type_name
        .strip_prefix("List<")
        .and_then(|rest| rest.strip_suffix('>'));
    match plain.unwrap_or(type_name) {
        "AWS::EC2::Instance::Id" => Some(INSTANCE),
        "AWS::S3::Bucket::Name" => Some("AWS::S3::Bucket"),
        "AWS::IAM::Role::Arn" => Some("AWS::IAM::Role"),
        _ => None,
    }
}

/// `TargetType` of a document (`/AWS::EC2::Instance`) as a resource type.
pub(crate) fn type_of_document(target_type: &str) -> &str {
    if target_type == ANY {
        ANY
    } else {
        target_type.trim_start_matches('/')
    }
}

impl Question {
    /// Service, operation and parameters of the call.
    pub(crate) fn call(&self) -> (&'static str, &'static str, Map<String, Value>) {
        let mut params = Map::new();
        let (service, operation, token) = match &self.subject {
            Subject::Instances { filters } => {
                let alive = json!({"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]});
                let asked = filters
                    .iter()
                    .map(|(name, values)| json!({"Name": name, "Values": values}));
                params.insert("Filters".to_owned(), asked.chain([alive]).collect());
                ("ec2", "DescribeInstances", "NextToken")
            }
            Subject::Tagged { tags, kind } => {
                let tags = tags
                    .iter()
                    .map(|(key, values)| json!({"Key": key, "Values": values}));
                params.insert("TagFilters".to_owned(), tags.collect());
                if let Some(kind) = kind {
                    params.insert("ResourceTypeFilters".to_owned(), json!([kind]));
                }
                (
                    "resourcegroupstaggingapi",
                    "GetResources",
                    "PaginationToken",
                )
            }
            Subject::Group { name, kind } => {
                params.insert("Group".to_owned(), json!(name));
                if let Some(kind) = kind {
                    let filter = json!([{"Name": "resource-type", "Values": [kind]}]);
                    params.insert("Filters".to_owned(), filter);
                }
                ("resource-groups", "ListGroupResources", "NextToken")
            }
            Subject::Accounts { unit, .. } => {
                params.insert("ParentId".to_owned(), json!(unit));
                ("organizations", "ListAccountsForParent", "NextToken")
            }
            Subject::Units { unit, .. } => {
                params.insert("ParentId".to_owned(), json!(unit));
                (
                    "organizations",
                    "ListOrganizationalUnitsForParent",
                    "NextToken",
                )
            }
        };
        if let Some(page) = &self.token {
            params.insert(token.to_owned(), json!(page));
        }
        (service, operation, params)
    }

    /// Reads an answer.
    pub(crate) fn take(&self, answer: &Value) -> Found {
        let mut found = Found::default();
        match &self.subject {
            Subject::Instances { .. } => {
                let reservations = list(answer, "Reservations");
                let instances = reservations.flat_map(|reservation| list(reservation, "Instances"));
                found.resources = instances
                    .filter_map(|one| text(one, "InstanceId"))
                    .collect();
            }
            Subject::Tagged { .. } => {
                let mapped = list(answer, "ResourceTagMappingList");
                found.resources = mapped.filter_map(|one| text(one, "ResourceARN")).collect();
            }
            Subject::Group { .. } => {
                let members = list(answer, "Resources")
                    .filter_map(|one| text(one.get("Identifier")?, "ResourceArn"));
                found.resources = members.collect();
                if found.resources.is_empty() {
                    let members = list(answer, "ResourceIdentifiers");
                    found.resources = members.filter_map(|one| text(one, "ResourceArn")).collect();
                }
            }
            Subject::Accounts { entry, .. } => {
                // A suspended account takes no calls.
                let active = list(answer, "Accounts")
                    .filter(|one| text(one, "Status").is_none_or(|status| status == "ACTIVE"));
                let ids = active
                    .filter_map(|one| text(one, "Id"))
                    .filter(|id| is_account(id));
                found.accounts = ids.map(|id| (*entry, id)).collect();
            }
            Subject::Units { entry, .. } => {
                let units = list(answer, "OrganizationalUnits").filter_map(|one| text(one, "Id"));
                for unit in units.filter(|unit| is_unit(unit)) {
                    found.further.extend(of_unit(*entry, &unit, true));
                }
            }
        }
        let token = text(answer, "NextToken").or_else(|| text(answer, "PaginationToken"));
        if let Some(token) = token.filter(|token| !token.is_empty()) {
            found.further.push(Self {
                subject: self.subject.clone(),
                token: Some(token),
            });
        }
        found
    }
}

/// What to ask about an organizational unit.
pub(crate) fn of_unit(entry: usize, unit: &str, below: bool) -> Vec<Question> {
    let unit = unit.to_owned();
    let accounts = Subject::Accounts {
        entry,
        unit: unit.clone(),
    };
    let units = below.then_some(Subject::Units { entry, unit });
    let subjects = [Some(accounts), units].into_iter().flatten();
    subjects
        .map(|subject| Question {
            subject,
            token: None,
        })
        .collect()
}

/// A resource as it stands in a parameter: the ARN where the parameter wants one, else its name.
pub(crate) fn parameter_value(resource: &str, wants_arn: bool) -> String {
    match Arn::parse(resource) {
        Some(arn) if !wants_arn => {
            let name = arn.resource.rsplit(['/', ':']).next().unwrap_or_default();
            name.to_owned()
        }
        _ => resource.to_owned(),
    }
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(key: &str, values: &[&str]) -> Target {
        Target {
            key: key.to_owned(),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
        }
    }

    #[test]
    fn targets_become_calls() {
        let tagged = [
            target("tag:Env", &["prod", "dev"]),
            target("tag-key", &["Owner"]),
        ];
        let of = |targets: &[Target], kind: Option<&str>| {
            let (service, operation, params) = of_targets(targets, kind).unwrap().call();
            (service, operation, Value::Object(params))
        };
        let (service, operation, params) = of(&tagged, None);
        assert_eq!((service, operation), ("ec2", "DescribeInstances"));
        assert_eq!(
            params["Filters"][0],
            json!({"Name": "tag:Env", "Values": ["prod", "dev"]})
        );
        assert_eq!(
            params["Filters"][1],
            json!({"Name": "tag-key", "Values": ["Owner"]})
        );
        let (_, operation, params) = of(&tagged, Some("AWS::EC2::SecurityGroup"));
        assert_eq!(operation, "GetResources");
        assert_eq!(params["ResourceTypeFilters"], json!(["ec2:security-group"]));
        assert_eq!(
            params["TagFilters"][1],
            json!({"Key": "Owner", "Values": []})
        );
        let (_, _, params) = of(&tagged, Some("/"));
        assert_eq!(params.get("ResourceTypeFilters"), None);
        let (_, operation, params) = of(&[target("AWS::S3::Bucket", &["*"])], None);
        assert_eq!(
            (operation, &params["ResourceTypeFilters"]),
            ("GetResources", &json!(["s3"]))
        );
        let (_, operation, _) = of(&[target("ResourceGroup", &["fleet"])], None);
        assert_eq!(operation, "ListGroupResources");
        for listed in [
            target("ParameterValues", &["a", "b"]),
            target("AWS::EC2::Instance", &["a", "b"]),
        ] {
            assert_eq!(
                of_targets(&[listed], None),
                Err(vec!["a".to_owned(), "b".to_owned()])
            );
        }
    }

    #[test]
    fn answers_become_names_and_pages() {
        let question = of_targets(&[target("tag:A", &["1"])], None).unwrap();
        let found = question.take(&json!({
            "Reservations": [{"Instances": [{"InstanceId": "i-1"}]}, {"Instances": [{"InstanceId": "i-2"}]}], "NextToken": "n",
        }));
        assert_eq!(found.resources, ["i-1", "i-2"]);
        assert_eq!(found.further[0].call().2["NextToken"], "n");
        let units = of_unit(3, "ou-ab12-cd345678", true);
        let found = units[1]
            .take(&json!({"OrganizationalUnits": [{"Id": "ou-ab12-ef345678"}, {"Id": "odd"}]}));
        assert_eq!(found.further.len(), 2);
        let found = units[0].take(&json!({"Accounts": [
            {"Id": "123456789012", "Status": "ACTIVE"}, {"Id": "210987654321", "Status": "SUSPENDED"},
        ]}));
        assert_eq!(found.accounts, [(3, "123456789012".to_owned())]);
    }

    #[test]
    fn resources_become_values() {
        for (arn, name) in [
            ("arn:aws:ec2:eu-west-1:123456789012:instance/i-1", "i-1"),
            ("arn:aws:s3:::bucket", "bucket"),
            ("arn:aws:rds:eu-west-1:123456789012:db:orders", "orders"),
            ("i-1", "i-1"),
        ] {
            assert_eq!(parameter_value(arn, false), name);
            assert_eq!(parameter_value(arn, true), arn);
        }
    }
}
