//! The API of connections, API destinations, bus settings and permissions.

mod buses;
mod destinations;

use std::sync::{Arc, Mutex};

use model::Scope;
use model::connection::{CONNECTION, Connection};
use model::effect::HttpCall;
use ports::BoxFuture;
use ports::connection::{AuthParameters, Authorization, Authorizer, Traced};
use ports::vault::Place;
use serde_json::{Value, json};

use crate::world::{ACCOUNT, REGION, World};

/// A token endpoint as a test wants it.
#[derive(Debug, Default)]
struct TokenEndpoint {
    refusal: Mutex<Option<String>>,
    asked: Mutex<Vec<AuthParameters>>,
}

#[derive(Debug, Clone, Default)]
struct Asks(Arc<TokenEndpoint>);

impl Authorizer for Asks {
    fn authorize(&self, parameters: AuthParameters) -> BoxFuture<'static, Result<(), String>> {
        self.0.asked.lock().expect("held").push(parameters);
        let refusal = self.0.refusal.lock().expect("held").clone();
        Box::pin(async move { refusal.map_or(Ok(()), Err) })
    }

    fn trace(&self, _: HttpCall, _: bool) -> BoxFuture<'static, Traced> {
        unreachable!("no test here tries a state")
    }
}

/// What is stored of a connection, opened.
async fn stored(world: &World, name: &str) -> (Value, Option<AuthParameters>) {
    let scope = Scope::new(ACCOUNT, REGION);
    let found = world.handle.resource(&scope, CONNECTION, name).await;
    let found = found.expect("a store").expect("a connection");
    let connection: Connection = serde_json::from_value(found.body.clone()).expect("a body");
    let opened = connection.sealed.as_ref().map(|sealed| {
        let place = Place::new(&scope, CONNECTION, &connection.place(), "parameters");
        let opened = world.state.config().vault.open(&place, sealed);
        AuthParameters::from_secret(&opened.expect("it opens")).expect("parameters")
    });
    (found.body, opened)
}

fn basic(name: &str) -> Value {
    json!({ "Name": name, "AuthorizationType": "BASIC",
            "AuthParameters": { "BasicAuthParameters": { "Username": "user", "Password": "hunter2hunter2" } } })
}

fn oauth(name: &str) -> Value {
    json!({ "Name": name, "AuthorizationType": "OAUTH_CLIENT_CREDENTIALS", "Description": "tickets",
            "AuthParameters": { "OAuthParameters": {
                "ClientParameters": { "ClientID": "id", "ClientSecret": "hunter2hunter2" },
                "AuthorizationEndpoint": "https://auth.example.com/token", "HttpMethod": "POST",
                "OAuthHttpParameters": {
                    "BodyParameters": [{ "Key": "audience", "Value": "api" }, { "Key": "pin", "Value": "hunter3hunter3", "IsValueSecret": true }] } } } })
}

#[tokio::test]
async fn a_connection_lives_and_dies_and_keeps_its_secret() {
    let world = World::new().await;
    let client = world.client();
    let made = client.ok("AWSEvents.CreateConnection", basic("c1")).await;
    let arn = made["ConnectionArn"].as_str().expect("an arn").to_owned();
    let prefix = "arn:aws:events:us-east-1:123456789012:connection/c1/";
    assert!(arn.starts_with(prefix), "{arn}");
    assert_eq!(made["ConnectionState"], "AUTHORIZED");
    assert_eq!(made.as_object().expect("an object").len(), 4);
    let shown = client
        .ok("AWSEvents.DescribeConnection", json!({ "Name": "c1" }))
        .await;
    let secret = shown["SecretArn"].as_str().expect("an arn");
    let prefix = "arn:aws:secretsmanager:us-east-1:123456789012:secret:events!connection/c1/";
    assert!(secret.starts_with(prefix), "{secret}");
    assert_eq!(shown["AuthorizationType"], "BASIC");
    assert_eq!(
        shown["AuthParameters"],
        json!({ "BasicAuthParameters": { "Username": "user" } })
    );
    assert!(shown["LastAuthorizedTime"].is_number());
    let taken = client
        .fails(
            "AWSEvents.CreateConnection",
            basic("c1"),
            "ResourceAlreadyExistsException",
        )
        .await;
    assert_eq!(taken, "Connection c1 already exists.");
    // A change of the password alone keeps the name, and the reverse.
    let update = |parameters: Value| json!({ "Name": "c1", "AuthParameters": { "BasicAuthParameters": parameters } });
    client
        .ok(
            "AWSEvents.UpdateConnection",
            update(json!({ "Password": "hunter4hunter4" })),
        )
        .await;
    client
        .ok(
            "AWSEvents.UpdateConnection",
            update(json!({ "Username": "new" })),
        )
        .await;
    let (body, opened) = stored(&world, "c1").await;
    assert!(!body.to_string().contains("hunter"), "{body}");
    match opened.expect("sealed").authorization {
        Authorization::Basic { username, password } => {
            assert_eq!(
                (username.as_str(), password.expose()),
                ("new", "hunter4hunter4")
            );
        }
        other => panic!("{other:?}"),
    }
    let gone = client
        .ok("AWSEvents.DeauthorizeConnection", json!({ "Name": "c1" }))
        .await;
    assert_eq!(
        (&gone["ConnectionState"], &gone["ConnectionArn"]),
        (&json!("DEAUTHORIZING"), &json!(arn))
    );
    let (body, opened) = stored(&world, "c1").await;
    assert!(
        opened.is_none() && !body.to_string().contains("quell1."),
        "{body}"
    );
    let shown = client
        .ok("AWSEvents.DescribeConnection", json!({ "Name": "c1" }))
        .await;
    assert_eq!(shown["ConnectionState"], "DEAUTHORIZED");
    let partly = update(json!({ "Password": "x" }));
    let refused = client
        .fails("AWSEvents.UpdateConnection", partly, "ValidationException")
        .await;
    assert!(refused.contains("username"), "{refused}");
    let key = json!({ "Name": "c1", "AuthorizationType": "API_KEY",
                      "AuthParameters": { "ApiKeyAuthParameters": { "ApiKeyName": "x-key", "ApiKeyValue": "hunter5hunter5" } } });
    let again = client.ok("AWSEvents.UpdateConnection", key).await;
    assert_eq!(again["ConnectionState"], "AUTHORIZED");
    let dead = client
        .ok("AWSEvents.DeleteConnection", json!({ "Name": "c1" }))
        .await;
    assert_eq!(dead["ConnectionState"], "DELETING");
    for (operation, doing) in [
        ("DescribeConnection", "describe"),
        ("UpdateConnection", "update"),
        ("DeleteConnection", "delete"),
        ("DeauthorizeConnection", "deauthorize"),
    ] {
        let target = format!("AWSEvents.{operation}");
        let absent = client
            .fails(
                &target,
                json!({ "Name": "c1" }),
                "ResourceNotFoundException",
            )
            .await;
        let told = format!("Failed to {doing} the connection(s). Connection 'c1' does not exist.");
        assert_eq!(absent, told);
    }
}

#[tokio::test]
async fn an_oauth_connection_is_tried_and_its_parameters_are_shown_without_secrets() {
    let endpoint = Asks::default();
    let asks = endpoint.clone();
    let world = World::with(|config| config.authorizer = Some(Arc::new(asks))).await;
    let client = world.client();
    let made = client.ok("AWSEvents.CreateConnection", oauth("o1")).await;
    assert_eq!(made["ConnectionState"], "AUTHORIZED");
    let shown = client
        .ok("AWSEvents.DescribeConnection", json!({ "Name": "o1" }))
        .await;
    assert_eq!(shown["Description"], "tickets");
    assert_eq!(
        shown["AuthParameters"],
        json!({ "OAuthParameters": {
            "ClientParameters": { "ClientID": "id" }, "AuthorizationEndpoint": "https://auth.example.com/token", "HttpMethod": "POST",
            "OAuthHttpParameters": { "BodyParameters": [
                { "Key": "audience", "Value": "api", "IsValueSecret": false }, { "Key": "pin", "IsValueSecret": true }] } } })
    );
    // What is shown can be given back: the hidden value stays.
    let mut back = json!({ "Name": "o1", "AuthParameters": shown["AuthParameters"] });
    back["AuthParameters"]["InvocationHttpParameters"] =
        json!({ "HeaderParameters": [{ "Key": "x-team", "Value": "sec" }] });
    *endpoint.0.refusal.lock().expect("held") = Some("HTTP 400".to_owned());
    let refused = client.ok("AWSEvents.UpdateConnection", back).await;
    assert_eq!(refused["ConnectionState"], "DEAUTHORIZED");
    let listed = client
        .ok(
            "AWSEvents.ListConnections",
            json!({ "ConnectionState": "DEAUTHORIZED" }),
        )
        .await;
    assert_eq!(listed["Connections"][0]["StateReason"], "HTTP 400");
    assert_eq!(listed["Connections"].as_array().expect("a list").len(), 1);
    let (body, opened) = stored(&world, "o1").await;
    assert!(!body.to_string().contains("hunter"), "{body}");
    let opened = opened.expect("sealed");
    assert_eq!(opened.invocation.headers[0].key, "x-team");
    let Authorization::OauthClientCredentials(kept) = opened.authorization else {
        panic!("it stays what it was")
    };
    assert_eq!(kept.client_secret.expose(), "hunter2hunter2");
    assert_eq!(kept.http.body[1].value.expose(), "hunter3hunter3");
    assert_eq!(endpoint.0.asked.lock().expect("held").len(), 2);
    let debugged = format!("{kept:?} {:?}", endpoint.0);
    assert!(!debugged.contains("hunter"), "{debugged}");
}

#[tokio::test]
async fn parameters_are_checked_and_no_message_shows_a_secret() {
    let world = World::new().await;
    let client = world.client();
    let create = |way: &str, parameters: Value| json!({ "Name": "c", "AuthorizationType": way, "AuthParameters": parameters });
    let key = |name: &str, value: &str| {
        create(
            "API_KEY",
            json!({ "ApiKeyAuthParameters": { "ApiKeyName": name, "ApiKeyValue": value } }),
        )
    };
    let with = |parameters: Value| {
        let mut body = basic("c");
        body["AuthParameters"]["InvocationHttpParameters"] = parameters;
        body
    };
    let token = |endpoint: &str| {
        let mut body = oauth("c");
        body["AuthParameters"]["OAuthParameters"]["AuthorizationEndpoint"] = endpoint.into();
        body
    };
    let header = |name: &str, value: &str| {
        with(json!({ "HeaderParameters": [{ "Key": name, "Value": value }] }))
    };
    let long = "s3cret-".repeat(100);
    let member = |name: &str, value: Value| {
        let mut body = basic("c");
        body[name] = value;
        body
    };
    for (bad, said) in [
        (
            create("INVALID", json!({})),
            "'authorizationType' failed to satisfy constraint: Member must satisfy enum value set: [BASIC, OAUTH_CLIENT_CREDENTIALS, API_KEY]",
        ),
        (create("BASIC", json!({})), "basicAuthParameters"),
        (
            create(
                "BASIC",
                json!({ "ApiKeyAuthParameters": { "ApiKeyName": "a", "ApiKeyValue": "s3cret" } }),
            ),
            "does not fit",
        ),
        (
            create(
                "BASIC",
                json!({ "BasicAuthParameters": { "Username": "u" } }),
            ),
            "password",
        ),
        (
            create(
                "BASIC",
                json!({ "BasicAuthParameters": { "Username": "u:v", "Password": "s3cret" } }),
            ),
            "username",
        ),
        (
            create(
                "BASIC",
                json!({ "BasicAuthParameters": { "Username": "u", "Password": "s3cret\u{0}" } }),
            ),
            "password",
        ),
        (
            create(
                "BASIC",
                json!({ "BasicAuthParameters": { "Username": "u", "Password": long } }),
            ),
            "512",
        ),
        (key("x key", "s3cret"), "apiKeyName"),
        (key("x-key", "s3cret\r\nx-evil: 1"), "apiKeyValue"),
        (key("x-key", "s3cret-é"), "apiKeyValue"),
        (header("x\r\ny", "1"), "key"),
        (header("x", "s3cret\n"), "value"),
        (header("x", ""), "value"),
        (
            with(json!({ "HeaderParameters": [{ "Key": "x" }] })),
            "value",
        ),
        (
            with(
                json!({ "QueryStringParameters": [{ "Key": "a", "Value": "1" }, { "Key": "a", "Value": "2" }] }),
            ),
            "twice",
        ),
        (
            with(
                json!({ "BodyParameters": (0..101).map(|n| json!({ "Key": n.to_string(), "Value": "1" })).collect::<Vec<_>>() }),
            ),
            "100",
        ),
        (
            with(
                json!({ "BodyParameters": (0..5).map(|n| json!({ "Key": n.to_string(), "Value": "x".repeat(16_000) })).collect::<Vec<_>>() }),
            ),
            "65536",
        ),
        (token("http://auth.example.com/"), "https"),
        (token("https://*.example.com/"), "host"),
        (token("https://u@example.com/"), "host"),
        (token("https:///x"), "no host"),
        (token("https://example.com/*"), "`*`"),
        (token("https://example.com/%zz"), "authorizationEndpoint"),
        (member("Name", json!("a b")), "'name'"),
        (
            member("KmsKeyIdentifier", json!("alias/x")),
            "KmsKeyIdentifier",
        ),
        (
            member(
                "InvocationConnectivityParameters",
                json!({ "ResourceParameters": { "ResourceConfigurationArn": "" } }),
            ),
            "connectivity",
        ),
    ] {
        let refused = client
            .fails(
                "AWSEvents.CreateConnection",
                bad.clone(),
                "ValidationException",
            )
            .await;
        assert!(refused.contains(said), "{bad}: {refused}");
        assert!(!refused.contains("s3cret"), "{refused}");
    }
    let listed = client.ok("AWSEvents.ListConnections", json!({})).await;
    assert_eq!(listed, json!({ "Connections": [] }));
    // An empty key id means none, as in AWS.
    client
        .ok(
            "AWSEvents.CreateConnection",
            member("KmsKeyIdentifier", json!("")),
        )
        .await;
}

#[tokio::test]
async fn lists_come_in_pages_by_prefix() {
    let world = World::new().await;
    let client = world.client();
    for name in ["a1", "a2", "a3", "b1"] {
        let made = client.ok("AWSEvents.CreateConnection", basic(name)).await;
        let destination = json!({ "Name": name, "ConnectionArn": made["ConnectionArn"], "HttpMethod": "POST",
                                  "InvocationEndpoint": "https://example.com/" });
        client
            .ok("AWSEvents.CreateApiDestination", destination)
            .await;
    }
    for (target, list) in [
        ("AWSEvents.ListConnections", "Connections"),
        ("AWSEvents.ListApiDestinations", "ApiDestinations"),
    ] {
        let names = |page: &Value| -> Vec<String> {
            let list = page[list].as_array().expect("a list");
            list.iter()
                .map(|one| one["Name"].as_str().expect("a name").to_owned())
                .collect()
        };
        let first = client
            .ok(target, json!({ "NamePrefix": "a", "Limit": 2 }))
            .await;
        assert_eq!(names(&first), ["a1", "a2"]);
        let next = json!({ "NamePrefix": "a", "Limit": 2, "NextToken": first["NextToken"] });
        let second = client.ok(target, next).await;
        assert_eq!(names(&second), ["a3"]);
        assert!(second.get("NextToken").is_none());
        let other = json!({ "NextToken": first["NextToken"] });
        client.fails(target, other, "ValidationException").await;
    }
}

#[tokio::test]
async fn what_quell_never_has_is_told_in_modelled_words() {
    let world = World::new().await;
    let client = world.client();
    let listed = client.ok("AWSEvents.ListEndpoints", json!({})).await;
    assert_eq!(listed, json!({ "Endpoints": [] }));
    for (operation, body, code) in [
        (
            "DescribeEndpoint",
            json!({ "Name": "e" }),
            "ResourceNotFoundException",
        ),
        (
            "CreateEndpoint",
            json!({ "Name": "e" }),
            "OperationDisabledException",
        ),
        ("ListEventSources", json!({}), "OperationDisabledException"),
        (
            "CreatePartnerEventSource",
            json!({ "Name": "e", "Account": ACCOUNT }),
            "OperationDisabledException",
        ),
        (
            "PutPartnerEvents",
            json!({ "Entries": [{}] }),
            "OperationDisabledException",
        ),
    ] {
        client
            .fails(&format!("AWSEvents.{operation}"), body, code)
            .await;
    }
}
