//! What all records together mean: runs, states, and what each account was charged.
//!
//! Recovery, the index and readers without the lock fold the same records by the same code. Applying a
//! record cannot fail: what refers to nothing is passed over, as a later check will name it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::mail::{Account, Charge, RecipientNo, RunNo, State};

use super::book::RunBook;
use super::entries::Open;
use super::ledger::Ledger;
use super::record::{ClockAccepted, EpochBegun, IntentMade, Millis, OutcomeKnown, Record};
use super::trust::{Moment, Recorded, further_behind};

/// The meaning of a journal up to some record.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Fold {
    pub(super) runs: BTreeMap<RunNo, RunBook>,
    pub(super) ledger: Ledger,
    last: Option<Timestamp>,
    first_of_boot: Option<Moment>,
    /// Accounts whose usage changed since it was asked last, for the index.
    #[serde(skip)]
    pub(super) touched_accounts: Vec<Account>,
}

impl Fold {
    /// Takes in the next record.
    pub(super) fn apply(&mut self, record: &Record) {
        match record {
            Record::Epoch(fact) => self.begin_epoch(fact),
            Record::Run(fact) => {
                self.note(fact.at);
                self.runs.insert(fact.run, RunBook::new(fact));
            }
            Record::Relays(fact) => {
                self.note(fact.at);
                if let Some(run) = self.runs.get_mut(&fact.run) {
                    run.name_relays(&fact.relays);
                }
            }
            Record::Intent(fact) => self.intend(fact),
            Record::Outcome(fact) => self.settle(fact),
            Record::Words(_) => {}
            Record::Suppressed(fact) => {
                if let Some(run) = self.runs.get_mut(&fact.run) {
                    run.put_aside(fact.recipients.iter(), State::Suppressed);
                }
            }
            Record::Cancelled(fact) => {
                self.note(fact.at);
                if let Some(run) = self.runs.get_mut(&fact.run) {
                    run.cancel();
                }
            }
            Record::Closed(fact) => {
                let account = Account::from(fact.account.as_str());
                self.ledger.close(&account, fact.until.into());
                self.touch(&account);
            }
            Record::Resolved(fact) => {
                self.note(fact.at);
                if let Some(run) = self.runs.get_mut(&fact.run) {
                    run.resolve(fact.recipients.iter(), fact.how);
                }
            }
            Record::Ended(fact) => {
                self.note(fact.at);
                if let Some(run) = self.runs.get_mut(&fact.run) {
                    run.ended = Some((fact.reason, fact.at.into()));
                }
            }
            Record::Clock(fact) => self.accept_clock(fact),
        }
    }

    fn note(&mut self, at: Millis) {
        self.last = self.last.max(Some(at.into()));
    }

    fn touch(&mut self, account: &Account) {
        // A workspace has a handful of accounts: looking through them is quicker than a hash of each name.
        if !self.touched_accounts.contains(account) {
            self.touched_accounts.push(account.clone());
        }
    }

    fn begin_epoch(&mut self, fact: &EpochBegun) {
        self.note(fact.wall);
        if self.first_of_boot.is_none_or(|first| first.boot_id != fact.boot_id) {
            self.first_of_boot = Some(Moment {
                wall: fact.wall.into(),
                boot: Duration::from_millis(fact.boot),
                boot_id: fact.boot_id,
            });
        }
        self.measure(fact.wall, fact.boot);
    }

    /// Notes by how much wall time is behind the time since boot, in milliseconds, if it never was further.
    fn measure(&mut self, wall: Millis, boot: u64) {
        let moment = |first: Moment| Moment { wall: wall.into(), boot: Duration::from_millis(boot), ..first };
        self.first_of_boot = self.first_of_boot.map(|first| further_behind(first, moment(first)));
    }

    /// From here on time is counted from that moment, wherever it stood before.
    fn accept_clock(&mut self, fact: &ClockAccepted) {
        let now: Timestamp = fact.wall.into();
        let then = self.last.unwrap_or(now);
        self.last = Some(now);
        self.first_of_boot =
            Some(Moment { wall: now, boot: Duration::from_millis(fact.boot), boot_id: fact.boot_id });
        self.ledger.restart(then, now);
        self.touched_accounts = self.ledger.usages().keys().cloned().collect();
        for run in self.runs.values_mut() {
            run.restart_clock(then.into(), fact.wall);
        }
    }

    fn intend(&mut self, fact: &IntentMade) {
        self.note(fact.wall);
        self.measure(fact.wall, fact.boot);
        let Some(run) = self.runs.get_mut(&fact.of.run) else { return };
        let Some((_, relay)) = run.relays.get(usize::from(fact.of.relay)) else { return };
        let account = relay.account.clone();
        run.note_part(&fact.of);
        let open = Open {
            of: fact.of,
            wall: fact.wall.into(),
            date: Millis((fact.wall.0.div_euclid(1_000) + fact.date) * 1_000),
            digest: fact.digest,
            charge: fact.charge,
            account: account.clone(),
            recipients: fact.recipients.clone(),
            told: Vec::new(),
        };
        run.open.insert((fact.of.number, fact.of.part), open);
        self.ledger.begin(&account, fact.charge);
        self.touch(&account);
    }

    fn settle(&mut self, fact: &OutcomeKnown) {
        self.note(fact.at);
        let Some(run) = self.runs.get_mut(&fact.of.run) else { return };
        let batch = (fact.of.number, fact.of.part);
        run.note_part(&fact.of);
        for fate in &fact.fates {
            for recipient in fate.recipients.iter() {
                run.decide(recipient, &fact.of, fate);
                run.note_deferral(recipient, fact.at);
            }
        }
        let Some(kept) = fact.kept else {
            let told = fact.fates.iter().flat_map(|fate| fate.recipients.iter());
            if let Some(open) = run.open.get_mut(&batch) {
                open.told.extend(told);
            }
            return;
        };
        let (account, begun) = match run.open.remove(&batch) {
            Some(open) => {
                run.keep_date(&open, &fact.fates);
                (open.account, open.charge)
            }
            None => match run.relays.get(usize::from(fact.of.relay)) {
                Some((_, relay)) => (relay.account.clone(), Charge::default()),
                None => return,
            },
        };
        if !(begun.is_zero() && kept.is_zero()) {
            self.ledger.settle(&account, fact.at.into(), begun, kept);
            self.touch(&account);
        }
    }

    /// Octets of memory it takes, roughly: what a copy costs.
    pub(super) fn weight(&self) -> u64 {
        self.runs.values().map(RunBook::weight).sum()
    }

    /// What is on record about the clocks; none in an empty journal.
    pub(super) fn recorded(&self) -> Option<Recorded> {
        Some(Recorded { last: self.last?, first_of_boot: self.first_of_boot? })
    }

    /// Every intent without an outcome, by run.
    pub(super) fn owed(&self) -> impl Iterator<Item = &Open> {
        self.runs.values().flat_map(|run| run.open.values())
    }

    /// Recipients of `open` whose fate no part of its outcome has told.
    pub(super) fn untold(open: &Open) -> impl Iterator<Item = RecipientNo> {
        open.recipients.iter().filter(|recipient| !open.told.contains(recipient))
    }
}

impl Fold {
    /// Everything so far is in the index.
    pub(super) fn forget_touched(&mut self) {
        self.touched_accounts.clear();
        for run in self.runs.values_mut() {
            run.touched = super::entries::Touched::default();
        }
    }
}

impl Fold {
    /// Nothing is in the index any more.
    pub(super) fn touch_all(&mut self) {
        self.touched_accounts = self.ledger.usages().keys().cloned().collect();
        for run in self.runs.values_mut() {
            run.touch_all();
        }
    }
}
