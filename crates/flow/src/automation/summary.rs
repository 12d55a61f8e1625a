//! What lists show of a run: read from a few of its frames, without its document's meaning and without its past steps.

use std::sync::Arc;

use model::report::StartRun;
use serde_json::Value;
use uuid::Uuid;

use super::document::Document;
use super::fleet::{Member, Members};
use super::record::StepExecution;
use super::restore_error::RestoreError;
use super::run::{DOCUMENT_FRAME, MEMBERS_FRAME, Origin, Root, Run, read, step_key};

/// Most documents that are remembered while a list is made.
const REMEMBERED: usize = 16;

/// A run as lists show it.
#[derive(Debug, Clone)]
pub struct Summary {
    pub(crate) root: Root,
    pub(crate) origin: Arc<Origin>,
    /// Name and action of the step that is under way, or that comes next.
    pub(crate) current: Option<(String, String)>,
    pub(crate) members: Arc<Vec<Member>>,
}

/// Documents that were read while a list is made: runs of one document stand together.
#[derive(Debug, Default)]
pub struct ReadDocuments(Vec<(Arc<Origin>, Arc<Document>)>);

impl ReadDocuments {
    fn of(&mut self, origin: &Arc<Origin>) -> Result<Arc<Document>, RestoreError> {
        let same =
            |other: &Origin| other.format == origin.format && other.content == origin.content;
        if let Some((_, known)) = self.0.iter().find(|(other, _)| same(other)) {
            return Ok(Arc::clone(known));
        }
        let document = Arc::new(origin.parsed()?);
        if self.0.len() == REMEMBERED {
            self.0.remove(0);
        }
        self.0.push((Arc::clone(origin), Arc::clone(&document)));
        Ok(document)
    }
}

impl Summary {
    /// The frames that a summary is made of besides the root, by the root.
    ///
    /// # Errors
    /// The root is damaged or newer than this program.
    pub fn frames(root: &Value) -> Result<Vec<String>, RestoreError> {
        let root: Root = read("", root.clone())?;
        let mut keys = vec![DOCUMENT_FRAME.to_owned()];
        keys.extend(root.current.as_ref().map(|current| step_key(current.seq)));
        if root.fleet.is_some() {
            keys.push(MEMBERS_FRAME.to_owned());
        }
        Ok(keys)
    }

    /// Makes a summary of the frames of [`Summary::frames`], or of all. Only a run that stands between two steps needs its
    /// document's meaning, for the name of the next one.
    ///
    /// # Errors
    /// When a frame is missing, damaged or newer than this program.
    pub fn restore(
        frames: Vec<(String, Value)>,
        documents: &mut ReadDocuments,
    ) -> Result<Self, RestoreError> {
        let missing = |key: &str| RestoreError::Missing(key.to_owned());
        let mut frames: Vec<(String, Value)> = frames;
        let mut take = |key: &str| {
            let at = frames.iter().position(|(found, _)| found == key)?;
            Some(frames.swap_remove(at).1)
        };
        let root: Root = read("", take("").ok_or_else(|| missing(""))?)?;
        let origin = take(DOCUMENT_FRAME).ok_or_else(|| missing(DOCUMENT_FRAME))?;
        let origin: Arc<Origin> = Arc::new(read(DOCUMENT_FRAME, origin)?);
        let members = match take(MEMBERS_FRAME) {
            Some(body) => read::<Members>(MEMBERS_FRAME, body)?.members,
            None => Vec::new(),
        };
        let current = match (&root.current, root.next) {
            (Some(current), _) => {
                let key = step_key(current.seq);
                let body = take(&key).ok_or_else(|| missing(&key))?;
                let record: StepExecution = read(&key, body)?;
                Some((record.name, record.action))
            }
            (None, Some(next)) => {
                let document = documents.of(&origin)?;
                let step = document.steps.get(next);
                step.map(|step| (step.name.clone(), step.action.as_str().to_owned()))
            }
            (None, None) => None,
        };
        Ok(Self {
            root,
            origin,
            current,
            members: Arc::new(members),
        })
    }

    /// The execution id.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.root.id
    }

    /// What the run was asked for.
    #[must_use]
    pub fn request(&self) -> &StartRun {
        &self.origin.request
    }

    /// Name of the step that is under way, or that comes next.
    #[must_use]
    pub fn current_step(&self) -> Option<&str> {
        self.current.as_ref().map(|(name, _)| name.as_str())
    }

    /// Why the current step's outcome is unknown, if it is.
    #[must_use]
    pub fn unknown(&self) -> Option<&str> {
        let unknown = self.root.current.as_ref()?.unknown.as_ref();
        unknown.map(|(_, reason)| reason.as_str())
    }
}

impl Run {
    /// The run as lists show it.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let at = self.root.current.as_ref().map(|current| current.step);
        let step = at
            .or(self.root.next)
            .and_then(|at| self.document.steps.get(at));
        Summary {
            root: self.root.clone(),
            origin: Arc::clone(&self.origin),
            current: step.map(|step| (step.name.clone(), step.action.as_str().to_owned())),
            members: Arc::clone(&self.members),
        }
    }
}
