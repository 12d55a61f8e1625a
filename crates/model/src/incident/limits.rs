//! The limits of incidents' members.

use std::collections::BTreeMap;

use super::{EventReference, ItemIdentifier, ItemValue, RelatedItem, TriggerDetails, cut};
use crate::{Rejection, plan};

impl TriggerDetails {
    /// Checks lengths and the ARN.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] below `triggerDetails`.
    pub fn validate(&self) -> Result<(), Rejection> {
        plan::at_most("triggerDetails.source", Some(&self.source), 50)?;
        plan::at_most(
            "triggerDetails.rawData",
            self.raw_data.as_deref(),
            plan::RAW_DATA_CHARS,
        )?;
        self.trigger_arn.as_deref().map_or(Ok(()), |arn| {
            plan::check_arn("triggerDetails.triggerArn", arn)
        })
    }
}

impl RelatedItem {
    /// Checks title and identifier.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] below `field`.
    pub fn validate(&self, field: &str) -> Result<(), Rejection> {
        plan::at_most(&format!("{field}.title"), self.title.as_deref(), 200)?;
        self.identifier.validate(&format!("{field}.identifier"))
    }
}

impl ItemIdentifier {
    /// Checks the value.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] below `field`.
    pub fn validate(&self, field: &str) -> Result<(), Rejection> {
        match &self.value {
            ItemValue::Arn(arn) => plan::check_arn(&format!("{field}.value.arn"), arn),
            ItemValue::Url(url) => plan::at_most(&format!("{field}.value.url"), Some(url), 1000),
            ItemValue::MetricDefinition(text) => {
                plan::at_most(&format!("{field}.value.metricDefinition"), Some(text), 4000)
            }
            ItemValue::PagerDutyIncidentDetail(detail) => {
                let field = format!("{field}.value.pagerDutyIncidentDetail");
                if detail.id.is_empty() {
                    return Err(Rejection::invalid(
                        format!("{field}.id"),
                        "must not be empty",
                    ));
                }
                plan::at_most(&format!("{field}.id"), Some(&detail.id), 200)?;
                plan::at_most(
                    &format!("{field}.secretId"),
                    detail.secret_id.as_deref(),
                    512,
                )
            }
        }
    }
}

/// Checks a timeline event's references: at most ten, ARNs or generated ids.
///
/// # Errors
/// [`Rejection::Invalid`] at `eventReferences` or at one of its items.
pub fn check_references(references: &[EventReference]) -> Result<(), Rejection> {
    plan::check_count("eventReferences", references.len(), 10)?;
    for (index, reference) in references.iter().enumerate() {
        match reference {
            EventReference::Resource(arn) => {
                plan::check_arn(&format!("eventReferences[{index}].resource"), arn)?
            }
            EventReference::RelatedItemId(id) => {
                let field = format!("eventReferences[{index}].relatedItemId");
                if !is_generated_id(id) {
                    return Err(Rejection::invalid(
                        field,
                        "must be the `generatedId` of a related item",
                    ));
                }
            }
        }
    }
    Ok(())
}

fn is_generated_id(id: &str) -> bool {
    let Some((kind, hex)) = id
        .strip_prefix("related-item/")
        .and_then(|rest| rest.split_once('/'))
    else {
        return false;
    };
    let kinds =
        "ANALYSIS INCIDENT METRIC PARENT ATTACHMENT OTHER AUTOMATION INVOLVED_RESOURCE TASK";
    let hex_digit = |b: u8| b.is_ascii_digit() || (b'A'..=b'F').contains(&b);
    kinds.split(' ').any(|known| known == kind) && hex.len() == 32 && hex.bytes().all(hex_digit)
}

/// Checks the tags of a plan, replication set or incident: at most 50, keys 1 to 128 characters without the prefix
/// `aws:`, values to 256 characters (empty allowed).
///
/// # Errors
/// [`Rejection::Invalid`] at `field`.
pub fn check_tags(field: &str, tags: &BTreeMap<String, String>) -> Result<(), Rejection> {
    plan::check_count(field, tags.len(), 50)?;
    // The model's class `[A-Za-z0-9 _=@:.+-/]` holds the range `+` to `/`, which includes the comma.
    let allowed = |c: char| c.is_ascii_alphanumeric() || " _=@:.+,-/".contains(c);
    for (key, value) in tags {
        if key.is_empty()
            || key.chars().count() > 128
            || key.starts_with("aws:")
            || !key.chars().all(allowed)
        {
            let message = format!(
                "the tag key `{}` must be 1 to 128 letters, digits, spaces or `_=@:.+,-/` and not start with `aws:`",
                cut(key, 60)
            );
            return Err(Rejection::invalid(field, message));
        }
        if value.chars().count() > 256 || !value.chars().all(allowed) {
            let message = format!(
                "the value of the tag `{}` must be at most 256 letters, digits, spaces or `_=@:.+,-/`",
                cut(key, 60)
            );
            return Err(Rejection::invalid(field, message));
        }
    }
    Ok(())
}
