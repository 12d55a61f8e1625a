//! A damaged table is an error, never a panic; and the packer is a function of its input.

use aws::model::{Catalog, pack};
use proptest::prelude::*;
use serde_json::json;

/// A table with everything a table may have, but small.
fn small() -> Vec<u8> {
    let service = |name: &str| {
        json!({
            "name": name,
            "model": {
                "metadata": {"protocol": "rest-json", "serviceId": name, "apiVersion": "1", "endpointPrefix": name,
                             "auth": ["aws.auth#sigv4"]},
                "operations": {"ListAll": {
                    "http": {"method": "GET", "requestUri": "/{Id}"}, "input": {"shape": "In"},
                    "output": {"shape": "Out"}, "errors": [{"shape": "Bad"}],
                    "staticContextParams": {"A": {"value": true}}, "auth": ["smithy.api#noAuth"],
                    "httpChecksum": {"requestAlgorithmMember": "Kind", "requestValidationModeMember": "Id"},
                }},
                "shapes": {
                    "In": {"type": "structure", "required": ["Id"], "members": {
                        "Id": {"shape": "Text", "location": "uri", "locationName": "Id",
                               "contextParam": {"name": "B"}},
                        "Kind": {"shape": "Kind", "location": "header", "locationName": "x-kind"},
                        "Least": {"shape": "Int"}, "At": {"shape": "At"}}},
                    "Out": {"type": "structure", "members": {
                        "Items": {"shape": "List", "locationName": "items"}, "Next": {"shape": "Text"}}},
                    "List": {"type": "list", "member": {"shape": "Map"}, "min": 1},
                    "Map": {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Out"}},
                    "Bad": {"type": "structure", "exception": true, "members": {},
                            "error": {"httpStatusCode": 404, "code": "B"}, "retryable": {"throttling": true}},
                    "Text": {"type": "string", "min": 1}, "Kind": {"type": "string", "enum": ["A", "B"]},
                    "Int": {"type": "integer", "min": -5},
                    "At": {"type": "timestamp", "timestampFormat": "iso8601"},
                },
            },
            "paginators": {"pagination": {"ListAll": {
                "input_token": "Id", "output_token": "Next", "result_key": ["Items"], "more_results": "Next"}}},
            "waiters": {"waiters": {"Done": {"operation": "ListAll", "delay": 1, "maxAttempts": 3, "acceptors": [
                {"matcher": "path", "argument": "Next", "expected": "x", "state": "success"},
                {"matcher": "error", "expected": "B", "state": "retry"}]}}},
            "endpointRules": {"parameters": {}, "rules": []},
        })
    };
    let head = json!({"source": "botocore", "version": "1", "partitions": {"partitions": []}});
    let lines = [head, service("one"), service("two")].map(|line| line.to_string());
    pack(&lines.join("\n"), "digest").unwrap()
}

fn use_all(table: Vec<u8>) -> Option<usize> {
    let catalog = Catalog::read(Box::leak(table.into_boxed_slice()))?;
    let names: Vec<_> = catalog.names().collect();
    let mut readable = 0;
    for name in names {
        let _ = catalog.endpoint_rules(name);
        readable += usize::from(catalog.service(name).is_ok());
    }
    assert!(!catalog.partitions().is_empty());
    Some(readable)
}

#[test]
fn the_same_lines_give_the_same_bytes() {
    assert_eq!(small(), small());
    assert_eq!(use_all(small()), Some(2));
}

#[test]
fn every_truncation_is_noticed() {
    let whole = small();
    for length in 0..whole.len() {
        let readable = use_all(whole[..length].to_vec());
        assert_eq!(readable, None, "{length} of {} bytes", whole.len());
    }
}

proptest! {
    #[test]
    fn flipped_bytes_do_not_panic(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1_u8..), 1..4)
    ) {
        let mut table = small();
        for (at, bits) in flips {
            let at = at.index(table.len());
            table[at] ^= bits;
        }
        use_all(table);
    }
}
