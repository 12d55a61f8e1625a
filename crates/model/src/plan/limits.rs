//! The limits of response plans and replication sets.

use super::{
    Action, ChatChannel, IncidentTemplate, Integration, NotificationTarget, PagerDuty,
    ReplicationSet, ResponsePlan, SsmAutomation,
};
use crate::arn::Arn;
use crate::{Rejection, incident};

impl ResponsePlan {
    /// Checks every limit and pattern of the API. The empty strings and maps that Terraform sends are accepted.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] with the member's path in wire spelling, e.g. `incidentTemplate.impact`.
    pub fn validate(&self) -> Result<(), Rejection> {
        let named = self
            .name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        if self.name.is_empty() || self.name.len() > 200 || !named {
            return Err(Rejection::invalid(
                "name",
                "must be 1 to 200 letters, digits, `-` or `_`",
            ));
        }
        at_most("displayName", self.display_name.as_deref(), 200)?;
        self.incident_template.validate()?;
        check_count("engagements", self.engagements.len(), 5)?;
        for (index, arn) in self.engagements.iter().enumerate() {
            check_contact_arn(&format!("engagements[{index}]"), arn)?;
        }
        if let Some(channel) = &self.chat_channel {
            channel.validate()?;
        }
        check_count("actions", self.actions.len(), 1)?;
        for (index, Action::SsmAutomation(action)) in self.actions.iter().enumerate() {
            action.validate(&format!("actions[{index}].ssmAutomation"))?;
        }
        check_count("integrations", self.integrations.len(), 1)?;
        for (index, Integration::PagerDutyConfiguration(duty)) in
            self.integrations.iter().enumerate()
        {
            duty.validate(&format!("integrations[{index}].pagerDutyConfiguration"))?;
        }
        incident::check_tags("tags", &self.tags)
    }
}

impl IncidentTemplate {
    fn validate(&self) -> Result<(), Rejection> {
        at_most("incidentTemplate.title", Some(&self.title), 200)?;
        check_impact("incidentTemplate.impact", self.impact)?;
        at_most("incidentTemplate.summary", self.summary.as_deref(), 8000)?;
        at_most(
            "incidentTemplate.dedupeString",
            self.dedupe_string.as_deref(),
            1000,
        )?;
        incident::check_tags("incidentTemplate.incidentTags", &self.incident_tags)?;
        check_targets(
            "incidentTemplate.notificationTargets",
            &self.notification_targets,
        )
    }
}

impl ChatChannel {
    /// Checks the number and length of the topics.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] at `chatChannel.chatbotSns`.
    pub fn validate(&self) -> Result<(), Rejection> {
        let Self::ChatbotSns(topics) = self else {
            return Ok(());
        };
        if topics.is_empty() || topics.len() > 5 {
            let message = format!(
                "must hold 1 to 5 SNS topic ARNs, but holds {}",
                topics.len()
            );
            return Err(Rejection::invalid("chatChannel.chatbotSns", message));
        }
        for (index, topic) in topics.iter().enumerate() {
            check_arn(&format!("chatChannel.chatbotSns[{index}]"), topic)?;
        }
        Ok(())
    }
}

impl SsmAutomation {
    fn validate(&self, path: &str) -> Result<(), Rejection> {
        let length = self.document_name.chars().count();
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.:/".contains(c);
        if !(3..=128).contains(&length) || !self.document_name.chars().all(allowed) {
            let message = "must be 3 to 128 letters, digits or `_-.:/`";
            return Err(Rejection::invalid(format!("{path}.documentName"), message));
        }
        at_most(
            &format!("{path}.documentVersion"),
            self.document_version.as_deref(),
            128,
        )?;
        let role = Arn::parse(&self.role_arn).filter(|arn| {
            arn.service == "iam" && arn.tail("role").is_some_and(|tail| !tail.is_empty())
        });
        if role.is_none() || self.role_arn.chars().count() > 1000 {
            let message = "must be the ARN of an IAM role, `arn:aws:iam::<account>:role/<name>`";
            return Err(Rejection::invalid(format!("{path}.roleArn"), message));
        }
        check_count(&format!("{path}.parameters"), self.parameters.len(), 200)?;
        check_count(
            &format!("{path}.dynamicParameters"),
            self.dynamic_parameters.len(),
            200,
        )?;
        for key in self.parameters.keys().chain(self.dynamic_parameters.keys()) {
            if key.is_empty() || key.chars().count() > 50 {
                let message = format!(
                    "the name `{}` must have 1 to 50 characters",
                    incident::cut(key, 60)
                );
                return Err(Rejection::invalid(format!("{path}.parameters"), message));
            }
        }
        for (key, values) in &self.parameters {
            let field = format!("{path}.parameters.{key}");
            check_count(&field, values.len(), 100)?;
            for value in values {
                at_most(&field, Some(value), 512)?;
            }
        }
        Ok(())
    }
}

impl PagerDuty {
    fn validate(&self, path: &str) -> Result<(), Rejection> {
        let service = &self.pager_duty_incident_configuration.service_id;
        let members = [
            ("name", &self.name, 200),
            ("secretId", &self.secret_id, 512),
            ("pagerDutyIncidentConfiguration.serviceId", service, 200),
        ];
        for (member, text, most) in members {
            let field = format!("{path}.{member}");
            if text.is_empty() {
                return Err(Rejection::invalid(field, "must not be empty"));
            }
            at_most(&field, Some(text), most)?;
        }
        Ok(())
    }
}

impl ReplicationSet {
    /// Checks the regions (1 to 3, names to 20 characters) and the tags.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] at `regions` or `tags`.
    pub fn validate(&self) -> Result<(), Rejection> {
        if self.region_map.is_empty() || self.region_map.len() > 3 {
            let message = format!(
                "must name 1 to 3 regions, but names {}",
                self.region_map.len()
            );
            return Err(Rejection::invalid("regions", message));
        }
        for (name, region) in &self.region_map {
            let plain = name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
            if name.is_empty() || name.len() > 20 || !plain {
                let message = format!(
                    "`{}` is not a region name such as `us-east-1`",
                    incident::cut(name, 40)
                );
                return Err(Rejection::invalid("regions", message));
            }
            at_most(
                &format!("regions.{name}.sseKmsKeyId"),
                Some(&region.sse_kms_key_id),
                2048,
            )?;
        }
        incident::check_tags("tags", &self.tags)
    }
}

/// Refuses an impact outside 1 to 5.
///
/// # Errors
/// [`Rejection::Invalid`] at `field`.
pub fn check_impact(field: &str, impact: i64) -> Result<(), Rejection> {
    if (1..=5).contains(&impact) {
        return Ok(());
    }
    Err(Rejection::invalid(
        field,
        format!("must be 1 (critical) to 5 (no impact), but is {impact}"),
    ))
}

/// Refuses more than ten topics, or topics that are no ARNs.
///
/// # Errors
/// [`Rejection::Invalid`] at `field` or at one of its items.
pub fn check_targets(field: &str, targets: &[NotificationTarget]) -> Result<(), Rejection> {
    check_count(field, targets.len(), 10)?;
    for (index, NotificationTarget::SnsTopicArn(arn)) in targets.iter().enumerate() {
        check_arn(&format!("{field}[{index}].snsTopicArn"), arn)?;
    }
    Ok(())
}

/// Refuses what is no ARN of at most 1,000 characters.
///
/// # Errors
/// [`Rejection::Invalid`] at `field`.
pub fn check_arn(field: &str, text: &str) -> Result<(), Rejection> {
    if text.chars().count() > 1000 || Arn::parse(text).is_none() {
        let message = format!(
            "`{}` is not an ARN of at most 1000 characters",
            incident::cut(text, 80)
        );
        return Err(Rejection::invalid(field, message));
    }
    Ok(())
}

/// Refuses text of more than `most` characters.
///
/// # Errors
/// [`Rejection::Invalid`] at `field`.
pub fn at_most(field: &str, text: Option<&str>, most: usize) -> Result<(), Rejection> {
    let length = text.map_or(0, |text| text.chars().count());
    if length <= most {
        return Ok(());
    }
    Err(Rejection::invalid(
        field,
        format!("must have at most {most} characters, but has {length}"),
    ))
}

/// Refuses more than `most` members.
///
/// # Errors
/// [`Rejection::Invalid`] at `field`.
pub fn check_count(field: &str, count: usize, most: usize) -> Result<(), Rejection> {
    if count <= most {
        return Ok(());
    }
    Err(Rejection::invalid(
        field,
        format!("must have at most {most} members, but has {count}"),
    ))
}

fn check_contact_arn(field: &str, text: &str) -> Result<(), Rejection> {
    let alias = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    let arn = Arn::parse(text).filter(|arn| {
        let account = arn.account.len() == 12 && arn.account.bytes().all(|b| b.is_ascii_digit());
        let contact = arn
            .tail("contact")
            .is_some_and(|tail| !tail.is_empty() && tail.chars().all(alias));
        arn.service == "ssm-contacts" && account && contact
    });
    if arn.is_some() {
        return Ok(());
    }
    let message = format!(
        "`{}` is not the ARN of a contact, `arn:aws:ssm-contacts:<region>:<account>:contact/<alias>`",
        incident::cut(text, 80)
    );
    Err(Rejection::invalid(field, message))
}
