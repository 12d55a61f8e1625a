//! Tokens of OAuth: asked for once, kept, renewed.

use std::time::Duration;

use super::{Rim, basic, call, command, connection, oauth, ok};
use crate::http_stub::{Reply, Stub};
use crate::world::{done, failed, perform};

fn granted(token: &str, more: &str) -> Reply {
    let body = format!(r#"{{"access_token":"{token}","token_type":"Bearer"{more}}}"#);
    Reply::Answer(200, "application/json", body)
}

#[tokio::test]
async fn a_token_is_asked_once_and_renewed_once_when_it_is_refused() {
    let tokens =
        Stub::start(|_, number| granted(&format!("t{number}"), r#","expires_in":3600"#)).await;
    let stub = Stub::start(|request, _| match request.header("authorization") {
        Some("Bearer t1") => Reply::Answer(204, "text/plain", String::new()),
        _ => Reply::Answer(401, "text/plain", "no".into()),
    })
    .await;
    let parameters = oauth(format!("{}/token", tokens.url()), "POST");
    let rim = Rim::new(&stub.url(), &parameters);
    for _ in 0..3 {
        let result = done(perform(&rim.performer, command(call())).await);
        assert_eq!(result["StatusCode"], 204);
    }
    let asked = tokens.seen();
    assert_eq!((asked.len(), stub.seen().len()), (2, 4));
    assert_eq!(asked[0].line, "POST /token?v=1%202");
    assert_eq!(
        asked[0].body,
        "audience=api%2Fone&grant_type=client_credentials&client_id=id%3A1&client_secret=s%26cret"
    );
    assert_eq!(asked[0].header("x-tenant"), Some("t1"));
    assert_eq!(asked[0].header("authorization"), None);
    let form = Some("application/x-www-form-urlencoded");
    assert_eq!(asked[0].header("content-type"), form);
    // Refused again with a fresh token: it is final, and no third attempt is made.
    let angry = Stub::start(|_, _| Reply::Answer(401, "text/plain", "no".into())).await;
    rim.change(|now| now.destination.endpoint = angry.url());
    let refused = failed(perform(&rim.performer, command(call())).await);
    assert_eq!((refused.status, refused.transient), (Some(401), false));
    assert_eq!(angry.seen().len(), 2);
    // A connection that was given new parameters asks anew.
    let fresh = connection(rim.vault.as_ref(), &parameters);
    rim.change(|now| {
        now.connection = fresh;
        now.destination.endpoint = stub.url();
    });
    let before = tokens.seen().len();
    failed(perform(&rim.performer, command(call())).await);
    assert!(tokens.seen().len() > before);
}

#[tokio::test]
async fn a_token_ends_and_is_asked_for_as_the_endpoint_wants() {
    let tokens = Stub::start(|_, _| granted("t", r#","expires_in":"1""#)).await;
    let stub = Stub::start(ok).await;
    let rim = Rim::new(&stub.url(), &oauth(tokens.url(), "PUT"));
    done(perform(&rim.performer, command(call())).await);
    done(perform(&rim.performer, command(call())).await);
    assert_eq!(tokens.seen().len(), 1, "within its life");
    tokio::time::sleep(Duration::from_millis(1000)).await;
    done(perform(&rim.performer, command(call())).await);
    assert_eq!(tokens.seen().len(), 2, "after it");
    assert!(tokens.seen()[0].line.starts_with("PUT /?v="));
    // A GET has its parameters in the query, but never the secret.
    let tokens = Stub::start(|_, _| granted("t", "")).await;
    let rim = Rim::new(&stub.url(), &oauth(tokens.url(), "GET"));
    done(perform(&rim.performer, command(call())).await);
    let asked = &tokens.seen()[0];
    let line = "GET /?v=1%202&audience=api%2Fone&grant_type=client_credentials";
    assert_eq!((asked.line.as_str(), asked.body.as_str()), (line, ""));
    // base64 of `id%3A1:s%26cret`.
    let header = Some("Basic aWQlM0ExOnMlMjZjcmV0");
    assert_eq!(asked.header("authorization"), header);
    // An endpoint that wants the header gets it at its second asking.
    let strict = Stub::start(|request, _| match request.header("authorization") {
        Some(_) if !request.body.contains("client_secret") => granted("t", ""),
        _ => Reply::Answer(
            401,
            "application/json",
            r#"{"error":"invalid_client"}"#.into(),
        ),
    })
    .await;
    let rim = Rim::new(&stub.url(), &oauth(strict.url(), "POST"));
    done(perform(&rim.performer, command(call())).await);
    assert_eq!(strict.seen()[1].header("authorization"), header);
}

#[tokio::test]
async fn a_token_endpoint_that_gives_none_is_told_apart_and_leaks_nothing() {
    let stub = Stub::start(ok).await;
    let cases: [(Reply, bool); 9] = [
        (
            Reply::Answer(400, "text/plain", "client_secret=s%26cret s&cret".into()),
            false,
        ),
        (Reply::Answer(500, "text/plain", "s&cret".into()), true),
        (Reply::Answer(200, "text/html", "<html>".into()), false),
        (Reply::Answer(200, "application/json", "{}".into()), false),
        (granted("a\\r\\nx-evil: 1", ""), false),
        (granted("", ""), false),
        (
            Reply::Answer(
                200,
                "application/json",
                r#"{"access_token":"x","token_type":"mac"}"#.into(),
            ),
            false,
        ),
        (
            Reply::With(302, ("location", stub.url()), String::new()),
            false,
        ),
        (Reply::Drop, true),
    ];
    for (reply, transient) in cases {
        let shown = format!("{reply:?}");
        let tokens = Stub::start(move |_, _| reply.clone()).await;
        let rim = Rim::new(&stub.url(), &oauth(tokens.url(), "POST"));
        let refused = failed(perform(&rim.performer, command(call())).await);
        assert_eq!(refused.transient, transient, "{shown}: {refused:?}");
        assert!(
            !refused.message.contains("cret s")
                && !refused.message.contains("s&cret")
                && !refused.message.contains("s%26cret"),
            "{refused:?}"
        );
        let authorizer = rim.performer.authorizer();
        let asked = authorizer.authorize(oauth(tokens.url(), "POST")).await;
        let reason = asked.unwrap_err();
        assert!(!reason.contains("s&cret"), "{reason}");
    }
    assert!(stub.seen().is_empty(), "nothing is sent without a token");
    let good = Stub::start(|_, _| granted("t", "")).await;
    let rim = Rim::new(&stub.url(), &basic());
    let authorizer = rim.performer.authorizer();
    assert_eq!(
        authorizer.authorize(oauth(good.url(), "POST")).await,
        Ok(())
    );
    assert_eq!(authorizer.authorize(basic()).await, Ok(()));
}
