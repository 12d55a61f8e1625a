//! Documents of the command line: read, parsed, named.

use std::path::Path;

use anyhow::{Context, Result, bail};
use flow::automation::Document;
use flow::automation::document::{Format, MAX_BYTES, parse};

/// A playbook that was given.
pub(super) struct Playbook {
    /// Its name: the file's, without folder and extension.
    pub(super) name: String,
    /// What it says.
    pub(super) document: Document,
}

/// Reads all files.
pub(super) fn read(files: &[&String]) -> Result<Vec<Playbook>> {
    files.iter().map(|file| one(Path::new(file))).collect()
}

fn one(file: &Path) -> Result<Playbook> {
    let shown = file.display();
    let size = std::fs::metadata(file)
        .with_context(|| format!("`{shown}`"))?
        .len();
    if usize::try_from(size).map_or(true, |size| size > MAX_BYTES) {
        bail!("`{shown}` has {size} bytes; a document may have {MAX_BYTES}");
    }
    let text = std::fs::read_to_string(file).with_context(|| format!("`{shown}`"))?;
    let json = text.trim_start().starts_with('{');
    let format = if json { Format::Json } else { Format::Yaml };
    let (document, diagnostics) = parse(&text, format);
    let Some(document) = document else {
        let all: Vec<String> = diagnostics.iter().map(|one| format!("  {one}")).collect();
        bail!("`{shown}` is no valid document:\n{}", all.join("\n"));
    };
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    Ok(Playbook {
        name: name.into_owned(),
        document,
    })
}
