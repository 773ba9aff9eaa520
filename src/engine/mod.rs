//! Drives the scheduler in real time.

mod event;
mod view;

pub use event::{Ending, Event, Told};
pub use view::{BatchCount, Cause, QuotaView, Recipients, RelayView, Stage, Status};
