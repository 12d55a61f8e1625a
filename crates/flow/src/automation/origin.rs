//! What a run was made from: the document's text, its attachments, and what was asked for. Written once.

use model::document::Attachment;
use model::report::{GivenDocument, StartRun};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::document::{self, Document, Format};
use super::restore_error::RestoreError;
use super::run::VERSION;

/// What a run was made from; written once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Origin {
    pub(crate) v: u16,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) format: Format,
    pub(crate) content: String,
    pub(crate) request: StartRun,
    pub(crate) account: String,
    /// Parameters, typed.
    pub(crate) parameters: Map<String, Value>,
    /// The document's attachments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) attachments: Vec<Attachment>,
}

impl Origin {
    /// The document, parsed; an empty one for a run that found none.
    pub(crate) fn parsed(&self) -> Result<Document, RestoreError> {
        if self.content.is_empty() {
            return Ok(Document::default());
        }
        let (document, diagnostics) = document::parse(&self.content, self.format);
        let first = || diagnostics.first().map(ToString::to_string);
        document.ok_or_else(|| RestoreError::Document(first().unwrap_or_default()))
    }

    /// The document itself, where no version of it is kept under its name.
    pub(crate) fn given(&self) -> Option<GivenDocument> {
        (self.version.is_empty() && !self.content.is_empty()).then(|| GivenDocument {
            json: self.format == Format::Json,
            content: self.content.clone(),
        })
    }

    pub(crate) fn new(request: StartRun, account: &str) -> Self {
        let there = request.location.as_ref().map(|at| at.account.as_str());
        let account = there.unwrap_or(account).to_owned();
        Self {
            v: VERSION,
            name: request.document_name.clone(),
            version: String::new(),
            format: Format::Json,
            content: String::new(),
            request,
            account,
            parameters: Map::new(),
            attachments: Vec::new(),
        }
    }
}
