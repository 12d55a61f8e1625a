//! The packed table against its pin, and against the models it is made from.

use std::fs;
use std::path::Path;
use std::process::Command;

use aws::model::{Protocol, Shape, catalog, pack};
use aws::sigv4::sha256_hex;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models");
const EXPORTER: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../xtask/models/export_botocore.py"
);

fn pin(key: &str) -> String {
    let pin = fs::read_to_string(Path::new(FOLDER).join("PIN")).unwrap();
    let line = pin
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
    line.unwrap_or_else(|| panic!("no `{key}` in PIN"))
        .to_owned()
}

#[test]
fn table_and_pin_agree() {
    let table = fs::read(Path::new(FOLDER).join("services.bin")).unwrap();
    assert_eq!(
        sha256_hex(&table),
        pin("table-sha256"),
        "run `cargo xtask models`"
    );
    assert_eq!(catalog().version(), pin("botocore"));
    assert_eq!(catalog().source_digest(), pin("source-sha256"));
    assert!(table.len() <= 1_600_000, "{} bytes", table.len());
}

#[test]
fn every_service_is_readable_and_complete() {
    let mut operations = 0;
    let mut unspoken = Vec::new();
    for name in catalog().names() {
        let service = catalog().service(name).unwrap();
        assert_eq!(service.name, name);
        if service.protocol == Protocol::Cbor {
            unspoken.push(name);
        }
        operations += service.operations.len();
        for operation in &service.operations {
            for target in [&operation.input, &operation.output].into_iter().flatten() {
                assert!(
                    matches!(service.shape(target), Shape::Structure(_)),
                    "{name}:{}",
                    operation.name
                );
            }
        }
    }
    assert_eq!((catalog().names().count(), operations), (424, 18_378));
    assert_eq!(unspoken, Vec::<&str>::new());
}

#[test]
fn services_are_found_by_their_customary_names() {
    for (given, expected) in [
        ("ec2", "ec2"),
        ("EC2", "ec2"),
        ("stepfunctions", "stepfunctions"),
        ("SFN", "stepfunctions"),
        ("states", "stepfunctions"),
        ("ssm-incidents", "ssm-incidents"),
        ("SSM Incidents", "ssm-incidents"),
        ("cloudwatchlogs", "logs"),
        ("EventBridge", "events"),
        ("monitoring", "cloudwatch"),
    ] {
        assert_eq!(catalog().service(given).unwrap().name, expected, "{given}");
    }
    let error = catalog().service("ec3").unwrap_err().to_string();
    assert!(
        error.contains("unknown service `ec3`") && error.contains("ec2"),
        "{error}"
    );
}

#[test]
fn operations_have_the_clients_names() {
    let service = catalog().service("cloudfront").unwrap();
    assert!(service.operation("list-distributions").is_some());
}

#[test]
fn protocols_are_chosen() {
    for (name, protocol) in [
        ("ec2", Protocol::Ec2),
        ("iam", Protocol::Query),
        ("ssm", Protocol::Json),
        ("lambda", Protocol::RestJson),
        ("s3", Protocol::RestXml),
        ("cloudwatch", Protocol::Json),
    ] {
        assert_eq!(
            catalog().service(name).unwrap().protocol,
            protocol,
            "{name}"
        );
    }
}

/// The same botocore gives the same bytes.
#[test]
fn regenerating_gives_the_same_table() {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let version = Command::new(&python)
        .args(["-c", "import botocore; print(botocore.__version__)"])
        .output();
    let version = version
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        .unwrap_or_default();
    if version != pin("botocore") {
        println!(
            "not run: `{python}` has botocore `{version}`, not the pinned {}; set PYTHON",
            pin("botocore")
        );
        return;
    }
    let export = Command::new(&python).arg(EXPORTER).output().unwrap();
    assert!(export.status.success());
    let digest = sha256_hex(&export.stdout);
    assert_eq!(digest, pin("source-sha256"));
    let packed = pack(&String::from_utf8(export.stdout).unwrap(), &digest).unwrap();
    assert_eq!(sha256_hex(&packed), pin("table-sha256"));
}

#[test]
fn every_service_has_endpoint_rules() {
    let mut lengths = 0;
    for name in catalog().names() {
        let text = catalog().endpoint_rules(name).unwrap();
        let rules: serde_json::Value = serde_json::from_str(text).unwrap();
        assert!(rules["rules"].is_array(), "{name}");
        assert!(rules["parameters"].is_object(), "{name}");
        assert!(!text.contains("\"documentation\""), "{name}");
        lengths += text.len();
    }
    assert!(lengths > 1_000_000, "{lengths}");
    assert!(catalog().endpoint_rules("EC2").is_some());
    assert_eq!(catalog().endpoint_rules("ec3"), None);
    let partitions: serde_json::Value = serde_json::from_str(catalog().partitions()).unwrap();
    assert_eq!(partitions["partitions"][0]["id"], "aws");
}
