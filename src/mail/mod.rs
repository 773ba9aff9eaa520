//! The nouns of the trade, on which every other room stands.
//!
//! Nothing here decides, waits, reads a file or a clock: a value is parsed into its meaning once and
//! then handed upward. A noun that two rooms need lives here, so that no room imports its neighbour.
//! In reading order:
//!
//! - [`address`](Address): who can be written to;
//! - [`recipient`](Recipient): one row of the list, as the plan froze it;
//! - [`plan`](Content): what a plan freezes, and what it left out; [`wording`](Wording): its variants and languages;
//! - [`relay`](RelayName): the names of a login and of the account its quotas belong to;
//! - [`batch`](Batch): the recipients of one mail transaction;
//! - [`message`](Message): the octets of a batch and its envelope;
//! - [`notify`](Notify): when a server is to tell what became of it;
//! - [`gate`](Gate): the permit without which no end of data leaves;
//! - [`reply`](Reply): what a server said, and in which phase;
//! - [`retry_after`](RetryAfter): when a server asks to be asked again;
//! - [`outcome`](Outcome): what that means for one recipient and for the relay;
//! - [`delivery`](State): where each recipient stands, and the tally of them;
//! - [`usage`](Usage): what an account has been charged, and when; `quarters`: on which days it ever was;
//! - [`suppression`](Suppression): those who must never be written to;
//! - [`forecast`](Forecast): which relay sends how much on which day;
//! - [`fault`](Fault): what is wrong in an operator's file, and where.

mod address;
mod batch;
mod delivery;
mod fault;
mod forecast;
mod gate;
mod message;
mod notify;
mod outcome;
mod plan;
mod quarters;
mod recipient;
mod relay;
mod reply;
mod retry_after;
mod suppression;
mod usage;
mod wording;

pub use address::{Address, AddressError, AddressKey, Mailbox};
pub use batch::{Batch, BatchId, Batches, RunNo};
pub use delivery::{State, Tally};
pub use fault::{Fault, Place, Severity, nearest};
pub use forecast::{Bound, BoundKind, Day, Forecast};
pub use gate::{Gate, Intent, Permit, Refused, Ticket};
pub use message::{Digest, Envelope, Message, Piece};
pub use notify::{Condition, Notify, Ret};
pub use outcome::{
    Answer, Class, Delivery, Doubt, LOGIN_PAUSES, Outcome, Permanence, Return, Scope, Settled, Trouble,
    Verdict,
};
pub use plan::{Attachment, Content, Excluded, Image, Making, Mode, PlanId, Reason, Source, Unsubscribe};
pub use recipient::{Fields, Line, Recipient, RecipientNo};
pub use relay::{Account, RelayName, RelayNo};
pub use reply::{Enhanced, Phase, Reply};
pub use retry_after::RetryAfter;
pub use suppression::Suppression;
pub use usage::{Charge, Usage};
pub use wording::{Front, Variant, Wording, Words, language_tag};
