//! `mailrun report`: totals, by relay, by domain, by error; or every recipient as CSV.
//!
//! - `command`: the flags, and which of the three forms is written;
//! - `breakdown`: recipients by domain and by error;
//! - `export`: one row a recipient.

mod breakdown;
mod command;
mod export;

pub(crate) use command::{ReportArgs, run};
