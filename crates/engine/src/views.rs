//! What readers are shown: the pure crates' views, for `server`, which may not ask those crates itself.

pub use flow::automation::preview;
pub use flow::automation::undo;
pub use flow::automation::view as automation;
pub use flow::automation::{
    Document, DocumentSource, Format, Input as RunInput, Parsed, ReadDocuments, Resolution,
    RestoreError, Run, Signal, SignalKind, Start, Status, StepExecution, StopKind, Summary,
};

/// State machines: their problems, and their executions.
pub mod machines {
    pub use flow::asl::activity;
    pub use flow::asl::definition::{
        Calls, MachineType, Problem, StateMachine, admit, parse, references,
    };
    pub use flow::asl::graph;
    pub use flow::asl::logging;
    pub use flow::asl::map_run;
    pub use flow::asl::plan;
    pub use flow::asl::review::warned;
    pub use flow::asl::sdk;
    pub use flow::asl::single;
    pub use flow::asl::trial;
    pub use flow::asl::undo;
    pub use flow::asl::{
        Context, Execution, HISTORY_FAMILY, Input, MACHINE_DELETED, MACHINE_INDEX, Settlement,
        Start, Status, UNDO_FAMILY, history_between,
    };
}

/// Calls that an operator asks for.
pub use flow::call;

/// Targets and locations of runs: how they are asked for.
pub use flow::automation::fleet::asked as targets_asked;

/// Parameters of documents: how they are declared and bound.
pub use flow::automation::parameters;

/// Documents: their mistakes, and their other notation.
pub mod documents {
    pub use flow::automation::document::{
        Diagnostic, DiagnosticKind, Format, MAX_BYTES, Parameter, convert, parse,
    };
}

/// Incidents, engagements and contacts: their inputs, states, checks, filters and wire forms.
pub use response::{contact_rules, engage, filters, incident, view};

/// Deliveries of events.
pub use bus::delivery;

/// Asynchronous invocations of functions.
pub use bus::invocation;

/// What was counted of events, by the names of CloudWatch's `AWS/Events`.
pub use bus::measures;

/// Messages that could not be taken in.
pub use bus::parked;

/// Replays of archives.
pub use bus::replay;

/// Messages of topics, and what asks an endpoint to confirm its subscription.
pub mod topics {
    pub use crate::topics::confirmation;
    pub use bus::topics::message::MAX_BYTES as MAX_MESSAGE_BYTES;
    pub use bus::topics::{Message, MessageError};
}

/// What trigger a `StartIncident` makes of a response plan.
pub use response::plan as triggers;

/// What can be said of a rule's target before any event comes.
pub use crate::targets::{TargetFault, check as check_target};
