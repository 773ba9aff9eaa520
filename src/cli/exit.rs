//! With which code mailrun ends, and why.
//!
//! Scripts and timers rely on these numbers; none ever changes its meaning. Everything in `cli/` that
//! ends a command names one of them, and nothing else writes a number.

use std::process::ExitCode;

use crate::engine::{Cause, Ending};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done; of a campaign: everybody was accepted.
    Done = 0,
    /// Something nobody foresaw.
    Unexpected = 1,
    /// Wrong usage; or a confirmation was needed and nobody could give it; or the campaign is unfinished
    /// and `send` was asked for.
    Usage = 2,
    /// Finished, but some recipients were rejected, expired or are uncertain.
    Incomplete = 3,
    /// Stopped with work left: a quota, a window, `--limit`, a stop rule, `--no-wait`. Resume later.
    WorkLeft = 4,
    /// Nothing of that name, or nothing to resume.
    NotFound = 5,
    /// A campaign, template, list or relay file is invalid.
    Invalid = 10,
    /// Another run holds this workspace.
    Locked = 11,
    /// Work is left and no relay took the login.
    LoginRefused = 12,
    /// Work is left and no relay could be reached.
    Unreachable = 13,
    /// What was planned or expected differs from what is.
    Differs = 14,
    /// The state is unusable: disk full, read-only, journal damaged, clock not to be trusted.
    State = 15,
    /// Ended by SIGHUP, state saved.
    HungUp = 129,
    /// Ended by SIGINT (Ctrl-C), state saved.
    Interrupted = 130,
    /// Ended by SIGTERM, state saved.
    Terminated = 143,
}

impl Exit {
    /// Every code, for the table in the help.
    pub const ALL: [Self; 15] = [
        Self::Done,
        Self::Unexpected,
        Self::Usage,
        Self::Incomplete,
        Self::WorkLeft,
        Self::NotFound,
        Self::Invalid,
        Self::Locked,
        Self::LoginRefused,
        Self::Unreachable,
        Self::Differs,
        Self::State,
        Self::HungUp,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// The number itself.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// What the end of a run means for whoever waits for the exit code.
    pub fn of(ending: &Ending) -> Self {
        if let Some(signal) = ending.signal {
            return Self::of_signal(signal);
        }
        let recipients = &ending.recipients;
        match ending.cause {
            Some(Cause::NoRelay) if ending.refused_login => Self::LoginRefused,
            Some(Cause::NoRelay) => Self::Unreachable,
            Some(Cause::Quota | Cause::Window | Cause::Limit | Cause::StopIf | Cause::Pause) => {
                Self::WorkLeft
            }
            Some(Cause::Cancelled) => Self::Incomplete,
            Some(Cause::Signal) => Self::Interrupted,
            Some(Cause::Crash) => Self::Unexpected,
            None if recipients.pending + recipients.deferred > 0 => Self::WorkLeft,
            None if recipients.rejected + recipients.expired + recipients.uncertain > 0 => Self::Incomplete,
            None => Self::Done,
        }
    }

    /// The code of a shell for a process that `signal` ended.
    fn of_signal(signal: i32) -> Self {
        match signal {
            1 => Self::HungUp,
            15 => Self::Terminated,
            // SIGINT, and whatever else is made to stop a run the same way.
            _ => Self::Interrupted,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::samples;
    use crate::engine::Recipients;

    #[test]
    fn the_numbers_are_those_of_the_documentation() {
        let codes: Vec<u8> = Exit::ALL.into_iter().map(Exit::code).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15, 129, 130, 143]);
    }

    #[test]
    fn an_ending_has_the_code_of_its_worst_news() {
        let left = Recipients { planned: 10, pending: 3, accepted: 7, ..Recipients::default() };
        let done = Recipients { planned: 10, accepted: 10, ..Recipients::default() };
        let bad = Recipients { planned: 10, accepted: 9, rejected: 1, ..Recipients::default() };
        let open = Recipients { planned: 10, accepted: 9, uncertain: 1, ..Recipients::default() };
        let table = [
            (done, None, None, Exit::Done),
            (bad, None, None, Exit::Incomplete),
            (open, None, None, Exit::Incomplete),
            (left, None, None, Exit::WorkLeft),
            (left, Some(Cause::Quota), None, Exit::WorkLeft),
            (left, Some(Cause::StopIf), None, Exit::WorkLeft),
            (left, Some(Cause::NoRelay), None, Exit::Unreachable),
            (left, Some(Cause::Signal), Some(2), Exit::Interrupted),
            (left, Some(Cause::Signal), Some(15), Exit::Terminated),
            (left, Some(Cause::Signal), Some(1), Exit::HungUp),
        ];
        for (recipients, cause, signal, exit) in table {
            let ending = Ending { recipients, cause, signal, ..samples::ending() };
            assert_eq!(Exit::of(&ending), exit, "{ending:?}");
        }
        let refused = Ending {
            recipients: left,
            cause: Some(Cause::NoRelay),
            refused_login: true,
            ..samples::ending()
        };
        assert_eq!(Exit::of(&refused), Exit::LoginRefused);
    }
}
