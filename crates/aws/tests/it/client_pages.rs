//! Pages and waiters of the client: what boto3 gives for the same answers.

use std::time::Duration;

use aws::client::{Last, PageError, PageLimits, Pages, Policy, Request, WaitError, WaitOverrides};
use serde_json::{Value, json};

use crate::client::{Reply, World, answer, block_on, error};

fn json_page(value: &Value) -> Reply {
    answer(200, &[], &value.to_string())
}

/// `logs:DescribeLogGroups`: one list, one token.
fn groups(names: &[&str], token: Option<&str>) -> Reply {
    let groups: Vec<Value> = names
        .iter()
        .map(|name| json!({"logGroupName": name}))
        .collect();
    let mut page = json!({"logGroups": groups});
    if let Some(token) = token {
        page["nextToken"] = token.into();
    }
    json_page(&page)
}

fn describe_groups() -> Request {
    Request::new("logs", "describe_log_groups", Value::Null, "eu-west-1")
}

fn pages(world: &World, request: &Request, limits: PageLimits) -> Result<Pages, PageError> {
    world.client.pages(request, Policy::repeatable(), limits)
}

fn bodies(world: &World) -> Vec<Value> {
    let body = |body: &[u8]| serde_json::from_slice(body).unwrap();
    world
        .sent()
        .iter()
        .map(|request| body(&request.body))
        .collect()
}

fn names(page: &Value) -> Vec<&str> {
    let groups = page["logGroups"].as_array().unwrap();
    groups
        .iter()
        .map(|group| group["logGroupName"].as_str().unwrap())
        .collect()
}

#[test]
fn pages_follow_each_other_until_the_last() {
    let world = World::new([
        groups(&["a"], Some("t1")),
        groups(&[], Some("t2")),
        groups(&["b"], None),
    ]);
    let limits = PageLimits {
        page_size: Some(1),
        ..PageLimits::default()
    };
    let mut pages = pages(&world, &describe_groups(), limits).unwrap();
    let mut seen = Vec::new();
    while let Some(page) = block_on(pages.next()) {
        let page = page.unwrap();
        seen.push(names(&page).join(","));
        assert_eq!(page["ResponseMetadata"]["HTTPStatusCode"], 200);
    }
    assert_eq!(seen, ["a", "", "b"]);
    assert_eq!(pages.resume_token(), None);
    assert!(block_on(pages.next()).is_none());
    assert_eq!(
        bodies(&world),
        [
            json!({"limit": 1}),
            json!({"limit": 1, "nextToken": "t1"}),
            json!({"limit": 1, "nextToken": "t2"})
        ]
    );
}

#[test]
fn all_pages_in_one_with_what_is_the_same_on_each() {
    let world = World::new([
        json_page(
            &json!({"Items": [{"a": {"S": "1"}}], "Count": 1, "ScannedCount": 3,
            "ConsumedCapacity": {"TableName": "t"}, "LastEvaluatedKey": {"a": {"S": "1"}}}),
        ),
        json_page(&json!({"Items": [{"a": {"S": "2"}}], "Count": 1, "ScannedCount": 4})),
    ]);
    let request = Request::new("dynamodb", "Scan", json!({"TableName": "t"}), "eu-west-1");
    let whole = block_on(
        pages(&world, &request, PageLimits::default())
            .unwrap()
            .collect(),
    )
    .unwrap();
    assert_eq!(
        whole,
        json!({"Items": [{"a": {"S": "1"}}, {"a": {"S": "2"}}], "Count": 2, "ScannedCount": 7,
            "ConsumedCapacity": {"TableName": "t"}})
    );
    assert_eq!(
        bodies(&world)[1]["ExclusiveStartKey"],
        json!({"a": {"S": "1"}})
    );
}

#[test]
fn tokens_are_found_by_expressions() {
    let page = |keys: &[&str], more: bool| {
        let contents: String = keys
            .iter()
            .map(|key| format!("<Contents><Key>{key}</Key></Contents>"))
            .collect();
        let body = format!(
            "<ListBucketResult><IsTruncated>{more}</IsTruncated>{contents}</ListBucketResult>"
        );
        answer(200, &[], &body)
    };
    let world = World::new([page(&["a", "b"], true), page(&["c"], false)]);
    let request = Request::new("s3", "ListObjects", json!({"Bucket": "b"}), "eu-west-1");
    let whole = block_on(
        pages(&world, &request, PageLimits::default())
            .unwrap()
            .collect(),
    )
    .unwrap();
    let keys: Vec<&Value> = whole["Contents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|object| &object["Key"])
        .collect();
    assert_eq!(keys, ["a", "b", "c"]);
    assert!(
        world.sent()[1].query.contains("marker=b"),
        "{}",
        world.sent()[1].query
    );
}

#[test]
fn a_list_is_read_in_parts_and_goes_on_where_it_stopped() {
    let limits = |max_items: usize, token: Option<String>| PageLimits {
        max_items: Some(max_items),
        starting_token: token,
        ..PageLimits::default()
    };
    let all = [
        groups(&["a", "b", "c"], Some("t1")),
        groups(&["d", "e"], None),
    ];
    // In the middle of the first page: the token says how much of it was taken.
    let world = World::new(all.clone());
    let part = block_on(
        pages(&world, &describe_groups(), limits(2, None))
            .unwrap()
            .collect(),
    )
    .unwrap();
    assert_eq!(names(&part), ["a", "b"]);
    let token = part["NextToken"].as_str().unwrap().to_owned();
    // In the form that boto3 reads: {"nextToken":null,"boto_truncate_amount":2}
    assert_eq!(
        token,
        "eyJuZXh0VG9rZW4iOm51bGwsImJvdG9fdHJ1bmNhdGVfYW1vdW50IjoyfQ=="
    );
    let world = World::new(all.clone());
    let part = block_on(
        pages(&world, &describe_groups(), limits(2, Some(token)))
            .unwrap()
            .collect(),
    )
    .unwrap();
    assert_eq!(names(&part), ["c", "d"]);
    let token = part["NextToken"].as_str().unwrap().to_owned();
    let world = World::new([groups(&["d", "e"], None)]);
    let part = block_on(
        pages(&world, &describe_groups(), limits(9, Some(token)))
            .unwrap()
            .collect(),
    )
    .unwrap();
    assert_eq!(names(&part), ["e"]);
    assert_eq!(part.get("NextToken"), None);
    assert_eq!(bodies(&world)[0], json!({"nextToken": "t1"}));
    // At the end of a page the service's own token is enough.
    let world = World::new(all);
    let part = block_on(
        pages(&world, &describe_groups(), limits(3, None))
            .unwrap()
            .collect(),
    )
    .unwrap();
    assert_eq!((names(&part).len(), world.sent().len()), (3, 1));
    assert_eq!(part["NextToken"], "eyJuZXh0VG9rZW4iOiJ0MSJ9");
}

#[test]
fn no_more_pages_are_asked_for_than_allowed() {
    let world = World::new([
        groups(&["a"], Some("t1")),
        groups(&["b"], Some("t2")),
        groups(&["c"], None),
    ]);
    let limits = PageLimits {
        max_pages: Some(2),
        ..PageLimits::default()
    };
    let part = block_on(pages(&world, &describe_groups(), limits).unwrap().collect()).unwrap();
    assert_eq!((names(&part), world.sent().len()), (vec!["a", "b"], 2));
    assert!(part["NextToken"].is_string());
}

#[test]
fn a_service_that_repeats_itself_is_stopped() {
    let world = World::new([groups(&["a"], Some("same"))]);
    let refused = block_on(
        pages(&world, &describe_groups(), PageLimits::default())
            .unwrap()
            .collect(),
    )
    .unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("same next token was received twice"),
        "{refused}"
    );
    assert_eq!(world.sent().len(), 2);
}

#[test]
fn limits_that_do_not_fit_are_refused_before_sending() {
    let world = World::new([groups(&[], None)]);
    let instances = Request::new("sts", "GetCallerIdentity", Value::Null, "eu-west-1");
    let token = |text: &str| PageLimits {
        starting_token: Some(text.to_owned()),
        ..PageLimits::default()
    };
    let size = PageLimits {
        page_size: Some(1),
        ..PageLimits::default()
    };
    for (request, limits, needle) in [
        (
            &instances,
            size.clone(),
            "does not come in pages: leave out the page size",
        ),
        (&describe_groups(), token("!"), "not base64"),
        (&describe_groups(), token("e30="), "of another operation"),
        (&describe_groups(), token("W10="), "no JSON object"),
        (
            &Request::new("ec3", "X", Value::Null, "r"),
            size.clone(),
            "ec2",
        ),
    ] {
        let refused = pages(&world, request, limits).unwrap_err();
        assert!(refused.to_string().contains(needle), "{refused}");
    }
    assert!(world.sent().is_empty());
    // Without limits an operation without pages is one page.
    let body = "<R><GetCallerIdentityResult><Account>1</Account></GetCallerIdentityResult></R>";
    let world = World::new([answer(200, &[], body)]);
    let whole = block_on(
        pages(&world, &instances, PageLimits::default())
            .unwrap()
            .collect(),
    )
    .unwrap();
    assert_eq!(whole["Account"], "1");
}

#[test]
fn an_error_ends_the_pages() {
    let denied = answer(
        400,
        &[],
        r#"{"__type":"AccessDeniedException","message":"no"}"#,
    );
    let world = World::new([groups(&["a"], Some("t")), denied]);
    let mut pages = pages(&world, &describe_groups(), PageLimits::default()).unwrap();
    assert!(block_on(pages.next()).unwrap().is_ok());
    let refused = block_on(pages.next()).unwrap().unwrap_err();
    assert!(matches!(refused, PageError::Call(error) if error.code() == "AccessDeniedException"));
    assert!(block_on(pages.next()).is_none());
}

fn instance(state: &str) -> Reply {
    let body = format!(
        "<R><reservationSet><item><instancesSet><item><instanceState><name>{state}</name></instanceState></item></instancesSet></item></reservationSet></R>"
    );
    answer(200, &[], &body)
}

fn wait(world: &World, waiter: &str, overrides: WaitOverrides) -> Result<u32, WaitError> {
    let params = json!({"InstanceIds": ["i-1"]});
    let request = Request::new("ec2", "", params, "eu-west-1");
    block_on(world.client.wait(waiter, &request, overrides)).map(|waited| waited.attempts)
}

#[test]
fn a_state_is_waited_for_with_the_models_pauses() {
    for spelling in ["InstanceRunning", "instance_running", "instance-running"] {
        let not_yet = error(400, "InvalidInstanceID.NotFound", &[]);
        let world = World::new([not_yet, instance("pending"), instance("running")]);
        assert_eq!(wait(&world, spelling, WaitOverrides::default()), Ok(3));
        assert_eq!(
            *world.clock.slept.lock().unwrap(),
            [Duration::from_secs(15); 2]
        );
        assert!(
            String::from_utf8_lossy(&world.sent()[0].body).contains("Action=DescribeInstances")
        );
    }
}

#[test]
fn waits_that_end_badly_say_why() {
    let world = World::new([instance("pending"), instance("terminated")]);
    let failed = wait(&world, "InstanceRunning", WaitOverrides::default()).unwrap_err();
    assert!(failed.to_string().starts_with(
        "Waiter InstanceRunning failed: Waiter encountered a terminal failure state: For expression"
    ), "{failed}");
    assert!(
        matches!(failed, WaitError::Failed { attempts: 2, last, .. } if matches!(*last, Last::Answer(_)))
    );

    let world = World::new([instance("pending")]);
    let overrides = WaitOverrides {
        delay: Some(Duration::from_secs(1)),
        max_attempts: Some(4),
        ..WaitOverrides::default()
    };
    let failed = wait(&world, "InstanceRunning", overrides).unwrap_err();
    assert_eq!(
        failed.to_string(),
        "Waiter InstanceRunning failed: Max attempts exceeded"
    );
    assert_eq!(
        *world.clock.slept.lock().unwrap(),
        [Duration::from_secs(1); 3]
    );

    let world = World::new([error(400, "InvalidInstanceID.NotFound", &[])]);
    let once = WaitOverrides {
        max_attempts: Some(0),
        ..WaitOverrides::default()
    };
    let failed = wait(&world, "InstanceRunning", once).unwrap_err();
    assert!(
        failed
            .to_string()
            .contains("Previously accepted state: Matched expected service error code"),
        "{failed}"
    );

    let world = World::new([instance("pending")]);
    let short = WaitOverrides {
        timeout: Some(Duration::from_secs(40)),
        ..WaitOverrides::default()
    };
    let failed = wait(&world, "InstanceRunning", short).unwrap_err();
    assert!(
        matches!(
            failed,
            WaitError::OutOfTime {
                attempts: 3,
                last: Some(_),
                ..
            }
        ),
        "{failed:?}"
    );

    let world = World::new([error(403, "UnauthorizedOperation", &[])]);
    let failed = wait(&world, "InstanceRunning", WaitOverrides::default()).unwrap_err();
    assert!(
        matches!(&failed, WaitError::Call { error, .. } if error.code() == "UnauthorizedOperation")
    );

    let failed = wait(&world, "InstanceRuning", WaitOverrides::default()).unwrap_err();
    assert!(
        failed
            .to_string()
            .contains("did you mean `InstanceRunning`"),
        "{failed}"
    );
}

#[test]
fn errors_and_statuses_can_be_what_is_waited_for() {
    let request = Request::new("s3", "", json!({"Bucket": "b"}), "eu-west-1");
    let world = World::new([answer(200, &[], ""), answer(404, &[], "")]);
    let waited = block_on(world.client.wait(
        "bucket_not_exists",
        &request,
        WaitOverrides::default(),
    ))
    .unwrap();
    assert_eq!((waited.answer, waited.attempts), (None, 2));
    let world = World::new([answer(404, &[], ""), answer(200, &[], "")]);
    let waited = block_on(
        world
            .client
            .wait("bucket_exists", &request, WaitOverrides::default()),
    )
    .unwrap();
    assert!(waited.answer.is_some());
}

/// Every expression of every model can be read, so that no paginator and no waiter is refused at run time.
#[test]
fn all_paginators_and_waiters_can_be_used() {
    let world = World::new([groups(&[], None)]);
    let (mut paged, mut waiters) = (0, 0);
    for name in aws::model::catalog().names() {
        let service = aws::model::catalog().service(name).unwrap();
        for operation in service
            .operations
            .iter()
            .filter(|operation| operation.paginator.is_some())
        {
            let request = Request::new(name, operation.name, Value::Null, "eu-west-1");
            pages(&world, &request, PageLimits::default()).unwrap();
            paged += 1;
        }
        waiters += service.waiters.len();
        for waiter in &service.waiters {
            // The parameters are missing, so the first call is refused; the expressions were read before.
            let request = Request::new(name, "", json!({"Nothing": 1}), "eu-west-1");
            let refused = block_on(world.client.wait(
                waiter.name,
                &request,
                WaitOverrides::default(),
            ))
            .unwrap_err();
            assert!(
                matches!(refused, WaitError::Call { .. }),
                "{name} {}: {refused}",
                waiter.name
            );
        }
    }
    assert!(
        paged > 2000 && waiters > 150,
        "{paged} paginators, {waiters} waiters"
    );
}
