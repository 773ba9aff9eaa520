//! The wire: SMTP submission as a client (RFC 5321, RFC 2920, RFC 3207, RFC 4954).
//!
//! What decides is pure and what moves octets decides nothing. In reading order:
//!
//! - [`command`](Command): every command, written by one function that looks at each octet;
//! - [`reply`](Replies): the reply parser, bounded;
//! - [`extension`](Extensions): what a server announces;
//! - [`transparency`](check): dot-stuffing, and the last gate before the wire;
//! - [`transaction`](Ending): one message under way, and how it ended;
//! - `examine`: whether a server can take a message, by its own announcement;
//! - `wire`: octets going out and the replies they draw;
//! - [`mode`](Mode): how much may be under way at once; `window`: how many messages where they are streamed;
//! - [`dialogue`](Dialogue): the state machine over all of these;
//! - [`auth`](Login): logging in;
//! - [`timeouts`](Timeouts): how long to wait for what;
//! - [`tls`](Trust): whose certificates are believed;
//! - `addresses`: which address of a host comes first;
//! - [`overheard`](Overheard): what a server said before TLS was up;
//! - [`stream`](Stream): a connection, encrypted or not;
//! - `connection`: a stream and the replies read from it;
//! - [`session`](Session): greeted, encrypted, authenticated;
//! - [`conversation`](Errand): a session at work, from message to ending; `questions`: what it
//!   asks the gate; `watch`: its timer;
//! - [`transcript`](Transcript): what was said, without secrets;
//! - [`error`](SmtpError): what can go wrong between us and a server.

mod addresses;
mod auth;
mod command;
mod connection;
mod conversation;
mod dialogue;
mod error;
mod examine;
mod extension;
mod mode;
#[cfg(test)]
mod notified;
mod overheard;
mod questions;
mod reply;
mod session;
#[cfg(test)]
mod specimen;
mod stream;
mod timeouts;
mod tls;
mod transaction;
mod transcript;
mod transparency;
mod watch;
mod window;
mod wire;

pub use auth::{Login, Mechanism, Secret};
pub use command::{Body, Charset, Command, CommandError, Mail, Rcpt, xtext};
pub use conversation::{Close, Errand, Terms};
pub use dialogue::{Break, Dialogue, Loss, Refusal};
pub use error::SmtpError;
pub use extension::{Extension, Extensions};
pub use mode::{Manner, Mode};
pub use overheard::Overheard;
pub use reply::{Malformed, RawReply, Replies};
pub use session::{ClearTo, Security, Session, Target};
#[cfg(test)]
pub(crate) use specimen::{OpenGate, message};
pub use stream::{Encryption, Ends, Route, Stream};
pub use timeouts::Timeouts;
pub use tls::Trust;
pub use transaction::{Ending, Fate, Refusals, is_ours};
pub use transcript::{Said, Step, Transcript};
pub use transparency::{Octets, Opaque, check, stuff};
