//! How a version of a function is shown.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::function::{Function, LATEST, Version};
use serde_json::{Value, json};

use super::names;
use super::settings;
use crate::call::Call;
use crate::error::ApiError;

/// A version's configuration. `qualified` says whether the ARN names the version.
pub(super) fn shown(
    call: &Call,
    function: &Function,
    name: &str,
    qualified: bool,
) -> Result<Value, ApiError> {
    let arn = names::arn(call, &function.name, None);
    let missing = || names::not_found(&format!("Function not found: {arn}:{name}"));
    let version = function.version(name).ok_or_else(missing)?;
    let mut shown = plain(function, version);
    let full = qualified || name != LATEST;
    shown["FunctionArn"] = match full {
        true => format!("{arn}:{name}").into(),
        false => arn.into(),
    };
    shown["Version"] = name.into();
    if let Some(sealed) = &version.variables {
        let variables = settings::opened(call, &function.place_name(), sealed)?;
        shown["Environment"] = json!({ "Variables": variables });
    }
    if let Some(target) = &version.dead_letter {
        shown["DeadLetterConfig"] = json!({ "TargetArn": target });
    }
    Ok(shown)
}

fn plain(function: &Function, version: &Version) -> Value {
    json!({
        "FunctionName": function.name,
        "Runtime": version.runtime,
        "Role": version.role,
        "Handler": version.handler,
        "CodeSize": version.code.bytes,
        "Description": version.description,
        "Timeout": version.timeout_secs,
        "MemorySize": version.memory_mib,
        "LastModified": names::modified(version.modified),
        "CodeSha256": code_sha256(&version.code.digest),
        "TracingConfig": { "Mode": "PassThrough" },
        "RevisionId": version.revision,
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": [version.architecture],
        "EphemeralStorage": { "Size": version.ephemeral_mib },
        "SnapStart": { "ApplyOn": "None", "OptimizationStatus": "Off" },
        "LoggingConfig": {
            "LogFormat": "Text",
            "LogGroup": format!("/aws/lambda/{}", function.name),
        },
    })
}

/// The digest as the service writes it.
pub(super) fn code_sha256(digest: &str) -> String {
    hex::decode(digest).map_or_else(|_| String::new(), |bytes| STANDARD.encode(bytes))
}
