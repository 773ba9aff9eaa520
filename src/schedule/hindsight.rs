//! Whether a breaker would have fired, asked of replies that another process heard.
//!
//! The breakers of a run live in memory. Where a run was cut off, what they had seen is read again reply by
//! reply, so that a server that refused everybody is not believed afterwards.

use hashbrown::HashMap;

use crate::mail::{RelayName, Reply};
use crate::policy::Breaker;

use super::terms::Terms;

/// The breakers of a run that is over.
#[derive(Debug, Default)]
pub struct Hindsight {
    breakers: HashMap<Option<RelayName>, Breaker>,
    burst: bool,
    settled: u64,
    rejected: u64,
}

impl Hindsight {
    /// A recipient was refused for good by this relay.
    pub fn rejected(&mut self, relay: Option<RelayName>, reply: &Reply) {
        self.burst |= self.breakers.entry(relay).or_default().refused(reply);
        self.rejected += 1;
        self.settled += 1;
    }

    /// A recipient was taken by this relay.
    pub fn accepted(&mut self, relay: Option<RelayName>) {
        self.deferred(relay);
        self.settled += 1;
    }

    /// A recipient was refused for now by this relay.
    pub fn deferred(&mut self, relay: Option<RelayName>) {
        self.breakers.entry(relay).or_default().spared();
    }

    /// Whether a breaker would have fired in a run of these terms.
    pub fn fired(&self, terms: &Terms) -> bool {
        self.burst || terms.stop_if.trips(self.rejected, self.settled)
    }
}
