//! What the operator ordered for one run, beside what the files say.

/// Whether a run stays when nothing is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wait {
    /// Wait for quotas, windows and retries.
    #[default]
    ForWork,
    /// End as soon as nothing is due.
    Never,
}

/// What whoever watches is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tell {
    /// The picture, and what the operator must know.
    #[default]
    Totals,
    /// Also each recipient's every attempt.
    EveryDelivery,
}

/// What becomes of recipients who may or may not have received the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Uncertain {
    /// They are left as they are, and named.
    #[default]
    Skip,
    /// They are written to again, with the same message.
    Resend,
}

/// What the operator ordered for one run.
#[derive(Debug, Clone, Default)]
pub struct Orders {
    /// Whether the run stays when nothing is due.
    pub wait: Wait,
    /// At most so many recipients are written to in this run.
    pub limit: Option<u64>,
    /// What whoever watches is told.
    pub tell: Tell,
    /// What becomes of uncertain recipients; looked at by `resume` only.
    pub uncertain: Uncertain,
}
