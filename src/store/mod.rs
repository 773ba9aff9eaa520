//! What outlives the process: the one owner of everything under `.mailrun`.
//!
//! The journal is the truth: append-only files of checksummed records, synced in groups by one thread. No
//! end of data leaves before the intent for it is durable there; what is missing an outcome when a process
//! starts is uncertain. Everything else is a fold of it: states, usages, queue. sled holds what must be
//! looked up fast and can be rebuilt at any time. Plans hold the rows, the suppression list its addresses,
//! and the journal no address at all. In reading order, from the disk up:
//!
//! - [`disk`](Disk): the seam; files, and `forgetful`, a disk that tears and forgets;
//! - `record`, `frame`: what the journal says, and how a record lies in a file;
//! - `scan`, `log`: reading to the end and telling a torn end from damage; writing behind it;
//! - `group`, `journal`, `watermark`: group commit as a state machine, the thread around it, and those who
//!   wait for it;
//! - `book` and its `entries`, `ledger`, `fold`: what the records mean for a run, for the accounts, and together;
//! - `checkpoint`, `packed`: that meaning, kept beside the journal so that a start reads only its end;
//! - `load`: reading it to go on with it; `recorder`, `draft`: what happens becomes a record and is folded in;
//! - `aside`: what it could not take once it has failed, for the next start;
//! - `index`, `changes`, `indexer`: sled, and the thread that keeps it up to date;
//! - [`store`](Store): all of it behind the lock, for the engine;
//! - [`history`](History), `teller`: reading without the lock;
//! - `plans`, [`plan`](Plan): frozen plans, written and read; [`purge`](purge_plan): what is left of them;
//!   [`scratch`](Scratch): rows on their way into one;
//! - [`suppressions`](Suppressions): those who must never be written to;
//! - `witness`: what became durable, for whoever judges a simulation;
//! - [`examine`](examine()): whether all of it is sound; [`export`](export()): the journal for people;
//! - [`trust`](Trust): which time to believe; [`accept`](accept_clock): believing another from now on;
//!   `folder`, `lock`, [`keys`](Keys): the place itself.

mod accept;
mod aside;
mod backlog;
mod book;
mod changes;
mod checkpoint;
mod disk;
mod draft;
mod entries;
mod error;
mod examine;
mod export;
mod fold;
mod folder;
mod forgetful;
mod frame;
mod group;
mod history;
mod index;
mod indexer;
mod journal;
mod keys;
mod ledger;
mod load;
mod lock;
mod log;
mod note;
mod packed;
mod plan;
mod plans;
mod postcard_tail;
mod purge;
mod record;
mod recorder;
mod scan;
mod scratch;
mod settle;
#[expect(clippy::module_inception, reason = "the room is named after what the engine holds of it")]
mod store;
mod suppressions;
mod teller;
#[cfg(test)]
mod tests;
mod trust;
mod watermark;
#[cfg(test)]
mod witness;

pub use accept::{ClockStands, accept_clock, clock_stands};
pub use backlog::{Backlog, Waiter};
pub use book::{RelayUse, Standing};
pub use disk::{Disk, FileDisk};
pub use error::StoreError;
pub use examine::{Finding, Health, Part, examine};
pub use export::{Exported, ExportedRecord, export};
pub use forgetful::ForgetfulDisk;
pub use history::{Delivered, History, Run, Since, each_since_end};
pub use journal::Pace;
pub use keys::{Keys, Seal};
pub use note::Note;
pub use plan::Plan;
pub use plans::{PlanHead, PlanWriter, RowsEach, plans};
pub use purge::{PurgedHead, PurgedPlan, Removed, finish_purges, purge_plan, remove_folder, remove_plan};
pub use record::{EndReason, Resolve};
pub use scratch::Scratch;
pub use settle::{Fate, RunStart};
pub use store::{Indexing, Options, Store};
pub use suppressions::{Editing, Suppressions};
pub use teller::{Event, Happening, Said};
pub use trust::{Moment, Recorded, Trust};
pub use watermark::Durable;
#[cfg(test)]
pub(crate) use witness::{Fact, IntentSeen, Witness};
