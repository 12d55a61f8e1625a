//! The names of the errors of calls.

use flow::asl::Input;
use model::Outcome;
use model::effect::Failure;
use serde_json::json;

use super::cases::records;
use super::failing::{one, refuse, task, world};

/// What is called, the code and the modelled name of its error, and what the task fails with.
const NAMES: [(&str, &str, Option<&str>, &str); 16] = [
    // The model has no error of the code: the service's own exception.
    (
        "aws-sdk:ec2:describeInstances",
        "InvalidInstanceID.NotFound",
        None,
        "Ec2.Ec2Exception",
    ),
    (
        "aws-sdk:dynamodb:putItem",
        "ValidationException",
        None,
        "DynamoDb.DynamoDbException",
    ),
    (
        "aws-sdk:secretsmanager:createSecret",
        "ValidationException",
        None,
        "SecretsManager.SecretsManagerException",
    ),
    (
        "aws-sdk:cognitoidentityprovider:adminGetUser",
        "AccessDeniedException",
        None,
        "CognitoIdentityProvider.CognitoIdentityProviderException",
    ),
    // It has one, of another name at times.
    (
        "aws-sdk:iam:createRole",
        "EntityAlreadyExists",
        Some("EntityAlreadyExistsException"),
        "Iam.EntityAlreadyExistsException",
    ),
    (
        "aws-sdk:s3:getObject",
        "NoSuchKey",
        Some("NoSuchKey"),
        "S3.NoSuchKeyException",
    ),
    (
        "aws-sdk:sfn:sendTaskFailure",
        "InvalidToken",
        Some("InvalidToken"),
        "Sfn.InvalidTokenException",
    ),
    (
        "aws-sdk:sqs:getQueueUrl",
        "AWS.SimpleQueueService.NonExistentQueue",
        Some("QueueDoesNotExist"),
        "Sqs.QueueDoesNotExistException",
    ),
    (
        "aws-sdk:rds:deleteDBInstance",
        "DBInstanceNotFound",
        Some("DBInstanceNotFoundFault"),
        "Rds.DbInstanceNotFoundException",
    ),
    (
        "aws-sdk:lambda:invoke",
        "EC2ThrottledException",
        Some("EC2ThrottledException"),
        "Lambda.Ec2ThrottledException",
    ),
    // The optimised ones have the names of the first SDK.
    (
        "lambda:invoke",
        "EC2ThrottledException",
        Some("EC2ThrottledException"),
        "Lambda.EC2ThrottledException",
    ),
    (
        "lambda:invoke",
        "AccessDeniedException",
        None,
        "Lambda.AWSLambdaException",
    ),
    (
        "dynamodb:putItem",
        "ValidationException",
        None,
        "DynamoDB.AmazonDynamoDBException",
    ),
    (
        "sns:publish",
        "NotFound",
        Some("NotFoundException"),
        "SNS.NotFoundException",
    ),
    (
        "sqs:sendMessage",
        "MissingParameter",
        None,
        "SQS.AmazonSQSException",
    ),
    (
        "states:startExecution",
        "StateMachineDoesNotExist",
        Some("StateMachineDoesNotExist"),
        "StepFunctions.StateMachineDoesNotExistException",
    ),
];

#[test]
fn errors_of_calls_have_the_names_of_exceptions() {
    for (resource, code, shape, wanted) in NAMES {
        let mut world = world(
            &one(task(&format!("arn:aws:states:::{resource}"))),
            &json!({}),
        );
        refuse(&mut world, code, shape);
        let (error, cause) = world.execution.failure();
        assert_eq!(error, Some(wanted), "{resource}");
        let service = wanted.split('.').next().expect("a prefix");
        let shown = match resource.starts_with("aws-sdk:") {
            true => format!("(Service: {service}, Status Code: 400, Request ID: r)"),
            false => format!("; Error Code: {code}; Request ID: r; Proxy: null)"),
        };
        assert!(cause.is_some_and(|it| it.contains(&shown)), "{cause:?}");
    }
}

/// The errors of the recorded cases, told by the code and the shape that the services' models have for them.
#[test]
fn errors_of_recorded_calls_are_those_of_the_service() {
    let Some(folder) = crate::cases("asl") else {
        return;
    };
    let told = [
        ("test_dynamodb_invalid_param", "ValidationException", None),
        ("test_invalid_secret_name", "ValidationException", None),
        ("test_s3_no_such_key", "NoSuchKey", Some("NoSuchKey")),
        (
            "test_put_item_invalid_table_name",
            "ValidationException",
            None,
        ),
        (
            "test_start_execution_no_such_arn",
            "StateMachineDoesNotExist",
            Some("StateMachineDoesNotExist"),
        ),
        ("test_send_message_empty_body", "MissingParameter", None),
        (
            "test_publish_base_error_topic_arn",
            "NotFound",
            Some("NotFoundException"),
        ),
        (
            "test_sfn_send_task_outcome_with_no_such_token",
            "InvalidToken",
            Some("InvalidToken"),
        ),
        (
            "test_no_such_function_catch",
            "ResourceNotFoundException",
            Some("ResourceNotFoundException"),
        ),
    ];
    let mut seen = 0;
    for record in records(&folder) {
        let id = record["id"].as_str().unwrap_or_default();
        let Some((_, code, shape)) = told.iter().find(|(name, ..)| id.contains(name)) else {
            continue;
        };
        let history = record["expect"]["history"].as_array().into_iter().flatten();
        let mut failed = history.filter_map(|event| event["taskFailedEventDetails"].as_object());
        let Some(wanted) = failed.next() else {
            continue;
        };
        let mut world = world(&record["definition"], &record["input"]);
        refuse(&mut world, code, *shape);
        let made = world
            .history
            .iter()
            .find_map(|event| event["taskFailedEventDetails"].as_object())
            .expect("a failure");
        assert_eq!(made["error"], wanted["error"], "{id}");
        seen += 1;
    }
    println!("{seen} recorded errors of calls");
    assert!(seen >= 9, "{seen}");
}

/// S3 gives a request two ids, and both are shown.
#[test]
fn a_second_id_of_the_request_is_shown_behind_the_first() {
    let definition = one(task("arn:aws:states:::aws-sdk:s3:getObject"));
    let mut world = world(&definition, &json!({}));
    let (effect, _) = world.calls.pop().expect("a call");
    let outcome = Outcome::Failed(Failure {
        code: "NoSuchKey".to_owned(),
        message: "no".to_owned(),
        status: Some(404),
        request_id: Some("r".to_owned()),
        extended_request_id: Some("e/=".into()),
        shape: Some("NoSuchKey".to_owned()),
        transient: false,
    });
    world.tell(Input::Effect { effect, outcome });
    let (_, cause) = world.execution.failure();
    let shown = "no (Service: S3, Status Code: 404, Request ID: r, Extended Request ID: e/=)";
    assert_eq!(cause, Some(shown));
}
