//! Finds the recipients of a grouped campaign whose messages are the same.
//!
//! The messages are compared, not the rows: `{{#if (eq country "DE")}}` makes two messages of a hundred
//! countries. As a campaign that is worth grouping has few messages and many rows, what a set of values renders to
//! is remembered, and most rows are not rendered at all.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::mail::{Fields, Mode, Recipient};

use super::composer::{Composer, head};
use super::error::{Checked, RowFault};
use super::names::{Row, Value};

/// Sets of values that are remembered: more than a grouped campaign has if it is meant, and some hundred KiB.
const REMEMBERED: usize = 4096;

/// What sets of values render to, by their hash.
#[derive(Debug, Default)]
pub(super) struct Alike {
    known: Mutex<HashMap<u128, Checked>>,
}

impl Alike {
    fn find(&self, values: u128) -> Option<Checked> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&values).cloned()
    }

    fn remember(&self, values: u128, checked: &Checked) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() < REMEMBERED {
            known.insert(values, checked.clone());
        }
    }
}

impl Composer {
    /// Renders everything for `recipient`: the size of the message, what is worth a look in it, and in grouped
    /// mode what tells it from others. Rows with equal values are rendered once there.
    ///
    /// # Errors
    /// Why the row gives no message; composing it would fail for the same reason.
    pub fn check(&self, recipient: &Recipient) -> Result<Checked, RowFault> {
        if self.content.mode == Mode::Personal {
            return self.checked(recipient);
        }
        let values = self.values(recipient);
        if let Some(mut checked) = self.alike.find(values) {
            checked.findings.iter_mut().for_each(|finding| finding.row = recipient.row);
            return Ok(checked);
        }
        let checked = self.checked(recipient)?;
        self.alike.remember(values, &checked);
        Ok(checked)
    }

    /// A hash of all values that the templates ask for, after defaults.
    fn values(&self, recipient: &Recipient) -> u128 {
        let row = Row { recipient, token: "", unsubscribe_url: "" };
        let mut hasher = blake3::Hasher::new();
        hasher.update(&(self.content.wording_of(recipient) as u64).to_be_bytes());
        let mut add = |text: &str| {
            hasher.update(&(text.len() as u64).to_be_bytes());
            hasher.update(text.as_bytes());
        };
        for number in &self.used {
            match self.engine.names().value(*number).1 {
                Value::Rows => recipient.lines().flat_map(Fields::iter).for_each(&mut add),
                value => add(value.text(&row)),
            }
        }
        u128::from_be_bytes(head(&hasher.finalize()))
    }
}
