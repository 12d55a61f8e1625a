//! The limits of contacts, plans and channels.

use super::{
    ChannelType, Contact, ContactChannel, ContactType, Plan, STAGES, Stage, TARGETS, Tag, Target,
};
use crate::Rejection;
use crate::arn::Arn;
use crate::incident::cut;
use crate::plan::{at_most, check_count};

impl Contact {
    /// Checks alias, name, plan and tags, as far as one contact alone can tell.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] with the member's path in wire spelling, e.g. `Plan.Stages[0].DurationInMinutes`.
    pub fn validate(&self) -> Result<(), Rejection> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
        if self.alias.is_empty() || self.alias.len() > 255 || !self.alias.chars().all(plain) {
            return Err(Rejection::invalid(
                "Alias",
                "must be 1 to 255 lower-case letters, digits, `-` or `_`",
            ));
        }
        if let Some(name) = &self.display_name {
            check_name("DisplayName", name, 0)?;
        }
        self.plan.validate(self.kind)?;
        check_tags(&self.tags)
    }
}

impl Plan {
    /// Checks the plan of a contact of type `kind`.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] below `Plan`.
    pub fn validate(&self, kind: ContactType) -> Result<(), Rejection> {
        let stages = self.stages();
        let rotations = self.rotation_ids.as_deref().unwrap_or_default();
        if kind == ContactType::OncallSchedule && !stages.is_empty() {
            // AWS's own words.
            let message =
                "Invalid value provided - ONCALL SCHEDULE contact cannot have stages in plan";
            return Err(Rejection::invalid("Plan.Stages", message));
        }
        if kind != ContactType::OncallSchedule && !rotations.is_empty() {
            let message = format!(
                "only an ONCALL_SCHEDULE contact has rotations, not {}",
                kind.as_str()
            );
            return Err(Rejection::invalid("Plan.RotationIds", message));
        }
        check_count("Plan.RotationIds", rotations.len(), 25)?;
        for (index, arn) in rotations.iter().enumerate() {
            check_contacts_arn(&format!("Plan.RotationIds[{index}]"), arn, "rotation")?;
        }
        check_count("Plan.Stages", stages.len(), STAGES)?;
        for (index, stage) in stages.iter().enumerate() {
            stage.validate(kind, &format!("Plan.Stages[{index}]"))?;
        }
        Ok(())
    }
}

impl Stage {
    fn validate(&self, kind: ContactType, path: &str) -> Result<(), Rejection> {
        let field = format!("{path}.DurationInMinutes");
        let minutes = self.duration_in_minutes;
        if !(0..=30).contains(&minutes) {
            return Err(Rejection::invalid(
                field,
                format!("must be 0 to 30 minutes, but is {minutes}"),
            ));
        }
        if minutes == 0 && self.targets.is_empty() {
            return Err(Rejection::invalid(
                field,
                "may be 0 only when the stage has a target",
            ));
        }
        check_count(&format!("{path}.Targets"), self.targets.len(), TARGETS)?;
        for (index, target) in self.targets.iter().enumerate() {
            target.validate(kind, &format!("{path}.Targets[{index}]"))?;
        }
        Ok(())
    }
}

impl Target {
    fn validate(&self, kind: ContactType, path: &str) -> Result<(), Rejection> {
        match (self, kind) {
            (Self::Channel(target), ContactType::Personal) => {
                let field = format!("{path}.ChannelTargetInfo.ContactChannelId");
                check_contacts_arn(&field, &target.contact_channel_id, "contact-channel")?;
                let minutes = target.retry_interval_in_minutes.unwrap_or(0);
                if (0..=60).contains(&minutes) {
                    return Ok(());
                }
                let field = format!("{path}.ChannelTargetInfo.RetryIntervalInMinutes");
                Err(Rejection::invalid(
                    field,
                    format!("must be 0 to 60 minutes, but is {minutes}"),
                ))
            }
            (Self::Contact(target), ContactType::Escalation) => {
                let field = format!("{path}.ContactTargetInfo.ContactId");
                target
                    .contact_id
                    .as_deref()
                    .map_or(Ok(()), |arn| check_contacts_arn(&field, arn, "contact"))
            }
            (Self::Contact(_), _) => {
                let message = format!(
                    "a {} contact targets its own channels, not contacts",
                    kind.as_str()
                );
                Err(Rejection::invalid(
                    format!("{path}.ContactTargetInfo"),
                    message,
                ))
            }
            (Self::Channel(_), _) => {
                let message = format!("a {} contact targets contacts, not channels", kind.as_str());
                Err(Rejection::invalid(
                    format!("{path}.ChannelTargetInfo"),
                    message,
                ))
            }
        }
    }
}

impl ContactChannel {
    /// Checks name, type and address.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] at `Name` or `DeliveryAddress.SimpleAddress`.
    pub fn validate(&self) -> Result<(), Rejection> {
        check_name("Name", &self.name, 1)?;
        let field = "DeliveryAddress.SimpleAddress";
        let address = self.address();
        if address.is_empty() {
            return Err(Rejection::invalid(field, "must be given"));
        }
        at_most(field, Some(address), 320)?;
        match self.kind {
            ChannelType::Email if !is_mail_address(address) => Err(Rejection::invalid(
                field,
                "must be a mail address such as `ana@example.com` for an EMAIL channel",
            )),
            ChannelType::Sms | ChannelType::Voice if !is_phone_number(address) => {
                let message = "must be `+`, the country code and the number, e.g. `+15005550199`";
                Err(Rejection::invalid(field, message))
            }
            _ => Ok(()),
        }
    }
}

/// Checks the tags of a contact: at most 50, keys 1 to 128 of `\/a-zA-Z0-9_+=-`, values 1 to 256.
///
/// # Errors
/// [`Rejection::Invalid`] at `Tags`.
pub fn check_tags(tags: &[Tag]) -> Result<(), Rejection> {
    check_count("Tags", tags.len(), 50)?;
    let key_char = |c: char| c.is_ascii_alphanumeric() || "\\/_+=-".contains(c);
    let value_char = |c: char| c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(c);
    for (index, tag) in tags.iter().enumerate() {
        if tag.key.is_empty() || tag.key.chars().count() > 128 || !tag.key.chars().all(key_char) {
            let message = "must be 1 to 128 letters, digits or `\\/_+=-`";
            return Err(Rejection::invalid(format!("Tags[{index}].Key"), message));
        }
        if tag.value.is_empty()
            || tag.value.chars().count() > 256
            || !tag.value.chars().all(value_char)
        {
            let message = "must be 1 to 256 letters, digits, spaces or `_.:/=+-@`";
            return Err(Rejection::invalid(format!("Tags[{index}].Value"), message));
        }
    }
    Ok(())
}

fn check_name(field: &str, name: &str, least: usize) -> Result<(), Rejection> {
    let allowed = |c: char| {
        c.is_alphanumeric() || (c.is_whitespace() && !c.is_control()) || "_.-".contains(c)
    };
    let length = name.chars().count();
    if (least..=255).contains(&length) && name.chars().all(allowed) {
        return Ok(());
    }
    let message = format!("must be {least} to 255 letters, digits, spaces or `_.-`");
    Err(Rejection::invalid(field, message))
}

fn check_contacts_arn(field: &str, text: &str, family: &str) -> Result<(), Rejection> {
    let arn = Arn::parse(text).filter(|arn| {
        let account = !arn.account.is_empty() && arn.account.bytes().all(|b| b.is_ascii_digit());
        arn.service == "ssm-contacts"
            && account
            && arn.tail(family).is_some_and(|tail| !tail.is_empty())
    });
    if arn.is_some() {
        return Ok(());
    }
    let message = format!(
        "`{}` is not the ARN of a {family}, `arn:aws:ssm-contacts:<region>:<account>:{family}/...`",
        cut(text, 80)
    );
    Err(Rejection::invalid(field, message))
}

fn is_phone_number(text: &str) -> bool {
    let Some(digits) = text.strip_prefix('+') else {
        return false;
    };
    (7..=15).contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_digit())
        && !digits.starts_with('0')
}

fn is_mail_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    // Quoted local parts, comments and lists are refused: none of them names one mailbox plainly.
    let local_char = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let domain_char = |c: char| c.is_alphanumeric() || c == '-' || c == '.';
    let local_ok = !local.is_empty() && local.len() <= 64 && local.chars().all(local_char);
    let labels = domain
        .split('.')
        .all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'));
    local_ok && domain.len() <= 255 && domain.chars().all(domain_char) && labels
}
