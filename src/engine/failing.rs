//! When the state cannot be written any more: nothing new begins, what is owed is waited for and set aside.

use tokio::sync::mpsc::UnboundedSender;

use crate::store::StoreError;

use super::event::Event;
use super::run::{Run, tell};
use super::view::Cause;

/// How many recipients are named whose outcome no place takes.
const NAMED: usize = 1_000;

impl Run {
    /// Takes no new work if the state cannot be written any more, and says so once.
    pub(super) fn heed_failure(&mut self, events: &UnboundedSender<Event>) {
        let Some(failure) = self.failure() else { return };
        if self.stopping != Some(Cause::Crash) {
            let out = self.scheduler.out();
            let waits =
                if out > 0 { "; the replies that are owed are waited for, ten minutes at most" } else { "" };
            tell(events, Event::Note(format!("nothing new is begun: {failure}{waits}")));
            self.stopping = Some(Cause::Crash);
        }
        self.stop(Cause::Crash);
    }

    /// Says where the outcomes are that the journal could not take; names them if they are nowhere.
    pub(super) fn tell_aside(&self, events: &UnboundedSender<Event>) {
        let unwritten = self.store.unwritten();
        let note = match self.store.set_aside() {
            Ok(None) => return,
            Ok(Some(_)) if unwritten.is_empty() => return,
            Ok(Some(place)) => format!(
                "the outcomes of {} recipients are kept in {}; the next start takes them in",
                unwritten.len(),
                place.display()
            ),
            Err(error) => {
                self.name_unwritten(events);
                nowhere(unwritten.len(), &error)
            }
        };
        tell(events, Event::Note(note));
    }

    fn name_unwritten(&self, events: &UnboundedSender<Event>) {
        let ours = self.store.unwritten().into_iter().filter(|(run, ..)| *run == self.number);
        for (_, number, state) in ours.take(NAMED) {
            let Ok(recipient) = self.plan.recipient(number) else { continue };
            let (row, address) = (recipient.row, recipient.address);
            tell(events, Event::Note(format!("not recorded: row {row}, {address}: {state}")));
        }
    }
}

fn nowhere(count: usize, error: &StoreError) -> String {
    format!(
        "the outcomes of {count} recipients could be kept nowhere ({error}); the next start names them uncertain, and \
         what came of them is said above"
    )
}
