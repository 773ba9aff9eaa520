//! What is made of an HTML body beside what its template says: pictures brought along, styles written into
//! elements, a text body.
//!
//! All of it is done once, on the template, wherever that gives what doing it on each message would give; then
//! messages cost what they cost without it. The template's own octets are never written anew: an [edit](edits)
//! puts in what is new, and everything else stays as it is, tags, comments for Outlook and white space too. In
//! reading order:
//!
//! - [`tokens`]: elements, text and comments, with the tags of the template between them;
//! - [`edits`]: octets to be replaced; [`paste`]: partials put where they are included;
//! - [`images`](Wanted): pictures that lie beside the template;
//! - [`css`]: the rules of stylesheets, written into elements;
//! - [`plain`]: a text body; [`entities`]: the characters that HTML names;
//! - [`make`](Made): all of that for a campaign; [`rendered`](text): what is left for a message by itself;
//! - [`lint`](look): what mail programs will not show as it was meant; [`links`]: where it leads;
//! - [`dark`](asides()): whether colours know of the dark.

mod css;
mod dark;
mod edits;
mod entities;
mod images;
mod links;
mod lint;
mod make;
mod paste;
mod plain;
mod rendered;
mod tokens;

pub use dark::asides;
pub use images::{Wanted, wanted_pictures, wanted_sheets};
pub use make::notes;

pub(super) use lint::look;
pub(super) use make::{After, Made};
pub(super) use rendered::{styled, text};
