//! The first turn: the document, the parameters, the defaults from the parameter store.

use std::sync::Arc;

use model::effect::{AwsCall, Outcome};
use model::report::RunReport;
use model::{Decision, EffectCommand, IndexEntry, Rejection};
use serde_json::{Map, Value, json};

use super::turn::Turn;
use super::{fleet, flow};
use crate::automation::action::CALL_SECONDS;
use crate::automation::agreed;
use crate::automation::document::{self, Document};
use crate::automation::input::{Command, Context, DocumentSource, Parsed, Start};
use crate::automation::parameters;
use crate::automation::record::Status;
use crate::automation::run::{Origin, Run};
use crate::expr::reference::substitute;
use crate::expr::value_type::ValueType;

/// Longest time that a throttled call is tried again for, in seconds (SSM's own limit).
const MAX_THROTTLE_SECONDS: u32 = 3_600;

/// Makes the run and takes it as far as it goes.
///
/// A run that an incident asked for is made even when it cannot begin: Failed, with the reason told to the incident.
/// For anybody else the reason is the refusal.
pub(super) fn start(start: Start, cx: &Context) -> Result<Decision<Run, Command>, Rejection> {
    let awaited = start.request.incident.is_some() || start.request.parent.is_some();
    match make(start, cx, parameters::bind) {
        Ok(run) => Ok(first_turn(run, cx)),
        Err(refused) if awaited => {
            let (origin, rejection) = *refused;
            Ok(stillborn(origin, cx, &rejection.to_string()))
        }
        Err(refused) => Err(refused.1),
    }
}

/// How values given for parameters are bound to what a document declares.
pub(crate) type Bind = fn(
    &Document,
    &std::collections::BTreeMap<String, Vec<String>>,
) -> Result<(Map<String, Value>, Vec<String>), Rejection>;

/// Makes a run that has not begun.
///
/// # Errors
/// What it would have been made of, and why it cannot be made.
pub(crate) fn make(
    start: Start,
    cx: &Context,
    bind: Bind,
) -> Result<Run, Box<(Origin, Rejection)>> {
    let Start {
        request,
        document,
        parsed,
        target_type,
        queued,
    } = start;
    let mut origin = Origin::new(request, &cx.scope.account);
    if origin.request.region.is_empty() {
        origin.request.region.clone_from(&cx.scope.region);
    }
    let made = prepare(&mut origin, (document, parsed), bind).and_then(|(parsed, lookups)| {
        let mut run = Run::new(cx.id, cx.at, origin.clone(), parsed);
        run.root.lookups = lookups;
        run.root.throttle_secs = cx.throttle_retry_secs.min(MAX_THROTTLE_SECONDS);
        run.root.variables = first_values(&run.document);
        if queued {
            run.root.status = Status::Pending;
        }
        if fleet::is_asked(run.request()) {
            run.root.next = None;
            run.root.fleet = Some(fleet::first_state(&run, target_type.as_deref()));
        }
        fill_defaults(&mut run, cx)?;
        // A role that comes from the parameter store is checked when it is known.
        if run.root.lookups.is_empty() {
            run.role(cx)
                .map_err(|message| Rejection::invalid("assumeRole", message))?;
        }
        Ok(run)
    });
    made.map_err(|rejection| Box::new((origin, rejection)))
}

fn prepare(
    origin: &mut Origin,
    (source, known): (DocumentSource, Parsed),
    bind: Bind,
) -> Result<(Arc<Document>, Vec<String>), Rejection> {
    let (name, version, format, content) = match source {
        DocumentSource::Missing { reason } => {
            return Err(Rejection::Conflict {
                code: "AutomationDefinitionNotFoundException".to_owned(),
                message: reason,
            });
        }
        DocumentSource::Found {
            name,
            version,
            format,
            content,
            attachments,
        } => {
            origin.attachments = attachments;
            (name, version, format, content)
        }
    };
    origin.name = name;
    origin.version = version;
    if !["Auto", "Interactive"].contains(&origin.request.mode.as_str()) {
        let message = format!(
            "Mode must be Auto or Interactive, found `{}`",
            origin.request.mode
        );
        return Err(Rejection::invalid("Mode", message));
    }
    let parsed = match known.0 {
        Some(parsed) => parsed,
        None => read(&origin.name, &content, format)?,
    };
    let (values, lookups) = if fleet::is_asked(&origin.request) {
        fleet::bind(&parsed, &origin.request)?
    } else {
        bind(&parsed, &origin.request.parameters)?
    };
    origin.parameters = values;
    // Its text stands in the run once.
    origin.request.given = None;
    origin.format = format;
    origin.content = content;
    Ok((parsed, lookups))
}

fn read(name: &str, content: &str, format: document::Format) -> Result<Arc<Document>, Rejection> {
    let (parsed, diagnostics) = document::parse(content, format);
    parsed.map(Arc::new).ok_or_else(|| {
        let all: Vec<String> = diagnostics
            .iter()
            .take(5)
            .map(ToString::to_string)
            .collect();
        Rejection::Conflict {
            code: "InvalidDocumentContent".to_owned(),
            message: format!("document {name} is not valid: {}", all.join("; ")),
        }
    })
}

/// Defaults may speak of the run itself (`{{automation:EXECUTION_ID}}`, `{{global:REGION}}`); given values may not.
fn fill_defaults(run: &mut Run, cx: &Context) -> Result<(), Rejection> {
    let mut filled = Vec::new();
    for parameter in &run.document.parameters {
        let given = run.origin.request.parameters.contains_key(&parameter.name);
        let value = run
            .origin
            .parameters
            .get(&parameter.name)
            .filter(|value| !given && value.to_string().contains("{{"));
        if let Some(value) = value {
            let value =
                substitute(value, &|reference| run.lookup(cx, reference)).map_err(|error| {
                    Rejection::invalid(
                        format!("Parameters.{}", parameter.name),
                        format!("the default {error}"),
                    )
                })?;
            filled.push((parameter.name.clone(), value));
        }
    }
    if !filled.is_empty() {
        Arc::make_mut(&mut run.origin).parameters.extend(filled);
    }
    Ok(())
}

fn first_values(document: &Document) -> Map<String, Value> {
    let defaults = document
        .variables
        .iter()
        .filter_map(|v| Some((v.name.clone(), v.default.clone()?)));
    defaults.collect()
}

fn index(turn: &mut Turn<'_>) {
    if let Some(incident) = turn.run.incident() {
        turn.index.push(IndexEntry {
            name: "incident".to_owned(),
            value: incident.to_string(),
        });
    }
    if let Some(parent) = &turn.run.request().parent {
        turn.index.push(IndexEntry {
            name: "parent".to_owned(),
            value: parent.run.to_string(),
        });
    }
    let (name, _) = turn.run.document_name();
    let value = name.to_owned();
    turn.index.push(IndexEntry {
        name: "document".to_owned(),
        value,
    });
}

fn first_turn(run: Run, cx: &Context) -> Decision<Run, Command> {
    let mut turn = Turn::new(run, cx);
    turn.fresh = true;
    turn.reply = json!({"AutomationExecutionId": cx.id});
    index(&mut turn);
    let (document, version) = turn.run.document_name();
    let (document, version) = (document.to_owned(), version.to_owned());
    let by = turn.run.request().executed_by.clone();
    turn.fact(
        "run.started",
        json!({"run": cx.id, "document": document, "version": version, "by": by}),
    );
    turn.report(RunReport::Started {
        run: cx.id,
        document,
        version,
    });
    agreed::start(&mut turn.run);
    if turn.run.root.status != Status::Pending {
        next_lookup(&mut turn);
        flow::advance(&mut turn);
    }
    turn.finish()
}

/// A place has become free. Told to a run that does not wait for one, it changes nothing.
pub(super) fn admitted(turn: &mut Turn<'_>) {
    if turn.run.root.status != Status::Pending {
        return;
    }
    turn.run.root.status = Status::InProgress;
    turn.fact("run.admitted", json!({"run": turn.cx.id}));
    next_lookup(turn);
}

fn stillborn(mut origin: Origin, cx: &Context, reason: &str) -> Decision<Run, Command> {
    origin.content = String::new();
    origin.parameters = Map::new();
    let mut run = Run::new(cx.id, cx.at, origin, Arc::default());
    run.root.status = Status::Failed;
    run.root.ended = Some(cx.at);
    run.root.failure_message = Some(reason.to_owned());
    let mut turn = Turn::new(run, cx);
    turn.fresh = true;
    turn.reply = json!({"AutomationExecutionId": cx.id});
    index(&mut turn);
    let (document, _) = turn.run.document_name();
    let document = document.to_owned();
    turn.fact(
        "run.ended",
        json!({"run": cx.id, "document": document, "status": "Failed", "message": reason}),
    );
    turn.tell_parent();
    turn.report(RunReport::StartFailed {
        run: cx.id,
        document,
        reason: reason.to_owned(),
    });
    turn.finish()
}

/// Asks for the next default from the parameter store, if one is left.
pub(super) fn next_lookup(turn: &mut Turn<'_>) {
    let Some(name) = turn.run.root.lookups.first().cloned() else {
        return;
    };
    let path = turn
        .run
        .document
        .parameter(&name)
        .and_then(document::Parameter::ssm_default);
    let Some(path) = path else { return };
    let effect = turn.next_effect();
    turn.run.root.lookup = Some(effect);
    // A role that itself is to be looked up cannot be used to look it up.
    let assume_role = turn.run.role(turn.cx).ok().flatten();
    let command = EffectCommand::CallAws(AwsCall {
        service: "ssm".to_owned(),
        operation: "GetParameter".to_owned(),
        params: json!({"Name": path}),
        region: turn.run.request().region.clone(),
        assume_role,
        timeout_secs: CALL_SECONDS,
        spelling: model::effect::Spelling::default(),
    });
    turn.commands.push(Command::Perform { effect, command });
}

/// The parameter store answered.
pub(super) fn on_lookup(turn: &mut Turn<'_>, outcome: Outcome) {
    turn.run.root.lookup = None;
    turn.fact(
        "run.parameter.looked_up",
        json!({"run": turn.cx.id, "parameter": turn.run.root.lookups.first()}),
    );
    let Some(name) = turn.run.root.lookups.first().cloned() else {
        return;
    };
    match take(turn, &name, outcome) {
        Ok(value) => {
            turn.run.root.looked_up.insert(name, value);
            turn.run.root.lookups.remove(0);
            next_lookup(turn);
            if turn.run.root.lookups.is_empty()
                && let Err(message) = turn.run.role(turn.cx)
            {
                turn.run.root.failed = Some(message);
                flow::end(turn, false);
            }
        }
        Err(reason) => {
            turn.run.root.failed = Some(format!(
                "The default of parameter \"{name}\" could not be read: {reason}."
            ));
            flow::end(turn, false);
        }
    }
}

fn take(turn: &Turn<'_>, name: &str, outcome: Outcome) -> Result<Value, String> {
    let result = match outcome {
        Outcome::Done { result } => result,
        Outcome::Failed(failure) => return Err(format!("{} ({})", failure.message, failure.code)),
        Outcome::Unknown { reason } => return Err(reason),
    };
    let parameter = turn
        .run
        .document
        .parameter(name)
        .ok_or("it is not declared")?;
    if result.pointer("/Parameter/Type").and_then(Value::as_str) == Some("SecureString") {
        return Err(
            "a SecureString may not be a default; pass it to the API that needs it by name"
                .to_owned(),
        );
    }
    let text = result
        .pointer("/Parameter/Value")
        .and_then(Value::as_str)
        .ok_or("the answer has no value")?;
    let value = match parameter.value_type {
        ValueType::StringList => Value::Array(
            text.split(',')
                .map(|item| Value::String(item.to_owned()))
                .collect(),
        ),
        _ => Value::String(text.to_owned()),
    };
    parameters::check(&parameter.constraints, &value).map_err(|reason| format!("it {reason}"))?;
    Ok(value)
}
