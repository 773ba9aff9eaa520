//! The other end: an SMTP server inside mailrun, for the example, for rehearsals and for tests.
//!
//! It speaks real SMTP over loopback, keeps what it takes as `.eml` files or only counts it, and can be
//! as ill-tempered as any provider: limits, quotas, latency, refusals, hang-ups. It delivers nothing to
//! anybody. It knows nothing of campaigns or of the rest of mailrun, so that it can be the witness
//! against it. In reading order:
//!
//! - [`persona`](Persona): how a server of this kind behaves, as `[relays.NAME.sandbox]` writes it;
//! - `glob`: the patterns that choose recipients in a persona;
//! - [`mailbox`](Mailbox): what becomes of the messages taken, and the log of acceptances;
//! - `books`: what all sessions of a server share: [counters](Counters), quotas, greylists;
//! - `command`: one command line, read;
//! - `content`: where content ends, and what it was before dot-stuffing;
//! - `conversation`: the dialogue, octets in and octets out, without a socket or a clock;
//! - `transaction`: what MAIL, RCPT and content have brought so far;
//! - `login`: AUTH, as far as a pretence needs it;
//! - [`server`](Server): the sockets around it.

mod books;
mod command;
mod content;
mod conversation;
mod glob;
mod login;
mod mailbox;
mod persona;
mod server;
mod transaction;

pub use books::Counters;
pub use glob::Glob;
pub use mailbox::{AcceptanceLog, Keep, Mailbox};
pub use persona::{Defer, DropAt, Drops, Persona, QuotaUnit, Refusal, RefusalError, RefusalPhase, Refuse};
pub use server::Server;
