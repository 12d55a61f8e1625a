//! The parsed document: what it declares and which steps it has.
//!
//! [`parse`] tells everything that is wrong, with places. It knows nothing of runs.

mod action;
mod convert;
mod declarations;
mod declared;
mod inputs;
mod read;
pub(crate) mod references;
mod steps;

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use action::Action;
pub use convert::convert;
pub use declared::{Constraints, Parameter, Variable};
pub use read::parse;
pub(crate) use read::parse_with_places;
pub(crate) use references::resolved_texts;
pub(crate) use steps::{MAX_STEPS, pointer_of};

use super::condition::Condition;
use crate::expr::selector::Selector;
use crate::expr::value_type::ValueType;

/// Longest document text in bytes.
pub const MAX_BYTES: usize = crate::source::MAX_BYTES;

/// The notation of a document's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// JSON.
    #[serde(rename = "JSON")]
    Json,
    /// YAML.
    #[serde(rename = "YAML")]
    Yaml,
}

impl Format {
    /// The format with this wire name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "JSON" => Some(Self::Json),
            "YAML" => Some(Self::Yaml),
            _ => None,
        }
    }

    /// The wire name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Yaml => "YAML",
        }
    }
}

/// What family of mistake a diagnostic is: decides the exception on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiagnosticKind {
    /// Larger than [`MAX_BYTES`]: MaxDocumentSizeExceeded.
    TooLarge,
    /// `schemaVersion` is not 0.3: InvalidDocumentSchemaVersion.
    SchemaVersion,
    /// No valid JSON or YAML: InvalidDocumentContent.
    Syntax,
    /// Breaks a rule of documents: InvalidDocumentContent.
    Content,
    /// An action that SSM has and this version lacks: InvalidDocumentContent.
    UnsupportedAction,
}

/// One thing wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which family.
    pub kind: DiagnosticKind,
    /// Line from 1; 0 when unknown.
    pub line: u32,
    /// Column from 1; 0 when unknown.
    pub column: u32,
    /// The step at fault.
    pub step: Option<String>,
    /// What is wrong.
    pub message: String,
}

impl std::fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.line == 0 {
            return f.write_str(&self.message);
        }
        write!(
            f,
            "line {}, column {}: {}",
            self.line, self.column, self.message
        )
    }
}

/// A valid Automation document.
#[derive(Debug, Clone, Default)]
pub struct Document {
    /// Markdown text.
    pub description: Option<String>,
    /// `assumeRole` as written: an ARN, or a text with references.
    pub assume_role: Option<String>,
    /// Parameters in their order.
    pub parameters: Vec<Parameter>,
    /// Variables in their order.
    pub variables: Vec<Variable>,
    /// `step.Output` names that the run gives back.
    pub outputs: Vec<String>,
    /// SHA-256 of the attachments that `files` names, in lower case.
    pub files: BTreeMap<String, String>,
    /// All steps, those of loops directly behind their loop.
    pub steps: Vec<Step>,
    /// Positions in `steps` by name.
    pub(crate) by_name: HashMap<String, usize>,
}

impl Document {
    /// The step with this name, in the document or in one of its loops.
    #[must_use]
    pub fn step(&self, name: &str) -> Option<&Step> {
        self.by_name.get(name).and_then(|at| self.steps.get(*at))
    }

    /// The first step of the document.
    #[must_use]
    pub fn first(&self) -> Option<usize> {
        (!self.steps.is_empty()).then_some(0)
    }

    /// Script steps whose code is an attachment of a name that is no reference: the step's name, the attachment's.
    pub fn attached_scripts(&self) -> impl Iterator<Item = (&str, &str)> {
        let scripts = self
            .steps
            .iter()
            .filter(|step| step.action == Action::ExecuteScript && !has(step, "Script"));
        scripts.filter_map(|step| {
            let name = step.inputs.get("Attachment")?.as_str()?;
            (!name.contains("{{")).then_some((step.name.as_str(), name))
        })
    }

    /// The parameter with this name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters
            .iter()
            .find(|parameter| parameter.name == name)
    }
}

/// One step of a document.
#[derive(Debug, Clone)]
pub struct Step {
    /// Unique name.
    pub name: String,
    /// What it does.
    pub action: Action,
    /// Markdown text.
    pub description: Option<String>,
    /// Attempts in all, at least 1.
    pub max_attempts: u32,
    /// Limit per attempt in seconds, if one is declared.
    pub timeout_seconds: Option<u64>,
    /// What follows a failure.
    pub on_failure: OnFailure,
    /// The step that cleans up after a cancellation.
    pub on_cancel: Option<String>,
    /// `isCritical` where it is declared.
    pub is_critical: Option<bool>,
    /// Whether the run (or the pass of a loop) ends here.
    pub is_end: bool,
    /// The step that follows a success, if one is declared.
    pub next_step: Option<String>,
    /// Inputs as written.
    pub inputs: Value,
    /// Declared outputs.
    pub outputs: Vec<Output>,
    /// What a branch or loop holds besides its inputs.
    pub body: Body,
    /// Position of the loop around it.
    pub parent: Option<usize>,
    /// Position of the step behind it in its list.
    pub following: Option<usize>,
}

fn has(step: &Step, input: &str) -> bool {
    step.inputs.get(input).is_some_and(|value| !value.is_null())
}

impl Step {
    /// Whether a failure of this step fails the run: as declared, else unless `onFailure` is Continue.
    #[must_use]
    pub fn critical(&self) -> bool {
        self.is_critical
            .unwrap_or(self.on_failure != OnFailure::Continue)
    }
}

/// `onFailure`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnFailure {
    /// The run stops.
    Abort,
    /// The run goes on as after a success.
    Continue,
    /// The run goes on at this step.
    Step(String),
}

impl OnFailure {
    /// As it stands in documents and in the API.
    #[must_use]
    pub fn wire(&self) -> String {
        match self {
            Self::Abort => "Abort".to_owned(),
            Self::Continue => "Continue".to_owned(),
            Self::Step(name) => format!("step:{name}"),
        }
    }
}

/// A declared output of a step.
#[derive(Debug, Clone)]
pub struct Output {
    /// Name.
    pub name: String,
    /// Where it stands in the answer.
    pub selector: Selector,
    /// What it becomes.
    pub value_type: ValueType,
}

/// The parts of a step that steer.
#[derive(Debug, Clone)]
pub enum Body {
    /// None.
    Plain,
    /// `aws:branch`.
    Branch {
        /// Conditions with the step that each leads to, in order.
        choices: Vec<(Condition, String)>,
        /// The step when none holds.
        default: Option<String>,
    },
    /// `aws:loop`.
    Loop {
        /// First step of a pass.
        first: usize,
        /// Evaluated after each pass; `None` for a loop over iterators.
        condition: Option<Condition>,
    },
}
