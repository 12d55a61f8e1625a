//! Declared outputs: from an answer to typed values.

use serde_json::{Map, Value};

use crate::automation::document::Step;
use crate::automation::record::Failure;

/// Largest output, as JSON text. AWS refuses more than 100 KB of a script's payload; one finding must fit well.
const MAX_BYTES: usize = 256 * 1024;

/// The outputs that a step declares. One whose selector finds nothing, or null, is left out, and who refers to it fails.
/// The step itself does not: AWS's own remediation runbooks declare outputs that their answers never have.
pub(super) fn select(step: &Step, answer: &Value) -> Result<Map<String, Value>, Failure> {
    let mut outputs = Map::new();
    for output in &step.outputs {
        let Some(found) = output.selector.select(answer) else {
            continue;
        };
        if found.is_null() {
            continue;
        }
        let value = output.value_type.convert(found).map_err(|reason| {
            Failure::verification(format!(
                "Step fails when it is verifying the outputs: output {} does not have its declared type: {reason}.",
                output.name
            ))
        })?;
        if value.to_string().len() > MAX_BYTES {
            return Err(Failure::verification(format!(
                "Step fails when it is verifying the outputs: output {} has more than {MAX_BYTES} bytes; select less.",
                output.name
            )));
        }
        outputs.insert(output.name.clone(), value);
    }
    Ok(outputs)
}
