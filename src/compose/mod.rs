//! From a template and a recipient to the octets of a message.
//!
//! Everything here is a function of its arguments: the plan's content, a row, a date, a secret. Templates
//! are checked before any is rendered, and nothing that stands in a list can add or end a line of a
//! header. In reading order:
//!
//! - [`composer`](Composer): the message of a batch; `rendered`: what differs from one to the next;
//!   `assemble`: the octets; `alike`: whose are the same;
//! - `preview`: the same, [to be looked at](Preview);
//! - [`lint`]: what is wrong with the templates, before anything is rendered; beneath it `parse`, `scan`
//!   (the tags), `walk` and `calls` (the tree), `scope` and `path` (what a name means where), `markup` (HTML);
//! - `leftovers`: what other tools would fill in; [`unused`]: what no template asks for;
//! - `converted`: HTML and text of bodies in Markdown (`marked`) and MJML; `whence`: where in the file what
//!   was found in them stands;
//! - `template`: renders one template, by its program or through handlebars; `names`: what a name stands for;
//! - `compile`: from the tree to a `program`; `places` (what stands for a name), `standing` (tags alone on
//!   their line); `run`: follows the program for a row; `pen`: writes what it says;
//! - [`html`](notes): what is made of an HTML body; `finish`: the same for one message;
//! - `functions`: what templates may call, on a `datum`; `formats`: those that take arguments by name, and beneath
//!   them `locale`, `dates` (and `kept`), `amount` and `money`; `markdown`; `taught`: the same for handlebars;
//! - `headers` and `words`: clean, encode, fold; `unsubscribe`: the ways out of the list;
//! - `body`: lines, and where in them to look; `mime`: their transfer encodings; `quoted`: quoted-printable;
//! - [`tail`](Enclosed): pictures and attachments; `own`: those of one recipient; `parameter`:
//!   their names;
//! - [`token`](issue_token): what names a recipient outside and cannot be forged;
//! - [`verp`](read_verp): reverse-paths that say whose bounce it is;
//! - [`dkim`](Signer): signs what is composed, last of all;
//! - [`error`](RowFault): what is wrong with one row; `findings`: what is only worth a look in it.

mod alike;
mod amount;
mod assemble;
mod body;
mod calls;
mod compile;
mod composer;
mod converted;
mod dates;
mod datum;
mod dkim;
mod error;
mod findings;
mod finish;
mod formats;
mod functions;
mod headers;
mod html;
mod kept;
mod leftovers;
mod lint;
mod locale;
mod markdown;
mod marked;
mod markup;
mod mime;
mod money;
mod names;
mod own;
mod parameter;
mod parse;
mod path;
mod pen;
mod places;
mod preview;
mod program;
mod quoted;
mod rendered;
mod run;
mod scan;
mod scope;
mod standing;
mod tail;
mod taught;
mod template;
#[cfg(test)]
mod tests;
mod token;
mod unsubscribe;
mod unused;
mod verp;
mod walk;
mod whence;
mod words;

pub use composer::Composer;
pub use dkim::{KeyFault, KeyKind, PrivateKey, Published, Signer, SigningError, Stamps};
pub use error::{Checked, FaultKind, RowFault};
pub use html::{Wanted, asides, notes, wanted_pictures, wanted_sheets};
pub use lint::lint;
pub use preview::Preview;
pub use tail::{Enclosed, Reader};
pub use token::{CampaignTag, Keys, Named, RecipientTag};
pub use token::{issue as issue_token, verify as verify_token};
pub use unused::{Unused, UnusedKind, unused};
pub use verp::{Bounced, read as read_verp};
