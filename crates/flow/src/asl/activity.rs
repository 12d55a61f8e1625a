//! An activity: work that waits for workers, in the order in which executions asked for it.
//!
//! | activity | input | next |
//! |---|---|---|
//! | none, deleted | Create | there, without tasks |
//! | there | Offer | one task more, at the end; the execution is told |
//! | there | Take | its first task goes to the worker; the execution is told |
//! | there | Withdraw | the task is not given out any more |
//! | there | Delete | deleted: what was taken can still be finished |
//! | none, deleted | Offer | the execution is told that there is none |
//!
//! What a worker says of a task goes to the execution by the task's token and never comes here.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::decision::FrameWrite;
use model::{Decision, Rejection};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::execution::RestoreError;

/// Version of the frames' shapes.
const VERSION: u16 = 1;

/// One activity.
#[derive(Debug, Clone, PartialEq)]
pub struct Activity {
    root: Root,
    tasks: BTreeMap<u64, Task>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Root {
    v: u16,
    arn: String,
    name: String,
    created: Timestamp,
    deleted: bool,
    /// Number of tasks offered so far.
    offered: u64,
    tags: BTreeMap<String, String>,
}

/// A task that no worker has yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Task {
    v: u16,
    execution: Uuid,
    token: String,
    input: String,
}

/// What an activity is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Input {
    /// Make it. One that is there stays as it is.
    Create {
        /// Its ARN.
        arn: String,
        /// Its name.
        name: String,
        /// Its tags.
        tags: BTreeMap<String, String>,
    },
    /// Take it away.
    Delete,
    /// Its tags are these from now on.
    Tag {
        /// All of them.
        tags: BTreeMap<String, String>,
    },
    /// An execution has a task.
    Offer {
        /// The execution.
        execution: Uuid,
        /// The task's token.
        token: String,
        /// The task's input, JSON text.
        input: String,
    },
    /// The task is not wanted any more.
    Withdraw {
        /// Its token.
        token: String,
    },
    /// A worker asks for a task.
    Take {
        /// Its name.
        worker: Option<String>,
    },
}

/// What an execution is told of a task that it offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Word {
    /// It waits for a worker.
    Offered,
    /// There is no such activity.
    Missing,
    /// A worker has it.
    Taken {
        /// The worker's name.
        worker: Option<String>,
    },
}

/// What an activity asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Command {
    /// Tell an execution of its task.
    Tell {
        /// The execution.
        execution: Uuid,
        /// The task's token.
        token: String,
        /// What is to be told.
        word: Word,
    },
}

impl Activity {
    /// Rebuilds an activity from its stored frames, in any order.
    ///
    /// # Errors
    /// When a frame is missing, damaged or newer than this program.
    pub fn restore(frames: Vec<(String, Value)>) -> Result<Self, RestoreError> {
        let mut root = None;
        let mut tasks = BTreeMap::new();
        for (key, body) in frames {
            match key.strip_prefix("task/") {
                None if key.is_empty() => root = Some(super::execution::read(&key, body)?),
                None => {}
                Some(number) => {
                    let number = number.parse().map_err(|_| RestoreError::Unreadable {
                        key: key.clone(),
                        reason: "its key holds no number".to_owned(),
                    })?;
                    tasks.insert(number, super::execution::read(&key, body)?);
                }
            }
        }
        let root = root.ok_or_else(|| RestoreError::Missing(String::new()))?;
        Ok(Self { root, tasks })
    }

    /// Whether it is there: a deleted one leaves a trace.
    #[must_use]
    pub fn exists(&self) -> bool {
        !self.root.deleted
    }

    /// Its ARN.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.root.arn
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.root.name
    }

    /// When it was made.
    #[must_use]
    pub fn created(&self) -> Timestamp {
        self.root.created
    }

    /// Its tags.
    #[must_use]
    pub fn tags(&self) -> &BTreeMap<String, String> {
        &self.root.tags
    }

    /// Tasks that wait for a worker.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.tasks.len()
    }

    fn none(at: Timestamp) -> Self {
        Self {
            root: Root {
                v: VERSION,
                arn: String::new(),
                name: String::new(),
                created: at,
                deleted: true,
                offered: 0,
                tags: BTreeMap::new(),
            },
            tasks: BTreeMap::new(),
        }
    }
}

/// Takes one input at the instant `at`.
///
/// # Errors
/// When there is no such activity; nothing has changed then.
pub fn step(
    activity: Option<Activity>,
    input: Input,
    at: Timestamp,
) -> Result<Decision<Activity, Command>, Rejection> {
    let activity = activity.unwrap_or_else(|| Activity::none(at));
    match input {
        Input::Create { arn, name, tags } => Ok(create(activity, (arn, name, tags), at)),
        Input::Offer {
            execution,
            token,
            input,
        } => Ok(offer(activity, (execution, token, input))),
        Input::Withdraw { token } => Ok(withdraw(activity, &token)),
        _ if activity.root.deleted => Err(Rejection::not_found("Activity", activity.root.arn)),
        Input::Delete => Ok(delete(activity)),
        Input::Tag { tags } => {
            let mut activity = activity;
            activity.root.tags = tags;
            Ok(written(activity, Vec::new()))
        }
        Input::Take { worker } => Ok(take(activity, worker)),
    }
}

fn create(
    mut activity: Activity,
    (arn, name, tags): (String, String, BTreeMap<String, String>),
    at: Timestamp,
) -> Decision<Activity, Command> {
    if !activity.root.deleted {
        return Decision::unchanged(activity);
    }
    activity.root = Root {
        v: VERSION,
        arn,
        name,
        created: at,
        deleted: false,
        tags,
        ..activity.root
    };
    written(activity, Vec::new())
}

fn delete(mut activity: Activity) -> Decision<Activity, Command> {
    let tasks = std::mem::take(&mut activity.tasks);
    activity.root.deleted = true;
    activity.root.tags.clear();
    let frames = tasks.keys().map(|number| FrameWrite::delete(key(*number)));
    written(activity, frames.collect())
}

fn offer(
    mut activity: Activity,
    (execution, token, input): (Uuid, String, String),
) -> Decision<Activity, Command> {
    let tell = |word| Command::Tell {
        execution,
        token: token.clone(),
        word,
    };
    if activity.root.deleted {
        let missing = tell(Word::Missing);
        // Also what is not there must be stored, or the inbox row would be refused and never consumed.
        let mut decision = written(activity, Vec::new());
        decision.commands = vec![missing];
        return decision;
    }
    let offered = tell(Word::Offered);
    let task = Task {
        v: VERSION,
        execution,
        token,
        input,
    };
    activity.root.offered += 1;
    let number = activity.root.offered;
    let frame = FrameWrite::put(key(number), serde_json::to_value(&task).unwrap_or_default());
    activity.tasks.insert(number, task);
    let mut decision = written(activity, vec![frame]);
    decision.commands = vec![offered];
    decision
}

fn withdraw(mut activity: Activity, token: &str) -> Decision<Activity, Command> {
    let found = activity.tasks.iter().find(|(_, task)| task.token == token);
    let Some(number) = found.map(|(number, _)| *number) else {
        return Decision::unchanged(activity);
    };
    activity.tasks.remove(&number);
    written(activity, vec![FrameWrite::delete(key(number))])
}

fn take(mut activity: Activity, worker: Option<String>) -> Decision<Activity, Command> {
    let Some((number, task)) = activity.tasks.pop_first() else {
        let mut decision = Decision::unchanged(activity);
        decision.reply = json!({});
        return decision;
    };
    let mut decision = written(activity, vec![FrameWrite::delete(key(number))]);
    decision.reply = json!({"taskToken": task.token, "input": task.input});
    decision.commands = vec![Command::Tell {
        execution: task.execution,
        token: task.token,
        word: Word::Taken { worker },
    }];
    decision
}

fn key(number: u64) -> String {
    format!("task/{number:012}")
}

/// The decision that writes the root and these frames.
fn written(activity: Activity, frames: Vec<FrameWrite>) -> Decision<Activity, Command> {
    let root = FrameWrite::root(serde_json::to_value(&activity.root).unwrap_or_default());
    let mut decision = Decision::unchanged(activity);
    decision.frames = std::iter::once(root).chain(frames).collect();
    decision
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Line {
        activity: Option<Activity>,
        frames: BTreeMap<String, Value>,
    }

    impl Line {
        fn say(&mut self, input: Input) -> (Value, Vec<Command>) {
            let at = Timestamp::UNIX_EPOCH;
            let decision = step(self.activity.take(), input, at).expect("taken");
            for frame in decision.frames {
                match frame.body {
                    Some(body) => self.frames.insert(frame.key, body.into_value()),
                    None => self.frames.remove(&frame.key),
                };
            }
            if !self.frames.is_empty() {
                let stored = self.frames.clone().into_iter().collect();
                let restored = Activity::restore(stored).expect("an activity");
                assert_eq!(restored, decision.state, "the frames tell another state");
            }
            self.activity = Some(decision.state);
            (decision.reply, decision.commands)
        }

        fn offer(&mut self, token: &str) -> Vec<Command> {
            let offer = Input::Offer {
                execution: Uuid::nil(),
                token: token.to_owned(),
                input: format!("{{\"for\":\"{token}\"}}"),
            };
            self.say(offer).1
        }

        fn take(&mut self) -> Value {
            self.say(Input::Take { worker: None }).0["taskToken"].take()
        }
    }

    fn told(token: &str, word: Word) -> Vec<Command> {
        vec![Command::Tell {
            execution: Uuid::nil(),
            token: token.to_owned(),
            word,
        }]
    }

    fn create() -> Input {
        Input::Create {
            arn: "arn".to_owned(),
            name: "name".to_owned(),
            tags: BTreeMap::new(),
        }
    }

    #[test]
    fn tasks_go_to_workers_in_their_order_and_once() {
        let mut line = Line {
            activity: None,
            frames: BTreeMap::new(),
        };
        assert_eq!(line.offer("early"), told("early", Word::Missing));
        line.say(create());
        assert_eq!(line.offer("a"), told("a", Word::Offered));
        line.offer("b");
        line.offer("c");
        line.say(Input::Withdraw {
            token: "b".to_owned(),
        });
        let take = Input::Take {
            worker: Some("w".to_owned()),
        };
        let (reply, commands) = line.say(take);
        assert_eq!(reply, json!({"taskToken": "a", "input": "{\"for\":\"a\"}"}));
        let worker = Some("w".to_owned());
        assert_eq!(commands, told("a", Word::Taken { worker }));
        assert_eq!(line.take(), json!("c"));
        assert_eq!(line.take(), Value::Null);
        line.offer("d");
        line.say(Input::Delete);
        assert_eq!(line.offer("e"), told("e", Word::Missing));
        line.say(create());
        assert_eq!(line.take(), Value::Null, "a new activity has no old tasks");
    }

    #[test]
    fn what_is_not_there_takes_nothing() {
        for input in [
            Input::Delete,
            Input::Take { worker: None },
            Input::Tag {
                tags: BTreeMap::new(),
            },
        ] {
            let refused = step(None, input, Timestamp::UNIX_EPOCH);
            assert!(matches!(refused, Err(Rejection::NotFound { .. })));
        }
    }
}
