//! Typed resources over the engine's generic ones: read, list, and change by compare-and-swap.

use engine::{ChangeError, Handle, ResourceChange};
use jiff::Timestamp;
use model::Scope;
use model::resource::{Expect, Resource};
use ports::store::ResourceQuery;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::ApiError;

/// How often a change is tried again when somebody else was faster.
const TRIES: usize = 16;
/// Version of stored bodies, kept in their member `v`.
const VERSION: u64 = 1;

/// Which resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    /// Whose.
    pub(crate) scope: Scope,
    /// Family.
    pub(crate) kind: &'static str,
    /// Name within the family.
    pub(crate) name: String,
}

/// A stored resource with its typed body.
#[derive(Debug, Clone)]
pub(crate) struct Kept<T> {
    /// Full name within its family.
    pub(crate) name: String,
    /// Revision.
    pub(crate) revision: u64,
    /// When it was created.
    pub(crate) created: Timestamp,
    /// When it was last changed.
    pub(crate) updated: Timestamp,
    /// Body.
    pub(crate) body: T,
}

/// What an edit does with the resource.
#[derive(Debug)]
pub(crate) enum Edit<T> {
    /// Leaves it.
    Keep,
    /// Creates or replaces it.
    Put(T),
    /// Deletes it.
    Delete,
}

/// The stored form of a body.
pub(crate) fn to_body<T: Serialize>(body: &T) -> Result<Value, ApiError> {
    let mut value =
        serde_json::to_value(body).map_err(|error| ApiError::internal(error.to_string()))?;
    if let Some(map) = value.as_object_mut() {
        map.insert("v".to_owned(), VERSION.into());
    }
    Ok(value)
}

fn from_resource<T: DeserializeOwned>(resource: Resource) -> Result<Kept<T>, ApiError> {
    let Resource {
        kind,
        name,
        revision,
        mut body,
        created,
        updated,
        ..
    } = resource;
    // The version is the store's business: a body that keeps unknown members must not carry it back out.
    let version = body.as_object_mut().and_then(|map| map.shift_remove("v"));
    if version.is_some_and(|version| version.as_u64() != Some(VERSION)) {
        return Err(ApiError::internal(format!(
            "stored {kind} `{name}` is of a version this program does not know"
        )));
    }
    let body = serde_json::from_value(body).map_err(|error| {
        ApiError::internal(format!("stored {kind} `{name}` cannot be read: {error}"))
    })?;
    Ok(Kept {
        name,
        revision,
        created,
        updated,
        body,
    })
}

/// One resource.
pub(crate) async fn read<T: DeserializeOwned>(
    handle: &Handle,
    key: &Key,
) -> Result<Option<Kept<T>>, ApiError> {
    handle
        .resource(&key.scope, key.kind, &key.name)
        .await?
        .map(from_resource)
        .transpose()
}

/// At most `limit` (1 to 1,000) resources in order of name, behind `after`.
pub(crate) async fn list<T: DeserializeOwned>(
    handle: &Handle,
    family: &Key,
    after: Option<String>,
    limit: usize,
) -> Result<Vec<Kept<T>>, ApiError> {
    let query = ResourceQuery {
        scope: Some(family.scope.clone()),
        kind: family.kind.to_owned(),
        prefix: family.name.clone(),
        after: after.map(|name| (family.scope.clone(), name)),
        limit,
    };
    handle
        .resources(query)
        .await?
        .into_iter()
        .map(from_resource)
        .collect()
}

/// Every resource of a family whose name begins with `family.name`, page by page.
pub(crate) async fn all<T: DeserializeOwned>(
    handle: &Handle,
    family: &Key,
) -> Result<Vec<Kept<T>>, ApiError> {
    const PAGE: usize = 500;
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page: Vec<Kept<T>> = list(handle, family, after, PAGE).await?;
        after = page.last().map(|last| last.name.clone());
        let full = page.len() == PAGE;
        found.extend(page);
        if !full {
            return Ok(found);
        }
    }
}

/// Decides on what is stored and writes the decision if nobody was faster; otherwise decides again.
///
/// # Errors
/// What `decide` refuses, or a conflict that lasts.
pub(crate) async fn edit<T, R>(
    handle: &Handle,
    key: &Key,
    mut decide: impl FnMut(Option<T>) -> Result<(Edit<T>, R), ApiError>,
) -> Result<R, ApiError>
where
    T: Serialize + DeserializeOwned,
{
    edit_with(handle, key, |found| {
        decide(found).map(|(edit, answer)| (edit, Vec::new(), answer))
    })
    .await
}

/// As [`edit`], with further changes that are committed together with it.
pub(crate) async fn edit_with<T, R>(
    handle: &Handle,
    key: &Key,
    mut decide: impl FnMut(Option<T>) -> Result<(Edit<T>, Vec<ResourceChange>, R), ApiError>,
) -> Result<R, ApiError>
where
    T: Serialize + DeserializeOwned,
{
    for _ in 0..TRIES {
        let found = read::<T>(handle, key).await?;
        let expect = found
            .as_ref()
            .map_or(Expect::Absent, |kept| Expect::Revision(kept.revision));
        let absent = found.is_none();
        let (edit, mut changes, answer) = decide(found.map(|kept| kept.body))?;
        let body = match edit {
            Edit::Keep => return Ok(answer),
            Edit::Delete if absent => return Ok(answer),
            Edit::Delete => None,
            Edit::Put(body) => Some(to_body(&body)?),
        };
        changes.push(change(key, expect, body));
        match handle.change(changes).await {
            Ok(_) => return Ok(answer),
            Err(ChangeError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(ApiError::busy())
}

/// One write of a resource.
pub(crate) fn change(key: &Key, expect: Expect, body: Option<Value>) -> ResourceChange {
    ResourceChange {
        scope: key.scope.clone(),
        kind: key.kind,
        name: key.name.clone(),
        expect,
        body,
    }
}
