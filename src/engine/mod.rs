//! Drives the scheduler in real time: from an operator's files to a run, and what is to be said of it.
//!
//! A [`Desk`] holds a campaign whose files are in order. It is checked, planned and looked at without a
//! lock. A [`Run`] holds the lock and sends: a loop hears what happens, tells the journal, asks the
//! scheduler, hands out work. Everything that is decided is decided below; this room joins. In reading
//! order:
//!
//! - [`desk`](Desk): a campaign and its relays, ready to be worked on;
//! - [`survey`](Render): goes through the list, and renders every row; `gather`: brings the rows of one
//!   person together; `takes`: what the relays do not take; [`summary`](Summary): what it found, by kind; [`mend`](Mended): the list without what is no
//!   good;
//! - `edition`: who was written to already; [`prepare`](Planned): freezes a plan; `frozen`: what it keeps;
//!   [`report`](PlanReport): foretells it; `whatif`: supposes;
//! - [`preview`](Preview): what recipients would get;
//! - `begin`: from a plan, or a run that stopped, to a run; `ground`: what it stands on; `backlog`: what is
//!   left to do;
//! - [`run`](Run): the loop; `ears`: what it listens to; `settling`: what it does with what it hears;
//!   `cause`: why it waits or ends; `dead`: what a run that was cut off has heard;
//!   [`orders`](Orders): what it obeys; `failing`: when the state cannot be written any more;
//! - `lanes`: its relays, alive; [`relays`](RelayState): what they are;
//!   [`seen`](Seen): how one looks from near by; [`names`](look_up_signers()): what the DNS says of who sends; `rehearsal`: the built-in servers;
//! - `attempt`: from a batch to its message; `signing`: who signs it, and with what; `gate`: nothing leaves before its intent is on disk;
//! - `picture`, [`view`](Status), [`event`](Event): what whoever watches sees;
//! - [`reading`](status) and [`told`](deliveries): how campaigns and recipients stand, without a lock;
//!   [`suppress`](suppress()): the suppression list; [`tokens`](Tokens): whom a token names; `purge`: forgetting people;
//!   `doctor`: whether state and clock are sound;
//! - [`control`](Change): the socket; [`steer`](steer()): what another terminal orders of a run; `shutdown`: signals; [`clock`](now): the one reader of the clock.

mod attempt;
mod backlog;
mod begin;
mod beside;
mod cause;
mod clock;
mod control;
mod dead;
mod desk;
mod doctor;
mod domains;
mod ears;
mod edition;
mod enclosed;
mod error;
mod event;
mod failing;
mod frozen;
mod gate;
mod gather;
mod ground;
mod lanes;
mod mend;
mod names;
mod orders;
mod picture;
mod prepare;
mod preview;
mod purge;
mod reading;
mod rehearsal;
mod relays;
mod rendering;
mod report;
mod run;
mod samples;
mod seen;
mod settling;
mod shutdown;
mod signing;
#[cfg(test)]
mod sim;
mod steer;
mod summary;
mod suppress;
mod survey;
mod takes;
#[cfg(test)]
mod tests;
mod tokens;
mod told;
mod view;
mod whatif;

pub use crate::relay::{Asked, Certificate, Finding as DnsFinding, State as DnsState, Subject};
pub use crate::store::{ClockStands, Finding, Health};
pub use begin::{may_resume, may_send};
pub use clock::now;
pub use control::{Change, Changed};
pub use desk::{Desk, Inspection};
pub use doctor::{ClockView, accept_clock, clock, examine, export};
pub use error::{EngineError, Unfit};
pub use event::{Ending, Event, Told};
pub use mend::Mended;
pub use names::look_up_signers;
pub use orders::{Orders, Tell, Uncertain, Wait};
pub use prepare::{Again, Invalid, PlanRequest, Planned};
pub use preview::{Choice, Preview};
pub use purge::{PurgeView, Purged, may_purge, purge};
pub use reading::status;
pub use relays::{Look, RelayState, look_at, relays, signers_of};
pub use report::{PlanDay, PlanReport, RelayShare};
pub use run::Run;
pub use seen::Seen;
pub use steer::{Obeyed, Order, steer};
pub use summary::{Found, RowKind, Summary};
pub use suppress::{suppress, suppressions};
pub use survey::{LeftOut, Render};
pub use tokens::{Read, Tokens};
pub use told::{Attempt, Filter, Life, Row, deliveries, life};
pub use view::{BatchCount, Cause, QuotaView, Recipients, RelayView, Stage, Status};
