//! What was said while a session was opened, line by line, without secrets.
//!
//! Secrets never come here: the lines of AUTH are noted as `auth.rs` shows them. Replies are noted as the
//! server wrote them, so escape them before a terminal sees them.

/// Lines that are kept at most.
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

/// Lines in the order in which they were said, or nothing where nobody wants to know.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Transcript {
    lines: Option<Vec<Said>>,
}

impl Transcript {
    /// A transcript that keeps the lines.
    pub fn kept() -> Self {
        Self { lines: Some(Vec::new()) }
    }

    /// A transcript that keeps nothing and costs nothing.
    pub fn discarded() -> Self {
        Self { lines: None }
    }

    /// The lines so far.
    pub fn lines(&self) -> &[Said] {
        self.lines.as_deref().unwrap_or_default()
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

    /// Adds a line, which is made only if it is kept.
    pub(super) fn add(&mut self, line: impl FnOnce() -> Said) {
        if let Some(lines) = &mut self.lines
            && lines.len() < LINES_LIMIT
        {
            lines.push(line());
        }
    }
}
