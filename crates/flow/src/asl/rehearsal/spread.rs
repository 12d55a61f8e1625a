//! A distributed Map in a rehearsal: its executions are played one after the other, each from the instant at which the map
//! run began.

use std::collections::VecDeque;

use model::effect::{AwsCall, Failure, Outcome};
use model::{EffectCommand, Rejection};
use uuid::Uuid;

use super::super::execution::Execution;
use super::super::input::{Input, Settlement, Start};
use super::super::map_run::{self, Command, Input as RunInput, MapRun};
use super::{Answers, MAX_TURNS, Made, Stage, Stuck};

impl Stage {
    /// Plays the map run that was to begin first, and tells the execution how it ended.
    pub(super) fn map_run(
        &mut self,
        execution: Execution,
        answers: &mut Answers<'_>,
    ) -> Result<Execution, Stuck> {
        let (id, begin) = self.runs.remove(0);
        let began = self.at;
        let mut last = began;
        let (mut run, commands) = self.run_turn((id, None), RunInput::Begin(begin))?;
        let mut queue = VecDeque::from(commands);
        let mut told = None;
        while let Some(command) = queue.pop_front() {
            if self.turns > MAX_TURNS {
                return Err(Stuck::Waits);
            }
            let input = match command {
                Command::Start { execution, start } => {
                    self.at = began;
                    let ended = self.member((execution, *start), answers)?;
                    last = last.max(self.at);
                    ended
                }
                Command::Stop { execution } => {
                    let waits = |command: &Command| matches!(command, Command::Start { execution: it, .. } if *it == execution);
                    let Some(at) = queue.iter().position(waits) else {
                        continue;
                    };
                    let Some(Command::Start { start, .. }) = queue.remove(at) else {
                        continue;
                    };
                    self.stopped((execution, *start))?
                }
                Command::Continue => RunInput::Continue,
                Command::Tell { report, .. } => {
                    told = Some(report);
                    continue;
                }
                Command::Perform { effect, command } => {
                    let EffectCommand::CallAws(call) = *command else {
                        continue;
                    };
                    let outcome = self.bucket(run.state(), call, answers)?;
                    RunInput::Effect { effect, outcome }
                }
                // Nobody redrives a rehearsal.
                Command::Redrive { .. } => continue,
            };
            self.at = last;
            let (next, commands) = self.run_turn((id, Some(run)), input)?;
            run = next;
            // What is stopped is stopped before anything else begins.
            for command in commands {
                match command {
                    Command::Stop { .. } => queue.push_front(command),
                    _ => queue.push_back(command),
                }
            }
        }
        self.at = last;
        let report = told.ok_or(Stuck::Waits)?;
        self.turn(Some(execution), Input::MapRun(Box::new(report)))
    }

    /// What the Map's mock says of a call to a bucket.
    fn bucket(
        &mut self,
        state: &str,
        call: AwsCall,
        answers: &mut Answers<'_>,
    ) -> Result<Outcome, Stuck> {
        let name = format!("{}:{}", call.service, call.operation);
        let made = Made {
            state: state.to_owned(),
            call: name,
            params: call.params,
            limited: false,
            retried: false,
            done: false,
        };
        if self.is_made_again(&made, answers) {
            // The server makes it again; the map run sees one answer.
            self.made.push(made.clone());
        }
        Ok(match self.said(made, answers)? {
            Settlement::Succeeded { output } => Outcome::Done { result: output },
            Settlement::Failed { error, cause } => Outcome::Failed(Failure {
                code: error.unwrap_or_default(),
                message: cause.unwrap_or_default(),
                status: None,
                request_id: None,
                extended_request_id: None,
                shape: None,
                transient: false,
            }),
            Settlement::Heartbeat | Settlement::Retry => return Err(Stuck::Waits),
        })
    }

    fn run_turn(
        &mut self,
        (id, run): (Uuid, Option<MapRun>),
        input: RunInput,
    ) -> Result<(MapRun, Vec<Command>), Stuck> {
        let mut cx = self.context();
        cx.id = id;
        let refused = |rejection: Rejection| Stuck::Refused(rejection.to_string());
        let decision = map_run::step(run, input, &cx).map_err(refused)?;
        Ok((decision.state, decision.commands))
    }

    /// Plays an execution of a map run to its end.
    fn member(
        &mut self,
        (id, start): (Uuid, Start),
        answers: &mut Answers<'_>,
    ) -> Result<RunInput, Stuck> {
        self.within(id, |stage| stage.perform(start, answers).map(|_| ()))
    }

    /// An execution that is stopped as soon as it has begun.
    fn stopped(&mut self, (id, start): (Uuid, Start)) -> Result<RunInput, Stuck> {
        self.within(id, |stage| {
            let begun = stage.turn(None, Input::Start(Box::new(start)))?;
            let stop = Input::Stop {
                error: None,
                cause: None,
            };
            stage.turn(Some(begun), stop).map(|_| ())
        })
    }

    /// Plays an execution on a stage of its own, which has the same mocks, and gives what its map run is told.
    fn within(
        &mut self,
        id: Uuid,
        play: impl FnOnce(&mut Self) -> Result<(), Stuck>,
    ) -> Result<RunInput, Stuck> {
        let mut stage = Self {
            id,
            at: self.at,
            began: self.began,
            turns: self.turns,
            made: std::mem::take(&mut self.made),
            counts: std::mem::take(&mut self.counts),
            path: std::mem::take(&mut self.path),
            salt: self.salt,
            twice: self.twice.take(),
            ..Self::default()
        };
        play(&mut stage)?;
        self.at = stage.at;
        self.turns = stage.turns;
        self.made = stage.made;
        self.counts = stage.counts;
        self.path = stage.path;
        self.twice = stage.twice;
        stage.told.ok_or(Stuck::Waits)
    }
}
