//! Who is written to, and in which batch.
//!
//! A plan is made in one pass over the list: each row is offered or left out, and what comes out are the
//! batches, the count of those left out by reason, and the first rows of each reason to show. Nothing
//! here reads a file or knows a relay beyond the numbers it is given. In reading order:
//!
//! - [`planner`](Planner): takes the rows, finds the duplicates, counts;
//! - `variants`: brings recipients whose message is the same together;
//! - [`capacity`](uncertain_bound): how many a crash could leave uncertain, and how much state a
//!   campaign needs.

mod capacity;
mod planner;
mod variants;

pub use capacity::{Exposure, state_bytes, uncertain_bound};
pub use planner::{Domains, LeftOut, Planned, Planner, Rules, Standing};
