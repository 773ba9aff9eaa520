//! Relays: what a server's answer means, and how much of it is shown.
//!
//! - [`profile`](Profile): whose habits of speech a reply is read with;
//! - `rules`: the table of what servers say in words;
//! - `status`: what codes mean where the words say nothing;
//! - [`verdict`](judge): class, scope and permanence of a refusal;
//! - [`waits`](stated_until): for how long a server asks to be left alone;
//! - [`wording`](words): a reply's text as it may be shown and stored.

mod profile;
mod rules;
mod status;
mod verdict;
mod waits;
mod wording;

pub use profile::Profile;
pub use verdict::judge;
pub use waits::stated_until;
pub use wording::{queue_id, words};
