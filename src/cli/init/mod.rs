//! `mailrun init`: a campaign that previews and sends to the sandbox at once.
//!
//! - `command`: the flags, and what is said;
//! - `scaffold`: the files, which are written and never overwritten.
//!
//! The files themselves lie in `files/`, as they will lie in the workspace.

mod command;
mod scaffold;

pub(crate) use command::{InitArgs, run};
