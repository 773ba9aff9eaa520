//! The operator's files: campaigns, relays, templates and lists, read into what they mean.
//!
//! A [`Workspace`] is found, a [`Campaign`] and the [`Relays`] are loaded from it, and its [`List`] is read
//! row by row. What was typed and what it means are two types, and nothing wrong is passed over: an unknown
//! key, a value out of range, a column that the list does not have become [`Fault`](crate::mail::Fault)s
//! with file, line and column, all of a file's at once. Nothing is sent, rendered or stored here. In
//! reading order:
//!
//! - [`workspace`](Workspace): where the files are;
//! - [`files`](Files): reading them beneath the workspace's root, and nowhere else;
//! - `sheet`: a TOML file, and every fault in it;
//! - `terms`: durations, rates, days and the other small words of a setting;
//! - `settings`: what `campaign.toml` says;
//! - [`load`](Campaign): what a campaign means; `columns`: the list that it names;
//! - `templates`: its subject, bodies and partials; `wordings`: those of other variants and languages; `whole`:
//!   bodies in Markdown and MJML, with their front matter;
//! - `attachments`: the files that go with its messages; [`html`](Pictures): what is made of its HTML bodies;
//! - `data`: its data file;
//! - [`relays`](Relays): what `relays.toml` says and means; `signing`, in it: [who signs](Signing), with which keys;
//! - [`presets`](Preset): what is known of providers;
//! - [`choose`](choose()): which relays a campaign uses, and whether they fit it;
//! - [`secrets`](SecretSource): where passwords come from;
//! - [`encoding`](Encoding): in which letters and with which delimiter a list is written;
//! - `intake`: the octets of a list on their way to the CSV reader, guarded;
//! - [`recipients`](List): the rows of a list; [`mend`](Mending): the same as text;
//! - [`filter`](Filter): the campaign's `where`;
//! - [`error`](CampaignError): what can go wrong.

mod attachments;
mod choose;
mod columns;
mod data;
mod encoding;
mod error;
mod files;
mod filter;
mod html;
mod intake;
mod load;
mod meanings;
mod mend;
mod presets;
mod recipients;
mod relays;
mod secrets;
mod settings;
mod sheet;
mod templates;
mod terms;
mod whole;
mod wordings;
mod workspace;

pub use attachments::ATTACHMENT_LIMIT;
pub use choose::{Signed, choose};
pub use encoding::Encoding;
pub use error::CampaignError;
pub use files::{FileError, Files, media_type};
pub use filter::{Filter, FilterError, Verdict};
pub use html::Pictures;
pub use load::{Campaign, ListSettings};
pub use mend::Mending;
pub use presets::{Confidence, FactSource, NoQuota, Preset, PresetKind};
pub use recipients::{Entry, List, Misfit};
pub use relays::{Auth, Relay, Relays, SandboxText, Signing, SigningDomain, SigningKey, Tls};
pub use secrets::{SecretError, SecretSource};
pub use workspace::Workspace;
