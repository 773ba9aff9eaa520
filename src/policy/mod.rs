//! How many, how fast, how long to wait: the rules by which a relay is used.
//!
//! Everything here is a value or a function of values. Time is an argument, chance is an argument, and
//! a refusal says when to come back. In reading order:
//!
//! - [`quota`](Quota): what a provider counts over a minute or longer, and how much of it is left;
//! - [`allowance`](Allowance): all of an account's quotas and its warm-up together, for the scheduler;
//! - [`warmup`](Warmup): how much an account that is new may send on which day;
//! - [`rate`](Rate): how fast, below a minute;
//! - [`domain`](DomainLimits): how much of it may be for one domain;
//! - [`hours`](Hours): when a campaign may send at all;
//! - [`retry`](Retry): how long a deferred recipient waits, and when to give up;
//! - [`concurrency`](Concurrency): how many sessions a relay bears;
//! - [`breaker`](Breaker): when refusals mean that something is wrong with the sender.

mod allowance;
mod breaker;
mod concurrency;
mod domain;
mod hours;
mod quota;
mod rate;
mod retry;
mod warmup;

pub use allowance::Allowance;
pub use breaker::{Breaker, ContentBreaker, StopIf};
pub use concurrency::Concurrency;
pub use domain::{DomainLimit, DomainLimits};
pub use hours::Hours;
pub use quota::{Period, Quota, Unit};
pub use rate::{Limiter, Rate};
pub use retry::{Deferral, Retry, doubled};
pub use warmup::{Ramp, Warmup};
