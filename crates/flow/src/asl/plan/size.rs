//! How much of a planned call is kept: a plan must fit into one frame, whatever its calls carry.

use serde_json::{Value, json};

use crate::automation::preview::plan::PlannedCall;
use crate::expr::unknown;

/// Most bytes of one call that are shown.
const MOST_SHOWN: usize = 16 << 10;
/// Most characters of one text of a call that is too large.
const MOST_TEXT: usize = 500;
/// Most permissions of a call that is too large.
const MOST_PERMISSIONS: usize = 10;
/// Most resources of such a permission.
const MOST_RESOURCES: usize = 10;

/// Cuts what is shown of a call to a bearable size; says how many bytes it has, and whether something was cut. Its
/// digest stays that of all of it.
pub(super) fn fit(call: &mut PlannedCall) -> (usize, bool) {
    let size = |call: &PlannedCall| json!(call).to_string().len();
    let whole = size(call);
    if whole <= MOST_SHOWN {
        return (whole, false);
    }
    call.params = unknown::each_text(&call.params, &short);
    call.problem = call.problem.as_deref().map(short);
    let bytes = call.params.to_string().len();
    if bytes > MOST_SHOWN / 2 {
        call.params = match &call.params {
            Value::Object(map) => {
                let names = map.keys().take(MOST_PERMISSIONS);
                names.map(|name| (short(name), json!("…"))).collect()
            }
            _ => json!(format!("{bytes} bytes, which are not shown")),
        };
    }
    if size(call) > MOST_SHOWN {
        call.permissions.truncate(MOST_PERMISSIONS);
        for permission in &mut call.permissions {
            if let Some(Value::Array(resources)) = permission.get_mut("resources") {
                resources.truncate(MOST_RESOURCES);
            }
        }
    }
    (size(call), true)
}

fn short(text: &str) -> String {
    let mut short: String = text.chars().take(MOST_TEXT).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_calls_are_cut_and_small_ones_are_not() {
        let resources: Vec<String> = (0..2_000)
            .map(|n| format!("arn:aws:s3:::bucket-{n}"))
            .collect();
        let call = |params: Value| PlannedCall {
            params,
            digest: "d".to_owned(),
            permissions: vec![json!({"action": "s3:PutObject", "resources": resources.clone()})],
            ..PlannedCall::default()
        };
        let small = PlannedCall {
            permissions: Vec::new(),
            ..call(json!({"Body": "x"}))
        };
        let mut cut = small.clone();
        fit(&mut cut);
        assert_eq!(cut, small);
        for params in [
            json!({"Body": "x".repeat(200_000)}),
            json!({"Ids": (0..50_000).collect::<Vec<u32>>()}),
            json!((0..50_000).collect::<Vec<u32>>()),
        ] {
            let mut large = call(params);
            let (size, cut) = fit(&mut large);
            assert!(cut && size <= MOST_SHOWN, "{size}: {:?}", large.params);
            assert_eq!(large.digest, "d");
        }
    }
}
