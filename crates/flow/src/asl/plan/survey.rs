//! Which calls a machine may make, told without running it: for permissions. Every state counts, whatever leads to it.
//!
//! Each Task is entered with an input of which nothing is known, so that what its definition says itself stays, and all
//! else is [`UNKNOWN`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::Scope;
use model::effect::AwsCall;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Begin;
use super::walk::started;
use crate::asl::definition::variables::assigned;
use crate::asl::definition::{Distributed, Format, Kind, Map, Source, State, StateMachine, Task};
use crate::asl::input::{Context, Start};
use crate::asl::integration::Integration;
use crate::asl::machine::planned::{Did, Spot, told};
use crate::asl::open;
use crate::asl::template::Template;
use crate::automation::inverse;
use crate::automation::survey::undoing;
pub use crate::automation::survey::{Possible, UNKNOWN};
use crate::expr::unknown;

/// What a machine may do.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// Calls, those that follow and stop jobs (`.sync`) among them.
    pub calls: Vec<Possible>,
    /// What cannot be told, and what a reader should know: the state and the reason.
    pub unknown: Vec<(String, String)>,
}

impl Survey {
    /// What keeping the states before the changes needs, and taking the changes back.
    #[must_use]
    pub fn undoing(&self) -> Vec<Possible> {
        let spelled = |call: &Possible| {
            let params = call.params.as_object().cloned().unwrap_or_default();
            Possible {
                params: Value::Object(inverse::as_service(&call.service, params)),
                ..call.clone()
            }
        };
        let calls: Vec<Possible> = self.calls.iter().map(spelled).collect();
        undoing(&calls)
    }
}

/// Looks at all states of a machine.
#[must_use]
pub fn survey(machine: &Arc<StateMachine>) -> Survey {
    let begin = Begin {
        name: UNKNOWN.to_owned(),
        arn: String::new(),
        definition: String::new(),
        express: false,
        role_arn: String::new(),
        input: open::named("input").to_string(),
    };
    let cx = Context {
        id: Uuid::nil(),
        scope: Scope::new(UNKNOWN, UNKNOWN),
        at: jiff::Timestamp::UNIX_EPOCH,
        entropy: [0; 32],
        budget: 1,
        definitions: Arc::default(),
    };
    let mut surveyor = Surveyor {
        machine,
        variables: variables(machine),
        start: started(&begin, &cx),
        cx,
        survey: Survey::default(),
    };
    for (block, states) in machine.blocks.iter().enumerate() {
        for (at, state) in states.states.iter().enumerate() {
            surveyor.state((block, at), state);
        }
    }
    surveyor.survey
}

struct Surveyor<'a> {
    machine: &'a Arc<StateMachine>,
    variables: BTreeMap<String, Value>,
    start: Start,
    cx: Context,
    survey: Survey,
}

impl Surveyor<'_> {
    fn state(&mut self, at: (usize, usize), state: &State) {
        let spot = Spot {
            machine: Arc::clone(self.machine),
            start: self.start.clone(),
            at,
            input: open::named("input").into(),
            variables: self.variables.clone(),
            item: Some(json!({"Index": 0, "Value": open::named("item")}).into()),
        };
        match &state.kind {
            Kind::Task(task) => self.task(&spot, state, task),
            Kind::Map(map) => self.map(&spot, state, map),
            _ => {}
        }
    }

    fn task(&mut self, spot: &Spot, state: &State, task: &Task) {
        let call = match spot.enter(&self.cx) {
            Did::Calls(call) => *call,
            Did::Offers(..) => return,
            Did::Failed(error, cause) => {
                let reason = told(error.as_deref(), cause.as_deref());
                return self.unknown(&state.name, format!("its call cannot be told: {reason}"));
            }
            Did::Left(_) | Did::Forks(..) => {
                return self.unknown(&state.name, "its call cannot be told".to_owned());
            }
        };
        if task.role.is_some() {
            return self.by_another(state, &call);
        }
        self.call(&state.name, (&call.service, &call.operation), &call.params);
        let Ok(integration) = Integration::parse(&task.resource) else {
            return;
        };
        if let Some((job, _)) = integration.job {
            let answer = open::named("answer");
            let look = Value::Object(job.look_at(&call.params, &answer));
            self.call(&state.name, (&call.service, job.look), &look);
            if !job.stop.is_empty() {
                let stops = job.stop_it(&call.params, &answer);
                let params = stops.into_iter().next().unwrap_or_default();
                self.call(
                    &state.name,
                    (&call.service, job.stop),
                    &Value::Object(params),
                );
            }
        }
    }

    /// `Credentials`: the machine's role takes another one, which needs the permissions of the call.
    fn by_another(&mut self, state: &State, call: &AwsCall) {
        let role = call.assume_role.as_ref().map(|role| role.role_arn.clone());
        let role = unknown::starred(&json!(role.unwrap_or_default()));
        let reason = format!(
            "{}:{} is made as the role {role}, which needs the permission",
            call.service, call.operation
        );
        self.call(
            &state.name,
            ("sts", "AssumeRole"),
            &json!({"RoleArn": role}),
        );
        self.unknown(&state.name, reason);
    }

    /// What a distributed Map reads and writes.
    fn map(&mut self, spot: &Spot, state: &State, map: &Map) {
        let Some(Distributed { reader, writer, .. }) = &map.distributed else {
            return;
        };
        if let Some(reader) = reader {
            let given = literal(&reader.arguments);
            let part = |name: &str| given.get(name).cloned().unwrap_or(json!(UNKNOWN));
            let bucket = part("Bucket");
            let (lists, reads) = match &reader.source {
                Source::Object(_) => (false, true),
                Source::Listing(format) => (true, format.is_some()),
            };
            if lists {
                let params = json!({"Bucket": bucket, "Prefix": part("Prefix")});
                self.call(&state.name, ("s3", "ListObjectsV2"), &params);
            }
            if reads {
                // A manifest names other objects.
                let plain = matches!(
                    &reader.source,
                    Source::Object(Format::Csv(_) | Format::Json { .. } | Format::JsonLines)
                );
                let (bucket, key) = match plain {
                    true => (bucket, part("Key")),
                    false => (json!(UNKNOWN), json!(UNKNOWN)),
                };
                let params = json!({"Bucket": bucket, "Key": key});
                self.call(&state.name, ("s3", "GetObject"), &params);
            }
        }
        if writer
            .as_ref()
            .is_some_and(|writer| writer.destination.is_some())
        {
            let place = spot.destination(&self.cx).unwrap_or_default();
            let part = |name: &str| match place.get(name) {
                Some(Value::String(text)) => text.clone(),
                _ => UNKNOWN.to_owned(),
            };
            let key = format!("{}/{UNKNOWN}", part("Prefix"));
            let params = json!({"Bucket": part("Bucket"), "Key": key});
            self.call(&state.name, ("s3", "PutObject"), &params);
        }
    }

    fn call(&mut self, state: &str, (service, operation): (&str, &str), params: &Value) {
        self.survey.calls.push(Possible {
            step: state.to_owned(),
            service: service.to_owned(),
            operation: operation.to_owned(),
            params: unknown::starred(params),
        });
    }

    fn unknown(&mut self, state: &str, reason: String) {
        let reason = unknown::shown(&Value::String(reason));
        let reason = reason.as_str().unwrap_or_default().to_owned();
        self.survey.unknown.push((state.to_owned(), reason));
    }
}

/// All variables of a machine, none of which is known.
fn variables(machine: &StateMachine) -> BTreeMap<String, Value> {
    let states = machine.blocks.iter().flat_map(|block| &block.states);
    let names: BTreeSet<&str> = states
        .flat_map(|state| assigned(state).into_iter().map(|(_, name)| name))
        .collect();
    names
        .into_iter()
        .map(|name| (name.to_owned(), open::named(&format!("${name}"))))
        .collect()
}

/// What a template says itself, member by member.
fn literal(template: &Template) -> BTreeMap<&str, Value> {
    match template {
        Template::Object(members) => members
            .iter()
            .filter_map(|(name, template)| match template {
                Template::Literal(value) => Some((name.as_str(), value.clone())),
                _ => None,
            })
            .collect(),
        Template::Literal(Value::Object(map)) => map
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone()))
            .collect(),
        _ => BTreeMap::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asl::definition::{self, MachineType};

    fn told_of(states: &Value) -> Vec<(String, String, Value)> {
        let text = json!({"StartAt": "A", "States": states}).to_string();
        let machine = definition::parse(&text, MachineType::Standard).expect("a machine");
        let found = survey(&Arc::new(machine));
        assert_eq!(found.unknown, []);
        let calls = found.calls.into_iter();
        calls
            .map(|it| {
                (
                    it.step,
                    format!("{}:{}", it.service, it.operation),
                    it.params,
                )
            })
            .collect()
    }

    #[test]
    fn what_a_definition_says_itself_is_told_and_all_else_is_anything() {
        let resource = |name: &str| format!("arn:aws:states:::{name}");
        let states = json!({
            "A": {"Type": "Task", "Resource": resource("aws-sdk:ec2:createTags"), "Next": "B",
                "Parameters": {"Resources.$": "States.Array($.id)", "Tags": [{"Key": "k", "Value.$": "$$.Execution.Name"}]}},
            "B": {"Type": "Task", "Resource": resource("sns:publish"), "Next": "C", "QueryLanguage": "JSONata",
                "Arguments": {"TopicArn": "{% 'arn:aws:sns:us-east-1:1:' & $states.input.topic %}", "Message": "{% $seen %}"}},
            "C": {"Type": "Task", "Resource": resource("batch:submitJob.sync"), "Assign": {"seen.$": "$.x"}, "Next": "D",
                "Parameters": {"JobName": "j", "JobQueue": "q", "JobDefinition": "d"}},
            "D": {"Type": "Map", "End": true,
                "ItemReader": {"Resource": resource("s3:getObject"), "ReaderConfig": {"InputType": "JSON"},
                    "Parameters": {"Bucket": "in", "Key.$": "$.key"}},
                "ResultWriter": {"Resource": resource("s3:putObject"), "Parameters": {"Bucket": "out", "Prefix": "p"}},
                "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "E",
                    "States": {"E": {"Type": "Task", "Resource": resource("aws-sdk:ec2:stopInstances"), "End": true,
                        "Parameters": {"InstanceIds.$": "States.Array($.id)"}}}}},
        });
        let told = told_of(&states);
        let names: Vec<(&str, &str)> = told
            .iter()
            .map(|it| (it.0.as_str(), it.1.as_str()))
            .collect();
        assert_eq!(
            names,
            [
                ("A", "ec2:CreateTags"),
                ("B", "sns:Publish"),
                ("C", "batch:SubmitJob"),
                ("C", "batch:DescribeJobs"),
                ("C", "batch:TerminateJob"),
                ("D", "s3:GetObject"),
                ("D", "s3:PutObject"),
                ("E", "ec2:StopInstances"),
            ]
        );
        let params = |n: usize| told[n].2.clone();
        let tags = json!([{"Key": "k", "Value": "*"}]);
        assert_eq!(params(0), json!({"Resources": ["*"], "Tags": tags}));
        assert_eq!(params(1)["TopicArn"], "arn:aws:sns:us-east-1:1:*");
        assert_eq!(params(5), json!({"Bucket": "in", "Key": "*"}));
        assert_eq!(params(6), json!({"Bucket": "out", "Key": "p/*"}));
    }

    #[test]
    fn a_call_as_another_role_is_that_roles() {
        let text = json!({"StartAt": "A", "States": {"A": {
            "Type": "Task", "Resource": "arn:aws:states:::aws-sdk:ec2:describeInstances", "End": true,
            "Credentials": {"RoleArn": "arn:aws:iam::1:role/x"}, "Parameters": {},
        }}});
        let machine = definition::parse(&text.to_string(), MachineType::Standard);
        let found = survey(&Arc::new(machine.expect("a machine")));
        assert_eq!(found.calls[0].operation, "AssumeRole");
        assert_eq!(
            found.calls[0].params,
            json!({"RoleArn": "arn:aws:iam::1:role/x"})
        );
        assert!(found.unknown[0].1.contains("role/x"), "{:?}", found.unknown);
    }
}
