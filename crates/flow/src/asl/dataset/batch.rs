//! Items to batches: as many for one execution as may be, by their number and by their bytes.

use serde_json::{Map, Value};

use crate::asl::fault::MAX_PAYLOAD;

/// How large a batch may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BatchLimits {
    /// `MaxItemsPerBatch`.
    pub items: Option<u64>,
    /// `MaxInputBytesPerBatch`.
    pub bytes: Option<u64>,
}

/// A batch: the input of an execution for several items.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// How many items it has, at least one.
    pub count: u32,
    /// `{"BatchInput": .., "Items": [..]}`.
    pub input: Value,
}

/// Makes a batch of the items that come next. An item that alone is too large makes a batch of its own: what is given it
/// as input will refuse it.
///
/// # Errors
/// The first error among the items.
pub fn batch<E>(
    limits: BatchLimits,
    shared: Option<&Value>,
    mut items: impl Iterator<Item = Result<Value, E>>,
) -> Result<Batch, E> {
    let most = u64::try_from(MAX_PAYLOAD).unwrap_or(u64::MAX);
    let bytes = limits.bytes.unwrap_or(most).min(most);
    let count = limits.items.unwrap_or(u64::from(u32::MAX));
    let mut input = Map::new();
    if let Some(shared) = shared {
        input.insert("BatchInput".to_owned(), shared.clone());
    }
    input.insert("Items".to_owned(), Value::Array(Vec::new()));
    let mut size = length(&Value::Object(input.clone()));
    let mut taken = Vec::new();
    while u64::try_from(taken.len()).unwrap_or(u64::MAX) < count {
        let Some(item) = items.next() else { break };
        let item = item?;
        let more = length(&item) + u64::from(!taken.is_empty());
        if !taken.is_empty() && size + more > bytes {
            break;
        }
        size += more;
        taken.push(item);
    }
    let count = u32::try_from(taken.len()).unwrap_or(u32::MAX);
    input.insert("Items".to_owned(), Value::Array(taken));
    Ok(Batch {
        count,
        input: Value::Object(input),
    })
}

fn length(value: &Value) -> u64 {
    u64::try_from(value.to_string().len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn made(items: Option<u64>, bytes: Option<u64>, of: &[Value]) -> Batch {
        let shared = json!({"k": 1});
        let of = of.iter().cloned().map(Ok::<_, ()>);
        batch(BatchLimits { items, bytes }, Some(&shared), of).expect("a batch")
    }

    #[test]
    fn a_batch_keeps_both_limits() {
        let items = [json!("aa"), json!("bb"), json!("cc")];
        let two = made(Some(2), None, &items);
        assert_eq!(two.count, 2);
        assert_eq!(
            two.input,
            json!({"BatchInput": {"k": 1}, "Items": ["aa", "bb"]})
        );
        // The whole input counts: `{"BatchInput":{"k":1},"Items":["aa","bb"]}`.
        let exact = two.input.to_string().len() as u64;
        assert_eq!(made(None, Some(exact), &items).count, 2);
        assert_eq!(made(None, Some(exact - 1), &items).count, 1);
        assert_eq!(made(None, Some(1), &items).count, 1);
        assert_eq!(made(None, None, &items).count, 3);
        let large = vec![json!("x".repeat(100_000)); 5];
        assert_eq!(made(Some(5), None, &large).count, 2);
    }

    #[test]
    fn without_batch_input_there_is_none() {
        let limits = BatchLimits {
            items: Some(1),
            bytes: None,
        };
        let made = batch(limits, None, [Ok::<_, ()>(json!(1))].into_iter()).expect("a batch");
        assert_eq!(made.input, json!({"Items": [1]}));
        assert!(batch(limits, None, [Err("x")].into_iter()).is_err());
    }
}
