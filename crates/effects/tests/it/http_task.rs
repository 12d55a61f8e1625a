//! Calls of Tasks against a stub: what cannot be reached, what may be repeated.

use std::time::Duration;

use effects::Performer;
use model::effect::{Failure, HttpCall};
use model::{EffectCommand, Recovery, Scope};
use ports::Effects as _;
use ports::connection::ConfiguredError;

use crate::api_destination::{Rim, basic};
use crate::http_stub::{Reply, Stub};
use crate::world::{done, failed, perform};

fn call(stub: &Stub, method: &str) -> HttpCall {
    HttpCall {
        scope: Scope::new("123456789012", "us-east-1"),
        connection_arn: "arn:c".to_owned(),
        method: method.to_owned(),
        endpoint: format!("http://127.0.0.1:{}/a", stub.port),
        headers: Vec::new(),
        query: Vec::new(),
        body: None,
        form: None,
        timeout_secs: 1,
    }
}

async fn fails(performer: &Performer, call: HttpCall) -> Failure {
    failed(perform(performer, EffectCommand::InvokeHttp(Box::new(call))).await)
}

#[tokio::test]
async fn no_answer_is_an_error_of_the_socket_and_nothing_is_sent_twice() {
    let stub = Stub::start(|request, _| match request.line.split(' ').next() {
        Some("POST") => Reply::Hang,
        Some("PUT") => Reply::Drop,
        _ => Reply::With(
            302,
            ("location", "/other".to_owned()),
            "elsewhere".to_owned(),
        ),
    })
    .await;
    let rim = Rim::new("unused", &basic());
    for method in ["POST", "PUT"] {
        let failure = fails(&rim.performer, call(&stub, method)).await;
        assert_eq!(
            (failure.code.as_str(), failure.transient),
            ("Socket", true),
            "{failure:?}"
        );
    }
    let failure = fails(&rim.performer, call(&stub, "GET")).await;
    assert_eq!((failure.code.as_str(), failure.status), ("Http", Some(302)));
    assert_eq!(stub.seen().len(), 3, "no repeat, no redirect");
}

#[tokio::test]
async fn a_hanging_web_api_does_not_outlast_the_limit() {
    let stub = Stub::start(|_, _| Reply::Hang).await;
    let rim = Rim::new("unused", &basic());
    let ended = fails(&rim.performer, call(&stub, "GET"));
    let ended = tokio::time::timeout(Duration::from_secs(5), ended).await;
    assert_eq!(ended.expect("within the limit").code, "Socket");
}

#[tokio::test]
async fn only_what_reads_is_repeated_after_a_crash() {
    let stub = Stub::start(|_, _| Reply::Answer(200, "text/plain", "ok".to_owned())).await;
    let rim = Rim::new("unused", &basic());
    for (method, class) in [
        ("GET", Recovery::Repeat),
        ("HEAD", Recovery::Repeat),
        ("OPTIONS", Recovery::Repeat),
        ("POST", Recovery::Ask),
        ("PUT", Recovery::Ask),
        ("PATCH", Recovery::Ask),
        ("DELETE", Recovery::Ask),
    ] {
        let command = EffectCommand::InvokeHttp(Box::new(call(&stub, method)));
        assert_eq!(rim.performer.recovery(&command), class, "{method}");
        // The stub answers every method with a body, which a HEAD cannot have.
        if method != "HEAD" {
            let result = done(perform(&rim.performer, command).await);
            assert_eq!(result["StatusText"], "OK", "{method}");
        }
    }
    assert_eq!(
        stub.seen()[0].header("authorization"),
        Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
    );
}

#[tokio::test]
async fn a_connection_that_cannot_be_used_has_its_own_errors() {
    let stub = Stub::start(|_, _| Reply::Answer(200, "text/plain", "ok".to_owned())).await;
    let rim = Rim::new("unused", &basic());
    rim.change(|now| now.connection.sealed = None);
    let mut found = vec![fails(&rim.performer, call(&stub, "GET")).await.code];
    for error in [
        ConfiguredError::Missing(String::new()),
        ConfiguredError::Unreadable(String::new()),
    ] {
        rim.lose(error);
        found.push(fails(&rim.performer, call(&stub, "GET")).await.code);
    }
    let wanted = [
        "InvalidConnectionState",
        "ResourceNotFound",
        "InternalError",
    ];
    assert_eq!(
        found,
        wanted.map(|name| format!("Events.ConnectionResource.{name}"))
    );
    assert!(stub.seen().is_empty());
}
