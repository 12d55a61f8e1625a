//! Entering a state, and its work.

use serde_json::{Value, json};

use super::event::Details;
use super::turn::Turn;
use super::{fail, fork, leave, quantity, task};
use crate::asl::choice::Rule;
use crate::asl::context::ContextObject;
use crate::asl::definition::{Kind, Language, Selection, State, Text, Until};
use crate::asl::document::Document;
use crate::asl::execution::{Phase, Thread};
use crate::asl::fault::{self, Fault, NO_CHOICE_MATCHED};
use crate::asl::map_run::Given;
use crate::asl::template::States;
use crate::asl::template::{Template, View};
use crate::expr::unknown;

/// A state as its work sees it: where it is, and what its templates are filled from.
#[derive(Clone)]
pub(super) struct Scene {
    pub(super) thread: Thread,
    /// `InputPath` applied to the raw input; the raw input in JSONata.
    pub(super) input: Document,
    context: ContextObject,
    jsonata: bool,
    variables: std::collections::BTreeMap<String, Value>,
    states: States,
    at: jiff::Timestamp,
    /// Whether some of the values are not known: the state of a plan.
    open: bool,
}

impl Scene {
    pub(super) fn of(turn: &Turn<'_>, id: u32, state: &State) -> Option<Result<Self, Fault>> {
        let thread = turn.thread(id)?.clone();
        let context = turn.context(&thread, state);
        let variables = turn.variables(id);
        let mut states = States::new();
        if state.language == Language::Jsonata {
            states.insert("input".to_owned(), thread.input.clone());
        }
        let mut scene = Self {
            input: Document::default(),
            thread,
            context,
            jsonata: state.language == Language::Jsonata,
            variables,
            states,
            at: turn.cx.at,
            open: turn.open,
        };
        let input = scene.select(&state.input_path, &scene.thread.input);
        Some(input.map(|input| {
            scene.input = input;
            scene
        }))
    }

    /// The part of a document that a selection takes.
    pub(super) fn select(
        &self,
        selection: &Selection,
        document: &Document,
    ) -> Result<Document, Fault> {
        match selection {
            Selection::Whole => Ok(document.clone()),
            Selection::Nothing => Ok(json!({}).into()),
            Selection::At(path) => self
                .view(document)
                .look(path)
                .map(Document::from)
                .map_err(|reason| fault::invalid_path(path, &reason)),
        }
    }

    /// What templates are filled from, `$` being `document`.
    pub(super) fn view<'a>(&'a self, document: &'a Value) -> View<'a> {
        View {
            document,
            context: &self.context,
            variables: &self.variables,
            states: &self.states,
            at: self.at,
            open: self.open,
        }
    }

    /// Whether a value of a plan is not known.
    pub(super) fn lacks(&self, value: &Value) -> bool {
        self.open && unknown::is_in(value)
    }

    /// What templates are filled from, for whoever fills them later.
    pub(super) fn given(&self) -> Given {
        Given {
            input: self.input.clone(),
            context: self.context.value().clone(),
            variables: self.variables.clone(),
            states: self.states.clone(),
            at: self.at,
        }
    }

    /// Whether the state is written in JSONata.
    pub(super) fn is_jsonata(&self) -> bool {
        self.jsonata
    }

    /// Lets expressions see what the state's work brought.
    pub(super) fn with(&mut self, name: &str, value: Document) {
        self.states.insert(name.to_owned(), value);
    }

    /// Lets the context object show a Map's item.
    pub(super) fn with_item(&mut self, item: &Value) {
        self.context.show_item(item);
    }

    /// Whether the context object shows a task's token already: one that a trial was given.
    pub(super) fn has_token(&self) -> bool {
        self.context.has_token()
    }

    /// Lets the context object show a task's token.
    pub(super) fn with_token(&mut self, token: &str) {
        self.context.show_token(token);
    }

    pub(super) fn fill(
        &self,
        template: &Template,
        document: &Value,
        turn: &mut Turn<'_>,
    ) -> Result<Value, Fault> {
        template.fill(&self.view(document), &mut turn.random)
    }
}

/// Enters the state that a thread is at.
pub(super) fn enter(turn: &mut Turn<'_>, id: u32) {
    prepare(turn, id);
    work(turn, id);
}

/// Shows that a thread's state is entered; its work follows.
pub(super) fn prepare(turn: &mut Turn<'_>, id: u32) {
    let Some((thread, machine)) = turn.at(id) else {
        return;
    };
    let Some(state) = machine
        .blocks
        .get(thread.block)
        .and_then(|block| block.states.get(thread.state))
    else {
        return;
    };
    let details = Details::Entered {
        name: state.name.clone(),
        input: thread.input.to_string(),
    };
    let kind = format!("{}StateEntered", state.kind.as_str());
    let event = turn.state_event(id, kind, details);
    let at = turn.cx.at;
    if let Some(thread_now) = turn.touch(id) {
        thread_now.entered = (event, thread.last);
        thread_now.entered_at = at;
        thread_now.retries = vec![0; state.retry.len()];
    }
}

/// Does the work of the state that a thread is at; also its next attempt.
pub(super) fn work(turn: &mut Turn<'_>, id: u32) {
    let Some((thread, machine)) = turn.at(id) else {
        return;
    };
    let Some(state) = machine
        .blocks
        .get(thread.block)
        .and_then(|block| block.states.get(thread.state))
    else {
        return;
    };
    if let Some(thread) = turn.touch(id) {
        thread.phase = Phase::Ready;
    }
    let done = match Scene::of(turn, id, state) {
        None => return,
        Some(Err(fault)) => Err(fault),
        Some(Ok(scene)) => {
            if state.language == Language::JsonPath {
                turn.note("afterInputPath", || scene.input.to_value());
            }
            do_work(turn, (id, state), scene)
        }
    };
    if let Err(fault) = done {
        fail::fail(turn, id, fault);
    }
}

fn do_work(turn: &mut Turn<'_>, (id, state): (u32, &State), scene: Scene) -> Result<(), Fault> {
    match &state.kind {
        Kind::Pass { result, parameters } => {
            let document = match (result, parameters) {
                (Some(result), _) => result.clone().into(),
                (None, Some(parameters)) => scene.fill(parameters, &scene.input, turn)?.into(),
                (None, None) => scene.input.clone(),
            };
            if state.language == Language::JsonPath {
                turn.note("afterParameters", || document.to_value());
            }
            leave::with_result(turn, (id, state), scene, document)
        }
        Kind::Succeed => {
            let input = scene.input.clone();
            leave::with_result(turn, (id, state), scene, input)
        }
        Kind::Fail { error, cause } => {
            let error = text(turn, &scene, (error.as_ref(), "Error"))?;
            let cause = text(turn, &scene, (cause.as_ref(), "Cause"))?;
            Err(Fault::of(error, cause))
        }
        Kind::Choice { rules, default } => choose(turn, (id, state), scene, (rules, *default)),
        Kind::Wait(until) => wait(turn, (id, state), scene, until),
        Kind::Parallel {
            branches,
            arguments,
            ..
        } => fork::parallel(turn, (id, state), &scene, (branches, arguments.as_ref())),
        Kind::Map(map) => fork::map(turn, (id, state), &scene, map),
        Kind::Task(task) => task::begin(turn, (id, state), scene, task),
    }
}

/// `Error` or `Cause` of a Fail.
fn text(
    turn: &mut Turn<'_>,
    scene: &Scene,
    (text, field): (Option<&Text>, &str),
) -> Result<Option<String>, Fault> {
    match text {
        None => Ok(None),
        Some(Text::Fixed(text)) => Ok(Some(text.clone())),
        Some(Text::Template(template)) => match scene.fill(template, &scene.thread.input, turn)? {
            Value::String(text) => Ok(Some(text)),
            other => Err(match template {
                Template::Expression {
                    location,
                    expression,
                } => fault::unexpected_type(expression.source(), location, "string", &other),
                _ => Fault::runtime(format!(
                    "The value for the field '{field}Path' must be a string but was: {other}"
                )),
            }),
        },
    }
}

fn choose(
    turn: &mut Turn<'_>,
    (id, state): (u32, &State),
    scene: Scene,
    (rules, default): (&[Rule], Option<usize>),
) -> Result<(), Fault> {
    for (n, rule) in rules.iter().enumerate() {
        let location = format!("Choices[{n}]/Condition");
        let view = scene.view(&scene.input);
        if rule.condition.holds(&view, (&location, &mut turn.random))? {
            let exit = leave::Exit {
                next: Some(rule.next),
                assign: rule.assign.as_ref(),
                output: rule.output.as_ref(),
            };
            return leave::to(turn, (id, state), scene, exit);
        }
    }
    let Some(default) = default else {
        return Err(Fault::definition(
            NO_CHOICE_MATCHED,
            "Failed to transition out of the state. The state should have a Default target or a choice that matches the input",
        ));
    };
    let exit = leave::Exit {
        next: Some(default),
        assign: state.assign.as_ref(),
        output: state.output.as_ref(),
    };
    leave::to(turn, (id, state), scene, exit)
}

fn wait(
    turn: &mut Turn<'_>,
    (id, state): (u32, &State),
    scene: Scene,
    until: &Until,
) -> Result<(), Fault> {
    let due = match until {
        Until::Seconds(number) => {
            let seconds = quantity::wait_seconds(turn, &scene, number)?;
            super::seconds_after(turn.cx.at, seconds)
        }
        Until::Timestamp(text) => quantity::wait_until(turn, &scene, text)?,
    };
    if due <= turn.cx.at {
        let input = scene.input.clone();
        return leave::with_result(turn, (id, state), scene, input);
    }
    let timer = turn.timer("wait", due);
    if let Some(thread) = turn.touch(id) {
        thread.phase = Phase::Waiting { timer };
    }
    Ok(())
}
