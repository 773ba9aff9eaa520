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
//! - [`secrets`](SecretSource): where passwords come from;
//! - [`filter`](Filter): the campaign's `where`;
//! - [`error`](CampaignError): what can go wrong.

mod error;
mod files;
mod filter;
mod secrets;
mod workspace;

pub use error::CampaignError;
pub use files::{FileError, Files};
pub use filter::{Filter, FilterError};
pub use secrets::{SecretError, SecretSource};
pub use workspace::Workspace;
