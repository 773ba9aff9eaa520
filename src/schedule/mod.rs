//! What now, and when next: the scheduler of a run.
//!
//! The scheduler holds everything that is still to be sent and every rule by which a relay may be used. It is
//! asked [`Scheduler::next`] and leases a batch to a relay or says until when it waits and for what; it is
//! told by [`Scheduler::settle`] what became of a batch and decides what happens to its recipients. It
//! never sends, sleeps, writes or reads a clock: `now` is an argument, and the same scheduler drives `send`
//! in real time, `plan` in virtual time and the tests with seeded faults. In reading order:
//!
//! - [`terms`](Terms): what a run is given: its relays, its rules, its backlog;
//! - [`step`](Step): what it answers: leases, waits, decisions;
//! - [`domains`](DomainTable): which domain each recipient is at, where some relay limits any;
//! - [`queue`](Backlog): the batches that are still to be sent, and when each is due; `queue/aside` has
//!   those that wait for their domain;
//! - `opening`: start and sending hours as one question;
//! - `lane`: one relay as the scheduler sees it; `destinations`: the domains it sends to;
//! - [`scheduler`](Scheduler): who gets which batch next;
//! - `find`: where a relay finds its next batch, past those whose domain may have none now;
//! - `waiting`: what each relay waits for, and until when;
//! - `fate`: what a settled batch means for its recipients;
//! - `trouble`: what a refusal means for the relay;
//! - [`hindsight`](Hindsight): whether a breaker would have fired;
//! - [`view`](LaneView): how the lanes stand;
//! - [`simulate`](forecast): the same scheduler in virtual time, for the forecast of `plan`.

mod destinations;
mod domains;
mod fate;
mod find;
mod hindsight;
mod lane;
mod opening;
mod queue;
mod scheduler;
mod simulate;
mod step;
mod terms;
#[cfg(test)]
mod tests;
mod trouble;
mod view;
mod waiting;

pub use domains::DomainTable;
pub use hindsight::Hindsight;
pub use scheduler::Scheduler;
pub use simulate::{Prospect, forecast};
pub use step::{Decision, Note, Step, StopReason, Wait};
pub use terms::{Backlog, LaneSpec, Terms, Waiting};
pub use view::{LaneView, QuotaView};
