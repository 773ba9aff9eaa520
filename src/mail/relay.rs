//! The names under which a relay and its account are known.
//!
//! A relay is one login at one submission server, named by the operator. What a provider counts belongs
//! to the account behind it, so two relays with one host and one user share every quota, and renaming
//! a relay frees nothing.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The name of a relay: the key of its table in `relays.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RelayName(Arc<str>);

/// What quotas belong to: `user@host` in lower case, or the host alone where nobody logs in.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Account(Arc<str>);

/// The place of a relay in the order in which a run uses them, from 0. Means nothing outside that run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RelayNo(pub u16);

impl RelayNo {
    /// The place as an index.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl RelayName {
    /// Takes the name as the operator wrote it.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name as the operator wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Account {
    /// The account of `user` at `host`, port and case apart.
    pub fn new(host: &str, port: u16, user: Option<&str>) -> Self {
        let host = host.to_ascii_lowercase();
        match user {
            Some(user) => Self(format!("{}@{host}", user.to_lowercase()).into()),
            // Without a login nothing but the address tells two servers apart.
            None => Self(format!("{host}:{port}").into()),
        }
    }

    /// The account's one spelling.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Account {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for RelayName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for Account {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
