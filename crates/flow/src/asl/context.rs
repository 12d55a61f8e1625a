//! The context object (`$$`, `$states.context`): made when something first looks at it, since most states never do.

use std::cell::OnceCell;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::execution::Origin;

/// The context object as one state sees it.
#[derive(Debug, Clone)]
pub(crate) struct ContextObject {
    made: OnceCell<Value>,
    base: Base,
    item: Option<Value>,
    token: Option<String>,
}

/// What it is made from.
#[derive(Debug, Clone)]
enum Base {
    Parts(Box<Parts>),
    /// An object that was made before.
    Kept(Value),
}

/// What it is made of.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    pub(crate) origin: Arc<Origin>,
    /// When the execution began.
    pub(crate) started: Timestamp,
    /// How often it was redriven, and when last.
    pub(crate) redrives: (u32, Option<Timestamp>),
    /// Name of the state.
    pub(crate) state: String,
    /// When it was entered.
    pub(crate) entered: Timestamp,
    /// How often it was tried again, if it can be.
    pub(crate) retries: Option<u64>,
    /// The item of the Map around it.
    pub(crate) around: Option<Value>,
    /// What a trial wants the object to say.
    pub(crate) given: Option<Value>,
}

impl ContextObject {
    pub(crate) fn of(parts: Parts) -> Self {
        Self::new(Base::Parts(Box::new(parts)))
    }

    /// An object that was made before, as [`ContextObject::value`] gave it.
    pub(crate) fn kept(value: Value) -> Self {
        Self::new(Base::Kept(value))
    }

    fn new(base: Base) -> Self {
        Self {
            made: OnceCell::new(),
            base,
            item: None,
            token: None,
        }
    }

    /// The object.
    pub(crate) fn value(&self) -> &Value {
        self.made.get_or_init(|| {
            let mut value = match &self.base {
                Base::Parts(parts) => parts.value(),
                Base::Kept(value) => value.clone(),
            };
            if let Some(item) = &self.item {
                value["Map"] = json!({"Item": item});
            }
            if let Some(token) = &self.token {
                value["Task"] = json!({"Token": token});
            }
            value
        })
    }

    /// Shows a Map's item.
    pub(crate) fn show_item(&mut self, item: &Value) {
        self.item = Some(item.clone());
        self.made.take();
    }

    /// Shows a task's token.
    pub(crate) fn show_token(&mut self, token: &str) {
        self.token = Some(token.to_owned());
        self.made.take();
    }

    /// Whether it shows a task's token.
    pub(crate) fn has_token(&self) -> bool {
        let given = match &self.base {
            Base::Parts(parts) => parts.given.as_ref(),
            Base::Kept(value) => Some(value),
        };
        self.token.is_some() || given.is_some_and(|given| given.get("Task").is_some())
    }
}

impl Parts {
    fn value(&self) -> Value {
        let start = &self.origin.start;
        let input: Value = serde_json::from_str(&start.input).unwrap_or_default();
        let mut value = json!({
            "Execution": {
                "Id": start.arn,
                "Input": input,
                "StartTime": instant(self.started),
                "Name": start.name,
                "RoleArn": start.role_arn,
            },
            "StateMachine": {"Id": start.machine_arn, "Name": start.machine_name},
            "State": {"Name": self.state, "EnteredTime": instant(self.entered)},
        });
        let (redrives, redriven) = self.redrives;
        if !start.express {
            value["Execution"]["RedriveCount"] = json!(redrives);
        }
        if let Some(at) = redriven {
            value["Execution"]["RedriveTime"] = json!(instant(at));
        }
        if let Some(retries) = self.retries {
            value["State"]["RetryCount"] = json!(retries);
        }
        if let Some(item) = &self.around {
            value["Map"] = json!({"Item": item});
        }
        let given = self.given.as_ref().and_then(Value::as_object);
        for (name, members) in given.into_iter().flatten() {
            for (member, given) in members.as_object().into_iter().flatten() {
                value[name][member] = given.clone();
            }
        }
        value
    }
}

/// An instant with milliseconds.
fn instant(at: Timestamp) -> String {
    format!("{at:.3}")
}
