//! `quell config check|show`.

use std::path::Path;

use anyhow::Result;

use crate::config;

/// Says whether the configuration is valid.
pub(crate) fn check(file: Option<&Path>) -> Result<()> {
    config::load(file)?;
    println!("the configuration is valid");
    Ok(())
}

/// Prints what is in force, secrets masked.
pub(crate) fn show(file: Option<&Path>) -> Result<()> {
    print!("{}", config::shown(&config::load(file)?)?);
    Ok(())
}
