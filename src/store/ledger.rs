//! The ledger: what each account has been charged, as a fold of the journal.
//!
//! An intent charges, its outcome says how much of that stays, a closed quota says until when nothing
//! more may be sent. There is no other counter that could disagree. The key is the account and not the
//! relay's name, so renaming a relay frees nothing.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::mail::{Account, Charge, Usage};

/// The usages of all accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ledger {
    usages: BTreeMap<Account, Usage>,
}

impl Ledger {
    fn usage(&mut self, account: &Account) -> &mut Usage {
        if !self.usages.contains_key(account) {
            self.usages.insert(account.clone(), Usage::default());
        }
        self.usages.get_mut(account).expect("it was just inserted")
    }

    /// An intent charges the account.
    pub(super) fn begin(&mut self, account: &Account, charge: Charge) {
        self.usage(account).begin(charge);
    }

    /// An attempt that had begun with `begun` ended at `at` and keeps `kept`.
    pub(super) fn settle(&mut self, account: &Account, at: Timestamp, begun: Charge, kept: Charge) {
        if !(begun.is_zero() && kept.is_zero()) {
            self.usage(account).settle(at, begun, kept);
        }
    }

    /// The provider takes nothing more until `until`.
    pub(super) fn close(&mut self, account: &Account, until: Timestamp) {
        self.usage(account).close(until);
    }

    /// Everything so far is counted by another clock, which says `now` where the one before said `then`.
    pub(super) fn restart(&mut self, then: Timestamp, now: Timestamp) {
        self.usages.values_mut().for_each(|usage| usage.restart(then, now));
    }

    /// The usages by account.
    pub(super) fn usages(&self) -> &BTreeMap<Account, Usage> {
        &self.usages
    }
}
