//! The stage on which the tests play: a workspace of its own, the binary, and servers that talk back.
//!
//! Everything here drives mailrun from outside, by its command line, and judges it by what it prints and
//! by what servers received; nothing imports a room of `src/`. Each test crate uses its part of it.
//!
//! - [`Workspace`]: a folder with campaigns, lists and templates, and the binary let loose in it;
//! - [`Run`]: how a command ended and what it said;
//! - [`Terminal`]: a terminal that somebody types at;
//! - [`Peer`]: a small SMTP server with a [`Habit`], inside the test;
//! - [`Names`]: a small DNS server inside the test;
//! - [`Oracle`]: `mailrun sandbox` as a process of its own, with its log of what it accepted;
//! - [`Fate`]: one line of `report --csv`.

mod names;
mod oracle;
mod peer;
mod report;
mod run;
mod terminal;
mod workspace;

pub(crate) use names::Names;
pub(crate) use oracle::{Acceptance, Oracle, free_port};
pub(crate) use peer::{Habit, Peer, Taken};
pub(crate) use report::{Fate, fates, recipients_of};
pub(crate) use run::{Run, Running};
pub(crate) use terminal::Terminal;
pub(crate) use workspace::{Workspace, binary};
