//! Attachments of documents: where a request says that they lie, their bytes, and what the document says of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::views::Document;
use model::document::{AttachedContent, Attachment, DocumentVersion};
use model::resource::Expect;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{documents, names, objects};
use crate::call::Call;
use crate::catalog;
use crate::decode::{Fields, Text, is_word};
use crate::error::ApiError;

/// Most attachments of one version.
const MAX_ATTACHMENTS: usize = 20;
/// Largest attachment, in bytes.
const MAX_BYTES: u64 = 10 << 20;
/// Most bytes of all attachments of one version together.
const MAX_OVERALL: u64 = 40 << 20;
const NAME: Text =
    Text::length(3, 128).matching("^[a-zA-Z0-9_\\-.]{3,128}$", |text| is_word(text, "_-."));
const VALUE: Text = Text::length(1, 1024);

/// An attachment that was read.
pub(super) struct Read {
    /// What the version keeps of it.
    pub(super) attachment: Attachment,
    /// Its stored form.
    content: AttachedContent,
}

/// Where one attachment lies.
enum Source<'a> {
    /// `S3FileUrl`: this object.
    File(&'a str),
    /// `SourceUrl`: an object of the attachment's name below this.
    Folder(&'a str),
    /// `AttachmentReference`: an attachment of another document.
    Reference(&'a str),
}

/// Reads what `Attachments` names and holds it against the document.
pub(super) async fn read(
    call: &Call,
    fields: &Fields<'_>,
    document: &Document,
) -> Result<Vec<Read>, ApiError> {
    let wanted = wanted(fields, document)?;
    let mut read: Vec<Read> = Vec::new();
    let mut overall = 0;
    for (name, source) in wanted {
        let bytes = match source {
            Source::File(address) => object(call, &name, address).await?,
            Source::Folder(address) => {
                let address = format!("{}/{name}", address.trim_end_matches('/'));
                object(call, &name, &address).await?
            }
            Source::Reference(text) => referenced(call, &name, text).await?,
        };
        overall += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if overall > MAX_OVERALL {
            return Err(content(format!(
                "The attachments have more than {MAX_OVERALL} bytes together: attach less."
            )));
        }
        read.push(Read {
            attachment: Attachment {
                name,
                sha256: hex::encode(Sha256::digest(&bytes)),
                bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            },
            content: AttachedContent {
                base64: STANDARD.encode(&bytes),
            },
        });
    }
    check(document, &read)?;
    Ok(read)
}

/// The names of the attachments and where each lies; every name once.
fn wanted<'a>(
    fields: &Fields<'a>,
    document: &Document,
) -> Result<Vec<(String, Source<'a>)>, ApiError> {
    let mut wanted: Vec<(String, Source<'a>)> = Vec::new();
    let given = fields.objects("Attachments", 0, MAX_ATTACHMENTS)?;
    for one in given.unwrap_or_default() {
        let kinds = ["SourceUrl", "S3FileUrl", "AttachmentReference"];
        let kind = one.required_one_of("Key", &kinds)?;
        let name = one.text("Name", NAME)?.map(str::to_owned);
        let values = one.required_texts("Values", (1, 1), VALUE)?;
        let value = values.first().copied().unwrap_or_default();
        let last = || value.rsplit('/').next().unwrap_or_default().to_owned();
        let found: Vec<(String, Source<'a>)> = match (kind, name) {
            ("SourceUrl", Some(name)) => vec![(name, Source::Folder(value))],
            // A folder without a name brings all files that the document declares or its scripts name.
            ("SourceUrl", None) => declared(document)
                .into_iter()
                .map(|name| (name, Source::Folder(value)))
                .collect(),
            ("S3FileUrl", name) => vec![(name.unwrap_or_else(last), Source::File(value))],
            (_, name) => vec![(name.unwrap_or_else(last), Source::Reference(value))],
        };
        for (name, source) in found {
            NAME.check("attachments.name", &name)?;
            if wanted.iter().any(|(other, _)| *other == name) {
                return Err(content(format!("The attachment `{name}` is given twice.")));
            }
            wanted.push((name, source));
        }
    }
    if wanted.len() > MAX_ATTACHMENTS {
        return Err(content(format!(
            "A document may have at most {MAX_ATTACHMENTS} attachments."
        )));
    }
    Ok(wanted)
}

fn declared(document: &Document) -> Vec<String> {
    let mut names: Vec<String> = document.files.keys().cloned().collect();
    for (_, name) in document.attached_scripts() {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

async fn object(call: &Call, name: &str, address: &str) -> Result<Vec<u8>, ApiError> {
    let place = objects::place(call, address)?;
    let found = objects::read(call, &place, MAX_BYTES).await;
    found.map_err(|error| {
        let address = format!("s3://{}/{}", place.bucket, place.key);
        let shown = crate::error::echo(&address);
        content(format!(
            "The attachment `{name}` cannot be read from `{shown}`: {error}."
        ))
    })
}

/// `DOCUMENT/VERSION/NAME` of a document of this server, which an ARN may name.
async fn referenced(call: &Call, name: &str, text: &str) -> Result<Vec<u8>, ApiError> {
    let refused = |why: &str| {
        let shown = crate::error::echo(text);
        content(format!(
            "The attachment `{name}` refers to `{shown}`, {why}."
        ))
    };
    let form = || refused("which is not of the form DOCUMENT/VERSION/ATTACHMENT");
    let (rest, file) = text.rsplit_once('/').ok_or_else(form)?;
    let (document, version) = rest.rsplit_once('/').ok_or_else(form)?;
    let document = names::plain_name(document).0;
    let head = documents::existing(call, &document)
        .await
        .map_err(|_| refused("and there is no such document"))?;
    let version = documents::numbered(&head, version)
        .map_err(|_| refused("and the document has no such version"))?;
    if !version.attachments.iter().any(|one| one.name == file) {
        return Err(refused("and the version has no such attachment"));
    }
    let key = names::attachment_key(call, (&document, version.number), file);
    let kept = catalog::read::<AttachedContent>(call.handle(), &key).await?;
    let kept = kept.ok_or_else(|| refused("which was deleted meanwhile"))?;
    STANDARD
        .decode(kept.body.base64)
        .map_err(|error| ApiError::internal(error.to_string()))
}

/// What the document says of its attachments must be so.
fn check(document: &Document, read: &[Read]) -> Result<(), ApiError> {
    let find = |name: &str| read.iter().find(|one| one.attachment.name == name);
    for (name, sum) in &document.files {
        let Some(found) = find(name) else {
            return Err(content(format!(
                "The document declares the file `{name}`, and there is no attachment of that name: give it in Attachments."
            )));
        };
        if found.attachment.sha256 != *sum {
            return Err(content(format!(
                "The checksum of the attachment `{name}` is {}, and the document declares {sum}.",
                found.attachment.sha256
            )));
        }
    }
    for (step, name) in document.attached_scripts() {
        if find(name).is_none() {
            return Err(content(format!(
                "Step \"{step}\" runs the attachment `{name}`, and there is none of that name: give it in Attachments."
            )));
        }
    }
    Ok(())
}

/// The writes that keep the contents of a version's attachments.
pub(super) fn writes(
    call: &Call,
    version: (&str, u32),
    read: &[Read],
) -> Result<Vec<engine::ResourceChange>, ApiError> {
    let write = |one: &Read| {
        let key = names::attachment_key(call, version, &one.attachment.name);
        Ok(catalog::change(
            &key,
            Expect::Any,
            Some(catalog::to_body(&one.content)?),
        ))
    };
    read.iter().map(write).collect()
}

/// The deletions of the contents of a version's attachments.
pub(super) fn removals(
    call: &Call,
    name: &str,
    version: &DocumentVersion,
) -> Vec<engine::ResourceChange> {
    let remove = |one: &Attachment| {
        let key = names::attachment_key(call, (name, version.number), &one.name);
        catalog::change(&key, Expect::Any, None)
    };
    version.attachments.iter().map(remove).collect()
}

/// `AttachmentsInformation`.
pub(super) fn information(version: &DocumentVersion) -> Value {
    let shown = version.attachments.iter();
    shown.map(|one| json!({ "Name": one.name })).collect()
}

/// `AttachmentsContent`, without addresses: the contents are in this server's store.
pub(super) fn contents(version: &DocumentVersion) -> Value {
    let shown = version.attachments.iter().map(|one| {
        json!({ "Name": one.name, "Size": one.bytes, "Hash": one.sha256, "HashType": "Sha256" })
    });
    shown.collect()
}

fn content(message: String) -> ApiError {
    ApiError::new("InvalidDocumentContent", message)
}
