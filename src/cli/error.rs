//! Why a command could not do what was asked, with which code it ends, and what helps.
//!
//! The rooms below raise facts; here each gets its exit code and its hint. How it looks on a terminal is
//! decided in `diagnostic.rs`.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::campaign::CampaignError;
use crate::engine::{EngineError, Unfit};
use crate::mail::{Class, Fault};
use crate::store::StoreError;

use super::exit::Exit;
use super::words::{counted, number};

/// Why a command ended early.
#[derive(Debug, Error)]
pub(crate) enum CliError {
    /// The engine could not do it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The command line makes no sense, or does not in this place.
    #[error("{what}")]
    Usage {
        /// What is wrong.
        what: String,
        /// What helps.
        hint: String,
    },
    /// A word of a later version.
    #[error("`{word}` is not in this version of mailrun")]
    Later {
        /// The word.
        word: String,
    },
    /// Nothing has that name.
    #[error("{what}")]
    NotFound {
        /// What there is not.
        what: String,
        /// What helps.
        hint: String,
    },
    /// The operator was asked and did not agree, or could not be asked.
    #[error("{what}; nothing was sent")]
    Unconfirmed {
        /// Why it counts as a no.
        what: String,
    },
    /// As [`CliError::Unconfirmed`], about something else than sending.
    #[error("{what}; nothing was changed")]
    NotDone {
        /// Why it counts as a no.
        what: String,
    },
    /// Nothing of a campaign is left to send but for those of whom nobody can know.
    #[error("{campaign} is finished, and {} uncertain", counted(*.uncertain, "recipient") + if *.uncertain == 1 { " is" } else { " are" })]
    Undecided {
        /// Which.
        campaign: String,
        /// How many.
        uncertain: u64,
    },
    /// Other people would be written to than `--expect` says.
    #[error("--expect says {}, and {} would be written to", number(*.expected), counted(*.found, "recipient"))]
    Unexpected {
        /// As the operator expected.
        expected: u64,
        /// As the plan has it.
        found: u64,
    },
    /// What the operator gave to read holds something else than it should.
    #[error("{} not valid", counted(.0.len() as u64, "line"))]
    Lines(Vec<Fault>),
    /// A file or stream failed.
    #[error("could not {doing} {}", path.display())]
    File {
        /// The verb: "read", "write".
        doing: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A terminal, a pipe or a socket failed.
    #[error("{doing} failed")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The reader of stdout left: no failure.
    #[error("nobody reads stdout")]
    NobodyReads,
}

impl CliError {
    /// A file that could not be read or written.
    pub(crate) fn file(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self::File { doing, path: path.to_owned(), source }
    }

    /// With which code the command ends; `state` is the state directory, if it is not `.mailrun`.
    pub(crate) fn exit(&self, state: Option<&Path>) -> Exit {
        match self {
            Self::Engine(error) => of_engine(error, state),
            Self::Usage { .. } | Self::Later { .. } | Self::Unconfirmed { .. } | Self::NotDone { .. } => {
                Exit::Usage
            }
            Self::NotFound { .. } => Exit::NotFound,
            Self::Undecided { .. } => Exit::Incomplete,
            Self::Unexpected { .. } => Exit::Differs,
            Self::Lines(_) => Exit::Invalid,
            Self::File { source, .. } if source.kind() == io::ErrorKind::NotFound => Exit::NotFound,
            Self::File { .. } | Self::Io { .. } => Exit::Unexpected,
            Self::NobodyReads => Exit::Done,
        }
    }

    /// What the operator can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Engine(error) => hint_of_engine(error),
            Self::Usage { hint, .. } | Self::NotFound { hint, .. } => Some(hint.clone()),
            Self::Later { .. } => Some("`mailrun help` lists what there is".to_owned()),
            Self::Unconfirmed { .. } => Some(
                "--yes answers every question; --expect N refuses unless exactly N people are meant"
                    .to_owned(),
            ),
            Self::Undecided { campaign, .. } => Some(format!(
                "--uncertain resend writes to them again, --uncertain skip leaves them; `mailrun report {campaign} \
                 --state uncertain --csv` lists them"
            )),
            Self::NotDone { .. } => Some("--yes answers every question".to_owned()),
            Self::Unexpected { .. } => Some("look at the list again: `mailrun plan`".to_owned()),
            Self::Lines(_) | Self::File { .. } | Self::Io { .. } | Self::NobodyReads => None,
        }
    }

    /// The faults in files that make up this error; empty if it is something else.
    pub(crate) fn faults(&self) -> Vec<Fault> {
        match self {
            Self::Engine(
                EngineError::Faults(faults) | EngineError::Campaign(CampaignError::Faults(faults)),
            )
            | Self::Lines(faults) => faults.clone(),
            Self::Engine(error @ EngineError::Row { place: Some(place), .. }) => {
                vec![Fault::error(error.to_string()).at(place.clone())]
            }
            Self::Engine(_)
            | Self::Usage { .. }
            | Self::Later { .. }
            | Self::NotFound { .. }
            | Self::Unconfirmed { .. }
            | Self::NotDone { .. }
            | Self::Undecided { .. }
            | Self::Unexpected { .. }
            | Self::File { .. }
            | Self::Io { .. }
            | Self::NobodyReads => Vec::new(),
        }
    }
}

impl From<io::Error> for CliError {
    fn from(source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::BrokenPipe => Self::NobodyReads,
            _ => Self::Io { doing: "writing to stdout", source },
        }
    }
}

impl From<CampaignError> for CliError {
    fn from(error: CampaignError) -> Self {
        Self::Engine(EngineError::Campaign(error))
    }
}

fn of_engine(error: &EngineError, state: Option<&Path>) -> Exit {
    match error {
        EngineError::Campaign(CampaignError::NoCampaign { .. } | CampaignError::NoWorkspace { .. })
        | EngineError::NothingToResume { .. }
        | EngineError::Finished { .. }
        | EngineError::NeverPlanned { .. }
        | EngineError::NeverSent { .. }
        | EngineError::NoPlan { .. }
        | EngineError::Store(StoreError::Purged { .. }) => Exit::NotFound,
        EngineError::Campaign(_)
        | EngineError::Faults(_)
        | EngineError::Row { .. }
        | EngineError::Rows(_)
        | EngineError::Relay { .. } => Exit::Invalid,
        EngineError::Store(StoreError::Locked { .. }) => Exit::Locked,
        EngineError::Store(_) => Exit::State,
        EngineError::Unfinished { .. } | EngineError::Unavailable { .. } => Exit::Usage,
        EngineError::Differs { .. } => Exit::Differs,
        EngineError::Password { .. }
        | EngineError::NoPassword { .. }
        | EngineError::Unreachable { class: Class::Login, .. } => Exit::LoginRefused,
        EngineError::Unreachable { .. } => Exit::Unreachable,
        EngineError::Io { path, .. } if is_state(path, state) => Exit::State,
        EngineError::Io { .. } => Exit::Unexpected,
    }
}

/// Whether a path lies in the state directory.
fn is_state(path: &Path, state: Option<&Path>) -> bool {
    state.is_some_and(|state| path.starts_with(state))
        || path.components().any(|part| part.as_os_str() == ".mailrun")
}

fn hint_of_engine(error: &EngineError) -> Option<String> {
    match error {
        EngineError::Campaign(CampaignError::NoCampaign { nearest: Some(nearest), .. }) => {
            Some(format!("did you mean `{nearest}`?"))
        }
        EngineError::Campaign(CampaignError::NoWorkspace { .. }) => {
            Some("`mailrun init` makes one here; --dir DIR names one elsewhere".to_owned())
        }
        EngineError::Store(StoreError::Locked { .. }) => {
            Some("`mailrun status` shows what it does; Ctrl-C in its terminal stops it safely".to_owned())
        }
        EngineError::Campaign(_)
        | EngineError::Faults(_)
        | EngineError::Row { .. }
        | EngineError::Io { .. } => None,
        EngineError::Store(error) => error.hint(),
        EngineError::Rows(Unfit::TooManyInvalid { .. }) => {
            Some("`mailrun check` lists them; is it the right file, delimiter and column?".to_owned())
        }
        EngineError::Rows(Unfit::Unrendered { .. }) => {
            Some("`mailrun check` lists them; --skip-invalid sends to the others".to_owned())
        }
        EngineError::NeverPlanned { campaign } => {
            Some(format!("`mailrun plan {campaign}` shows what would be sent"))
        }
        EngineError::NeverSent { campaign } => Some(format!("`mailrun send {campaign}` asks, and sends it")),
        EngineError::Unfinished { campaign, .. } => Some(format!(
            "`mailrun resume {campaign}` goes on where it stopped, `mailrun cancel {campaign}` gives it up"
        )),
        EngineError::Finished { campaign } => {
            Some(format!("`mailrun report {campaign}` says what became of everybody"))
        }
        EngineError::NothingToResume { campaign } => Some(format!(
            "`mailrun send {campaign}` starts it, `mailrun status {campaign}` shows how it stands"
        )),
        EngineError::Differs { .. } => Some("plan again and look: `mailrun plan`".to_owned()),
        EngineError::NoPlan { .. } => Some("`mailrun plan` makes one and shows its id".to_owned()),
        EngineError::Relay { hint, .. } => hint.clone(),
        EngineError::Unreachable { relay, hint, .. } => {
            let advice = hint.map(|advice| format!("{advice}; ")).unwrap_or_default();
            Some(format!("{advice}`mailrun relay test {relay} -v` shows the dialogue"))
        }
        EngineError::Password { relay, .. } => Some(format!(
            "set it where campaigns/relays.toml says for [relays.{relay}], for example in the environment"
        )),
        EngineError::NoPassword { relay, .. } => Some(format!(
            "add password = {{ env = \"NAME\" }}, {{ file = \"PATH\" }} or {{ command = [\"pass\", \"NAME\"] }} to \
             [relays.{relay}] in campaigns/relays.toml; on a terminal it is asked for"
        )),
        EngineError::Unavailable { .. } => Some("`mailrun help` lists what there is".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Stage;

    #[test]
    fn every_fact_has_its_exit_code() {
        let table = [
            (EngineError::NothingToResume { campaign: "a".into() }, Exit::NotFound),
            (EngineError::NoPlan { id: "x".into() }, Exit::NotFound),
            (EngineError::Faults(Vec::new()), Exit::Invalid),
            (EngineError::Unfinished { campaign: "a".into(), stage: Stage::Interrupted }, Exit::Usage),
            (EngineError::Differs { what: Vec::new() }, Exit::Differs),
            (
                EngineError::Store(StoreError::Locked { path: "/w/.mailrun".into(), pid: Some(1) }),
                Exit::Locked,
            ),
            (EngineError::Io { path: "/w/.mailrun/lock".into(), source: io::Error::other("x") }, Exit::State),
            (EngineError::Io { path: "/w/list.csv".into(), source: io::Error::other("x") }, Exit::Unexpected),
        ];
        for (error, exit) in table {
            let error = CliError::from(error);
            assert_eq!(error.exit(None), exit, "{error}");
        }
        let moved = EngineError::Io { path: "/var/state/lock".into(), source: io::Error::other("x") };
        assert_eq!(CliError::from(moved).exit(Some(Path::new("/var/state"))), Exit::State);
        assert_eq!(CliError::Later { word: "pause".into() }.exit(None), Exit::Usage);
        assert_eq!(CliError::Unexpected { expected: 1, found: 2 }.exit(None), Exit::Differs);
    }

    #[test]
    fn a_reader_who_left_is_no_failure() {
        let gone = CliError::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(gone.exit(None), Exit::Done);
    }

    #[test]
    fn an_unmet_expectation_is_said_in_numbers() {
        let error = CliError::Unexpected { expected: 1_000, found: 998 };
        assert_eq!(error.to_string(), "--expect says 1,000, and 998 recipients would be written to");
    }
}
