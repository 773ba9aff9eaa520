//! From a batch to its message: rows out of the plan, through the composer.
//!
//! This runs on the session's own task, so every core composes. Nobody who is on the suppression list gets
//! a message: they are taken out here, and the gate looks once more before the final dot.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use crate::compose::Composer;
use crate::mail::{
    AddressKey, Answer, Batch, Class, Delivery, Message, Notify, Outcome, Permanence, Phase, Recipient,
    Reply, Return, Scope, Verdict,
};
use crate::relay::{Compose, Unsendable};
use crate::store::Plan;

use super::clock::Clock;

/// Who is on the suppression list, shared by all sessions and the control socket.
pub(super) type Suppressed = Arc<RwLock<HashSet<AddressKey>>>;

/// What makes messages of the batches of a run.
pub(super) struct Attempts {
    /// The rows.
    pub plan: Arc<Plan>,
    /// Templates and keys.
    pub composer: Arc<Composer>,
    /// Who must not be written to.
    pub suppressed: Suppressed,
    /// What servers are asked to tell of their deliveries.
    pub notify: Option<Notify>,
    /// Gives a message its Date.
    pub clock: Clock,
}

impl Attempts {
    /// The function that a lane composes with.
    pub(super) fn into_compose(self) -> Arc<Compose> {
        Arc::new(move |batch| self.compose(batch))
    }

    fn compose(&self, mut batch: Batch) -> Result<Message, Unsendable> {
        let rows = batch.recipients.iter().map(|number| self.plan.recipient(*number));
        let recipients = match rows.collect::<Result<Vec<_>, _>>() {
            Ok(recipients) => recipients,
            Err(error) => return Err(unreadable(batch, &error.to_string())),
        };
        self.without_suppressed(&batch, &recipients)?;
        let date = *batch.date.get_or_insert_with(|| self.clock.wall());
        let composed = self.composer.compose(&batch, &recipients, date);
        let mut message = composed.map_err(|fault| unreadable(batch, &fault.to_string()))?;
        message.envelope.notify.clone_from(&self.notify);
        Ok(message)
    }

    /// Refuses a batch with somebody suppressed in it: they are done with, the others come again.
    fn without_suppressed(&self, batch: &Batch, recipients: &[Recipient]) -> Result<(), Unsendable> {
        let suppressed = self.suppressed.read().unwrap_or_else(PoisonError::into_inner);
        if suppressed.is_empty() {
            return Ok(());
        }
        let barred: Vec<bool> =
            recipients.iter().map(|recipient| suppressed.contains(&recipient.address.key())).collect();
        if !barred.contains(&true) {
            return Ok(());
        }
        let outcome =
            |barred: &bool| if *barred { Outcome::Suppressed } else { Outcome::Returned(Return::NotSent) };
        let deliveries = batch
            .recipients
            .iter()
            .zip(&barred)
            .map(|(recipient, barred)| Delivery { recipient: *recipient, outcome: outcome(barred) })
            .collect();
        Err(Unsendable { batch: batch.clone(), deliveries })
    }
}

/// A batch whose rows or rendering fail, although the plan was checked: the frozen plan was damaged. It is
/// refused in words that no server said.
pub(super) fn unreadable(batch: Batch, what: &str) -> Unsendable {
    let reply = Arc::new(Reply::new(554, format!("5.6.0 not sent by mailrun: {what}")));
    let verdict = Verdict {
        class: Class::Content,
        scope: Scope::Message,
        permanence: Permanence::Permanent,
        wait: None,
    };
    let outcome = Outcome::Rejected(Answer { phase: Phase::Mail, reply }, verdict);
    Unsendable::whole(batch, &outcome)
}
