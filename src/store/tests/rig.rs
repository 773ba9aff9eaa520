//! What the tests of the store share: moments, runs, batches and their endings.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::mail::{
    Account, Answer, Batch, BatchId, Charge, Class, Delivery, Digest, Doubt, Intent, Outcome, Permanence,
    Phase, PlanId, RecipientNo, RelayName, RelayNo, Reply, Return, RunNo, Scope, Settled, State, Verdict,
};
use crate::store::book::RelayUse;
use crate::store::recorder::Limits;
use crate::store::settle::{Fate, RunStart};
use crate::store::trust::Moment;

pub(super) const START: i64 = 1_800_000_000;

/// No room is kept free, and there is a checkpoint every few records.
pub(super) fn limits() -> Limits {
    Limits { min_free: 0, checkpoint: 600 }
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(START + second).unwrap()
}

pub(super) fn moment(second: u64) -> Moment {
    let wall = at(i64::try_from(second).unwrap());
    Moment { wall, boot: Duration::from_secs(1_000 + second), boot_id: [7; 16] }
}

pub(super) fn account() -> Account {
    Account::new("mx.example.com", 465, Some("ada"))
}

pub(super) fn relays() -> Vec<RelayUse> {
    ["first", "second"]
        .map(|name| RelayUse { name: RelayName::new(name), account: account(), sandbox: false })
        .to_vec()
}

pub(super) fn run_of(recipients: u32) -> RunStart {
    RunStart {
        plan: PlanId([9; 16]),
        campaign: "welcome".to_owned(),
        edition: 1,
        recipients,
        batches: recipients,
        sandbox: false,
        relays: relays(),
    }
}

/// A batch of one.
pub(super) fn batch(run: RunNo, recipient: u32, attempt: u16) -> Batch {
    batch_of(run, recipient, attempt, &[recipient])
}

pub(super) fn batch_of(run: RunNo, number: u32, attempt: u16, recipients: &[u32]) -> Batch {
    let recipients = recipients.iter().copied().map(RecipientNo).collect();
    Batch { id: BatchId { run, number, part: 0 }, attempt, date: None, recipients }
}

pub(super) fn intent(batch: &Batch) -> Intent<'_> {
    Intent {
        relay: RelayNo(0),
        batch,
        recipients: &batch.recipients,
        charge: Charge::message(batch.recipients.len()),
        digest: Digest([3; 16]),
        octets: 3_700,
    }
}

/// How a batch can end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Accepted,
    Deferred,
    Rejected,
    LineLost,
    RelayTrouble,
}

impl Ending {
    pub(super) fn state(self) -> State {
        match self {
            Self::Accepted => State::Accepted,
            Self::Deferred => State::Deferred,
            Self::Rejected => State::Rejected,
            Self::LineLost => State::Uncertain,
            Self::RelayTrouble => State::Pending,
        }
    }

    /// What stays charged of a batch of so many.
    pub(super) fn kept(self, recipients: usize) -> Charge {
        match self {
            Self::Accepted | Self::LineLost => Charge::message(recipients),
            Self::Deferred | Self::Rejected | Self::RelayTrouble => Charge::default(),
        }
    }

    fn outcome(self) -> Outcome {
        let answer = |code, text: &str| Answer { phase: Phase::End, reply: Arc::new(Reply::new(code, text)) };
        let verdict = |class, permanence| Verdict { class, scope: Scope::Recipient, permanence, wait: None };
        match self {
            Self::Accepted => Outcome::Accepted(answer(250, "2.0.0 Ok")),
            Self::Deferred => Outcome::Deferred(
                answer(451, "4.2.2 full"),
                verdict(Class::RecipientTemporary, Permanence::Transient),
            ),
            Self::Rejected => Outcome::Rejected(
                answer(550, "5.1.1 nobody"),
                verdict(Class::RecipientDead, Permanence::Permanent),
            ),
            Self::LineLost => Outcome::Uncertain(Doubt::LineLost),
            Self::RelayTrouble => Outcome::Returned(Return::RelayTrouble(
                answer(452, "4.3.1 busy"),
                verdict(Class::Rate, Permanence::Transient),
            )),
        }
    }
}

pub(super) fn settled(batch: &Batch, ending: Ending) -> Settled {
    let deliver = |recipient: &RecipientNo| Delivery { recipient: *recipient, outcome: ending.outcome() };
    Settled {
        relay: RelayNo(0),
        batch: batch.clone(),
        intended: true,
        charge: ending.kept(batch.recipients.len()),
        deliveries: batch.recipients.iter().map(deliver).collect(),
        troubles: Vec::new(),
    }
}

pub(super) fn fates(batch: &Batch, ending: Ending, due: i64) -> Vec<Fate<'static>> {
    let due = (ending == Ending::Deferred).then(|| at(due));
    let words = match ending {
        Ending::Accepted => "2.0.0 Ok: queued as",
        Ending::Deferred => "4.2.2 full",
        Ending::Rejected => "5.1.1 nobody",
        Ending::LineLost => "",
        Ending::RelayTrouble => "4.3.1 busy",
    };
    let fate = Fate { state: ending.state(), due, words, queue_id: "4FqX1" };
    batch.recipients.iter().map(|_| fate).collect()
}
