//! Message in, outcome out: what stands between the engine and one relay's wire.
//!
//! In reading order:
//!
//! - [`submit`](Submit): the seam: work goes in, reports come out, a settlement for every batch;
//! - [`ahead`](Ahead): messages made before they are asked for, by threads of their own;
//! - [`settings`](RelaySettings): what a pool must know of its relay;
//! - [`error`](RelayError): why a session could not be opened;
//! - [`token`](TokenCommand): tokens, from a command;
//! - `entrance`: what every session is opened with;
//! - [`profile`](Profile): whose habits of speech a reply is read with;
//! - `rules`: the table of what servers say in words;
//! - `status`: what codes mean where the words say nothing;
//! - [`verdict`](judge): class, scope and permanence of a refusal;
//! - `waits`: when a server asks to be asked again;
//! - [`wording`](words): a reply's text as it may be shown and stored;
//! - [`settle`](settle()): from what the wire saw to what happens to each recipient, and to the charge;
//! - `trouble`: what a failed session means for its relay;
//! - `lane`: when another session may be opened;
//! - `manners`: how boldly its server may be spoken to;
//! - `advice`: what to do about a login that is refused;
//! - `errand`: what one session draws on;
//! - [`pool`](RelayPool): the sessions of a relay, opened on demand;
//! - [`probe`](probe()): one session opened to be looked at;
//! - [`dns`](look_up()): what the DNS says of those who send.

mod advice;
mod ahead;
mod certificate;
mod dns;
mod entrance;
mod errand;
mod error;
mod lane;
mod manners;
mod pool;
mod probe;
mod profile;
mod rules;
mod settings;
mod settle;
mod status;
mod submit;
mod token;
mod trouble;
mod verdict;
mod waits;
mod wording;

pub use ahead::{Ahead, Makers, Withdrawal};
pub use certificate::Certificate;
pub use dns::{DomainKey, Finding, Provider, ReversePath, Sender, State, Subject, look_up, look_up_keys};
pub use error::RelayError;
pub use pool::RelayPool;
pub use probe::{Asked, Probe, ProbeError, probe};
pub use profile::Profile;
pub use settings::{Credential, Credentials, RelaySettings};
pub use settle::{Accounting, settle};
pub use submit::{Compose, Report, Reports, Retry, SessionEvent, Submit, Unsendable, Work};
pub use token::TokenCommand;
pub use verdict::judge;
pub use wording::{queue_id, words};

// Simulated relays settle as sessions do.
#[cfg(test)]
pub(crate) use crate::smtp::{Ending, Fate, Refusals};
