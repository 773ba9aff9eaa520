//! One session, opened to be looked at: what `relay test` shows.

use std::fmt;

use thiserror::Error;

use super::certificate::Certificate;
use super::entrance::Entrance;
use super::error::RelayError;
use super::settings::RelaySettings;
use crate::mail::{Reply, Trouble};
use crate::smtp::{Command, Encryption, Extensions, Mechanism, Transcript};

/// What else a probe asks, outside of any transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// HELP.
    Help,
    /// VRFY with a name or address.
    Verify(String),
    /// EXPN with the name of a list.
    Expand(String),
}

impl fmt::Display for Asked {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Help => formatter.write_str("HELP"),
            Self::Verify(name) => write!(formatter, "VRFY {name}"),
            Self::Expand(name) => write!(formatter, "EXPN {name}"),
        }
    }
}

impl Asked {
    fn command(&self) -> Command<'_> {
        match self {
            Self::Help => Command::Help,
            Self::Verify(name) => Command::Verify(name),
            Self::Expand(name) => Command::Expand(name),
        }
    }
}

/// What a session that could be opened showed.
#[derive(Debug, Clone)]
pub struct Probe {
    /// What TLS came to; none in the clear.
    pub encryption: Option<Encryption>,
    /// The server's certificate, as far as it could be read.
    pub certificate: Option<Certificate>,
    /// How we logged in; none if nobody did.
    pub mechanism: Option<Mechanism>,
    /// What the server announced last.
    pub extensions: Extensions,
    /// The answers to what was asked beside, in order.
    pub answers: Vec<(Asked, Reply)>,
    /// What was said, without secrets.
    pub transcript: Transcript,
}

/// Why there is nothing to show, and how far it came.
#[derive(Debug, Error)]
#[error("{error}")]
pub struct ProbeError {
    /// What went wrong.
    #[source]
    pub error: RelayError,
    /// What that means for the relay.
    pub trouble: Trouble,
    /// What was said until then, without secrets.
    pub transcript: Transcript,
}

/// Opens a session as a run would, asks `questions`, and says QUIT. Sends no mail.
///
/// # Errors
/// What kept the session from being opened, or ended it, with the transcript up to there.
pub async fn probe(settings: &RelaySettings, questions: Vec<Asked>) -> Result<Probe, Box<ProbeError>> {
    let mut transcript = Transcript::kept();
    match look(settings, questions, &mut transcript).await {
        Ok(probe) => Ok(Probe { transcript, ..probe }),
        Err(error) => {
            let trouble = error.trouble(settings.profile);
            Err(Box::new(ProbeError { error, trouble, transcript }))
        }
    }
}

async fn look(
    settings: &RelaySettings,
    questions: Vec<Asked>,
    transcript: &mut Transcript,
) -> Result<Probe, RelayError> {
    let mut session = Entrance::new(settings)?.open(transcript).await?;
    let mut answers = Vec::with_capacity(questions.len());
    for asked in questions {
        let reply = session.ask(&asked.command(), transcript).await?;
        answers.push((asked, reply));
    }
    let encryption = session.encryption();
    let certificate = encryption
        .as_ref()
        .and_then(|encryption| encryption.certificate.as_deref())
        .and_then(Certificate::read);
    let probe = Probe {
        encryption,
        certificate,
        mechanism: session.mechanism(),
        extensions: session.extensions().clone(),
        answers,
        transcript: Transcript::discarded(),
    };
    session.quit().await;
    Ok(probe)
}
