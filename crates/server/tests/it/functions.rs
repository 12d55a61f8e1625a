//! Functions over HTTP, with a runner and a shelf that a test scripts.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::effect::{Failure, FunctionCall};
use model::function::Code;
use model::{EffectCommand, Outcome, Scope};
use ports::BoxFuture;
use ports::function::{CodeError, CodeLimits, CodeShelf, InvokeError, Invoked, Invoker};
use serde_json::{Value, json};
use server::{FunctionPorts, Outgoing, owns};

use crate::world::{ACCOUNT, Answer, REGION, World};

/// A runner that answers what it was told, and a shelf that takes all but what says that it is bad.
#[derive(Default)]
struct Host {
    answers: Mutex<Vec<Result<Invoked, InvokeError>>>,
    ran: Mutex<Vec<FunctionCall>>,
    kept: Mutex<Vec<BTreeSet<String>>>,
}

impl Invoker for Host {
    fn invoke(&self, call: FunctionCall) -> BoxFuture<'static, Result<Invoked, InvokeError>> {
        self.ran.lock().expect("no panic held it").push(call);
        let answer = self.answers.lock().expect("no panic held it").pop();
        let usual = Invoked {
            payload: "1".to_owned(),
            failed: false,
            log_tail: b"log".to_vec(),
        };
        Box::pin(async move { answer.unwrap_or(Ok(usual)) })
    }

    fn counts(&self) -> Vec<ports::function::FunctionCounts> {
        Vec::new()
    }

    fn log(
        &self,
        _: Scope,
        _: String,
        _: u64,
    ) -> BoxFuture<'static, Result<Option<Vec<u8>>, CodeError>> {
        Box::pin(async { Ok(None) })
    }
}

impl CodeShelf for Host {
    fn limits(&self) -> CodeLimits {
        CodeLimits {
            archive_bytes: 1,
            unpacked_bytes: 2,
            overall_bytes: 3,
            concurrent: 4,
        }
    }

    fn put(&self, archive: Vec<u8>) -> BoxFuture<'static, Result<Code, CodeError>> {
        Box::pin(async move {
            match archive.as_slice() {
                b"bad" => Err(CodeError::Invalid("it is bad".to_owned())),
                b"large" => Err(CodeError::TooLarge("too large".to_owned())),
                b"full" => Err(CodeError::Full { limit: 3 }),
                _ => Ok(Code {
                    digest: hex::encode([archive.first().copied().unwrap_or(0); 32]),
                    bytes: 5,
                }),
            }
        })
    }

    fn get(&self, _: String) -> BoxFuture<'static, Result<Option<Vec<u8>>, CodeError>> {
        Box::pin(async { Ok(None) })
    }

    fn bytes(&self) -> BoxFuture<'static, Result<u64, CodeError>> {
        Box::pin(async { Ok(3) })
    }

    fn keep_only(&self, digests: BTreeSet<String>) -> BoxFuture<'static, Result<u64, CodeError>> {
        self.kept.lock().expect("no panic held it").push(digests);
        Box::pin(async { Ok(0) })
    }
}

const BASE: &str = "/2015-03-31/functions";

async fn world() -> (World, Arc<Host>) {
    let host = Arc::new(Host::default());
    let ports = FunctionPorts {
        invoker: Arc::<Host>::clone(&host),
        code: Arc::<Host>::clone(&host),
    };
    let world = World::with(|config| config.functions = Some(ports)).await;
    (world, host)
}

fn wish(name: &str, zip: &[u8]) -> Value {
    json!({
        "FunctionName": name, "Runtime": "python3.12", "Handler": "m.f",
        "Role": format!("arn:aws:iam::{ACCOUNT}:role/r"),
        "Code": { "ZipFile": STANDARD.encode(zip) },
    })
}

async fn call(world: &World, method: &str, path: &str, body: Option<Value>) -> Answer {
    let client = world.client();
    client.rest("lambda", method, path, body).await
}

async fn made(world: &World, name: &str) {
    let answer = call(world, "POST", BASE, Some(wish(name, b"a"))).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
}

#[tokio::test]
async fn code_is_refused_in_the_services_words() {
    let (world, host) = world().await;
    for (zip, code, says) in [
        (
            b"bad".as_slice(),
            "InvalidParameterValueException",
            "Could not unzip uploaded file: it is bad",
        ),
        (b"large", "InvalidParameterValueException", "too large"),
        (
            b"full",
            "CodeStorageExceededException",
            "Code storage limit exceeded",
        ),
    ] {
        let answer = call(&world, "POST", BASE, Some(wish("f", zip))).await;
        assert_eq!(
            (answer.status, answer.code()),
            (400, code),
            "{}",
            answer.body
        );
        assert!(answer.message().contains(says), "{}", answer.body);
    }
    assert_eq!(
        host.kept.lock().expect("no panic held it").len(),
        1,
        "a full shelf is swept once"
    );
    let answer = call(&world, "GET", &format!("{BASE}/f/configuration"), None).await;
    assert_eq!(
        (answer.status, answer.code()),
        (404, "ResourceNotFoundException")
    );
}

#[tokio::test]
async fn code_that_a_version_has_is_kept() {
    let (world, host) = world().await;
    made(&world, "f").await;
    let path = format!("{BASE}/f/versions");
    let published = call(&world, "POST", &path, Some(json!({}))).await;
    assert_eq!(published.body["Version"], "1", "{}", published.body);
    let code = json!({ "ZipFile": STANDARD.encode(b"b") });
    let answer = call(&world, "PUT", &format!("{BASE}/f/code"), Some(code)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let digests = |letters: &[u8]| -> BTreeSet<String> {
        letters.iter().map(|one| hex::encode([*one; 32])).collect()
    };
    assert_eq!(
        host.kept.lock().expect("no panic held it").last(),
        Some(&digests(b"ab"))
    );
    let answer = call(&world, "DELETE", &format!("{BASE}/f?Qualifier=1"), None).await;
    assert!(answer.status < 300, "{}", answer.body);
    assert_eq!(
        host.kept.lock().expect("no panic held it").last(),
        Some(&digests(b"b"))
    );
}

#[tokio::test]
async fn what_a_runner_says_becomes_the_services_answer() {
    let (world, host) = world().await;
    made(&world, "f").await;
    let path = format!("{BASE}/f/invocations");
    let throttled = |reserved| Err(InvokeError::Throttled { reserved });
    let role = InvokeError::Role {
        message: "no".to_owned(),
        transient: false,
    };
    let broken = InvokeError::Broken("no interpreter".to_owned());
    for (said, status, code) in [
        (throttled(true), 429, "TooManyRequestsException"),
        (throttled(false), 429, "TooManyRequestsException"),
        (Err(role), 403, "AccessDeniedException"),
        (Err(broken), 500, "ServiceException"),
        (
            Err(InvokeError::Missing("f".to_owned())),
            404,
            "ResourceNotFoundException",
        ),
    ] {
        host.answers.lock().expect("no panic held it").push(said);
        let answer = call(&world, "POST", &path, Some(json!({ "a": 1 }))).await;
        assert_eq!(
            (answer.status, answer.code()),
            (status, code),
            "{}",
            answer.body
        );
    }
    host.answers
        .lock()
        .expect("no panic held it")
        .push(Ok(Invoked {
            payload: r#"{"errorMessage":"e"}"#.to_owned(),
            failed: true,
            log_tail: Vec::new(),
        }));
    let answer = call(&world, "POST", &path, Some(json!({ "a": 1 }))).await;
    assert_eq!(answer.headers["x-amz-function-error"], "Unhandled");
    assert_eq!(answer.body["errorMessage"], "e");
    let ran = host.ran.lock().expect("no panic held it");
    assert!(ran.iter().all(|call| call.payload == r#"{"a":1}"#));
    let ids: BTreeSet<_> = ran.iter().map(|call| call.request_id).collect();
    assert_eq!(ids.len(), ran.len(), "each request has an id of its own");
}

/// Signs an `Invoke` of type `Event`.
async fn event(world: &World, payload: &str) -> Answer {
    let client = world.client();
    let path = format!("{BASE}/f/invocations");
    let mut request = crate::world::request("POST", &path, payload);
    request.set_header("x-amz-invocation-type", "Event");
    client.sign(&mut request, "lambda", model_now(world));
    world.send(request).await
}

fn model_now(world: &World) -> jiff::Timestamp {
    world.handle.now()
}

#[tokio::test]
async fn an_event_runs_later_and_again_after_a_failure() {
    let (world, _host) = world().await;
    made(&world, "f").await;
    let failed = json!({ "Payload": r#"{"errorMessage":"e"}"#, "FunctionError": "Unhandled" });
    world
        .outside
        .answer("invoke f", Outcome::Done { result: failed });
    let answer = event(&world, r#"{"n":1}"#).await;
    assert_eq!((answer.status, answer.text.as_str()), (202, ""));
    world.settle().await;
    assert_eq!(world.outside.count("invoke f"), 1);
    for (secs, count) in [(59, 1), (1, 2), (119, 2), (1, 3), (600, 3)] {
        world.fast_forward(Duration::from_secs(secs)).await;
        assert_eq!(
            world.outside.count("invoke f"),
            count,
            "after {secs} s more"
        );
    }
    let busy = Outcome::Failed(Failure {
        code: "TooManyRequestsException".to_owned(),
        message: "Rate Exceeded.".to_owned(),
        status: Some(429),
        request_id: None,
        extended_request_id: None,
        shape: None,
        transient: true,
    });
    world.outside.answer("invoke f", busy);
    assert_eq!(event(&world, "2").await.status, 202);
    for secs in [1, 2, 4, 8, 16] {
        world.fast_forward(Duration::from_secs(secs)).await;
    }
    assert_eq!(
        world.outside.count("invoke f"),
        3 + 6,
        "a throttled event is not given up"
    );
    let seen = world.outside.seen.lock().expect("no panic held it");
    let payloads: Vec<&str> = seen
        .iter()
        .filter_map(|command| match command {
            EffectCommand::InvokeFunction(call) => Some(call.payload.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(payloads[..3], [r#"{"n":1}"#; 3]);
}

#[tokio::test]
async fn only_what_is_here_stays_here() {
    let (world, _host) = world().await;
    made(&world, "f").await;
    let arn = |region: &str, account: &str| format!("arn:aws:lambda:{region}:{account}:function:f");
    let other = "999999999999";
    for (function, account, operation, own) in [
        ("f", None, "Invoke", true),
        ("f:live", None, "Invoke", true),
        ("g", None, "Invoke", false),
        ("f", None, "PutFunctionConcurrency", false),
        ("f", Some(ACCOUNT), "Invoke", true),
        // A step that acts in another account means that account's function.
        ("f", Some(other), "Invoke", false),
        (&arn(REGION, ACCOUNT), Some(other), "Invoke", true),
        (&arn(REGION, other), None, "Invoke", false),
        (&arn("eu-west-1", ACCOUNT), None, "Invoke", false),
        ("not a name", None, "Invoke", false),
    ] {
        let params = json!({ "FunctionName": function });
        let call = Outgoing {
            service: "lambda",
            operation,
            params: &params,
            region: REGION,
            account,
            delivers: false,
        };
        assert_eq!(
            owns(&world.state, &call),
            own,
            "{function} {account:?} {operation}"
        );
    }
}
