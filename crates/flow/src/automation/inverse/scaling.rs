//! Auto Scaling groups and target groups.

use serde_json::{Map, Value, json};

use super::{Call, Params, Rule, at, get, items, list, missing, ordered, sorted};

pub(super) fn rule(service: &str, operation: &str) -> Option<Rule> {
    Some(match (service, operation) {
        ("autoscaling", "enterstandby" | "exitstandby") => {
            Rule::new(read_instances, lifecycle, set_standby)
        }
        ("autoscaling", "suspendprocesses" | "resumeprocesses") => Rule::new(
            read_group,
            |_, answer| {
                sorted(
                    answer,
                    "/AutoScalingGroups/0/SuspendedProcesses",
                    "ProcessName",
                )
            },
            set_processes,
        ),
        ("autoscaling", "updateautoscalinggroup") => Rule::new(read_sizes, sizes, set_sizes),
        ("elbv2", "registertargets" | "deregistertargets") => Rule::new(
            |p| {
                Some(Call::new(
                    "elbv2",
                    "DescribeTargetHealth",
                    json!({"TargetGroupArn": get(p, "TargetGroupArn")?}),
                ))
            },
            targets,
            set_targets,
        ),
        _ => return None,
    })
}

fn read_group(params: &Params) -> Option<Call> {
    let name = get(params, "AutoScalingGroupName")?;
    Some(Call::new(
        "autoscaling",
        "DescribeAutoScalingGroups",
        json!({ "AutoScalingGroupNames": [name] }),
    ))
}

fn read_instances(params: &Params) -> Option<Call> {
    let ids = list(params, "InstanceIds")?;
    get(params, "AutoScalingGroupName")?;
    Some(Call::new(
        "autoscaling",
        "DescribeAutoScalingInstances",
        json!({ "InstanceIds": ids }),
    ))
}

/// Whether each instance serves or stands by.
fn lifecycle(_: &Params, answer: &Value) -> Value {
    let mut found = Map::new();
    for instance in items(answer, "/AutoScalingInstances") {
        let state = instance.get("LifecycleState").and_then(Value::as_str);
        let (Some(id), Some(state)) = (instance.get("InstanceId").and_then(Value::as_str), state)
        else {
            continue;
        };
        let settled = match state {
            "EnteringStandby" => "Standby",
            "Pending" => "InService",
            other => other,
        };
        found.insert(id.to_owned(), json!(settled));
    }
    found.sort_keys();
    Value::Object(found)
}

fn set_standby(params: &Params, before: &Value, after: &Value) -> Vec<Call> {
    let changed = |state: &str| -> Vec<String> {
        let all = before.as_object().into_iter().flatten();
        all.filter(|(id, was)| *was == state && after.get(*id) != Some(*was))
            .map(|(id, _)| id.clone())
            .collect()
    };
    let group = params.get("AutoScalingGroupName");
    let (serving, standing) = (changed("InService"), changed("Standby"));
    let mut calls = Vec::new();
    if !serving.is_empty() {
        let params = json!({"AutoScalingGroupName": group, "InstanceIds": serving});
        calls.push(Call::new("autoscaling", "ExitStandby", params));
    }
    if !standing.is_empty() {
        let params = json!({"AutoScalingGroupName": group, "InstanceIds": standing, "ShouldDecrementDesiredCapacity": true});
        calls.push(Call::new("autoscaling", "EnterStandby", params));
    }
    calls
}

fn set_processes(params: &Params, before: &Value, after: &Value) -> Vec<Call> {
    let group = params.get("AutoScalingGroupName");
    let changes = [
        ("ResumeProcesses", missing(after, before)),
        ("SuspendProcesses", missing(before, after)),
    ];
    let calls = changes.into_iter().filter(|(_, names)| !names.is_empty());
    calls
        .map(|(operation, names)| {
            let params = json!({"AutoScalingGroupName": group, "ScalingProcesses": names});
            Call::new("autoscaling", operation, params)
        })
        .collect()
}

/// Members of UpdateAutoScalingGroup that can be taken back; a call that changes others as well cannot.
const SIZES: [&str; 5] = [
    "MinSize",
    "MaxSize",
    "DesiredCapacity",
    "DefaultCooldown",
    "HealthCheckGracePeriod",
];

fn read_sizes(params: &Params) -> Option<Call> {
    let known = |key: &str| key == "AutoScalingGroupName" || SIZES.contains(&key);
    if !params.keys().all(|key| known(key)) {
        return None;
    }
    read_group(params)
}

fn sizes(params: &Params, answer: &Value) -> Value {
    let group = at(answer, "/AutoScalingGroups/0");
    let given = SIZES.iter().filter(|name| params.contains_key(**name));
    let kept = given.filter_map(|name| Some(((*name).to_owned(), group.get(*name)?.clone())));
    Value::Object(kept.collect())
}

fn set_sizes(params: &Params, before: &Value, _: &Value) -> Vec<Call> {
    let mut given = before.as_object().cloned().unwrap_or_default();
    let name = params
        .get("AutoScalingGroupName")
        .cloned()
        .unwrap_or_default();
    given.insert("AutoScalingGroupName".to_owned(), name);
    vec![Call::new(
        "autoscaling",
        "UpdateAutoScalingGroup",
        Value::Object(given),
    )]
}

/// Targets that get traffic, or are about to.
fn targets(_: &Params, answer: &Value) -> Value {
    let live = items(answer, "/TargetHealthDescriptions").filter(|one| {
        one.pointer("/TargetHealth/State").and_then(Value::as_str) != Some("draining")
    });
    ordered(live.map(|one| at(one, "/Target")).collect())
}

fn set_targets(params: &Params, before: &Value, after: &Value) -> Vec<Call> {
    let group = params.get("TargetGroupArn");
    let changes = [
        ("DeregisterTargets", missing(after, before)),
        ("RegisterTargets", missing(before, after)),
    ];
    let calls = changes
        .into_iter()
        .filter(|(_, targets)| !targets.is_empty());
    calls
        .map(|(operation, targets)| {
            Call::new(
                "elbv2",
                operation,
                json!({"TargetGroupArn": group, "Targets": targets}),
            )
        })
        .collect()
}
