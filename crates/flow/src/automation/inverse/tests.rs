//! The rules, by tables: what is read, what of the answer is kept, and what brings it back.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::returns::ROWS;
use super::{Params, calls, prospect, rule};

fn params(given: &Value) -> Params {
    given.as_object().cloned().unwrap_or_default()
}

/// The state that an answer tells.
fn state(call: (&str, &str), given: &Value, answer: &Value) -> Value {
    let rule = rule(call.0, call.1).expect("a rule");
    rule.state(&params(given), Ok(answer)).expect("a state")
}

/// The calls back, as operation and parameters.
fn back(call: (&str, &str), given: &Value, (before, after): (&Value, &Value)) -> Value {
    let rule = rule(call.0, call.1).expect("a rule");
    let calls = rule.back(&params(given), before, after);
    json!(
        calls
            .iter()
            .map(|call| json!([call.operation, call.params]))
            .collect::<Vec<_>>()
    )
}

fn reads(call: (&str, &str), given: &Value) -> Option<(&'static str, Value)> {
    let reading = rule(call.0, call.1)?.reading(&params(given))?;
    Some((reading.operation, reading.params))
}

#[test]
fn every_row_has_a_rule_and_names_all_that_the_rule_calls() {
    let some = json!({
        "Bucket": "b", "Key": "k", "RoleName": "r", "UserName": "u", "GroupName": "g", "PolicyName": "p",
        "StatementId": "s", "FunctionName": "f", "TrailName": "t", "ResourceArn": "a", "Tags": {"k": "v"},
        "AttributeName": "restore", "DBSnapshotIdentifier": "d", "DBClusterSnapshotIdentifier": "c",
        "PolicyId": "p-1", "TargetId": "1", "ResourceIds": ["vpc-1"],
    });
    let statement =
        json!({"Sid": "s", "Effect": "Allow", "Principal": "*", "Action": "lambda:InvokeFunction"});
    let states = [
        Value::Null,
        json!(true),
        json!(false),
        json!("text"),
        json!([]),
        json!(["one"]),
        json!([{"Key": "k", "Value": "v"}]),
        json!([{"Key": "k", "Value": null}]),
        json!([{"UserId": "1"}]),
        json!({"k": "v"}),
        json!({"k": null}),
        json!({"i-1": "running", "i-2": "stopped", "i-3": "InService", "i-4": "Standby"}),
        json!({"i-1": "stopped", "i-2": "running", "i-3": "Standby", "i-4": "InService"}),
        json!({"AssociationId": "a", "InstanceId": "i-1", "Arn": "arn"}),
        json!({"EventSelectors": [{"ReadWriteType": "All"}]}),
        statement,
    ];
    let mut seen = 0;
    for (service, operations, named) in ROWS {
        for operation in *operations {
            let rule = rule(service, operation).unwrap_or_else(|| panic!("{service}:{operation}"));
            let mut called = BTreeSet::new();
            let given = match *operation {
                "modifyinstanceattribute" => json!({"DisableApiTermination": {"Value": true}}),
                _ => some.clone(),
            };
            for before in &states {
                for after in &states {
                    for call in rule.back(&params(&given), before, after) {
                        assert_eq!(call.service, *service);
                        called.insert(call.operation);
                    }
                }
            }
            assert_eq!(
                called,
                BTreeSet::from_iter(named.iter().copied()),
                "{service}:{operation}"
            );
            seen += 1;
        }
    }
    assert!(seen > 70, "{seen}");
}

#[test]
fn what_taking_back_needs_is_told_before_the_run() {
    let given = params(&json!({"FunctionName": "f", "AuthType": "AWS_IAM"}));
    let found = calls("lambda", "UpdateFunctionUrlConfig", &given);
    let names: Vec<&str> = found.iter().map(|call| call.operation).collect();
    assert_eq!(names, ["UpdateFunctionUrlConfig", "GetFunctionUrlConfig"]);
    assert!(found.iter().all(|call| call.params["FunctionName"] == "f"));
    assert!(calls("lambda", "DeleteFunctionUrlConfig", &given).is_empty());
    assert_eq!(
        prospect("lambda", "update_function_url_config", &given),
        "can be undone"
    );
}

#[test]
fn selectors_of_a_trail_come_back_as_they_were() {
    let call = ("cloudtrail", "PutEventSelectors");
    let given = json!({"TrailName": "t", "EventSelectors": []});
    let was = json!([{"ReadWriteType": "ReadOnly", "IncludeManagementEvents": false, "DataResources": []}]);
    let answer = json!({"TrailARN": "arn", "EventSelectors": was, "AdvancedEventSelectors": []});
    assert_eq!(
        reads(call, &given),
        Some(("GetEventSelectors", json!({"TrailName": "t"})))
    );
    let before = state(call, &given, &answer);
    assert_eq!(before, json!({ "EventSelectors": was }));
    assert_eq!(
        back(call, &given, (&before, &json!({}))),
        json!([["PutEventSelectors", {"TrailName": "t", "EventSelectors": was}]])
    );
    let advanced = json!({"AdvancedEventSelectors": [{"Name": "n", "FieldSelectors": []}]});
    assert_eq!(
        back(call, &given, (&advanced, &before)),
        json!([["PutEventSelectors", {"TrailName": "t", "AdvancedEventSelectors": [{"Name": "n", "FieldSelectors": []}]}]])
    );
    assert_eq!(back(call, &given, (&json!({}), &before)), json!([]));
}

#[test]
fn flow_logs_that_were_made_are_deleted_and_no_others() {
    let call = ("ec2", "CreateFlowLogs");
    let given = json!({"ResourceIds": ["vpc-1"], "ResourceType": "VPC", "TrafficType": "ALL"});
    assert_eq!(
        reads(call, &given),
        Some((
            "DescribeFlowLogs",
            json!({"Filter": [{"Name": "resource-id", "Values": ["vpc-1"]}]})
        ))
    );
    let (before, after) = (json!(["fl-1"]), json!(["fl-1", "fl-2"]));
    assert_eq!(
        back(call, &given, (&before, &after)),
        json!([["DeleteFlowLogs", {"FlowLogIds": ["fl-2"]}]])
    );
    assert_eq!(back(call, &given, (&before, &before)), json!([]));
    let rule = rule(call.0, call.1).expect("a rule");
    let page = json!({"FlowLogs": [], "NextToken": "more"});
    assert!(rule.state(&params(&given), Ok(&page)).is_err());
    let last = json!({"FlowLogs": [], "NextToken": ""});
    assert_eq!(rule.state(&params(&given), Ok(&last)), Ok(json!([])));
}

#[test]
fn a_functions_address_is_called_as_before() {
    let call = ("lambda", "UpdateFunctionUrlConfig");
    let given = json!({"FunctionName": "f", "Qualifier": "live", "AuthType": "AWS_IAM"});
    let answer = json!({"FunctionUrl": "https://x", "AuthType": "NONE", "LastModifiedTime": "now"});
    let before = state(call, &given, &answer);
    assert_eq!(
        before,
        json!({"AuthType": "NONE", "Cors": null, "InvokeMode": null})
    );
    let after = json!({"AuthType": "AWS_IAM", "Cors": {"MaxAge": 1}, "InvokeMode": null});
    assert_eq!(
        back(call, &given, (&before, &after)),
        json!([["UpdateFunctionUrlConfig", {"FunctionName": "f", "Qualifier": "live", "AuthType": "NONE", "Cors": {}}]])
    );
    // It was not there before an update: whoever made it meanwhile keeps it.
    assert_eq!(back(call, &given, (&Value::Null, &after)), json!([]));
    assert_eq!(
        back(
            ("lambda", "CreateFunctionUrlConfig"),
            &given,
            (&Value::Null, &after)
        ),
        json!([["DeleteFunctionUrlConfig", {"FunctionName": "f", "Qualifier": "live"}]])
    );
    assert_eq!(back(call, &given, (&before, &Value::Null)), json!([]));
}

#[test]
fn a_functions_permissions_are_granted_as_they_were() {
    let call = ("lambda", "RemovePermission");
    let given = json!({"FunctionName": "f", "StatementId": "s", "RevisionId": "r"});
    let cases = [
        (json!({"Principal": "*"}), Some(json!({"Principal": "*"}))),
        (
            json!({"Principal": {"Service": "s3.amazonaws.com"}, "Condition": {
                "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::b"}, "StringEquals": {"AWS:SourceAccount": "1"}}}),
            Some(
                json!({"Principal": "s3.amazonaws.com", "SourceArn": "arn:aws:s3:::b", "SourceAccount": "1"}),
            ),
        ),
        (
            json!({"Principal": {"AWS": "arn:aws:iam::1:root"}, "Condition": {
                "StringEquals": {"aws:PrincipalOrgID": "o-1", "lambda:FunctionUrlAuthType": "NONE"},
                "Bool": {"lambda:InvokedViaFunctionUrl": "true"}}}),
            Some(
                json!({"Principal": "arn:aws:iam::1:root", "PrincipalOrgID": "o-1",
                "FunctionUrlAuthType": "NONE", "InvokedViaFunctionUrl": true}),
            ),
        ),
        // What AddPermission cannot say.
        (json!({"Principal": {"AWS": ["a", "b"]}}), None),
        (json!({"Principal": {"AWS": "a", "Service": "b"}}), None),
        (json!({"Principal": "*", "Effect": "Deny"}), None),
        (json!({"Principal": "*", "Action": ["a", "b"]}), None),
        (json!({"Principal": "*", "NotAction": "a"}), None),
        (
            json!({"Principal": "*", "Condition": {"StringLike": {"aws:SourceArn": "a"}}}),
            None,
        ),
        (
            json!({"Principal": "*", "Condition": {"StringEquals": {"aws:SourceAccount": ["1"]}}}),
            None,
        ),
    ];
    for (own, granted) in cases {
        let mut statement = json!({"Sid": "s", "Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "arn"});
        for (key, value) in own.as_object().into_iter().flatten() {
            statement[key] = value.clone();
        }
        let policy = json!({"Version": "2012-10-17", "Statement": [{"Sid": "other"}, statement]});
        let answer = json!({"Policy": policy.to_string()});
        let before = state(call, &given, &answer);
        assert_eq!(before, statement);
        let expected = granted.map_or(json!([]), |mut granted| {
            granted["FunctionName"] = json!("f");
            granted["StatementId"] = json!("s");
            granted["Action"] = json!("lambda:InvokeFunction");
            json!([["AddPermission", granted]])
        });
        assert_eq!(back(call, &given, (&before, &Value::Null)), expected);
    }
}

#[test]
fn a_permission_that_was_not_there_is_removed() {
    let call = ("lambda", "RemovePermission");
    let given = json!({"FunctionName": "f", "StatementId": "s", "RevisionId": "r"});
    let other = json!({"Policy": "{\"Statement\": [{\"Sid\": \"other\"}]}"});
    assert_eq!(state(call, &given, &other), Value::Null);
    assert_eq!(
        state(call, &given, &json!({"Policy": "not JSON"})),
        Value::Null
    );
    let added = json!({"Sid": "s"});
    assert_eq!(
        back(("lambda", "AddPermission"), &given, (&Value::Null, &added)),
        json!([["RemovePermission", {"FunctionName": "f", "StatementId": "s"}]])
    );
    let missing = rule("lambda", "AddPermission").expect("a rule").state(
        &params(&given),
        Err(("ResourceNotFoundException", "no policy")),
    );
    assert_eq!(missing, Ok(Value::Null));
}

#[test]
fn tags_of_objects_and_recovery_points_come_back() {
    let call = ("s3", "put_object_tagging");
    let given = json!({"Bucket": "b", "Key": "k", "VersionId": "v", "Tagging": {"TagSet": []}});
    let object = json!({"Bucket": "b", "Key": "k", "VersionId": "v"});
    assert_eq!(
        reads(call, &given),
        Some(("GetObjectTagging", object.clone()))
    );
    let tags = json!([{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "1"}]);
    let before = state(call, &given, &json!({"TagSet": tags}));
    assert_eq!(
        before,
        json!([{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    );
    let mut put = object.clone();
    put["Tagging"] = json!({"TagSet": before});
    assert_eq!(
        back(call, &given, (&before, &json!([]))),
        json!([["PutObjectTagging", put]])
    );
    assert_eq!(
        back(call, &given, (&json!([]), &before)),
        json!([["DeleteObjectTagging", object]])
    );

    let call = ("backup", "TagResource");
    let given = json!({"ResourceArn": "arn", "Tags": {"x": "1", "y": "2"}});
    assert_eq!(
        reads(call, &given),
        Some(("ListTags", json!({"ResourceArn": "arn"})))
    );
    let before = state(call, &given, &json!({"Tags": {"x": "0", "other": "z"}}));
    assert_eq!(before, json!({"x": "0", "y": null}));
    assert_eq!(
        back(call, &given, (&before, &json!({"x": "1", "y": "2"}))),
        json!([
            ["TagResource", {"ResourceArn": "arn", "Tags": {"x": "0"}}],
            ["UntagResource", {"ResourceArn": "arn", "TagKeyList": ["y"]}],
        ])
    );
    let given = json!({"ResourceArn": "arn", "TagKeyList": ["x"]});
    let before = state(
        ("backup", "UntagResource"),
        &given,
        &json!({"Tags": {"x": "0"}}),
    );
    assert_eq!(before, json!({"x": "0"}));
}

#[test]
fn policies_and_shares_are_taken_back() {
    let call = ("organizations", "AttachPolicy");
    let given = json!({"PolicyId": "p-1", "TargetId": "1"});
    assert_eq!(
        reads(call, &given),
        Some(("ListTargetsForPolicy", json!({"PolicyId": "p-1"})))
    );
    let attached = json!({"Targets": [{"TargetId": "1"}]});
    assert_eq!(state(call, &given, &attached), json!(true));
    assert_eq!(state(call, &given, &json!({"Targets": []})), json!(false));
    assert_eq!(
        back(call, &given, (&json!(false), &json!(true))),
        json!([["DetachPolicy", given]])
    );

    for (kind, result) in [
        ("DBSnapshot", "DBSnapshot"),
        ("DBClusterSnapshot", "DBClusterSnapshot"),
    ] {
        let operation = format!("Modify{kind}Attribute");
        let id = format!("{kind}Identifier");
        let call = ("rds", operation.as_str());
        let given =
            json!({id.as_str(): "s", "AttributeName": "restore", "ValuesToRemove": ["all"]});
        let values = json!({(format!("{result}Attributes")): [
            {"AttributeName": "other", "AttributeValues": ["x"]},
            {"AttributeName": "restore", "AttributeValues": ["all", "1"]},
        ]});
        let answer = json!({(format!("{result}AttributesResult")): values});
        let before = state(call, &given, &answer);
        assert_eq!(before, json!(["1", "all"]));
        assert_eq!(
            back(call, &given, (&before, &json!(["1", "2"]))),
            json!([[operation, {id: "s", "AttributeName": "restore", "ValuesToAdd": ["all"], "ValuesToRemove": ["2"]}]])
        );
    }
}
