//! The code of an attachment: checked against its digest, laid out in a directory of the run's own, and gone after it.
//!
//! The attachment is somebody else's archive: `function::unpack` keeps it within its directory and its limits.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::effect::{AttachedScript, Failure, ScriptCall};
use ports::document::Attachments;
use uuid::Uuid;

use super::failure;
use super::scratch::PrivateDir;
use crate::function::digest;
use crate::function::unpack::unpack;

/// Most bytes that the files of an archive may have together.
const UNPACKED_BYTES: u64 = 256 << 20;

/// What an attachment is run as.
pub(super) enum Laid {
    /// The text of one script.
    Text(String),
    /// Files in a directory, which is removed when this is dropped.
    Files { code: PathBuf, _home: PrivateDir },
}

/// Fetches an attachment and lays it out for its runtime.
pub(super) async fn lay_out(
    attachments: &dyn Attachments,
    (scratch, id): (&Path, Uuid),
    (call, script): (&ScriptCall, &AttachedScript),
) -> Result<Laid, Failure> {
    let content = attachments.content(script.clone()).await.map_err(failed)?;
    let content = STANDARD
        .decode(content)
        .map_err(|error| failed(format!("attachment `{}` is damaged: {error}", script.name)))?;
    if digest(&content) != script.sha256 {
        return Err(failed(format!(
            "attachment `{}` is not what it was when the run began: the document was made anew",
            script.name
        )));
    }
    let name = script.name.clone();
    let is_powershell = call.runtime.to_ascii_lowercase().starts_with("powershell");
    match ending(&name).as_str() {
        "ps1" if is_powershell => text(content, &name).map(Laid::Text),
        "py" if !is_powershell => {
            let text = text(content, &name)?;
            in_directory(scratch, id, move |code| {
                std::fs::create_dir(code).map_err(|error| error.to_string())?;
                std::fs::write(code.join(name), text).map_err(|error| error.to_string())
            })
            .await
        }
        "zip" if !is_powershell => {
            in_directory(scratch, id, move |code| {
                unpack(&content, code, UNPACKED_BYTES).map_err(|error| error.to_string())
            })
            .await
        }
        _ => Err(failed(format!(
            "attachment `{name}` cannot be run: a Python script is a .py or .zip file, a PowerShell script a .ps1 file"
        ))),
    }
}

/// What a handler is called by: `function` of a single file is `file.function`.
pub(super) fn handler(call: &ScriptCall, script: &AttachedScript) -> String {
    let stem = script.name.strip_suffix(".py");
    match stem.filter(|_| !call.handler.contains('.')) {
        Some(stem) => format!("{stem}.{}", call.handler),
        None => call.handler.clone(),
    }
}

async fn in_directory(
    scratch: &Path,
    id: Uuid,
    fill: impl FnOnce(&Path) -> Result<(), String> + Send + 'static,
) -> Result<Laid, Failure> {
    let scratch = scratch.to_path_buf();
    let made = tokio::task::spawn_blocking(move || {
        let home = PrivateDir::new(&scratch, &format!("attached-{id}"));
        let home = home.map_err(|error| format!("cannot make a private directory: {error}"))?;
        let code = home.path().join("code");
        fill(&code)?;
        Ok(Laid::Files { code, _home: home })
    });
    let made = made.await.unwrap_or_else(|error| Err(error.to_string()));
    made.map_err(failed)
}

fn text(content: Vec<u8>, name: &str) -> Result<String, Failure> {
    String::from_utf8(content)
        .map_err(|_| failed(format!("attachment `{name}` is not a text in UTF-8")))
}

fn ending(name: &str) -> String {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    ending.unwrap_or_default().to_ascii_lowercase()
}

fn failed(message: String) -> Failure {
    failure("ScriptError", message)
}
