//! Runs the scripts of automation documents in a process of their own, behind walls.
//!
//! The contract: the script's request is JSON on stdin, its result one JSON line on stdout, its log stderr. A script
//! never sees this process' environment; a script with network access has the session of its assumed role and no other
//! credentials. Knows how to run a script, not what it is for.

mod confine;
mod environment;
pub mod launcher;
mod policy;
mod run;

pub(crate) use environment::Grant;
pub(crate) use run::ScriptRunner;
