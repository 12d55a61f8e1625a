//! What carries tags in `ssm`: documents, which can change them, and executions, which keep those of their start.

use std::collections::BTreeMap;

use model::document::DocumentHead;

use super::{names, runs};
use crate::call::Call;
use crate::catalog::{self, Edit};
use crate::decode::Text;
use crate::error::ApiError;

type Tags = BTreeMap<String, String>;

/// A resource with tags.
pub(super) enum Tagged {
    /// A document, by name.
    Document(String),
    /// An execution, by id.
    Execution(String),
}

impl Tagged {
    /// The resource that `ResourceType` and `ResourceId` name.
    pub(super) fn read(call: &Call) -> Result<Self, ApiError> {
        let fields = call.fields();
        let kind = fields.required_text("ResourceType", Text::length(0, 64))?;
        let id = fields.required_text("ResourceId", Text::length(1, 256))?;
        match kind {
            "Document" => Ok(Self::Document(names::plain_name(id).0)),
            "Automation" => Ok(Self::Execution(id.to_owned())),
            other => {
                let shown = crate::error::echo(other);
                let message = format!(
                    "The resource type `{shown}` is not valid: Quell tags Document and Automation."
                );
                Err(ApiError::new("InvalidResourceType", message))
            }
        }
    }

    /// Its tags.
    pub(super) async fn tags(&self, call: &Call) -> Result<Tags, ApiError> {
        match self {
            Self::Document(name) => {
                let found =
                    catalog::read::<DocumentHead>(call.handle(), &names::head_key(call, name))
                        .await?;
                found
                    .map(|kept| kept.body.tags)
                    .ok_or_else(|| no_resource(name))
            }
            Self::Execution(id) => {
                let parsed = id.parse().map_err(|_| no_resource(id))?;
                let run = runs::existing(call, parsed)
                    .await
                    .map_err(|_| no_resource(id))?;
                Ok(run.request().tags.clone())
            }
        }
    }

    /// Replaces its tags by what `decide` makes of them.
    pub(super) async fn change(
        &self,
        call: &Call,
        decide: impl Fn(&Tags) -> Result<Tags, ApiError>,
    ) -> Result<(), ApiError> {
        let Self::Document(name) = self else {
            let message =
                "The tags of an Automation execution are given at its start and do not change.";
            return Err(ApiError::new("InvalidResourceType", message));
        };
        catalog::edit(
            call.handle(),
            &names::head_key(call, name),
            |found: Option<DocumentHead>| {
                let head = found.ok_or_else(|| no_resource(name))?;
                let tags = decide(&head.tags)?;
                Ok((
                    if tags == head.tags {
                        Edit::Keep
                    } else {
                        Edit::Put(DocumentHead { tags, ..head })
                    },
                    (),
                ))
            },
        )
        .await
    }
}

fn no_resource(id: &str) -> ApiError {
    let shown = crate::error::echo(id);
    ApiError::new(
        "InvalidResourceId",
        format!("The resource ID is not valid: there is no `{shown}`."),
    )
}
