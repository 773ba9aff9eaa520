//! Those who must never be written to.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::address::Address;

/// One entry of the suppression list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppression {
    /// Who must not be written to, whatever the case of its letters.
    pub address: Address,
    /// Why, in the words of whoever added it; may be empty.
    pub reason: String,
    /// Since when.
    pub added: Timestamp,
}
