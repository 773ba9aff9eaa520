//! `mailrun doctor`: whether the state can be trusted, and what to do where it cannot.
//!
//! - `command`: the flags, and which of its works is done;
//! - `checklist`: a line for each part of the state;
//! - `export`: the journal as JSON Lines;
//! - `clock`: taking the clock as it is.

mod checklist;
mod clock;
mod command;
mod export;

pub(crate) use command::{DoctorArgs, run};
