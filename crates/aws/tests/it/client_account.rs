//! Endpoints of accounts, and choices of single services, as the client finds them.

use std::sync::Arc;

use aws::client::{
    BoxFuture, CallFailure, CredentialError, CredentialSource, Identity, Policy, Request, Settings,
};
use aws::{AccountIdEndpointMode, CallOptions, Credentials};
use serde_json::{Value, json};

use crate::client::{World, answer, block_on};

/// Keys that tell their account, or do not.
struct Lent(Option<&'static str>);

impl CredentialSource for Lent {
    fn credentials<'a>(
        &'a self,
        _: &'a Identity,
    ) -> BoxFuture<'a, Result<Credentials, CredentialError>> {
        Box::pin(async move {
            let mut keys = Credentials::new("AKID", "secret");
            keys.account_id = self.0.map(str::to_owned);
            Ok(keys)
        })
    }

    fn forget<'a>(&'a self, _: &'a Identity) -> BoxFuture<'a, ()> {
        Box::pin(async {})
    }
}

fn world(account: Option<&'static str>, mode: AccountIdEndpointMode) -> World {
    let mut world = World::new([answer(200, &[], "{}")]);
    world.lend(Arc::new(Lent(account)));
    world.set(Settings {
        options: CallOptions {
            account_id_endpoint_mode: mode,
            ..CallOptions::default()
        },
        ..Settings::default()
    });
    world
}

#[test]
fn the_account_of_the_keys_is_in_the_address() {
    use AccountIdEndpointMode::{Disabled, Preferred, Required};
    let role = || Identity::role("arn:aws:iam::222222222222:role/r", "s");
    let mut brought = Credentials::new("AKID", "secret");
    brought.account_id = Some("333333333333".to_owned());
    let brought = || Identity::Keys(Box::new(brought.clone()));
    let regional = "dynamodb.eu-west-1.amazonaws.com";
    for (account, mode, identity, host) in [
        (None, Preferred, Identity::Own, regional),
        (
            Some("111111111111"),
            Preferred,
            Identity::Own,
            "111111111111.ddb.eu-west-1.amazonaws.com",
        ),
        (
            Some("111111111111"),
            Required,
            Identity::Own,
            "111111111111.ddb.eu-west-1.amazonaws.com",
        ),
        (Some("111111111111"), Disabled, Identity::Own, regional),
        (
            None,
            Required,
            role(),
            "222222222222.ddb.eu-west-1.amazonaws.com",
        ),
        (
            None,
            Preferred,
            brought(),
            "333333333333.ddb.eu-west-1.amazonaws.com",
        ),
    ] {
        let world = world(account, mode);
        let request =
            Request::new("dynamodb", "ListTables", json!({}), "eu-west-1").with_identity(identity);
        block_on(world.client.call(&request, Policy::repeatable())).unwrap();
        assert_eq!(world.sent()[0].authority, host, "{account:?} {mode:?}");
        let dry = block_on(world.client.dry_run(&request)).unwrap();
        assert_eq!(dry.authority, host, "{account:?} {mode:?}");
    }
}

#[test]
fn an_account_that_nobody_tells_is_missed_only_where_it_is_required() {
    let world = world(None, AccountIdEndpointMode::Required);
    let tables = Request::new("dynamodb", "ListTables", json!({}), "eu-west-1");
    let error = block_on(world.client.call(&tables, Policy::repeatable())).unwrap_err();
    assert!(matches!(error.cause, CallFailure::Invalid(_)), "{error}");
    assert!(error.message().contains("AccountID"), "{error}");
    assert!(world.sent().is_empty());
    // Its rules know no account.
    let queues = Request::new("sqs", "ListQueues", Value::Null, "eu-west-1");
    block_on(world.client.call(&queues, Policy::repeatable())).unwrap();
    assert_eq!(world.sent()[0].authority, "sqs.eu-west-1.amazonaws.com");
}

#[test]
fn a_service_may_have_choices_of_its_own() {
    let mut world = World::new([answer(200, &[], "{}")]);
    let dual = CallOptions {
        use_dual_stack: true,
        ..CallOptions::default()
    };
    world.set(Settings {
        service_options: [("s3".to_owned(), dual)].into(),
        ..Settings::default()
    });
    for (service, operation, host) in [
        ("s3", "ListBuckets", "s3.dualstack.eu-west-1.amazonaws.com"),
        ("sqs", "ListQueues", "sqs.eu-west-1.amazonaws.com"),
    ] {
        let request = Request::new(service, operation, Value::Null, "eu-west-1");
        let prepared = world.client.prepare(&request).unwrap();
        assert_eq!(prepared.request.authority, host);
    }
}
