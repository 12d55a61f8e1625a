//! Engagement plans: reading them, and checking them against the contacts and channels that exist.

use engine::views::contact_rules;
use engine::views::engage::Directory;
use model::contact::{
    ChannelTarget, Contact, ContactChannel, ContactTarget, Plan, STAGES, Stage, TARGETS, Target,
};

use super::channels;
use super::names::{self, ANY, ARN};
use crate::call::Call;
use crate::catalog;
use crate::decode::Fields;
use crate::error::ApiError;

/// Reads `Plan`. Limits are the model's to check.
pub(super) fn read(fields: &Fields<'_>) -> Result<Option<Plan>, ApiError> {
    let Some(plan) = fields.object("Plan")? else {
        return Ok(None);
    };
    let stages = match plan.objects("Stages", 0, STAGES)? {
        Some(stages) => Some(stages.iter().map(stage).collect::<Result<_, _>>()?),
        None => None,
    };
    let rotations = plan.texts("RotationIds", (0, 25), ARN)?;
    let rotation_ids = rotations.map(|ids| ids.into_iter().map(str::to_owned).collect());
    Ok(Some(Plan {
        stages,
        rotation_ids,
    }))
}

fn stage(fields: &Fields<'_>) -> Result<Stage, ApiError> {
    let minutes = fields.integer("DurationInMinutes", 0, 30)?;
    let place = fields.place("DurationInMinutes");
    let minutes =
        minutes.ok_or_else(|| ApiError::constraint(&place, None, "Member must not be null"))?;
    let targets = fields.required_objects("Targets", 0, TARGETS)?;
    let targets = targets.iter().map(target).collect::<Result<_, _>>()?;
    Ok(Stage {
        duration_in_minutes: minutes,
        targets,
    })
}

fn target(fields: &Fields<'_>) -> Result<Target, ApiError> {
    let kind = fields.union(&["ChannelTargetInfo", "ContactTargetInfo"])?;
    let info = fields.required_object(kind)?;
    if kind == "ChannelTargetInfo" {
        return Ok(Target::Channel(ChannelTarget {
            contact_channel_id: info.required_text("ContactChannelId", ARN)?.to_owned(),
            retry_interval_in_minutes: info.integer("RetryIntervalInMinutes", 0, 60)?,
        }));
    }
    let place = info.place("IsEssential");
    let essential = info.boolean("IsEssential")?;
    Ok(Target::Contact(ContactTarget {
        contact_id: info.text("ContactId", ARN)?.map(str::to_owned),
        is_essential: essential
            .ok_or_else(|| ApiError::constraint(&place, None, "Member must not be null"))?,
    }))
}

/// Checks the plan of `owner` against what exists.
pub(super) async fn check(call: &Call, owner: &Contact) -> Result<(), ApiError> {
    owner.validate().map_err(names::refused)?;
    if owner
        .plan
        .rotation_ids
        .as_ref()
        .is_some_and(|rotations| !rotations.is_empty())
    {
        return Err(names::invalid(
            "Plan.RotationIds",
            "the rotation does not exist: rotations are not served here",
        ));
    }
    let directory = directory(call, owner).await?;
    contact_rules::check_plan(owner, &owner.plan, &directory).map_err(names::refused)
}

/// The contacts and channels of this region that a plan names.
async fn directory(call: &Call, owner: &Contact) -> Result<Directory, ApiError> {
    let mut directory = Directory::default();
    for arn in owner.targets() {
        if directory.channels.contains_key(arn) || directory.contacts.contains_key(arn) {
            continue;
        }
        if let Some(key) = channels::key_of(call, arn) {
            let channel = catalog::read::<ContactChannel>(call.handle(), &key).await?;
            directory
                .channels
                .extend(channel.map(|kept| (arn.to_owned(), kept.body)));
        } else if let Some(alias) = names::own_tail(call, arn, "contact") {
            let contact =
                catalog::read::<Contact>(call.handle(), &names::contact_key(call, &alias)).await?;
            directory
                .contacts
                .extend(contact.map(|kept| (arn.to_owned(), kept.body)));
        }
    }
    Ok(directory)
}

/// Reads `DisplayName`. Its characters are the model's to check.
pub(super) fn display_name(fields: &Fields<'_>) -> Result<Option<String>, ApiError> {
    Ok(fields.text("DisplayName", ANY)?.map(str::to_owned))
}
