//! Attachments of documents as they are stored.

use std::fmt;
use std::sync::Arc;

use model::document::{AttachedContent, DOCUMENT_ATTACHMENT};
use model::effect::AttachedScript;
use ports::document::Attachments;
use ports::{BoxFuture, Store};

/// Finds attachments in a store.
#[derive(Clone)]
pub struct StoredAttachments {
    store: Arc<dyn Store>,
}

impl StoredAttachments {
    /// Those of a store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }
}

impl fmt::Debug for StoredAttachments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredAttachments").finish_non_exhaustive()
    }
}

impl Attachments for StoredAttachments {
    fn content(&self, script: AttachedScript) -> BoxFuture<'static, Result<String, String>> {
        let store = Arc::clone(&self.store);
        Box::pin(async move {
            let AttachedScript {
                scope,
                document,
                version,
                name,
                ..
            } = script;
            let shown = format!("attachment `{name}` of document `{document}` version {version}");
            let key = format!("{document}/{version}/{name}");
            let found = store.resource(scope, DOCUMENT_ATTACHMENT.to_owned(), key);
            let found = found
                .await
                .map_err(|error| format!("{shown} cannot be read: {error}"))?;
            let found = found.ok_or_else(|| {
                format!(
                    "{shown} is not there any more: the version was deleted after the run began"
                )
            })?;
            let content = serde_json::from_value::<AttachedContent>(found.body);
            let content = content.map_err(|error| format!("{shown} is damaged: {error}"))?;
            Ok(content.base64)
        })
    }
}
