//! From a template and a recipient to the octets of a message.
//!
//! Everything here is a function of its arguments: the plan's content, a row, a date, a secret. Templates
//! are checked before any is rendered, and nothing that stands in a list can add or end a line of a
//! header. In reading order:
//!
//! - [`composer`](Composer): the message of a batch;
//! - `preview`: the same, [to be looked at](Preview);
//! - [`lint`]: what is wrong with the templates, before anything is rendered; beneath it `parse`, `scan`
//!   (the tags), `walk` and `calls` (the tree), `scope` and `path` (what a name means where), `markup` (HTML);
//! - `template`: renders one template; beneath it `names` (what a name stands for) and `functions`;
//! - `headers` and `words`: clean, encode, fold; `unsubscribe`: the ways out of the list;
//! - `mime`: bodies and their transfer encodings;
//! - [`token`](issue_token): what names a recipient outside and cannot be forged;
//! - [`error`](RowFault): what is wrong with one row.

mod calls;
mod composer;
mod error;
mod functions;
mod headers;
mod lint;
mod markup;
mod mime;
mod names;
mod parse;
mod path;
mod preview;
mod scan;
mod scope;
mod template;
#[cfg(test)]
mod tests;
mod token;
mod unsubscribe;
mod walk;
mod words;

pub use composer::Composer;
pub use error::RowFault;
pub use lint::lint;
pub use preview::Preview;
pub use token::{CampaignTag, Keys, Named, RecipientTag};
pub use token::{issue as issue_token, verify as verify_token};
