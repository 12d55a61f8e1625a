//! What a contact's plan may target: the rules that need other resources to be looked at.

use model::Rejection;
use model::contact::{Contact, ContactType, Plan, Target};

use crate::engage::Directory;

/// Checks a plan against the contacts and channels that exist. `owner` is the contact that has (or gets) the plan.
/// A person's stages target the person's own channels, an escalation plan's stages people and schedules of the same
/// account. Limits and ARN shapes are [`Contact::validate`]'s.
///
/// # Errors
/// [`Rejection::Invalid`] with the target's path in wire spelling.
pub fn check_plan(owner: &Contact, plan: &Plan, directory: &Directory) -> Result<(), Rejection> {
    for (number, stage) in plan.stages().iter().enumerate() {
        for (index, target) in stage.targets.iter().enumerate() {
            check_target(
                owner,
                target,
                &format!("Plan.Stages[{number}].Targets[{index}]"),
                directory,
            )?;
        }
    }
    Ok(())
}

fn check_target(
    owner: &Contact,
    target: &Target,
    path: &str,
    directory: &Directory,
) -> Result<(), Rejection> {
    match target {
        Target::Channel(target) => {
            let field = format!("{path}.ChannelTargetInfo.ContactChannelId");
            let Some(channel) = directory.channels.get(&target.contact_channel_id) else {
                let message = format!(
                    "the channel `{}` does not exist: create it first",
                    target.contact_channel_id
                );
                return Err(Rejection::invalid(field, message));
            };
            if channel.contact_arn == owner.contact_arn {
                return Ok(());
            }
            let message = format!(
                "the channel belongs to `{}`, not to this contact",
                channel.contact_arn
            );
            Err(Rejection::invalid(field, message))
        }
        Target::Contact(target) => {
            let field = format!("{path}.ContactTargetInfo.ContactId");
            let Some(arn) = &target.contact_id else {
                return Ok(());
            };
            match directory.contacts.get(arn).map(|contact| contact.kind) {
                Some(ContactType::Personal | ContactType::OncallSchedule) => Ok(()),
                Some(ContactType::Escalation) => {
                    let message = "an escalation plan targets people and schedules, not another escalation plan";
                    Err(Rejection::invalid(field, message))
                }
                None => {
                    let message = format!("the contact `{arn}` does not exist: create it first");
                    Err(Rejection::invalid(field, message))
                }
            }
        }
    }
}
