//! Incidents: `response::incident`.

use model::effect::AwsCall;
use model::{AggregateId, EffectCommand, Recovery, Rejection, Scope};
use response::engage::{self, Asker};
use response::incident::{self, Command, Engage, Incident, PublishSns};
use serde_json::{Value, json};

use crate::input::Input;
use crate::lookup::Prepared;
use crate::machine::{Context, Decided, Order, State, misdirected};

/// Limit for one publication.
const PUBLISH_SECS: u32 = 30;

pub(crate) fn restore(frames: Vec<(String, Value)>) -> Result<State, String> {
    Incident::restore(frames)
        .map(|state| State::Incident(Box::new(state)))
        .map_err(|error| error.to_string())
}

pub(crate) fn decide(
    state: Option<State>,
    prepared: Prepared,
    cx: &Context,
) -> Result<Decided, Rejection> {
    let current = match state {
        Some(State::Incident(incident)) => Some(incident),
        Some(_) => return Err(misdirected(cx)),
        None => None,
    };
    let input = match prepared.input {
        Input::Incident(input) => *input,
        // A publication ended: its row in the outbox tells how; the incident does not wait for it.
        Input::Settled { .. } => {
            let state = current.ok_or_else(|| misdirected(cx))?;
            return Ok(Decided::of(
                model::Decision::<_, Command>::unchanged(*state),
                |state| State::Incident(Box::new(state)),
                |command| order(command, cx),
            ));
        }
        _ => return Err(misdirected(cx)),
    };
    let context = super::turn_context(cx);
    let decision = incident::step(current.as_deref(), input, &context)?;
    Ok(Decided::of(
        decision,
        |state| State::Incident(Box::new(state)),
        |command| order(command, cx),
    ))
}

fn order(command: Command, cx: &Context) -> Order {
    match command {
        Command::Engage(engage) => start_engagement(engage, cx),
        Command::StopEngagement { engagement, reason } => Order::Send {
            to: AggregateId::engagement(engagement),
            scope: cx.scope.clone(),
            input: Box::new(Input::Engagement(Box::new(engage::Input::Stop {
                reason: Some(reason),
            }))),
        },
        Command::StartRun { run, request } => Order::Send {
            to: AggregateId::run(run),
            scope: Scope {
                region: request.region.clone(),
                ..cx.scope.clone()
            },
            input: Box::new(Input::StartRun(request)),
        },
        Command::PublishSns(publish) => publish_sns(publish),
    }
}

fn start_engagement(wish: Engage, cx: &Context) -> Order {
    let region = model::arn::Arn::parse(&wish.contact_arn)
        .map(|arn| arn.region)
        .unwrap_or_default();
    let start = engage::Start {
        contact_arn: wish.contact_arn,
        asker: Asker::Incident {
            incident: wish.incident_id,
        },
        sender: wish.sender,
        subject: wish.subject,
        content: wish.content,
        public_subject: Some(wish.public_subject),
        public_content: Some(wish.public_content),
        incident_id: Some(wish.incident_arn),
        token: None,
    };
    Order::Send {
        to: AggregateId::engagement(wish.engagement),
        scope: Scope {
            region,
            ..cx.scope.clone()
        },
        input: Box::new(Input::Engagement(Box::new(engage::Input::Start(Box::new(
            start,
        ))))),
    }
}

fn publish_sns(publish: PublishSns) -> Order {
    let call = AwsCall {
        service: "sns".to_owned(),
        operation: "Publish".to_owned(),
        params: json!({
            "TopicArn": publish.topic_arn,
            "Subject": publish.subject,
            "Message": publish.message,
        }),
        region: publish.region,
        assume_role: None,
        timeout_secs: PUBLISH_SECS,
        spelling: model::effect::Spelling::default(),
    };
    Order::Perform {
        effect: publish.effect,
        command: EffectCommand::CallAws(call),
        // A notification sent twice is better than one not sent.
        recovery: Some(Recovery::Repeat),
    }
}
