//! Machines from a seed, in both query languages. Each block is a chain of states; choices and catchers lead forward, so
//! every machine comes to an end.

use serde_json::{Value, json};

use super::super::chance::Chance;

/// Parallel and Map within each other.
const DEPTH: usize = 2;

struct Maker<'a> {
    chance: &'a mut Chance,
    jsonata: bool,
    /// Number of states so far: names are unique.
    states: usize,
    /// Number of variables so far: inner blocks may not assign what is assigned around them.
    assigned: usize,
    /// Variables that the states so far assign, those of the blocks around first.
    variables: Vec<String>,
}

/// A machine, and an input for it.
pub(super) fn machine(chance: &mut Chance) -> (Value, Value) {
    let jsonata = chance.percent(50);
    let mut maker = Maker {
        chance,
        jsonata,
        states: 0,
        assigned: 0,
        variables: Vec::new(),
    };
    let mut machine = maker.block(DEPTH);
    machine["QueryLanguage"] = json!(if jsonata { "JSONata" } else { "JSONPath" });
    if maker.chance.percent(10) {
        machine["TimeoutSeconds"] = json!(10 + maker.chance.below(20));
    }
    let items: Vec<usize> = (0..maker.chance.below(5)).collect();
    let input = json!({"v": maker.chance.below(5), "items": items, "s": "text"});
    (machine, input)
}

impl Maker<'_> {
    fn block(&mut self, depth: usize) -> Value {
        let count = 1 + self.chance.below(4);
        let names: Vec<String> = (0..=count)
            .map(|_| {
                self.states += 1;
                format!("S{}", self.states)
            })
            .collect();
        let outside = self.variables.len();
        let mut states = json!({});
        for (n, name) in names[..count].iter().enumerate() {
            let mut state = self.state(depth, &names[n + 1..], n + 1);
            state["Next"] = json!(names[n + 1]);
            if state["Type"] == "Choice" {
                let next = state.as_object_mut().and_then(|it| it.remove("Next"));
                state["Default"] = next.unwrap_or_default();
            }
            states[name] = state;
        }
        states[&names[count]] = match self.chance.below(8) {
            0 => json!({"Type": "Fail", "Error": "Own", "Cause": "as it was meant"}),
            1..=4 => json!({"Type": "Succeed"}),
            _ => json!({"Type": "Pass", "End": true}),
        };
        self.variables.truncate(outside);
        json!({"StartAt": names[0], "States": states})
    }

    fn state(&mut self, depth: usize, later: &[String], place: usize) -> Value {
        let kinds = if depth > 0 { 10 } else { 7 };
        let mut state = match self.chance.below(kinds) {
            0 => self.pass(),
            1 => self.choice(later),
            2 => json!({"Type": "Wait", "Seconds": 1 + self.chance.below(3)}),
            3..=6 => self.task(),
            7 => {
                let count = 1 + self.chance.below(3);
                let branches: Vec<Value> = (0..count).map(|_| self.block(depth - 1)).collect();
                json!({"Type": "Parallel", "Branches": branches})
            }
            _ => self.map(depth),
        };
        let kind = state["Type"].as_str().unwrap_or_default().to_owned();
        if ["Task", "Parallel", "Map"].contains(&kind.as_str()) {
            self.keep(&mut state, place);
            self.errors(&mut state, later, &kind);
        }
        if kind != "Choice" && self.chance.percent(30) {
            self.assign(&mut state);
        }
        state
    }

    fn pass(&mut self) -> Value {
        let mut state = json!({"Type": "Pass"});
        match (self.jsonata, self.chance.below(4)) {
            (false, 0) => {
                state["Parameters"] =
                    json!({"v.$": "$.v", "items.$": "$.items", "s.$": "States.Format('{}!', $.s)"});
            }
            (false, 1) => {
                state["Result"] = json!([1, {"a": null}]);
                state["ResultPath"] = json!("$.more.here");
            }
            // Seldom it leads nowhere.
            (false, 2) if self.chance.percent(20) => state["InputPath"] = json!("$.gone"),
            (true, 0) => {
                state["Output"] = json!({"v": "{% $states.input.v + 1 %}",
                    "items": "{% [$states.input.items] %}", "s": "{% $states.input.s & '!' %}"});
            }
            (true, 1) if self.chance.percent(20) => {
                state["Output"] = json!("{% $states.input.gone %}");
            }
            _ => {}
        }
        state
    }

    fn choice(&mut self, later: &[String]) -> Value {
        let next = later[self.chance.below(later.len())].clone();
        let most = self.chance.below(5);
        let rule = if self.jsonata {
            json!({"Condition": format!("{{% $states.input.v > {most} %}}"), "Next": next})
        } else {
            json!({"Variable": "$.v", "NumericGreaterThan": most, "Next": next})
        };
        json!({"Type": "Choice", "Choices": [rule]})
    }

    fn task(&mut self) -> Value {
        let n = self.states;
        let (resource, arguments) = match self.chance.below(7) {
            0 | 1 => (
                "aws-sdk:sqs:getQueueUrl",
                json!({"QueueName": format!("q{n}")}),
            ),
            2 => (
                "aws-sdk:sqs:sendMessage",
                json!({"QueueUrl": "q", "MessageBody": "b"}),
            ),
            3 => (
                "aws-sdk:sfn:startExecution",
                json!({"StateMachineArn": "m"}),
            ),
            4 => (
                "states:startExecution.sync:2",
                json!({"StateMachineArn": "m"}),
            ),
            5 => {
                let token = if self.jsonata {
                    json!({"t": "{% $states.context.Task.Token %}"})
                } else {
                    json!({"t.$": "$$.Task.Token"})
                };
                let resource = "aws-sdk:ssm:startAutomationExecution.waitForTaskToken";
                (resource, json!({"DocumentName": "d", "Parameters": token}))
            }
            _ => ("", json!({"n": n})),
        };
        let resource = if resource.is_empty() {
            "arn:aws:states:us-east-1:111111111111:activity:a".to_owned()
        } else {
            format!("arn:aws:states:::{resource}")
        };
        let mut state = json!({"Type": "Task", "Resource": resource});
        state[self.given()] = arguments;
        if self.chance.percent(25) {
            state["TimeoutSeconds"] = json!(2 + self.chance.below(4));
        }
        if !self.jsonata && self.chance.percent(20) {
            state["ResultSelector"] = json!({"all.$": "$"});
        }
        state
    }

    /// The field of what a Task's work is given.
    fn given(&self) -> &'static str {
        if self.jsonata {
            "Arguments"
        } else {
            "Parameters"
        }
    }

    fn map(&mut self, depth: usize) -> Value {
        let block = self.block(depth - 1);
        let mut state = json!({"Type": "Map", "ItemProcessor": block});
        if self.jsonata {
            state["Items"] = json!("{% [$states.input.items] %}");
            state["ItemSelector"] =
                json!({"v": "{% $states.context.Map.Item.Value %}", "items": [1, 2], "s": "i"});
        } else {
            state["ItemsPath"] = json!("$.items");
            state["ItemSelector"] =
                json!({"v.$": "$$.Map.Item.Value", "items": [1, 2], "s.$": "$.s"});
        }
        if self.chance.percent(50) {
            state["MaxConcurrency"] = json!(1 + self.chance.below(3));
        }
        if self.chance.percent(30) {
            state["ToleratedFailureCount"] = json!(self.chance.below(3));
        }
        state
    }

    /// The result goes beside the input, so that later states find what they read.
    fn keep(&mut self, state: &mut Value, place: usize) {
        if self.chance.percent(5) {
            return;
        }
        if self.jsonata {
            let output = format!("{{% $merge([$states.input, {{'r{place}': $states.result}}]) %}}");
            state["Output"] = json!(output);
        } else {
            state["ResultPath"] = json!(format!("$.r{place}"));
        }
    }

    fn errors(&mut self, state: &mut Value, later: &[String], kind: &str) {
        let names = [
            "States.ALL",
            "States.TaskFailed",
            "States.Timeout",
            "Own",
            "States.Runtime",
        ];
        if self.chance.percent(45) {
            let attempts = 1 + self.chance.below(2);
            state["Retry"] = json!([{"ErrorEquals": [self.chance.pick(&names)], "IntervalSeconds": 1,
                "MaxAttempts": attempts, "BackoffRate": 1.5}]);
        }
        if self.chance.percent(if kind == "Task" { 40 } else { 60 }) {
            let next = later[self.chance.below(later.len())].clone();
            let mut catcher = json!({"ErrorEquals": [self.chance.pick(&names)], "Next": next});
            if self.jsonata {
                catcher["Output"] =
                    json!("{% $merge([$states.input, {'e': $states.errorOutput}]) %}");
            } else {
                catcher["ResultPath"] = json!("$.e");
            }
            state["Catch"] = json!([catcher]);
        }
    }

    fn assign(&mut self, state: &mut Value) {
        self.assigned += 1;
        let name = format!("x{}", self.assigned);
        let read = self
            .variables
            .last()
            .filter(|_| self.states.is_multiple_of(4))
            .cloned();
        let (key, value) = match (self.jsonata, read) {
            (true, Some(read)) => (name.clone(), json!(format!("{{% [${read}, 1] %}}"))),
            (true, None) => (name.clone(), json!("{% $states.input.v %}")),
            (false, Some(read)) => (format!("{name}.$"), json!(format!("${read}"))),
            (false, None) => (name.clone(), json!({"n": 1})),
        };
        state["Assign"] = json!({key: value});
        self.variables.push(name);
    }
}
