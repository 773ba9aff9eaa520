//! How many, how fast, how long to wait: the rules by which a relay is used.
//!
//! Everything here is a value or a function of values. Time is an argument, chance is an argument, and
//! a refusal says when to come back. In reading order:
//!
//! - [`quota`](Quota): what a provider counts over a minute or longer, and how much of it is left;
//! - [`allowance`](Allowance): all of an account's quotas together, for the scheduler;
//! - [`rate`](Rate): how fast, below a minute;
//! - [`hours`](Hours): when a campaign may send at all;
//! - [`retry`](Retry): how long a deferred recipient waits, and when to give up;
//! - [`concurrency`](Concurrency): how many sessions a relay bears;
//! - [`breaker`](Breaker): when refusals mean that something is wrong with the sender.

mod allowance;
mod breaker;
mod concurrency;
mod hours;
mod quota;
mod rate;
mod retry;

pub use allowance::Allowance;
pub use breaker::{Breaker, ContentBreaker, StopIf};
pub use concurrency::Concurrency;
pub use hours::Hours;
pub use quota::{Period, Quota, Unit};
pub use rate::{Limiter, Rate};
pub use retry::{Deferral, Retry, doubled};
