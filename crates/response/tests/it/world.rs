//! A world of one machine: it keeps the frames, timers and sends, and checks after every turn that the frames restore
//! to the state.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use model::contact::{
    ActivationStatus, ChannelTarget, ChannelType, Contact, ContactChannel, ContactTarget,
    ContactType, DeliveryAddress, Plan, Stage, Target, channel_arn, contact_arn,
};
use model::effect::{EmailMessage, Failure};
use model::incident::{ItemType, TimelineEvent, Trigger};
use model::plan::{IncidentTemplate, ResponsePlan};
use model::{Decision, EffectCommand, FrameWrite, Outcome, Rejection, Scope, ids};
use response::engage::{
    self, Accept, AcceptCodeValidation, AcceptType, Asker, Directory, Engagement, EngagementNotice,
    Page,
};
use response::incident::{self, Incident};
use response::{Context, plan};
use serde_json::Value;
use uuid::Uuid;

pub(crate) const CALLER: &str = "arn:aws:iam::123456789012:user/ana";
pub(crate) const PLAN_ARN: &str = "arn:aws:ssm-incidents::123456789012:response-plan/rp1";

pub(crate) fn start_of_time() -> Timestamp {
    "2026-03-01T10:00:00Z".parse().expect("a time")
}

pub(crate) fn scope() -> Scope {
    Scope::new("123456789012", "us-east-1")
}

/// A context whose entropy depends on `number`.
pub(crate) fn context(id: Uuid, at: Timestamp, number: u64) -> Context {
    let mut entropy = [0; 32];
    entropy[..8].copy_from_slice(&number.to_be_bytes());
    Context {
        id,
        scope: scope(),
        at,
        entropy,
    }
}

pub(crate) fn minutes(count: i64) -> SignedDuration {
    SignedDuration::from_mins(count)
}

fn keep(frames: &mut BTreeMap<String, Value>, writes: &[FrameWrite]) {
    for write in writes {
        match &write.body {
            // As a store does it: through text and back.
            Some(body) => {
                let body =
                    serde_json::from_str(&body.to_value().to_string()).expect("a body is JSON");
                frames.insert(write.key.clone(), body);
            }
            None if write.key.is_empty() => frames.clear(),
            None => {
                frames.remove(&write.key);
            }
        }
    }
}

fn listed(frames: &BTreeMap<String, Value>) -> Vec<(String, Value)> {
    frames
        .iter()
        .map(|(key, body)| (key.clone(), body.clone()))
        .collect()
}

/// A failure that may pass, or not.
pub(crate) fn failure(transient: bool) -> Outcome {
    Outcome::Failed(Failure {
        code: "Smtp".to_owned(),
        message: "450 try again".to_owned(),
        status: None,
        request_id: None,
        extended_request_id: None,
        shape: None,
        transient,
    })
}

/// How sends end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mail {
    /// At once, well.
    Works,
    /// At once, for good.
    Refused,
    /// At once, in passing.
    Down,
    /// The test says.
    Waits,
}

/// One engagement.
pub(crate) struct Paging {
    pub(crate) id: Uuid,
    pub(crate) now: Timestamp,
    pub(crate) directory: Directory,
    pub(crate) state: Option<Engagement>,
    pub(crate) frames: BTreeMap<String, Value>,
    pub(crate) timers: BTreeMap<String, Timestamp>,
    pub(crate) mails: Vec<(Timestamp, EmailMessage)>,
    pub(crate) sends: Vec<Uuid>,
    pub(crate) notices: Vec<EngagementNotice>,
    pub(crate) mail: Mail,
    turns: u64,
}

impl Paging {
    pub(crate) fn new() -> Self {
        Self {
            id: ids::named(&["test engagement"]),
            now: start_of_time(),
            directory: Directory::default(),
            state: None,
            frames: BTreeMap::new(),
            timers: BTreeMap::new(),
            mails: Vec::new(),
            sends: Vec::new(),
            notices: Vec::new(),
            mail: Mail::Works,
            turns: 0,
        }
    }

    /// A person with one mail channel per stage of the given minutes.
    pub(crate) fn person(mut self, alias: &str, stages: &[i64]) -> Self {
        let arn = contact_arn(&scope(), alias);
        let mut plan = Vec::new();
        for (number, duration) in stages.iter().enumerate() {
            let channel = self.channel(alias, number, ChannelType::Email);
            let target = ChannelTarget {
                contact_channel_id: channel,
                retry_interval_in_minutes: None,
            };
            plan.push(Stage {
                duration_in_minutes: *duration,
                targets: vec![Target::Channel(target)],
            });
        }
        self.contact(arn, alias, ContactType::Personal, plan);
        self
    }

    pub(crate) fn channel(&mut self, alias: &str, number: usize, kind: ChannelType) -> String {
        let arn = channel_arn(&scope(), alias, ids::named(&[alias, &number.to_string()]));
        let address = if kind == ChannelType::Email {
            format!("{alias}{number}@example.com")
        } else {
            "+15005550199".to_owned()
        };
        let channel = ContactChannel {
            contact_channel_arn: arn.clone(),
            contact_arn: contact_arn(&scope(), alias),
            name: format!("channel {number}"),
            kind,
            delivery_address: DeliveryAddress {
                simple_address: Some(address),
            },
            activation_status: ActivationStatus::Activated,
            activation_code_hash: None,
            activation_code_sent: None,
            activation_tries: 0,
        };
        self.directory.channels.insert(arn.clone(), channel);
        arn
    }

    pub(crate) fn contact(
        &mut self,
        arn: String,
        alias: &str,
        kind: ContactType,
        stages: Vec<Stage>,
    ) {
        let contact = Contact {
            contact_arn: arn.clone(),
            alias: alias.to_owned(),
            display_name: None,
            kind,
            plan: Plan {
                stages: Some(stages),
                rotation_ids: None,
            },
            tags: Vec::new(),
            policy: None,
        };
        self.directory.contacts.insert(arn, contact);
    }

    /// An escalation plan `esc` of stages `(minutes, [(alias, essential)])`.
    pub(crate) fn escalation(mut self, stages: &[(i64, &[(&str, bool)])]) -> Self {
        let target = |(alias, essential): &(&str, bool)| {
            Target::Contact(ContactTarget {
                contact_id: Some(contact_arn(&scope(), alias)),
                is_essential: *essential,
            })
        };
        let stages = stages.iter().map(|(duration, people)| Stage {
            duration_in_minutes: *duration,
            targets: people.iter().map(target).collect(),
        });
        let stages = stages.collect();
        self.contact(
            contact_arn(&scope(), "esc"),
            "esc",
            ContactType::Escalation,
            stages,
        );
        self
    }

    pub(crate) fn request(&self, alias: &str) -> engage::Start {
        engage::Start {
            contact_arn: contact_arn(&scope(), alias),
            asker: Asker::Incident {
                incident: ids::named(&["test incident"]),
            },
            sender: "ssm-incidents.amazonaws.com".to_owned(),
            subject: "[High] db down".to_owned(),
            content: "db down\n\nImpact: 2 (High)".to_owned(),
            public_subject: None,
            public_content: None,
            incident_id: Some(
                "arn:aws:ssm-incidents::123456789012:incident-record/rp1/x".to_owned(),
            ),
            token: Some("token-1".to_owned()),
        }
    }

    pub(crate) fn start(&mut self, alias: &str) {
        let start = self.request(alias);
        self.apply(engage::Input::Start(Box::new(start)))
            .expect("starts");
    }

    /// One turn, with all that an engine would do about it.
    pub(crate) fn apply(
        &mut self,
        input: engage::Input,
    ) -> Result<Decision<Engagement, engage::Command>, Rejection> {
        self.turns += 1;
        let text = serde_json::to_string(&input).expect("an input is JSON");
        let input = serde_json::from_str(&text).expect("an input reads back");
        let cx = context(self.id, self.now, self.turns);
        let decision = engage::step(self.state.as_ref(), input, &self.directory, &cx)?;
        keep(&mut self.frames, &decision.frames);
        let restored = Engagement::restore(listed(&self.frames)).expect("frames restore");
        assert_eq!(restored, decision.state, "restore(frames) == state");
        self.state = Some(decision.state.clone());
        let mut sent = Vec::new();
        for command in &decision.commands {
            match command.clone() {
                engage::Command::Send {
                    effect,
                    command: EffectCommand::SendEmail(mail),
                } => {
                    self.mails.push((self.now, mail));
                    self.sends.push(effect);
                    sent.push(effect);
                }
                engage::Command::Send { command, .. } => panic!("not a mail: {command:?}"),
                engage::Command::SetTimer { key, due } => {
                    self.timers.insert(key, due);
                }
                engage::Command::CancelTimer { key } => {
                    self.timers.remove(&key);
                }
                engage::Command::NotifyIncident { notice, .. } => self.notices.push(notice),
            }
        }
        let outcome = match self.mail {
            Mail::Works => Outcome::Done {
                result: serde_json::json!({ "MessageId": "m-1" }),
            },
            Mail::Refused => failure(false),
            Mail::Down => failure(true),
            Mail::Waits => return Ok(decision),
        };
        for effect in sent {
            self.apply(engage::Input::Sent {
                effect,
                outcome: outcome.clone(),
            })
            .expect("a send's end");
        }
        Ok(decision)
    }

    /// Lets time pass; timers fire when they are due, earliest first.
    pub(crate) fn fast_forward(&mut self, by: SignedDuration) {
        let until = self.now.checked_add(by).expect("a time");
        loop {
            let next = self
                .timers
                .iter()
                .filter(|(_, due)| **due <= until)
                .min_by_key(|(key, due)| (**due, (*key).clone()));
            let Some((key, due)) = next.map(|(key, due)| (key.clone(), *due)) else {
                break;
            };
            self.timers.remove(&key);
            self.now = self.now.max(due);
            self.apply(engage::Input::Timer { key }).expect("a timer");
        }
        self.now = until;
    }

    /// Mails so far as `alias-number@minute`.
    pub(crate) fn told(&self) -> Vec<String> {
        let mails = self.mails.iter();
        mails
            .map(|(at, mail)| {
                let minute = at.duration_since(start_of_time()).as_mins();
                format!("{}@{minute}", mail.to.replace("@example.com", ""))
            })
            .collect()
    }

    pub(crate) fn page(&self, number: usize) -> Page {
        let state = self.state.as_ref().expect("started");
        let mut pages: Vec<&Page> = state.pages.values().collect();
        pages.sort_by_key(|page| (page.started, page.person, page.stage));
        pages[number].clone()
    }

    pub(crate) fn answer(&self, number: usize) -> Accept {
        let page = self.page(number);
        Accept {
            page: page.id,
            channel_arn: None,
            accept_type: AcceptType::Read,
            code: page.code,
            validation: AcceptCodeValidation::Enforce,
            note: None,
        }
    }

    pub(crate) fn acknowledge(&mut self, number: usize) {
        let answer = self.answer(number);
        self.apply(engage::Input::Accept(answer))
            .expect("an answer");
    }

    pub(crate) fn stopped(&self) -> bool {
        self.state
            .as_ref()
            .is_some_and(|state| state.stopped.is_some())
    }
}

/// A plan `rp1` with nothing but a template.
pub(crate) fn response_plan() -> ResponsePlan {
    ResponsePlan {
        name: "rp1".to_owned(),
        display_name: None,
        incident_template: IncidentTemplate {
            title: "t".to_owned(),
            impact: 3,
            summary: None,
            dedupe_string: None,
            incident_tags: BTreeMap::new(),
            notification_targets: Vec::new(),
        },
        engagements: Vec::new(),
        chat_channel: None,
        actions: Vec::new(),
        integrations: Vec::new(),
        tags: BTreeMap::new(),
    }
}

/// The trigger of a plain `StartIncident`.
pub(crate) fn manual(plan: &ResponsePlan, token: &str) -> Trigger {
    plan::trigger_from_start(plan::ManualStart {
        plan,
        plan_arn: PLAN_ARN,
        title: None,
        impact: None,
        details: None,
        related_items: Vec::new(),
        client_token: Some(token.to_owned()),
        caller_arn: CALLER,
        region: "us-east-1",
        at: start_of_time(),
    })
    .expect("a valid start")
}

/// One incident.
pub(crate) struct Desk {
    pub(crate) id: Uuid,
    pub(crate) now: Timestamp,
    pub(crate) state: Option<Incident>,
    pub(crate) frames: BTreeMap<String, Value>,
    pub(crate) commands: Vec<incident::Command>,
    turns: u64,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self {
            id: ids::named(&["test incident"]),
            now: start_of_time(),
            state: None,
            frames: BTreeMap::new(),
            commands: Vec::new(),
            turns: 0,
        }
    }

    pub(crate) fn opened(trigger: Trigger) -> Self {
        let mut desk = Self::new();
        desk.apply(incident::Input::Trigger(Box::new(trigger)))
            .expect("opens");
        desk
    }

    pub(crate) fn apply(
        &mut self,
        input: incident::Input,
    ) -> Result<Decision<Incident, incident::Command>, Rejection> {
        self.turns += 1;
        let text = serde_json::to_string(&input).expect("an input is JSON");
        let input = serde_json::from_str(&text).expect("an input reads back");
        let cx = context(self.id, self.now, self.turns);
        let decision = incident::step(self.state.as_ref(), input, &cx)?;
        keep(&mut self.frames, &decision.frames);
        self.commands.extend(decision.commands.clone());
        if decision.state.deleted {
            assert!(self.frames.is_empty(), "a delete leaves nothing");
            self.state = None;
            return Ok(decision);
        }
        let restored = Incident::restore(listed(&self.frames)).expect("frames restore");
        assert_eq!(restored, decision.state, "restore(frames) == state");
        self.state = Some(decision.state.clone());
        Ok(decision)
    }

    pub(crate) fn incident(&self) -> &Incident {
        self.state.as_ref().expect("open")
    }

    /// The timeline, oldest first.
    pub(crate) fn timeline(&self) -> Vec<TimelineEvent> {
        let frames = self
            .frames
            .iter()
            .filter(|(key, _)| key.starts_with("event/"));
        let mut events: Vec<TimelineEvent> = frames
            .map(|(key, body)| incident::read_event(key, body.clone()).expect("an event"))
            .collect();
        response::filters::sort_events(&mut events, None, Some("ASCENDING")).expect("sorts");
        events
    }

    pub(crate) fn types(&self) -> Vec<String> {
        self.timeline()
            .into_iter()
            .map(|event| event.event_type)
            .collect()
    }

    /// The data of the events of a type, oldest first.
    pub(crate) fn data(&self, event_type: &str) -> Vec<Value> {
        let events = self
            .timeline()
            .into_iter()
            .filter(|event| event.event_type == event_type);
        events
            .map(|event| serde_json::from_str(&event.event_data).expect("data is JSON"))
            .collect()
    }

    pub(crate) fn related(&self, kind: ItemType) -> Vec<model::incident::RelatedItem> {
        self.incident()
            .related
            .iter()
            .filter(|item| item.identifier.kind == kind)
            .cloned()
            .collect()
    }
}
