//! The one generic versioned table for everything people configure: rules, plans, contacts, documents.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Scope;

/// A stored resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resource {
    /// Whose it is.
    pub scope: Scope,
    /// Family, e.g. `response-plan`.
    pub kind: String,
    /// Unique within scope and kind.
    pub name: String,
    /// Grows by one with every change; writers compare it.
    pub revision: u64,
    /// The resource's versioned body.
    pub body: Value,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
}

/// What a writer expects to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Nothing: the write creates.
    Absent,
    /// Exactly this revision.
    Revision(u64),
    /// Anything: the last writer wins.
    Any,
}
