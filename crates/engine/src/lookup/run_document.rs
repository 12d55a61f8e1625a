//! The document of a run that is to start: given with the start, or stored, with all that its version requires.

use std::sync::Arc;

use flow::automation::document::{self, Format};
use flow::automation::{DocumentSource, Parsed};
use model::Scope;
use model::arn::Arn;
use model::document::{DOCUMENT, DOCUMENT_CONTENT, DocumentContent, DocumentHead, Requirement};
use model::report::{GivenDocument, StartRun};
use ports::{Store, StoreError};

use super::{FoundDocument, readable};
use crate::documents::Known;
use crate::engine::Shared;
use crate::places::Admission;

/// A document that is run as it stands.
fn as_given(name: String, given: &GivenDocument) -> DocumentSource {
    DocumentSource::Found {
        name,
        version: String::new(),
        format: if given.json {
            Format::Json
        } else {
            Format::Yaml
        },
        content: given.content.clone(),
        attachments: Vec::new(),
    }
}

/// The text of the version that a wish names, or why there is none.
pub(crate) async fn document(
    shared: &Shared,
    scope: &Scope,
    request: &StartRun,
) -> Result<FoundDocument, StoreError> {
    match &request.given {
        Some(given) => Ok(FoundDocument {
            source: as_given(document_name(&request.document_name).0, given),
            parsed: Parsed::default(),
            target_type: None,
            admission: Admission::Now,
        }),
        None => stored_document(shared, scope, request).await,
    }
}

async fn stored_document(
    shared: &Shared,
    scope: &Scope,
    request: &StartRun,
) -> Result<FoundDocument, StoreError> {
    let store = shared.ports.store.as_ref();
    let (name, version_in_arn) = document_name(&request.document_name);
    // A child in another account and region runs the parent's copy of the document.
    let home = request.location.as_ref().map(|there| &there.home_region);
    let scope = Scope {
        region: home.unwrap_or(&request.region).clone(),
        ..scope.clone()
    };
    let found = |source: DocumentSource, parsed: Parsed, target_type: Option<String>| {
        Ok(FoundDocument {
            source,
            parsed,
            target_type,
            admission: Admission::Now,
        })
    };
    let missing =
        |reason: String| found(DocumentSource::Missing { reason }, Parsed::default(), None);
    let stored = store.resource(scope.clone(), DOCUMENT.to_owned(), name.clone());
    let Some(head) = stored.await? else {
        return missing(format!(
            "there is no document `{name}` in region `{}`: create it with CreateDocument",
            scope.region
        ));
    };
    let Ok(head) = serde_json::from_value::<DocumentHead>(head.body) else {
        return missing(format!("document `{name}` cannot be read by this program"));
    };
    let wanted = request.document_version.clone().or(version_in_arn);
    let Some(version) = head.version(wanted.as_deref().unwrap_or_default()) else {
        let wanted = wanted.unwrap_or_default();
        return missing(format!("document `{name}` has no version `{wanted}`"));
    };
    if let Some(reason) = missing_requirement(store, &scope, &version.requires).await? {
        return missing(reason);
    }
    let number = version.number;
    let key = (format!("{scope:?}/{name}"), number, version.hash.clone());
    let known = match shared.documents.get(&key) {
        Some(known) => Some(known),
        None => read_document(store, &scope, &name, number).await?,
    };
    let Some(known) = known else {
        return missing(format!(
            "the text of document `{name}` version {number} cannot be read"
        ));
    };
    let source = DocumentSource::Found {
        name,
        version: number.to_string(),
        format: known.format,
        content: known.content.to_string(),
        attachments: version.attachments.clone(),
    };
    let parsed = Parsed(known.parsed.clone());
    shared.documents.put(key, known);
    found(source, parsed, head.target_type)
}

/// What a version needs and is not there, in words.
async fn missing_requirement(
    store: &dyn Store,
    scope: &Scope,
    requires: &[Requirement],
) -> Result<Option<String>, StoreError> {
    for one in requires {
        let (name, in_arn) = document_name(&one.name);
        let found = store.resource(scope.clone(), DOCUMENT.to_owned(), name.clone());
        let head = found
            .await?
            .and_then(|found| readable::<DocumentHead>(&name, found.body));
        let wanted = Requirement {
            version: one.version.clone().or(in_arn),
            ..one.clone()
        };
        if !head.is_some_and(|head| head.fits(&wanted)) {
            return Ok(Some(format!(
                "the document needs document `{name}` in a version that is not there (version {}, version name {}): create it",
                wanted.version.as_deref().unwrap_or("any"),
                wanted.version_name.as_deref().unwrap_or("any"),
            )));
        }
    }
    Ok(None)
}

async fn read_document(
    store: &dyn Store,
    scope: &Scope,
    name: &str,
    number: u32,
) -> Result<Option<Known>, StoreError> {
    let key = format!("{name}/{number}");
    let found = store.resource(scope.clone(), DOCUMENT_CONTENT.to_owned(), key);
    let stored = found
        .await?
        .map(|found| serde_json::from_value::<DocumentContent>(found.body));
    let Some(Ok(stored)) = stored else {
        return Ok(None);
    };
    let format = if stored.format == "JSON" {
        Format::Json
    } else {
        Format::Yaml
    };
    // A text that no longer parses is left to the machine, which says what is wrong with it.
    let parsed = document::parse(&stored.content, format).0.map(Arc::new);
    Ok(Some(Known {
        format,
        content: stored.content.into(),
        parsed,
    }))
}

/// The name in a document name or ARN (`...:document/Name`, `...:automation-definition/Name:version`), and the
/// version that the latter may carry.
fn document_name(text: &str) -> (String, Option<String>) {
    let Some(arn) = Arn::parse(text) else {
        return (text.to_owned(), None);
    };
    if let Some(name) = arn.tail("document") {
        return (name.to_owned(), None);
    }
    match arn.tail("automation-definition") {
        Some(tail) => match tail.split_once(':') {
            Some((name, version)) => (name.to_owned(), Some(version.to_owned())),
            None => (tail.to_owned(), None),
        },
        None => (text.to_owned(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::document_name;

    #[test]
    fn names_are_found_in_arns() {
        for (text, name, version) in [
            ("Quell-EC2-Isolate", "Quell-EC2-Isolate", None),
            ("arn:aws:ssm:us-east-1:123456789012:document/A", "A", None),
            (
                "arn:aws:ssm:us-east-1:123456789012:automation-definition/A:3",
                "A",
                Some("3"),
            ),
            (
                "arn:aws:ssm:us-east-1:123456789012:automation-definition/A:$DEFAULT",
                "A",
                Some("$DEFAULT"),
            ),
            (
                "arn:aws:ssm:us-east-1:123456789012:automation-definition/A",
                "A",
                None,
            ),
        ] {
            assert_eq!(
                document_name(text),
                (name.to_owned(), version.map(str::to_owned)),
                "{text}"
            );
        }
    }
}
