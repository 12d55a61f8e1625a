//! Which AWS calls a Python script makes, read from its text: clients of boto3, what they are called in variables,
//! and the methods that are called on them.
//!
//! A reading, not an execution: what depends on values of the run is told as unknown, with its line. A call in code
//! that never runs counts like any other.

mod clients;
mod tokens;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::model::catalog;
use clients::Clients;
use tokens::{Kind, Token};

/// Longest script that is looked into, in bytes.
const MAX_BYTES: usize = 1024 * 1024;

/// A call that a script makes.
#[derive(Debug, Clone, PartialEq)]
pub struct ScriptCall {
    /// boto3's name of the service.
    pub service: String,
    /// The operation.
    pub operation: String,
    /// Keyword arguments; what is no literal is [`super::ANY`].
    pub params: Value,
    /// Line of the call, from 1.
    pub line: u32,
}

/// What a script's text tells.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Found {
    /// Calls, in their order.
    pub calls: Vec<ScriptCall>,
    /// What could not be told: the line and why.
    pub unknown: Vec<(u32, String)>,
}

/// The calls of a script.
#[must_use]
pub fn calls(script: &str) -> Found {
    let mut found = Found::default();
    if script.len() > MAX_BYTES {
        found.unknown.push((
            0,
            format!("the script has more than {MAX_BYTES} bytes and was not looked into"),
        ));
        return found;
    }
    let tokens = tokens::read(script);
    let clients = Clients::find(&tokens);
    for (line, reason) in &clients.unknown {
        found.unknown.push((*line, reason.clone()));
    }
    for (at, token) in tokens.iter().enumerate() {
        let method = token.name().filter(|_| {
            at > 0 && tokens::is(&tokens, at - 1, ".") && tokens::is(&tokens, at + 1, "(")
        });
        let Some(method) = method else { continue };
        let services = clients.of_receiver(&tokens, at - 1);
        for service in services {
            one_call(&mut found, &tokens, (at, method), &service);
        }
    }
    found.unknown.sort();
    found.unknown.dedup();
    found
}

fn one_call(found: &mut Found, tokens: &[Token<'_>], (at, method): (usize, &str), service: &str) {
    let line = tokens.get(at).map_or(0, |token| token.line);
    let Ok(model) = catalog().service(service) else {
        found
            .unknown
            .push((line, format!("there is no service `{service}`")));
        return;
    };
    let first = || {
        tokens::arguments(tokens, at + 1)
            .positional
            .first()
            .cloned()
            .flatten()
    };
    let operations: Vec<String> = match method {
        "get_paginator" | "generate_presigned_url" => first().into_iter().collect(),
        "get_waiter" => {
            let waiter =
                first().and_then(|name| model.waiter(&name).map(|w| w.operation.to_string()));
            waiter.into_iter().collect()
        }
        "can_paginate" | "close" => return,
        "upload_file" | "upload_fileobj" => vec!["put_object".to_owned()],
        "download_file" | "download_fileobj" => vec!["get_object".to_owned()],
        other => vec![other.to_owned()],
    };
    let known = operations
        .iter()
        .filter_map(|name| model.operation(name))
        .map(|operation| operation.name.to_owned());
    let known: BTreeSet<String> = known.collect();
    if known.is_empty() {
        found.unknown.push((
            line,
            format!("`{method}` is no operation of `{service}` that can be told from the text"),
        ));
        return;
    }
    let mut params = tokens::arguments(tokens, at + 1);
    if params.spread {
        found.unknown.push((
            line,
            format!("some parameters of `{method}` are made while the script runs"),
        ));
    }
    if matches!(method, "get_paginator" | "get_waiter") {
        params.named = paginated(tokens, at);
    }
    let params: Map<String, Value> = params.named.into_iter().collect();
    for operation in known {
        found.calls.push(ScriptCall {
            service: model.name.to_owned(),
            operation,
            params: Value::Object(params.clone()),
            line,
        });
    }
}

/// The arguments of `.paginate(...)` or `.wait(...)` right behind the paginator or waiter.
fn paginated(tokens: &[Token<'_>], at: usize) -> Vec<(String, Value)> {
    let Some(end) = tokens::closing(tokens, at + 1) else {
        return Vec::new();
    };
    let called = tokens.get(end + 2).and_then(Token::name);
    if tokens::is(tokens, end + 1, ".") && matches!(called, Some("paginate" | "wait")) {
        return tokens::arguments(tokens, end + 3).named;
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(script: &str) -> Vec<String> {
        let found = calls(script);
        let calls = found
            .calls
            .iter()
            .map(|call| format!("{}:{}", call.service, call.operation));
        calls
            .chain(
                found
                    .unknown
                    .iter()
                    .map(|(line, why)| format!("?{line} {why}")),
            )
            .collect()
    }

    #[test]
    fn calls_are_found_however_the_client_is_made() {
        let cases: [(&str, &[&str]); 12] = [
            (
                "import boto3\nec2 = boto3.client('ec2')\nec2.describe_instances(InstanceIds=['i-1'])\n",
                &["ec2:DescribeInstances"],
            ),
            (
                "boto3.client(service_name=\"s3\", region_name=r).put_bucket_policy(Bucket=b)",
                &["s3:PutBucketPolicy"],
            ),
            (
                "def connect(svc):\n  return boto3.client(svc, config=c)\n\ndef handler(e, c):\n  x = connect('iam')\n  x.list_users()\n",
                &["iam:ListUsers"],
            ),
            (
                "def connect_to_ssm():\n    return boto3.client('ssm', config=c)\nssm = connect_to_ssm()\nssm.get_parameter(Name='/a')",
                &["ssm:GetParameter"],
            ),
            (
                "class A:\n  def __init__(self):\n    self.kms = boto3.client('kms')\n  def f(self):\n    self.kms.disable_key(KeyId=k)\n",
                &["kms:DisableKey"],
            ),
            (
                "s = boto3.Session()\nc = s.client('sts')\nc.get_caller_identity()",
                &["sts:GetCallerIdentity"],
            ),
            (
                "p = boto3.client('s3').get_paginator('list_objects_v2')",
                &["s3:ListObjectsV2"],
            ),
            (
                "ec2 = boto3.client('ec2')\nec2.get_waiter('instance_running').wait(InstanceIds=[i])",
                &["ec2:DescribeInstances"],
            ),
            (
                "def f(client, x):\n  client.delete_bucket(Bucket=x)\ns3 = boto3.client('s3')\nf(s3, 1)\n",
                &["s3:DeleteBucket"],
            ),
            (
                "# ec2.terminate_instances()\nx = 'ec2.terminate_instances()'\n\"\"\"c.f()\"\"\"\n",
                &[],
            ),
            (
                "def f(e):\n  c = boto3.client(e['svc'])\n  c.anything()\n",
                &["?2 which service this client is for is known only when the script runs"],
            ),
            (
                "b = boto3.resource('s3').Bucket('x')\n",
                &["?1 calls through boto3.resource are not looked into"],
            ),
        ];
        for (script, expected) in cases {
            assert_eq!(told(script), expected, "{script}");
        }
    }

    #[test]
    fn literal_parameters_are_known() {
        let found = calls(
            "c = boto3.client('s3')\nc.put_object(Bucket='b', Key=k, Tagging=\"a=b\", Body=f'x{y}', N=5, L=['a', 'b'])",
        );
        let call = found.calls.first().expect("one call");
        let expected = serde_json::json!({"Bucket": "b", "Key": "*", "Tagging": "a=b", "Body": "*", "N": 5, "L": ["a", "b"]});
        assert_eq!(call.params, expected);
        assert_eq!(call.line, 2);
    }

    #[test]
    fn no_text_is_too_odd() {
        for script in [
            "'",
            "\"\"\"",
            "f(((",
            ")",
            "a.b(",
            "boto3.client(",
            "\\",
            "def",
            "def (",
            "x = boto3.client('ec2'\n",
            "é.ü('ß')",
            "\0",
        ] {
            let _ = calls(script);
        }
    }
}
