//! Policies of needs: what a role may do, who may take it, and both as text for the tools that make roles.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{ANY, Need};

/// Longest managed policy in characters without blanks (IAM's quota); a role's inline policies may have 10,240.
pub const LONGEST_MANAGED: usize = 6_144;

/// Why a principal is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no principal: give an account id of 12 digits, or the ARN of a role or user, e.g. `arn:aws:iam::123456789012:role/quell`"
)]
pub struct NoPrincipal(String);

/// The policy that allows exactly these needs: one statement for each set of resources.
#[must_use]
pub fn document<'a>(needs: impl IntoIterator<Item = &'a Need>) -> Value {
    let mut by_action: BTreeMap<(&str, Option<&str>), BTreeSet<&str>> = BTreeMap::new();
    for need in needs {
        let key = (need.action.as_str(), need.passed_to.as_deref());
        let resources = by_action.entry(key).or_default();
        resources.extend(need.resources.iter().map(String::as_str));
    }
    let mut statements: BTreeMap<(Vec<&str>, Option<&str>), BTreeSet<&str>> = BTreeMap::new();
    for ((action, passed_to), resources) in by_action {
        let resources = narrowed(resources);
        statements
            .entry((resources, passed_to))
            .or_default()
            .insert(action);
    }
    let statements: Vec<Value> = statements
        .into_iter()
        .map(|((resources, passed_to), actions)| statement(&actions, &resources, passed_to))
        .collect();
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// Without what another pattern of the set allows anyway.
fn narrowed(resources: BTreeSet<&str>) -> Vec<&str> {
    let covered = |one: &str| {
        resources.iter().any(|other| {
            let prefix = other.strip_suffix(ANY);
            *other != one && prefix.is_some_and(|p| !p.contains('*') && one.starts_with(p))
        })
    };
    let kept = resources.iter().filter(|one| !covered(one));
    kept.copied().collect()
}

fn statement(actions: &BTreeSet<&str>, resources: &[&str], passed_to: Option<&str>) -> Value {
    let mut statement = Map::new();
    statement.insert("Effect".to_owned(), json!("Allow"));
    statement.insert("Action".to_owned(), json!(actions));
    statement.insert("Resource".to_owned(), json!(resources));
    if let Some(service) = passed_to {
        let condition = json!({"StringEquals": {"iam:PassedToService": service}});
        statement.insert("Condition".to_owned(), condition);
    }
    Value::Object(statement)
}

/// The policy of who may take the role: an account, or one role or user.
///
/// # Errors
/// The text is neither an account id nor an ARN of IAM or STS.
pub fn trust(principal: &str, partition: &str) -> Result<Value, NoPrincipal> {
    let account = |text: &str| text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
    let parts: Vec<&str> = principal.splitn(6, ':').collect();
    let arn = match parts.as_slice() {
        [_] if account(principal) => format!("arn:{partition}:iam::{principal}:root"),
        ["arn", _, "iam" | "sts", "", of, resource] if account(of) && !resource.is_empty() => {
            principal.to_owned()
        }
        _ => return Err(NoPrincipal(principal.to_owned())),
    };
    Ok(json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "sts:AssumeRole"}],
    }))
}

/// A role with this policy, for Terraform. Notes become comments.
#[must_use]
pub fn terraform(name: &str, policy: &Value, trust: &Value, notes: &[String]) -> String {
    let label: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '_'
            }
        })
        .collect();
    let mut text = String::new();
    for note in notes {
        text.push_str(&format!("# {}\n", one_line(note)));
    }
    text.push_str(&format!(
        "resource \"aws_iam_role\" \"{label}\" {{\n  name               = {}\n  assume_role_policy = jsonencode({})\n}}\n\n",
        hcl(&json!(name), 1),
        hcl(trust, 1)
    ));
    text.push_str(&format!(
        "resource \"aws_iam_role_policy\" \"{label}\" {{\n  name   = {}\n  role   = aws_iam_role.{label}.id\n  policy = jsonencode({})\n}}\n",
        hcl(&json!(name), 1),
        hcl(policy, 1)
    ));
    text
}

/// A value as Terraform's language writes it: JSON, with templates taken literally.
fn hcl(value: &Value, depth: usize) -> String {
    let indent = "  ".repeat(depth + 1);
    let close = "  ".repeat(depth);
    match value {
        Value::Object(members) => {
            let lines: Vec<String> = members
                .iter()
                .map(|(key, value)| {
                    format!("{indent}{} = {}\n", quoted(key), hcl(value, depth + 1))
                })
                .collect();
            format!("{{\n{}{close}}}", lines.concat())
        }
        Value::Array(items) if items.is_empty() => "[]".to_owned(),
        Value::Array(items) => {
            let lines: Vec<String> = items
                .iter()
                .map(|item| format!("{indent}{},\n", hcl(item, depth + 1)))
                .collect();
            format!("[\n{}{close}]", lines.concat())
        }
        Value::String(text) => quoted(text),
        other => other.to_string(),
    }
}

fn quoted(text: &str) -> String {
    let text = Value::from(text).to_string();
    text.replace("${", "$${").replace("%{", "%%{")
}

fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// A role with this policy, as a template of CloudFormation. Notes stand in its metadata.
#[must_use]
pub fn cloudformation(name: &str, policy: &Value, trust: &Value, notes: &[String]) -> Value {
    json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "A role that allows what its playbooks need, and nothing else",
        "Metadata": {"Notes": notes},
        "Resources": {
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "RoleName": name,
                    "AssumeRolePolicyDocument": trust,
                    "Policies": [{"PolicyName": name, "PolicyDocument": policy}],
                },
            },
        },
        "Outputs": {"RoleArn": {"Value": {"Fn::GetAtt": ["Role", "Arn"]}}},
    })
}

/// How long IAM counts a policy: characters without white space.
#[must_use]
pub fn length(policy: &Value) -> usize {
    policy
        .to_string()
        .chars()
        .filter(|c| !c.is_whitespace())
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(action: &str, resources: &[&str]) -> Need {
        Need {
            action: action.to_owned(),
            resources: resources.iter().map(|&text| text.to_owned()).collect(),
            passed_to: None,
        }
    }

    #[test]
    fn one_statement_for_each_set_of_resources() {
        let needs = [
            need("ec2:DescribeInstances", &["*"]),
            need("s3:GetObject", &["arn:aws:s3:::b/*", "arn:aws:s3:::b/key"]),
            need("ec2:DescribeVpcs", &["*"]),
        ];
        let document = document(&needs);
        let expected = json!([
            {"Effect": "Allow", "Action": ["ec2:DescribeInstances", "ec2:DescribeVpcs"], "Resource": ["*"]},
            {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::b/*"]},
        ]);
        assert_eq!(document["Statement"], expected);
    }

    #[test]
    fn principals_are_accounts_or_arns() {
        let given =
            |text: &str| trust(text, "aws").map(|t| t["Statement"][0]["Principal"]["AWS"].clone());
        assert_eq!(
            given("123456789012"),
            Ok(json!("arn:aws:iam::123456789012:root"))
        );
        let role = "arn:aws:iam::123456789012:role/quell";
        assert_eq!(given(role), Ok(json!(role)));
        for bad in [
            "",
            "*",
            "12345",
            "arn:aws:s3:::b",
            "arn:aws:iam::1:role/x",
            "quell",
        ] {
            assert!(given(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn terraform_takes_policy_variables_literally() {
        let policy = json!({"Resource": ["a${aws:username}%{b}"]});
        let text = terraform("My Role", &policy, &json!({}), &["a\nnote".to_owned()]);
        assert!(
            text.starts_with("# a note\nresource \"aws_iam_role\" \"my_role\" {"),
            "{text}"
        );
        assert!(text.contains("\"a$${aws:username}%%{b}\""), "{text}");
    }
}
