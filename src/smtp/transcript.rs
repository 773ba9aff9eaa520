//! What was said while a session was opened, line by line, without secrets, and how long it took.
//!
//! Secrets never come here: the lines of AUTH are noted as `auth.rs` shows them. Replies are noted as the
//! server wrote them, so escape them before a terminal sees them.

use std::time::Duration;

use tokio::time::Instant;

/// Lines and steps that are kept at most.
const LINES_LIMIT: usize = 2000;

/// One line of a transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// By us.
    Client(String),
    /// By the server.
    Server(String),
    /// Something that happened between the lines, in our words.
    Note(String),
}

/// One step of a session's opening and how long it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// `connect`, `TLS`, `greeting`, `EHLO`, `STARTTLS` (its handshake included) or `AUTH`.
    pub name: &'static str,
    /// From its beginning to its end.
    pub took: Duration,
}

/// Lines in the order in which they were said, or nothing where nobody wants to know.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Transcript {
    lines: Option<Vec<Said>>,
    steps: Vec<Step>,
}

impl Transcript {
    /// A transcript that keeps the lines.
    pub fn kept() -> Self {
        Self { lines: Some(Vec::new()), steps: Vec::new() }
    }

    /// A transcript that keeps nothing and costs nothing.
    pub fn discarded() -> Self {
        Self { lines: None, steps: Vec::new() }
    }

    /// The lines so far.
    pub fn lines(&self) -> &[Said] {
        self.lines.as_deref().unwrap_or_default()
    }

    /// The steps that came to an end, in their order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The lines as a dialogue is written down: `C:` before ours, `S:` before the server's.
    pub fn in_words(&self) -> Vec<String> {
        let line = |said: &Said| match said {
            Said::Client(line) => format!("C: {line}"),
            Said::Server(line) => format!("S: {line}"),
            Said::Note(note) => format!("-- {note}"),
        };
        self.lines().iter().map(line).collect()
    }

    /// Notes that a step which began at `since` is over, if anything is kept.
    pub(super) fn time(&mut self, name: &'static str, since: Instant) {
        if self.lines.is_some() && self.steps.len() < LINES_LIMIT {
            self.steps.push(Step { name, took: since.elapsed() });
        }
    }

    /// Adds a line, which is made only if it is kept.
    pub(super) fn add(&mut self, line: impl FnOnce() -> Said) {
        if let Some(lines) = &mut self.lines
            && lines.len() < LINES_LIMIT
        {
            lines.push(line());
        }
    }
}
