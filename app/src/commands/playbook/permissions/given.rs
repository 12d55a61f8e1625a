//! What the command line says about the runs: account, region, parameters.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use clap::ArgMatches;
pub(super) use flow::automation::survey::Known;

use super::documents::Playbook;

/// Longest name of a role (IAM's limit).
const ROLE_NAME: usize = 64;

/// Reads `--param`, `--account` and `--region`.
pub(super) fn known(matches: &ArgMatches) -> Result<Known> {
    let mut parameters: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for given in matches.get_many::<String>("param").into_iter().flatten() {
        let Some((name, value)) = given.split_once('=') else {
            bail!("--param `{given}` must be written NAME=VALUE");
        };
        parameters
            .entry(name.to_owned())
            .or_default()
            .push(value.to_owned());
    }
    let (account, region) = account_and_region(matches)?;
    Ok(Known {
        parameters,
        account,
        region,
    })
}

/// Reads `--account` and `--region`.
pub(super) fn account_and_region(matches: &ArgMatches) -> Result<(Option<String>, Option<String>)> {
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    let account = text("account");
    if let Some(account) = &account
        && !(account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()))
    {
        bail!("--account `{account}` must be an account id of 12 digits");
    }
    let region = text("region");
    if let Some(region) = &region
        && !region
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    {
        bail!("--region `{region}` is no region, e.g. eu-west-1");
    }
    Ok((account, region))
}

/// Parameters must be declared by one of the documents.
pub(super) fn check(playbooks: &[Playbook], known: &Known) -> Result<()> {
    for name in known.parameters.keys() {
        if !playbooks
            .iter()
            .any(|one| one.document.parameter(name).is_some())
        {
            bail!("--param `{name}`: none of the documents declares this parameter");
        }
    }
    Ok(())
}

/// A role's name as IAM takes it.
pub(super) fn check_role_name(name: &str) -> Result<()> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"+=,.@_-".contains(&b);
    if name.is_empty() || name.len() > ROLE_NAME || !name.bytes().all(legal) {
        bail!("--role-name `{name}` must have 1 to {ROLE_NAME} letters, digits or +=,.@_-");
    }
    Ok(())
}
