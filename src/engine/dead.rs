//! Mailboxes that a server named as dead before a crash: the run that goes on heeds them too.
//!
//! A process that ends in order suppresses them itself, or does not because a breaker fired. What one that
//! was cut off has learned stands in the journal behind the last end of its run, and is read when the run
//! that goes on has come to its own end. The breakers are asked about it again, reply by reply: where one
//! would have fired, nobody is suppressed.

use crate::mail::{Class, Phase, RecipientNo, RelayName, Reply, RunNo, State};
use crate::schedule::{Hindsight, Terms};
use crate::store::{self, Happening, Said, Since, Store, each_since_end};

use super::error::EngineError;
use super::settling::reply_text;

/// Mailboxes that a server named as dead, and in which words.
#[derive(Debug, Default)]
pub(super) struct Dead {
    named: Vec<(RecipientNo, String)>,
    /// By which terms to judge what a process that was cut off has heard, where the run goes on after one.
    cut_off: Option<Terms>,
}

impl Dead {
    /// Of a run that goes on by these terms, and may have been cut off.
    pub(super) fn after(run: &store::Run, terms: Terms) -> Self {
        Self { named: Vec::new(), cut_off: run.ended.is_none().then_some(terms) }
    }

    /// Adds one, with the server's words.
    pub(super) fn add(&mut self, recipient: RecipientNo, said: &str) {
        self.named.push((recipient, format!("refused as dead: {said}")));
    }

    /// Takes all of them, those whom `store` knows from before a crash included; nobody where a breaker would
    /// have fired then.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub(super) fn take(
        &mut self,
        store: &Store,
        run: RunNo,
    ) -> Result<Vec<(RecipientNo, String)>, EngineError> {
        let named = std::mem::take(&mut self.named);
        let Some(terms) = self.cut_off.take() else { return Ok(named) };
        // What this process has heard stands there too.
        store.sync()?;
        let mut stretch = Stretch::default();
        each_since_end(store.root(), run, &mut |since| match since {
            Since::Ended => stretch = Stretch::default(),
            Since::Event(recipient, event) => {
                if let Happening::Settled { state, said: Some(said), .. } = event.what {
                    stretch.hear(recipient, event.relay, (state, &said));
                }
            }
        })?;
        if stretch.breakers.fired(&terms) {
            return Ok(Vec::new());
        }
        let mut named = stretch.dead.named;
        named.retain(|(recipient, _)| store.state(run, *recipient) == Some(State::Rejected));
        Ok(named)
    }
}

/// What the replies of a stretch of a run come to.
#[derive(Default)]
struct Stretch {
    dead: Dead,
    breakers: Hindsight,
}

impl Stretch {
    fn hear(&mut self, recipient: RecipientNo, relay: Option<RelayName>, (state, said): (State, &Said)) {
        match state {
            State::Rejected => {
                let text = reply_text(&said.words, &said.queue_id);
                let reply = Reply { code: said.code, enhanced: said.enhanced, text };
                self.breakers.rejected(relay, &reply);
                if names_a_dead_mailbox(said) {
                    self.dead.add(recipient, &reply.to_string());
                }
            }
            State::Accepted => self.breakers.accepted(relay),
            State::Deferred | State::Expired => self.breakers.deferred(relay),
            State::Pending | State::Uncertain | State::Suppressed | State::Cancelled => {}
        }
    }
}

/// Whether a recorded refusal says that the mailbox does not exist and never will.
fn names_a_dead_mailbox(said: &Said) -> bool {
    let status = said.enhanced.map(|status| (status.class, status.subject, status.detail));
    said.phase == Phase::Rcpt
        && said.class == Some(Class::RecipientDead)
        && matches!(status, Some((5, 1, 1 | 6 | 10)))
}
