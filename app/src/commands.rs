//! The commands of the binary, one file each.

pub(crate) mod aws;
pub(crate) mod config;
pub(crate) mod demo;
pub(crate) mod findings;
pub(crate) mod function;
pub(crate) mod intake;
pub(crate) mod machine;
mod plan;
pub(crate) mod playbook;
pub(crate) mod rules;
pub(crate) mod run;
pub(crate) mod serve;
