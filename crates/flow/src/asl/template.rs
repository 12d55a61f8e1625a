//! Values with holes: payload templates (`"name.$": "$.path"`) and JSONata values (`"{% expression %}"`).
//!
//! A template is read once, with its definition; filling it in is a walk over its tree.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::context::ContextObject;
use super::document::Document;
use super::fault::{self, Fault};
use super::intrinsic::{Call, IntrinsicError, Randomness};
use super::jsonata::{Bindings, Expression, Failure};
use super::open;
use super::path::{Path, Root};

/// A value with holes.
#[derive(Debug, Clone, PartialEq)]
pub enum Template {
    /// As it is.
    Literal(Value),
    /// A list of templates.
    List(Vec<Template>),
    /// An object of templates.
    Object(Vec<(String, Template)>),
    /// The value of a path; `field` is its key with `.$`.
    Path {
        /// Key in the definition.
        field: String,
        /// Where the value is.
        path: Path,
    },
    /// The result of an intrinsic function.
    Call {
        /// Key in the definition.
        field: String,
        /// The call.
        call: Call,
    },
    /// The result of an expression; `location` is its place below the state.
    Expression {
        /// Such as `Arguments/FunctionName`.
        location: String,
        /// The expression.
        expression: Expression,
    },
}

/// Members of `$states`, but for its `context`.
pub(crate) type States = BTreeMap<String, Document>;

/// What the holes are filled from.
#[derive(Debug)]
pub(crate) struct View<'a> {
    /// What `$` means in paths.
    pub(crate) document: &'a Value,
    /// The context object.
    pub(crate) context: &'a ContextObject,
    /// Variables in sight.
    pub(crate) variables: &'a BTreeMap<String, Value>,
    /// The turn's instant.
    pub(crate) at: Timestamp,
    /// `$states` of expressions.
    pub(crate) states: &'a States,
    /// Whether some of the values are not known (a plan): what is made of them is not known either.
    pub(crate) open: bool,
}

impl View<'_> {
    /// What a path means here.
    ///
    /// # Errors
    /// The reason why it means nothing.
    pub(crate) fn look(&self, path: &Path) -> Result<Value, String> {
        let searched = match path.root() {
            Root::Document => self.document,
            Root::Context => self.context.value(),
            Root::Variable(name) => self
                .variables
                .get(name)
                .ok_or_else(|| format!("The variable '${name}' is not defined"))?,
        };
        if let Some(unknown) = self.open.then(|| open::behind(path, searched)).flatten() {
            return Ok(unknown);
        }
        path.read(searched).map_err(|missing| missing.to_string())
    }

    /// What a path of a field means here, or the service's words for a path that means nothing.
    pub(crate) fn value_of(&self, path: &Path, field: &str) -> Result<Value, Fault> {
        self.look(path).map_err(|_| {
            let searched = match path.root() {
                Root::Document => self.document,
                Root::Context => self.context.value(),
                Root::Variable(_) => &Value::Null,
            };
            fault::path_not_found(path, field, searched)
        })
    }

    pub(crate) fn evaluate(
        &self,
        expression: &Expression,
        location: &str,
        randomness: &mut Randomness,
    ) -> Result<Value, Fault> {
        let bindings = Bindings {
            states: self.states,
            context: self.context,
            variables: self.variables,
            at: self.at,
        };
        let evaluated = if self.open {
            expression.evaluate_open(&bindings, randomness)
        } else {
            expression.evaluate(&bindings, randomness)
        };
        evaluated.map_err(|failure| match failure {
            Failure::Undefined => fault::undefined(expression.source(), location),
            Failure::Threw(words) => fault::threw(expression.source(), location, &words),
        })
    }

    pub(crate) fn call(
        &self,
        call: &Call,
        field: &str,
        randomness: &mut Randomness,
    ) -> Result<Value, Fault> {
        let look = |path: &Path| {
            self.look(path).map_err(|reason| IntrinsicError::Missing {
                path: path.to_string(),
                reason,
            })
        };
        if let Some(unknown) = self
            .open
            .then(|| open::result(call, &|path| self.look(path).ok()))
            .flatten()
        {
            return Ok(unknown);
        }
        call.apply(&look, randomness)
            .map_err(|error| fault::intrinsic(field, &error))
    }
}

impl Template {
    /// Fills the holes.
    pub(crate) fn fill(
        &self,
        view: &View<'_>,
        randomness: &mut Randomness,
    ) -> Result<Value, Fault> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::List(items) => items
                .iter()
                .map(|item| item.fill(view, randomness))
                .collect(),
            Self::Object(members) => {
                let mut object = Map::new();
                for (name, member) in members {
                    object.insert(name.clone(), member.fill(view, randomness)?);
                }
                Ok(Value::Object(object))
            }
            Self::Path { field, path } => view.value_of(path, field),
            Self::Call { field, call } => view.call(call, field, randomness),
            Self::Expression {
                location,
                expression,
            } => view.evaluate(expression, location, randomness),
        }
    }
}
