//! Playing one record: its calls in their order, each recorded answer beside what was answered here.

use model::Outcome;
use serde_json::{Map, Value, json};

use super::answers::{RECORDED, placed, seen, sent};
use super::compare::{Rules, differences, opened};
use crate::world::{Answer, World};

/// How a record went.
pub(super) enum Played {
    NotRun(String),
    Compared {
        answers: usize,
        by_boto3: usize,
        lines: Vec<String>,
    },
}

pub(super) async fn play(record: &Value) -> Played {
    let world = World::new().await;
    if let Some(reason) = missing(record, &world) {
        return Played::NotRun(reason);
    }
    let mut game = Game {
        record,
        world,
        own: Vec::new(),
        answered: Vec::new(),
        expected: Map::new(),
        observed: Map::new(),
        by_boto3: 0,
    };
    let calls = calls(record);
    for call in &calls {
        match call["op"].as_str() {
            Some(operation) => game.call(operation, call).await,
            None => game.compare(call).await,
        }
    }
    if let Some(reason) = game.uncompared() {
        return Played::NotRun(reason);
    }
    let mut rules = Rules::of(&json!({"placeholders": record["placeholders"]}));
    rules
        .replace
        .retain(|(_, to)| !to.starts_with("<ExecArnPart"));
    let mut observed = opened(&Value::Object(game.observed));
    placed(record, &mut observed);
    Played::Compared {
        answers: game.expected.len(),
        by_boto3: game.by_boto3,
        lines: differences(&Value::Object(game.expected), &observed, &rules),
    }
}

/// Why a record cannot be played; the services that can be played are made ready.
fn missing(record: &Value, world: &World) -> Option<String> {
    let needs = record["needs"].as_array().cloned().unwrap_or_default();
    for need in needs.iter().filter_map(Value::as_str) {
        match need {
            // Log groups are named only, functions answer below, queues and buckets are never reached.
            "logs" | "cloudformation" => {}
            "lambda" if record["kind"] == "TestState" => function(record, world),
            "sqs" | "s3" if record["area"] == "api" => {}
            other => return Some(format!("needs {other}")),
        }
    }
    None
}

/// The function of a record, as its code in `setup` answers: one gives its event back, the other a text. The headers are
/// those that were recorded.
fn function(record: &Value, world: &World) {
    let echoes = record["id"].to_string().contains("service_task");
    let payload = if echoes { "{}" } else { "\"HelloWorld!\"" };
    let answer = &record["expect"]["recorded"]["test_case_response"];
    let metadata = &answer["output"]["SdkHttpMetadata"];
    let result = json!({
        "StatusCode": 200, "ExecutedVersion": "$LATEST", "Payload": payload,
        "ResponseMetadata": {"RequestId": "RequestId", "HTTPStatusCode": 200,
            "HTTPHeaders": metadata.get("HttpHeaders").unwrap_or(&json!({}))},
    });
    world.outside.answer("Invoke", Outcome::Done { result });
}

/// The calls of a record; those that are one call only are told by its other members.
fn calls(record: &Value) -> Vec<Value> {
    let mut calls = record["calls"].as_array().cloned().unwrap_or_default();
    let recorded = record["expect"]["recorded"].as_object();
    let keys: Vec<&String> = recorded.into_iter().flat_map(Map::keys).collect();
    let stacks = record["setup"].as_array().into_iter().flatten();
    let stacks: Vec<&Value> = stacks.filter(|call| call["op"] == "CreateStack").collect();
    if let ([stack], [key]) = (stacks.as_slice(), keys.as_slice()) {
        // What the stack's one resource has made, and what of it is recorded.
        let template: Value = stack["params"]["TemplateBody"]
            .as_str()
            .and_then(|text| serde_json::from_str(text).ok())
            .expect("a template");
        let machine = &template["Resources"]["MyStateMachine"]["Properties"];
        let name = machine["StateMachineName"].as_str().expect("a name");
        let arn = format!("arn:aws:states:us-east-1:{RECORDED}:stateMachine:{name}");
        calls.insert(
            0,
            json!({"op": "CreateStateMachine", "params": {"name": name,
            "definition": machine["DefinitionString"], "roleArn": machine["RoleArn"]}}),
        );
        calls.push(json!({"op": "DescribeStateMachine", "params": {"stateMachineArn": arn}}));
        calls.push(json!({"match": key}));
    }
    if !calls.is_empty() {
        return calls;
    }
    let text = match &record["definition"] {
        Value::String(text) => text.clone(),
        Value::Null => "{}".to_owned(),
        other => other.to_string(),
    };
    let mut params = json!({"definition": text, "type": record["type"]});
    let operation = if record["kind"] == "Validate" {
        "ValidateStateMachineDefinition"
    } else {
        params["name"] = record["name"].clone();
        params["roleArn"] = record["roleArn"].clone();
        "CreateStateMachine"
    };
    let mut calls = vec![json!({"op": operation, "params": params})];
    calls.extend(keys.iter().map(|key| json!({"match": key})));
    calls
}

/// Records have `t10` for the token that ten items were answered with.
fn is_invented_token(token: &Value) -> bool {
    let number = token.as_str().and_then(|token| token.strip_prefix('t'));
    number.is_some_and(|number| number.parse::<u32>().is_ok())
}

struct Game<'a> {
    record: &'a Value,
    world: World,
    /// Invented identifiers of the record, and those that were given here.
    own: Vec<(Value, Value)>,
    /// The answer of each call, with its operation; nothing for what is no call.
    answered: Vec<Option<(String, Answer)>>,
    expected: Map<String, Value>,
    observed: Map<String, Value>,
    by_boto3: usize,
}

impl Game<'_> {
    async fn call(&mut self, operation: &str, call: &Value) {
        let mut params = self.with_own(&sent(&call["params"]));
        if is_invented_token(&params["nextToken"]) {
            let answered = self.answered.iter().rev().flatten();
            let mut tokens = answered.map(|(_, answer)| &answer.body["nextToken"]);
            params["nextToken"] = tokens.next().expect("an answer").clone();
        }
        let answer = self.ask(operation, params).await;
        for (member, invented) in call["returns"].as_object().into_iter().flatten() {
            let given = answer.body.get(member).cloned();
            self.own.extend(given.map(|given| (sent(invented), given)));
        }
        self.world.settle().await;
        self.answered.push(Some((operation.to_owned(), answer)));
    }

    async fn ask(&self, operation: &str, params: Value) -> Answer {
        let target = format!("AWSStepFunctions.{operation}");
        self.world.client().json(&target, params).await
    }

    /// Parameters with the identifiers of this world in the place of invented ones.
    fn with_own(&self, params: &Value) -> Value {
        match params {
            Value::Object(members) => members
                .iter()
                .map(|(name, member)| (name.clone(), self.with_own(member)))
                .collect(),
            Value::Array(items) => items.iter().map(|item| self.with_own(item)).collect(),
            other => {
                let known = self.own.iter().find(|(invented, _)| invented == other);
                known.map_or_else(|| other.clone(), |(_, given)| given.clone())
            }
        }
    }

    async fn compare(&mut self, call: &Value) {
        self.answered.push(None);
        let key = call["match"].as_str().expect("a key");
        let expected = self.record["expect"]["recorded"][key].clone();
        let mut by_boto3 = self.record["client_side"].as_array().into_iter().flatten();
        if by_boto3.any(|it| it == key) {
            self.by_boto3 += 1;
            return;
        }
        let of = call["of"].as_u64().and_then(|of| usize::try_from(of).ok());
        let observed = if expected.is_array() {
            self.page(key).await
        } else {
            let answered = match of {
                Some(of) => self.answered.get(of).and_then(Option::as_ref),
                None => self.answered.iter().rev().flatten().next(),
            };
            let (operation, answer) = answered.expect("the call was made");
            seen(operation, answer, &expected)
        };
        let observed = match call["part"].as_str() {
            Some(part) => observed[part].clone(),
            None => observed,
        };
        self.expected.insert(key.to_owned(), expected);
        self.observed.insert(key.to_owned(), observed);
    }

    /// A page of ten of all machines, as the record's test went through them.
    async fn page(&self, key: &str) -> Value {
        let number = key
            .rsplit('-')
            .next()
            .and_then(|number| number.parse::<usize>().ok());
        let mut params = json!({"maxResults": 10});
        let mut page = Value::Null;
        for _ in 0..number.expect("a page") {
            let answer = self.ask("ListStateMachines", params.clone()).await;
            params["nextToken"] = answer.body["nextToken"].clone();
            page = seen("ListStateMachines", &answer, &Value::Null);
        }
        page["stateMachines"].clone()
    }

    /// Why nothing or not all that was recorded was compared.
    fn uncompared(&self) -> Option<String> {
        let recorded = self.record["expect"]["recorded"].as_object();
        let mut keys = recorded.into_iter().flat_map(Map::keys);
        let by_boto3 = &self.record["client_side"];
        let left = keys.find(|key| {
            let own = by_boto3
                .as_array()
                .is_some_and(|it| it.iter().any(|own| own == *key));
            !self.expected.contains_key(*key) && !own
        });
        left.map(|key| format!("no call is given for `{key}`"))
    }
}
