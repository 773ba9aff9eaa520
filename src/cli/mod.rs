//! What the operator types and sees.
//!
//! A command line becomes a call of the engine, and what the engine says becomes tables, bars, JSON and an
//! exit code. Nothing here decides what is sent to whom, and nothing below knows that there is a
//! terminal. Data goes to stdout, talk to stderr; everything that came from outside is escaped first.
//! In reading order:
//!
//! - `args`: what may be typed; `later`: what may be typed one day;
//! - `run`: from the words to a command, and from its result to an [`Exit`];
//! - `operator`: what holds for every command: workspace, campaign, zone, whether we may ask;
//! - one file a command: `init`, `check`, `plan`, `preview`, `send`, `resume`, `status`, `report`,
//!   `show`, `suppress`, `relay`, `doctor`, `purge`, `sandbox`;
//! - `dns`: what is published of who sends;
//! - `brief`: what is about to be sent; `summary`: what was; `ask`: may we;
//!   `doubts`: the uncertain, and what to do about them;
//! - `progress`: a run while it goes on, as bars, lines or JSON;
//! - `printer`, `page`, `table`, `words`, `limits`, `escape`, `csv`: how things are written;
//! - `error`, `diagnostic`, `exit`: what went wrong, how it looks, how it ends.

mod args;
mod ask;
mod brief;
mod check;
mod csv;
mod diagnostic;
mod dns;
mod doctor;
mod doubts;
mod error;
mod escape;
mod exit;
mod init;
mod later;
mod limits;
mod operator;
mod page;
mod plan;
mod preview;
mod printer;
mod progress;
mod purge;
mod relay;
mod report;
mod resume;
mod run;
mod sandbox;
mod send;
mod show;
mod status;
mod steer;
mod summary;
mod suppress;
mod table;
mod words;

#[cfg(test)]
mod samples;

pub use exit::Exit;
pub use run::run;
