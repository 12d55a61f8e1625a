//! The text of a page by mail: short, plain, with the code that acknowledges it.

use model::effect::EmailMessage;

use super::state::{Engagement, Page};
use model::text::{one_line, paragraph};

/// The mail for one page.
pub(super) fn message(state: &Engagement, page: &Page) -> EmailMessage {
    let mut body = paragraph(&state.content, 8192);
    body.push_str("\n\n");
    if let Some(incident) = &state.incident_id {
        body.push_str(&format!("Incident: {}\n", one_line(incident, 1024)));
    }
    body.push_str(&format!(
        "Accept code: {code}\n\n\
         To acknowledge this page and stop the escalation:\n\
         aws ssm-contacts accept-page --region {region} --page-id {arn} --accept-type READ --accept-code {code}\n",
        code = page.code,
        region = state.scope.region,
        arn = page.arn,
    ));
    EmailMessage {
        to: page.address.clone(),
        subject: one_line(&state.subject, 200),
        body,
        thread: Some(
            state
                .incident_id
                .clone()
                .unwrap_or_else(|| state.arn.clone()),
        ),
    }
}
