//! The beginning of an engagement.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use model::arn::Arn;
use model::contact::{ActivationStatus, Contact, ContactType, Target, alias_of, engagement_arn};
use model::incident::TOKEN_HOURS;
use model::plan::at_most;
use model::{ClaimWish, Decision, Rejection, ids};
use serde_json::{Value, json};
use uuid::Uuid;

use super::progress::{self, Turn};
use super::state::{Engagement, Escalation};
use super::{Asker, Command, Directory, Start, wrap_up};
use model::Context;

/// Claim family of `StartEngagement` tokens.
const TOKEN_CLAIM: &str = "client-token/StartEngagement";

/// Begins. A caller is refused when nobody can be reached; an incident is told and the engagement is over.
pub(super) fn start(
    start: Start,
    directory: &Directory,
    cx: &Context,
) -> Result<Decision<Engagement, Command>, Rejection> {
    check(&start)?;
    let reachable = reachable(&start.contact_arn, directory);
    if let (Asker::Person, Err(rejection)) = (start.asker, &reachable) {
        return Err(rejection.clone());
    }
    let claim = token_claim(&start, cx);
    let mut turn = Turn::new(&fresh(start, directory, cx), cx);
    open_index(&mut turn);
    turn.fact(
        "engagement.started",
        json!({ "contact": turn.state.contact_arn }),
    );
    match (
        reachable,
        directory.contacts.get(&turn.state.contact_arn.clone()),
    ) {
        (Ok(()), Some(contact)) => begin(&mut turn, contact, directory),
        (Err(why), _) => wrap_up::end(&mut turn, &format!("nobody can be paged: {}", words(&why))),
        (Ok(()), None) => {
            wrap_up::end(&mut turn, "nobody can be paged: the contact does not exist")
        }
    }
    let mut decision = turn.decide();
    decision.claims.extend(claim);
    decision.reply = reply(&decision.state);
    Ok(decision)
}

/// A repeated start: the same request gets the same answer.
pub(super) fn again(
    state: &Engagement,
    start: &Start,
) -> Result<Decision<Engagement, Command>, Rejection> {
    if state.request != digest(start) {
        return Err(Rejection::Conflict {
            code: String::new(),
            message: "the idempotency token was used before with other parameters: use a new token"
                .to_owned(),
        });
    }
    let mut decision = Decision::unchanged(state.clone());
    decision.reply = reply(state);
    Ok(decision)
}

fn begin(turn: &mut Turn, contact: &Contact, directory: &Directory) {
    if contact.kind == ContactType::Personal {
        progress::engage_person(turn, contact, Vec::new(), true);
        progress::advance(turn, 0, directory);
    } else {
        progress::escalate(turn, directory);
    }
    progress::plan_the_end(turn);
}

fn fresh(start: Start, directory: &Directory, cx: &Context) -> Engagement {
    let alias = alias_of(&start.contact_arn).unwrap_or_default();
    let contact = directory.contacts.get(&start.contact_arn);
    let escalation = contact
        .filter(|contact| contact.kind != ContactType::Personal)
        .map(|contact| Escalation {
            stages: contact.plan.stages().to_vec(),
            next: 0,
        });
    let request = digest(&start);
    let mut scope = cx.scope.clone();
    if scope.region.is_empty() {
        scope.region = Arn::parse(&start.contact_arn)
            .map(|arn| arn.region)
            .unwrap_or_default();
    }
    Engagement {
        id: cx.id,
        arn: engagement_arn(&scope, &alias, cx.id),
        scope,
        contact_arn: start.contact_arn,
        sender: start.sender,
        subject: start.subject,
        content: start.content,
        public_subject: start.public_subject,
        public_content: start.public_content,
        incident: match start.asker {
            Asker::Incident { incident } => Some(incident),
            Asker::Person => start
                .incident_id
                .as_deref()
                .and_then(model::incident::incident_id),
        },
        incident_id: start.incident_id,
        started: model::incident::epoch::to_millis(cx.at),
        stopped: None,
        unanswered: None,
        escalation,
        people: Vec::new(),
        timers: BTreeSet::new(),
        request,
        pages: BTreeMap::new(),
    }
}

fn open_index(turn: &mut Turn) {
    turn.index("all", "1");
    turn.index("contact", turn.state.contact_arn.clone());
    if let Some(text) = turn.state.incident_id.clone() {
        turn.index("incident", text);
    }
    if let Some(id) = turn.state.incident {
        turn.index("incident", id.to_string());
    }
}

fn check(start: &Start) -> Result<(), Rejection> {
    let required = [
        ("Sender", &start.sender, 255),
        ("Subject", &start.subject, 2048),
        ("Content", &start.content, 8192),
    ];
    for (field, text, most) in required {
        if text.is_empty() {
            return Err(Rejection::invalid(field, "must not be empty"));
        }
        at_most(field, Some(text), most)?;
    }
    at_most("PublicSubject", start.public_subject.as_deref(), 2048)?;
    at_most("PublicContent", start.public_content.as_deref(), 8192)?;
    at_most("IncidentId", start.incident_id.as_deref(), 1024)?;
    at_most("IdempotencyToken", start.token.as_deref(), 2048)
}

/// Whether at least one activated channel can be reached from a contact.
fn reachable(arn: &str, directory: &Directory) -> Result<(), Rejection> {
    let contact = directory
        .contacts
        .get(arn)
        .ok_or_else(|| Rejection::not_found("CONTACT", arn))?;
    let active = |contact: &Contact| {
        contact.targets().any(|channel| {
            let channel = directory.channels.get(channel);
            channel.is_some_and(|channel| channel.activation_status == ActivationStatus::Activated)
        })
    };
    let message = match contact.kind {
        ContactType::Personal if contact.plan.stages().is_empty() => {
            "the contact has no engagement plan"
        }
        ContactType::Personal if active(contact) => return Ok(()),
        ContactType::Personal => "no channel in the contact's engagement plan is activated",
        ContactType::Escalation => {
            let people = contact
                .plan
                .stages()
                .iter()
                .flat_map(|stage| &stage.targets)
                .filter_map(|target| {
                    let Target::Contact(target) = target else {
                        return None;
                    };
                    directory.contacts.get(target.contact_id.as_ref()?)
                });
            if people
                .filter(|person| person.kind == ContactType::Personal)
                .any(active)
            {
                return Ok(());
            }
            "no contact in the escalation plan has an activated channel in its engagement plan"
        }
        ContactType::OncallSchedule => "nobody is on call: the schedule has no rotation on shift",
    };
    Err(Rejection::invalid("ContactId", message))
}

fn words(rejection: &Rejection) -> String {
    match rejection {
        Rejection::NotFound { .. } => "the contact does not exist".to_owned(),
        other => other.to_string(),
    }
}

fn token_claim(start: &Start, cx: &Context) -> Option<ClaimWish> {
    let token = start.token.as_ref().filter(|token| !token.is_empty())?;
    let expires = cx
        .at
        .checked_add(SignedDuration::from_hours(TOKEN_HOURS))
        .ok();
    Some(ClaimWish {
        scope: TOKEN_CLAIM.to_owned(),
        key: token.clone(),
        expires,
    })
}

fn digest(start: &Start) -> Uuid {
    let text = serde_json::to_string(start).unwrap_or_default();
    ids::named(&["StartEngagement", &text])
}

fn reply(state: &Engagement) -> Value {
    json!({ "EngagementArn": state.arn })
}
