//! `mailrun doctor`: whether the state can be trusted, and what to do where it cannot.
//!
//! - `command`: the flags, and which of its works is done;
//! - `clock`: taking the clock as it is.

mod clock;
mod command;

pub(crate) use command::{DoctorArgs, run};
