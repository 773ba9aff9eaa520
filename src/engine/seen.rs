//! What a look at a relay showed, for those who tell it.

use std::time::Duration;

use jiff::Timestamp;

use crate::mail::Reply;
use crate::relay::{Asked, Certificate, Probe};

use super::clock::now;

/// What a look at a relay showed.
#[derive(Debug, Clone)]
pub struct Seen {
    /// When.
    pub at: Timestamp,
    /// The version and cipher of TLS; none in the clear.
    pub tls: Option<String>,
    /// The server's certificate; none in the clear, or where it cannot be read.
    pub certificate: Option<Certificate>,
    /// How we logged in; none if nobody did.
    pub login: Option<String>,
    /// What the server announced, a keyword and its parameters each.
    pub extensions: Vec<String>,
    /// How long each step took, in their order.
    pub steps: Vec<(&'static str, Duration)>,
    /// What was asked beside, and the answers.
    pub answers: Vec<(Asked, Reply)>,
    /// The dialogue, line by line, without secrets.
    pub transcript: Vec<String>,
}

impl From<Probe> for Seen {
    fn from(probe: Probe) -> Self {
        Self {
            at: now(),
            tls: probe.encryption.map(|found| format!("{} {}", found.version, found.cipher)),
            certificate: probe.certificate,
            login: probe.mechanism.map(|mechanism| mechanism.name().to_owned()),
            extensions: probe.extensions.lines().to_vec(),
            steps: probe.transcript.steps().iter().map(|step| (step.name, step.took)).collect(),
            answers: probe.answers,
            transcript: probe.transcript.in_words(),
        }
    }
}
