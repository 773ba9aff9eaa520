//! What a session has asked the gate, and its answers in the order of the questions.
//!
//! Answers are taken from the front only: a message that may leave is not held back for one behind it that
//! has no permit yet, or sessions could wait for one another for ever when few fates may be open at once.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::mail::{BatchId, Permit, Refused, Ticket};

/// An answer to come.
type Pending = Pin<Box<dyn Future<Output = Result<Permit, Refused>> + Send>>;

/// The gate's answer about a batch.
pub(super) struct Answer {
    pub(super) batch: BatchId,
    pub(super) result: Result<Permit, Refused>,
}

/// Questions that the gate has taken and not answered yet, oldest first.
#[derive(Default)]
pub(super) struct Questions {
    asked: VecDeque<(BatchId, Pending)>,
}

impl Questions {
    /// Whether an answer is owed.
    pub(super) fn is_any(&self) -> bool {
        !self.asked.is_empty()
    }

    /// Asks about a batch.
    pub(super) fn ask(&mut self, batch: BatchId, ticket: Ticket) {
        self.asked.push_back((batch, Box::pin(ticket.permit())));
    }

    /// The answer to the oldest.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Answer> {
        let Some((batch, ticket)) = self.asked.front_mut() else { return Poll::Pending };
        let answer = ticket.as_mut().poll(context).map(|result| Answer { batch: *batch, result });
        if answer.is_ready() {
            self.asked.pop_front();
        }
        answer
    }

    /// The answer to the oldest, if it is there: one commit of the journal answers many.
    pub(super) fn at_hand(&mut self) -> Option<Answer> {
        match self.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => Some(answer),
            Poll::Pending => None,
        }
    }
}
