//! What a reader may ask of a preview.

use jiff::Timestamp;
use model::report::{GivenDocument, StartRun};
use uuid::Uuid;

use super::Bound;
use super::finish::Summary;
use super::state::{Preview, Status};

impl Preview {
    /// Whether it has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.root.status != Status::InProgress
    }

    /// `Status`.
    #[must_use]
    pub fn status(&self) -> Status {
        self.root.status
    }

    /// Why there is no plan.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.root.message.as_deref()
    }

    /// When it began, and when it ended.
    #[must_use]
    pub fn times(&self) -> (Timestamp, Option<Timestamp>) {
        (self.root.started, self.root.ended)
    }

    /// Name and version of the document.
    #[must_use]
    pub fn document(&self) -> (&str, &str) {
        (&self.root.document.0, &self.root.document.1)
    }

    /// What the planned run is asked for.
    #[must_use]
    pub fn request(&self) -> &StartRun {
        &self.root.request
    }

    /// The document itself, where it was given and is not the server's.
    #[must_use]
    pub fn given(&self) -> Option<&GivenDocument> {
        self.given.as_ref()
    }

    /// The waiting run whose remaining steps were planned.
    #[must_use]
    pub fn of_run(&self) -> Option<Uuid> {
        self.root.of
    }

    /// The plan's hash.
    #[must_use]
    pub fn hash(&self) -> Option<&str> {
        self.root.hash.as_deref()
    }

    /// What hangs on the plan.
    #[must_use]
    pub fn bound(&self) -> Option<&Bound> {
        self.root.bound.as_ref()
    }

    /// How the plan differs from the one that was agreed to.
    #[must_use]
    pub fn drift(&self) -> &[String] {
        &self.root.drift
    }

    /// The plan, once it is there.
    #[must_use]
    pub fn summary(&self) -> Option<&Summary> {
        self.summary.as_ref()
    }

    /// The child whose document is wanted.
    #[must_use]
    pub fn wanted(&self) -> Option<&StartRun> {
        let wanted = self.work.as_ref()?.wanted.as_ref()?;
        Some(&wanted.1)
    }
}
