//! How the command ends when it does not end well, and what it says then.

use std::io::Write;
use std::process::ExitCode;

use super::output;

/// The end of a command that did not succeed.
#[derive(Debug)]
pub(crate) enum Ended {
    /// Refused, or failed for good: exit status 1.
    Refused(String),
    /// The command line or the parameters are wrong, and nothing was sent: exit status 2.
    Usage(String),
    /// It may have happened: exit status 3.
    Unknown(String),
    /// Whoever read the output is gone; the call itself went well.
    ReaderGone,
}

pub(crate) type Result<T> = std::result::Result<T, Ended>;

impl Ended {
    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self::Refused(message.into())
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    /// The same end with more to say.
    pub(crate) fn because(self, more: &str) -> Self {
        match self {
            Self::Refused(message) => Self::Refused(format!("{message}; {more}")),
            other => other,
        }
    }

    /// Says it on standard error.
    pub(crate) fn tell(self) -> ExitCode {
        let (message, status) = match self {
            Self::Refused(message) => (message, 1),
            Self::Usage(message) => (message, 2),
            Self::Unknown(message) => (message, 3),
            Self::ReaderGone => return ExitCode::SUCCESS,
        };
        say(&message);
        ExitCode::from(status)
    }
}

/// Writes lines to standard error. They may hold a service's or an attacker's words: nothing in them moves a cursor.
pub(crate) fn say(message: &str) {
    let mut stderr = std::io::stderr().lock();
    for line in message.lines() {
        // Nobody is left to be told that nobody listens.
        let _ = writeln!(stderr, "quell: {}", output::harmless(line));
    }
}
