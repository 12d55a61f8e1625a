//! `cargo xtask models`: packs the public AWS service models into `crates/aws/models/services.bin`.
//!
//! The source is the botocore package of the Python in `PYTHON` (default: the repository's `.venv`, else `python3`).
//! Its version is pinned in `crates/aws/models/PIN`; another version is refused unless `QUELL_MODELS_UPDATE=1`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context as _, bail};

/// Writes the table and its pin.
pub(crate) fn run() -> anyhow::Result<()> {
    let root = repository();
    let pin_file = root.join("crates/aws/models/PIN");
    let table = root.join("crates/aws/models/services.bin");
    let python = python(&root);
    let installed =
        text_of(Command::new(&python).args(["-c", "import botocore; print(botocore.__version__)"]))
            .with_context(|| {
                format!(
                    "`{}` has no botocore; run the set-up or set PYTHON",
                    python.display()
                )
            })?;
    let pinned = pinned(&pin_file);
    let update = env::var("QUELL_MODELS_UPDATE").is_ok_and(|value| value == "1");
    if let Some(pinned) = pinned.filter(|pinned| *pinned != installed.trim() && !update) {
        bail!(
            "botocore {} is installed but {pinned} is pinned; install `botocore=={pinned}`, or set \
             QUELL_MODELS_UPDATE=1 to move the pin",
            installed.trim()
        );
    }
    let export = export(&root, &python)?;
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let pack = text_of(
        Command::new(cargo)
            .current_dir(&root)
            .args([
                "run",
                "--quiet",
                "-p",
                "aws",
                "--example",
                "pack_models",
                "--",
            ])
            .arg(&export)
            .arg(&table),
    )?;
    let head = "# Where services.bin comes from. Written by `cargo xtask models`; a test compares it with the table.\n";
    fs::write(&pin_file, format!("{head}{pack}"))?;
    println!(
        "{pack}{} bytes in {}",
        fs::metadata(&table)?.len(),
        table.display()
    );
    Ok(())
}

fn repository() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_owned()
}

fn python(root: &Path) -> PathBuf {
    let venv = root.join(".venv/bin/python");
    match env::var_os("PYTHON") {
        Some(python) => python.into(),
        None if venv.exists() => venv,
        None => "python3".into(),
    }
}

fn pinned(pin_file: &Path) -> Option<String> {
    let pin = fs::read_to_string(pin_file).ok()?;
    pin.lines()
        .find_map(|line| line.strip_prefix("botocore = "))
        .map(|version| version.trim().to_owned())
}

/// The models as JSON lines, in a file under `target`.
fn export(root: &Path, python: &Path) -> anyhow::Result<PathBuf> {
    let folder = root.join("target/models");
    fs::create_dir_all(&folder)?;
    let path = folder.join("export.jsonl");
    let status = Command::new(python)
        .arg(root.join("xtask/models/export_botocore.py"))
        .stdout(fs::File::create(&path)?)
        .status()
        .context("cannot start Python")?;
    if !status.success() {
        bail!("the export of the models failed: {status}");
    }
    Ok(path)
}

fn text_of(command: &mut Command) -> anyhow::Result<String> {
    let output = command
        .output()
        .with_context(|| format!("cannot start {:?}", command.get_program()))?;
    if !output.status.success() {
        bail!(
            "{:?} failed: {}",
            command.get_program(),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8(output.stdout)?)
}
