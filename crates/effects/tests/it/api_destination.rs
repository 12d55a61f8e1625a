//! API destinations against a stub: authorization in every form, parameters, pace, and receivers that mean no good.

mod tokens;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use effects::Performer;
use effects::config::Webhook;
use model::connection::{
    ApiDestination, AuthorizationType, CONNECTION, Connection, ConnectionState,
};
use model::effect::{ApiDestinationCall, DESTINATION_BUSY};
use model::{EffectCommand, Scope};
use ports::connection::{
    AuthParameters, Authorization, Configured, ConfiguredError, Destinations, HttpParameters,
    Oauth, Parameter,
};
use ports::vault::{Key, KeyRing, Place, Secret};
use ports::{BoxFuture, SeededEntropy, Vault};
use uuid::Uuid;

use crate::http_stub::{Received, Reply, Stub};
use crate::world::{config, done, failed, perform};

const ARN: &str = "arn:aws:events:us-east-1:123456789012:api-destination/d";

fn scope() -> Scope {
    Scope::new("123456789012", "us-east-1")
}

/// One destination, which a test may exchange.
#[derive(Debug, Clone)]
struct One(Arc<Mutex<Result<Configured, ConfiguredError>>>);

impl Destinations for One {
    fn configured(
        &self,
        _: Scope,
        _: String,
    ) -> BoxFuture<'static, Result<Configured, ConfiguredError>> {
        let found = self.0.lock().unwrap().clone();
        Box::pin(async move { found })
    }

    fn connection(
        &self,
        _: Scope,
        _: String,
    ) -> BoxFuture<'static, Result<Connection, ConfiguredError>> {
        let found = self.0.lock().unwrap().clone();
        Box::pin(async move { found.map(|found| found.connection) })
    }
}

pub(crate) struct Rim {
    pub(crate) performer: Performer,
    vault: Arc<dyn Vault>,
    one: One,
}

impl Rim {
    pub(crate) fn new(endpoint: &str, parameters: &AuthParameters) -> Self {
        Self::with(endpoint, parameters, |_| {})
    }

    fn with(
        endpoint: &str,
        parameters: &AuthParameters,
        change: impl FnOnce(&mut Webhook),
    ) -> Self {
        let entropy = Arc::new(SeededEntropy::new(3));
        let key = Key::mint(entropy.as_ref());
        let vault: Arc<dyn Vault> = Arc::new(KeyRing::new(key, Vec::new(), entropy));
        let configured = Configured {
            destination: ApiDestination {
                name: "d".to_owned(),
                id: Uuid::from_u128(1),
                description: None,
                connection_arn: "unused".to_owned(),
                endpoint: endpoint.to_owned(),
                method: "POST".to_owned(),
                rate_per_second: 300,
            },
            connection: connection(vault.as_ref(), parameters),
        };
        let one = One(Arc::new(Mutex::new(Ok(configured))));
        let mut config = config();
        config.webhook = Webhook {
            allow_http: true,
            allow_private: true,
            destination_timeout: Duration::from_millis(500),
            ..Webhook::default()
        };
        change(&mut config.webhook);
        config.vault = Some(Arc::clone(&vault));
        config.destinations = Some(Arc::new(one.clone()));
        Self {
            performer: Performer::new(config).unwrap(),
            vault,
            one,
        }
    }

    /// The destination and its connection are not found any more.
    pub(crate) fn lose(&self, error: ConfiguredError) {
        *self.one.0.lock().unwrap() = Err(error);
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Configured)) {
        change(self.one.0.lock().unwrap().as_mut().unwrap());
    }

    fn method(self, method: &str) -> Self {
        self.change(|now| now.destination.method = method.to_owned());
        self
    }
}

fn connection(vault: &dyn Vault, parameters: &AuthParameters) -> Connection {
    let mut made = Connection {
        name: "c".to_owned(),
        id: Uuid::from_u128(2),
        secret_id: String::new(),
        description: None,
        state: ConnectionState::Authorized,
        state_reason: None,
        authorization: AuthorizationType::Basic,
        shown: serde_json::json!({}),
        sealed: None,
        authorized: None,
    };
    let place = Place::new(&scope(), CONNECTION, &made.place(), "parameters");
    made.sealed = Some(vault.seal(&place, &parameters.to_secret()).unwrap());
    made
}

fn call() -> ApiDestinationCall {
    ApiDestinationCall {
        scope: scope(),
        destination_arn: ARN.to_owned(),
        path: Vec::new(),
        headers: BTreeMap::new(),
        query: BTreeMap::new(),
        body: r#"{"id":"e1"}"#.to_owned(),
    }
}

fn command(call: ApiDestinationCall) -> EffectCommand {
    EffectCommand::InvokeApiDestination(call)
}

fn parameter(key: &str, value: &str) -> Parameter {
    Parameter {
        key: key.to_owned(),
        value: Secret::new(value),
        secret: true,
    }
}

fn auth(authorization: Authorization) -> AuthParameters {
    AuthParameters {
        authorization,
        invocation: HttpParameters::default(),
    }
}

pub(crate) fn basic() -> AuthParameters {
    auth(Authorization::Basic {
        username: "Aladdin".to_owned(),
        password: Secret::new("open sesame"),
    })
}

fn oauth(endpoint: String, method: &str) -> AuthParameters {
    auth(Authorization::OauthClientCredentials(Box::new(Oauth {
        client_id: "id:1".to_owned(),
        client_secret: Secret::new("s&cret"),
        endpoint,
        method: method.to_owned(),
        http: HttpParameters {
            headers: vec![parameter("x-tenant", "t1")],
            query: vec![parameter("v", "1 2")],
            body: vec![parameter("audience", "api/one")],
        },
    })))
}

fn ok(_: &Received, _: usize) -> Reply {
    Reply::Answer(200, "text/plain", "thanks".into())
}

#[tokio::test]
async fn basic_and_key_authorize_and_the_connections_parameters_go_first() {
    let stub = Stub::start(ok).await;
    let mut parameters = basic();
    parameters.invocation = HttpParameters {
        headers: vec![parameter("X-Both", "connection"), parameter("Host", "evil")],
        query: vec![parameter("both", "connection"), parameter("k&y", "a b&c")],
        body: vec![parameter("token", "t\"1"), parameter("id", "mine")],
    };
    let rim = Rim::new(&format!("{}/a/*/b/x-*?own=1", stub.url()), &parameters);
    let mut wanted = call();
    wanted.path = vec!["eins/../zwei?x=1#y".to_owned(), "é".to_owned()];
    wanted.headers = BTreeMap::from([
        ("x-both".to_owned(), "target".to_owned()),
        ("x-own".to_owned(), "target".to_owned()),
        ("Transfer-Encoding".to_owned(), "chunked".to_owned()),
    ]);
    wanted.query = BTreeMap::from([
        ("both".to_owned(), "target".to_owned()),
        ("q".to_owned(), "1&admin=true".to_owned()),
    ]);
    let result = done(perform(&rim.performer, command(wanted)).await);
    assert_eq!(result, serde_json::json!({ "StatusCode": 200 }));
    let seen = &stub.seen()[0];
    assert_eq!(
        seen.line,
        "POST /a/eins%2F..%2Fzwei%3Fx%3D1%23y/b/x-%C3%A9?own=1&q=1%26admin%3Dtrue&both=connection&k%26y=a%20b%26c"
    );
    // The example of RFC 7617.
    let told = seen.header("authorization");
    assert_eq!(told, Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
    assert_eq!(seen.header("x-both"), Some("connection"));
    assert_eq!(seen.header("x-own"), Some("target"));
    assert_eq!(seen.header("transfer-encoding"), None);
    let host = format!("127.0.0.1:{}", stub.port);
    assert_eq!(seen.header("host"), Some(host.as_str()));
    let json = Some("application/json; charset=utf-8");
    assert_eq!(seen.header("content-type"), json);
    assert_eq!(seen.body, r#"{"id":"mine","token":"t\"1"}"#);
    let key = auth(Authorization::ApiKey {
        name: "x-api-key".to_owned(),
        value: Secret::new("k1"),
    });
    let rim = Rim::new(&stub.url(), &key).method("GET");
    let mut wanted = call();
    wanted.headers = BTreeMap::from([("X-Api-Key".to_owned(), "theirs".to_owned())]);
    done(perform(&rim.performer, command(wanted)).await);
    let seen = &stub.seen()[1];
    assert_eq!((seen.line.as_str(), seen.body.as_str()), ("GET /", ""));
    assert_eq!(seen.header("x-api-key"), Some("k1"));
    for method in ["PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"] {
        let rim = Rim::new(&stub.url(), &key).method(method);
        done(perform(&rim.performer, command(call())).await);
        let seen = stub.seen();
        let last = seen.last().unwrap();
        assert_eq!(last.line, format!("{method} /"));
        let carries = matches!(method, "PUT" | "PATCH" | "DELETE");
        assert_eq!(!last.body.is_empty(), carries, "{method}");
    }
}

#[tokio::test]
async fn the_rate_limit_is_kept_and_a_receiver_may_ask_for_rest() {
    let stub = Stub::start(ok).await;
    let rim = Rim::new(&stub.url(), &basic());
    rim.change(|now| now.destination.rate_per_second = 5);
    #[expect(clippy::disallowed_methods, reason = "a test measures")]
    let start = Instant::now();
    for _ in 0..4 {
        done(perform(&rim.performer, command(call())).await);
    }
    assert!(
        start.elapsed() >= Duration::from_millis(590),
        "{:?}",
        start.elapsed()
    );
    let slow = Stub::start(|_, number| match number {
        0 => Reply::With(429, ("retry-after", "30".to_owned()), "slow down".into()),
        _ => Reply::Answer(200, "text/plain", String::new()),
    })
    .await;
    let rim = Rim::new(&slow.url(), &basic());
    let first = failed(perform(&rim.performer, command(call())).await);
    assert_eq!((first.status, first.transient), (Some(429), true));
    let second = failed(perform(&rim.performer, command(call())).await);
    assert_eq!(
        (second.code.as_str(), second.transient),
        (DESTINATION_BUSY, true)
    );
    assert_eq!(slow.seen().len(), 1, "it is left alone");
    let mut other = call();
    other.destination_arn.push('2');
    done(perform(&rim.performer, command(other)).await);
}

#[tokio::test]
async fn what_an_answer_means() {
    let cases: [(Reply, &str, bool); 9] = [
        (
            Reply::Answer(400, "text/plain", "bad".into()),
            "Http",
            false,
        ),
        (Reply::Answer(403, "text/plain", "no".into()), "Http", false),
        (Reply::Answer(404, "text/plain", "no".into()), "Http", false),
        (
            Reply::Answer(408, "text/plain", "late".into()),
            "Http",
            true,
        ),
        (
            Reply::Answer(503, "text/plain", "later".into()),
            "Http",
            true,
        ),
        (
            Reply::With(
                307,
                ("location", "http://169.254.169.254/".to_owned()),
                String::new(),
            ),
            "Http",
            false,
        ),
        (Reply::Hang, "Timeout", true),
        (Reply::Drop, "Network", true),
        (
            Reply::Answer(200, "text/plain", "x".repeat(2 << 20)),
            "Http",
            false,
        ),
    ];
    for (reply, code, transient) in cases {
        let stub = Stub::start(move |_, _| reply.clone()).await;
        let rim = Rim::new(&stub.url(), &basic());
        let refused = failed(perform(&rim.performer, command(call())).await);
        assert_eq!(
            (refused.code.as_str(), refused.transient),
            (code, transient),
            "{refused:?}"
        );
        assert_eq!(stub.seen().len(), 1, "one attempt: {code}");
    }
    // A receiver that sends everything back does not bring a secret into the outcome.
    let echo = Stub::start(|request, _| {
        Reply::Answer(400, "text/plain", format!("{:?}", request.headers))
    })
    .await;
    let rim = Rim::new(&echo.url(), &basic());
    let refused = failed(perform(&rim.performer, command(call())).await);
    assert!(refused.message.contains("***"), "{refused:?}");
    assert!(
        !refused.message.contains("QWxhZGRpbjpvcGVuIHNlc2FtZQ"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_with_its_reason() {
    let stub = Stub::start(ok).await;
    let refusal = async |endpoint: &str, change: &dyn Fn(&mut ApiDestinationCall)| {
        let rim = Rim::new(&endpoint.replace("HERE", &stub.url()), &basic());
        let mut wanted = call();
        change(&mut wanted);
        let refused = failed(perform(&rim.performer, command(wanted)).await);
        assert_eq!(
            (refused.code.as_str(), refused.transient),
            ("ParamValidation", false)
        );
        refused.message
    };
    let put = |name: &'static str, value: &'static str| {
        move |call: &mut ApiDestinationCall| {
            call.headers.insert(name.to_owned(), value.to_owned());
        }
    };
    for (endpoint, change, said) in [
        (
            "HERE",
            Box::new(put("x-a", "1\r\nx-evil: 1")) as Box<dyn Fn(&mut ApiDestinationCall)>,
            "`x-a`",
        ),
        ("HERE", Box::new(put("x a", "1")), "no header name"),
        ("HERE", Box::new(put("x\r\nevil", "1")), "no header name"),
        ("HERE/*", Box::new(|_| ()), "1 `*`"),
        (
            "HERE/a",
            Box::new(|call| call.path = vec!["x".into()]),
            "0 `*`",
        ),
        (
            "HERE/*/b",
            Box::new(|call| call.path = vec!["..".into()]),
            "`..`",
        ),
        (
            "HERE/*/b",
            Box::new(|call| call.path = vec![String::new()]),
            "empty",
        ),
        (
            "http://*.example.com/",
            Box::new(|call| call.path = vec!["x".into()]),
            "host",
        ),
        ("http://user@127.0.0.1/", Box::new(|_| ()), "user name"),
        ("ftp://127.0.0.1/", Box::new(|_| ()), "https"),
        (
            "HERE",
            Box::new(|call| call.query = BTreeMap::from([("q".into(), "x".repeat(20_000))])),
            "16384",
        ),
        (
            "HERE",
            Box::new(|call| call.body = "x".repeat(2 << 20)),
            "1048576",
        ),
    ] {
        let message = refusal(endpoint, change.as_ref()).await;
        assert!(message.contains(said), "{endpoint}: {message}");
    }
    let mut members = basic();
    members.invocation.body = vec![parameter("a", "1")];
    let rim = Rim::new(&stub.url(), &members);
    let mut wanted = call();
    wanted.body = "[1]".to_owned();
    let refused = failed(perform(&rim.performer, command(wanted)).await);
    assert!(refused.message.contains("no JSON object"), "{refused:?}");
    assert!(stub.seen().is_empty());
}

#[tokio::test]
async fn inside_addresses_stay_out_of_reach_for_endpoint_and_token() {
    let stub = Stub::start(ok).await;
    let guarded = |endpoint: &str, parameters: &AuthParameters| {
        Rim::with(endpoint, parameters, |webhook| {
            webhook.allow_private = false
        })
    };
    for inside in [
        stub.url(),
        format!("http://localhost:{}/", stub.port),
        format!("http://0x7f.1:{}/", stub.port),
        format!("http://[::ffff:127.0.0.1]:{}/", stub.port),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
    ] {
        let rim = guarded(&inside, &basic());
        let refused = failed(perform(&rim.performer, command(call())).await);
        assert_eq!(
            (refused.code.as_str(), refused.transient),
            ("ParamValidation", false),
            "{inside}"
        );
        let rim = guarded("https://example.com/", &oauth(inside.clone(), "POST"));
        let refused = failed(perform(&rim.performer, command(call())).await);
        assert_eq!(
            (refused.code.as_str(), refused.transient),
            ("ParamValidation", false),
            "{inside}"
        );
    }
    let rim = Rim::with("http://example.com/", &basic(), |webhook| {
        webhook.allow_http = false
    });
    let refused = failed(perform(&rim.performer, command(call())).await);
    assert!(refused.message.contains("plain http"), "{refused:?}");
    assert!(stub.seen().is_empty());
}

#[tokio::test]
async fn without_its_connection_a_destination_is_not_called() {
    let stub = Stub::start(ok).await;
    let rim = Rim::new(&stub.url(), &basic());
    rim.change(|now| now.connection.name = "other".to_owned());
    let moved = failed(perform(&rim.performer, command(call())).await);
    assert!(moved.message.contains("does not open"), "{moved:?}");
    rim.change(|now| {
        now.connection.sealed = None;
        now.connection.state = ConnectionState::Deauthorized;
    });
    let deauthorized = failed(perform(&rim.performer, command(call())).await);
    assert_eq!(
        (deauthorized.code.as_str(), deauthorized.transient),
        ("Unauthorized", false)
    );
    *rim.one.0.lock().unwrap() = Err(ConfiguredError::Missing(
        "there is no api destination".into(),
    ));
    let missing = failed(perform(&rim.performer, command(call())).await);
    assert_eq!(
        (missing.code.as_str(), missing.transient),
        ("NotFound", false)
    );
    *rim.one.0.lock().unwrap() = Err(ConfiguredError::Unreadable("disk".into()));
    assert!(failed(perform(&rim.performer, command(call())).await).transient);
    assert!(stub.seen().is_empty());
}
