//! Reports on parameters that do not fit.

use std::collections::BTreeSet;

use aws::{Call, CallOptions, Error, prepare};
use serde_json::Value;

use super::{Differences, run, text};

#[test]
fn wrong_parameters_are_reported_as_botocore_does() {
    run("invalid", 400, 60, &check);
}

fn check(case: &Value) -> Differences {
    let prepared = prepare(&Call {
        service: text(case, "service"),
        operation: text(case, "operation"),
        params: &case["params"],
        region: "eu-west-1",
        endpoint_url: None,
        token: "11111111-2222-4333-8444-555555555555",
        options: CallOptions::defaults(),
    });
    // botocore's words lack a blank there.
    let theirs = text(case, "report").replace("tagged unionstructure", "tagged union structure");
    let ours = match prepared {
        Err(Error::Parameters(report)) => report,
        other => format!("{other:?}"),
    };
    let lines = |report: &str| report.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    if lines(&theirs) == lines(&ours) {
        return Vec::new();
    }
    vec![format!(
        "report:\n      botocore {theirs}\n      here     {ours}\n    params: {}",
        case["params"]
    )]
}
