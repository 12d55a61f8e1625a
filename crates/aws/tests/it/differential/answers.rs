//! Answers: what the service says, and its errors.

use aws::model::catalog;
use aws::{FailureKind, HttpResponse, decode_with};
use serde_json::{Value, json};

use super::{Differences, bodies, bytes, headers, run, text};

#[test]
fn answers_are_read_as_botocore_reads_them() {
    run("answers", 1200, 60, &check);
}

fn check(case: &Value) -> Differences {
    let service = catalog().service(text(case, "service")).unwrap();
    let response = response(case);
    let ours = decode_with(&service, text(case, "operation"), &response);
    let expected = &case["expected"];
    let difference = match (ours, case["unread"].as_str()) {
        (Err(error), Some(_)) if error.kind != FailureKind::Api => None,
        (ours, Some(reason)) => Some(format!(
            "read here only: botocore has {reason}, here {ours:?}"
        )),
        (Ok(answer), None) if case["failed"] == false => differs(expected, &answer),
        (Err(error), None) if expected.get("Error").is_some() => {
            let metadata = &expected["ResponseMetadata"];
            // An absent request id may be an empty one.
            let id = metadata["RequestId"].as_str().filter(|id| !id.is_empty());
            let theirs = json!({"code": expected["Error"]["Code"], "message": expected["Error"]["Message"].as_str().unwrap_or_default(),
                "status": metadata["HTTPStatusCode"], "id": id});
            differs(
                &theirs,
                &json!({"code": error.code, "message": error.message, "status": error.status, "id": error.request_id}),
            )
        }
        (ours, None) => Some(format!("botocore {expected}, here {ours:?}")),
    };
    let body = String::from_utf8_lossy(&response.body).into_owned();
    difference
        .into_iter()
        .map(|difference| {
            format!(
                "{difference}\n    {} {:?} {body}",
                response.status, response.headers
            )
        })
        .collect()
}

/// Refusals that are in no protocol's form.
#[test]
fn words_of_proxies_are_read_as_botocore_reads_them() {
    run("odd", 1200, 8, &check_odd);
}

fn check_odd(case: &Value) -> Differences {
    let service = catalog().service(text(case, "service")).unwrap();
    let response = response(case);
    let error = match decode_with(&service, text(case, "operation"), &response) {
        Err(error) if error.kind == FailureKind::Api => error,
        other => return vec![format!("{other:?}")],
    };
    let words = String::from_utf8_lossy(&response.body).trim().to_owned();
    // The words, where botocore may have only the name of the status; the name, where it may have nothing.
    let want = if words.is_empty() {
        text(case, "phrase")
    } else {
        &words
    };
    let mut differences = Differences::new();
    if (error.message.as_str(), error.code.clone()) != (want, response.status.to_string()) {
        differences.push(format!("wanted {want}, here {error:?}"));
    }
    if case.get("error").is_none() {
        return differences;
    }
    let theirs = &case["error"];
    let named = [want, text(case, "phrase"), ""].map(Value::from);
    if theirs["Code"] != error.code
        || !named.contains(&json!(theirs["Message"].as_str().map(str::trim)))
    {
        differences.push(format!("botocore {theirs}, here {error:?}"));
    }
    differences
}

fn response(case: &Value) -> HttpResponse {
    HttpResponse {
        status: u16::try_from(case["status"].as_u64().unwrap()).unwrap(),
        headers: headers(case),
        body: bytes(case, "body").into(),
    }
}

fn differs(theirs: &Value, ours: &Value) -> Option<String> {
    (theirs != ours).then(|| {
        let (at, left, right) = bodies::first_difference(theirs, ours, String::new());
        format!("answer{at}:\n      botocore {left}\n      here     {right}")
    })
}
