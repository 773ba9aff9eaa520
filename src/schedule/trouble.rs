//! What a refusal means for the relay, its host, its account or the whole run.
//!
//! None of it costs a recipient an attempt. What the relay may do again by itself rests for a while, longer
//! with each time in a row; what only the operator can mend stops the relay for this run.

use std::time::Duration;

use jiff::Timestamp;

use super::scheduler::Scheduler;
use super::step::{Decision, Note, StopReason};
use crate::mail::{Class, LOGIN_PAUSES, Permanence, RelayNo, RetryAfter, Scope, Trouble};
use crate::policy::doubled;

/// How long a quota is closed where the provider does not say: a rolling day at most.
const QUOTA_CLOSED: Duration = Duration::from_hours(24);
/// No stated wait is believed beyond this.
const LONGEST_WAIT: Duration = Duration::from_hours(48);
/// How long a relay rests that asked for fewer messages and did not say for how long.
const RATE_PAUSE: Duration = Duration::from_secs(5);
/// How long it rests when it asked for fewer connections.
const CONCURRENCY_PAUSE: Duration = Duration::from_secs(2);
/// How long a host rests that refuses this machine.
const HOST_PAUSE: Duration = Duration::from_hours(1);
const LONGEST_HOST_PAUSE: Duration = Duration::from_hours(4);
/// How long a host rests that is busy (421 and the like).
const BUSY_PAUSE: Duration = Duration::from_mins(5);
const LONGEST_BUSY_PAUSE: Duration = Duration::from_hours(1);
/// How long a relay rests whose sessions all failed.
const CONNECTION_PAUSE: Duration = Duration::from_secs(15);
const LONGEST_CONNECTION_PAUSE: Duration = Duration::from_mins(15);
/// How long a relay rests that never took a message in this run: its name or port may be wrong, and whoever
/// started the run is still watching.
const UNPROVEN_PAUSE: Duration = Duration::from_secs(1);
/// After how many lost cohorts in a row, some 45 minutes, those whom the relay deferred go through others: it
/// may be the only one that their greylists know, but it may never come back either.
const ABANDONED: u32 = 8;
/// After how many lost cohorts a relay is stopped that never took a message in this run.
const UNREACHABLE: u32 = 4;
/// How long a relay rests of whose refusal nothing is known.
const UNKNOWN_PAUSE: Duration = Duration::from_mins(1);
const LONGEST_UNKNOWN_PAUSE: Duration = Duration::from_mins(30);
/// How many of them in a row stop it, if they are permanent.
const UNKNOWN_LIMIT: u32 = 3;

impl Scheduler {
    /// Notes a trouble that belongs to no batch: a session that could not be opened.
    pub fn trouble(&mut self, now: Timestamp, relay: RelayNo, trouble: &Trouble) -> Decision {
        let now = self.advance(now);
        let mut decision = Decision::default();
        if relay.index() < self.lanes.len() {
            self.heed(now, relay, trouble, &mut decision);
        }
        decision
    }

    /// Lets the relay hear what went wrong.
    pub(super) fn heed(
        &mut self,
        now: Timestamp,
        relay: RelayNo,
        trouble: &Trouble,
        decision: &mut Decision,
    ) {
        let verdict = trouble.verdict;
        if verdict.scope == Scope::Campaign {
            return self.halt(StopReason::Content { words: trouble.words.clone() }, decision);
        }
        match (verdict.class, verdict.permanence) {
            (Class::Quota, _) => self.close_quota(now, relay, verdict.wait, decision),
            (Class::Rate, _) => self.slow_down(now, relay, verdict.wait, decision),
            (Class::Concurrency, _) => self.lose_session(now, relay, verdict.wait, decision),
            // A certificate that nobody vouches for, or no TLS at all, will not mend itself either.
            (Class::Login | Class::Protocol | Class::Connection, Permanence::Permanent)
            | (Class::Blocked, _) => {
                self.stop(relay, trouble.words.clone(), decision);
            }
            (Class::Login | Class::Protocol, Permanence::Transient) => {
                self.pause_login(now, relay, trouble, decision);
            }
            (Class::Host, _) => self.pause_host(now, relay, trouble, decision),
            (Class::Connection, Permanence::Transient) => self.lose_connection(now, relay, trouble, decision),
            (Class::Unknown, _) => match verdict.scope {
                Scope::Connection | Scope::Relay | Scope::Host => {
                    self.pause_unknown(now, relay, trouble, decision);
                }
                Scope::Domain | Scope::Recipient | Scope::Message | Scope::Campaign => {}
            },
            // These speak of recipients and messages, not of the relay.
            (
                Class::Domain
                | Class::DomainDead
                | Class::RecipientDead
                | Class::RecipientTemporary
                | Class::TooMany
                | Class::Size
                | Class::Content,
                _,
            ) => {}
        }
    }

    /// Stops a relay for this run; whoever was deferred by it may go through any other.
    pub(super) fn stop(&mut self, relay: RelayNo, words: String, decision: &mut Decision) {
        let lane = &mut self.lanes[relay.index()];
        if lane.stopped.is_none() {
            lane.stopped = Some(words.clone());
            self.queue.unpin(relay);
            decision.relay_stopped = Some((relay, words));
        }
    }

    /// The provider says that the account's allowance is used up, whatever the ledger says.
    fn close_quota(
        &mut self,
        now: Timestamp,
        relay: RelayNo,
        wait: Option<RetryAfter>,
        decision: &mut Decision,
    ) {
        let ledger = self.lanes[relay.index()].ledger;
        let (account, usage) = &mut self.ledgers[ledger];
        let stated = now + stated(now, wait).unwrap_or(QUOTA_CLOSED);
        usage.close(stated);
        let until = usage.closed_until().unwrap_or(stated);
        decision.closed = Some((account.clone(), until));
        for lane in self.lanes.iter_mut().filter(|lane| lane.ledger == ledger) {
            lane.probing = true;
            lane.away = true;
            lane.reconsider();
        }
    }

    fn slow_down(
        &mut self,
        now: Timestamp,
        relay: RelayNo,
        wait: Option<RetryAfter>,
        decision: &mut Decision,
    ) {
        let lane = &mut self.lanes[relay.index()];
        if let Some(per_second) = lane.limiter.slow_down(now) {
            decision.notes.push(Note::Slowed { relay, per_second });
        }
        self.pause(now, relay, (Class::Rate, stated(now, wait).unwrap_or(RATE_PAUSE)), decision);
    }

    fn lose_session(
        &mut self,
        now: Timestamp,
        relay: RelayNo,
        wait: Option<RetryAfter>,
        decision: &mut Decision,
    ) {
        let lane = &mut self.lanes[relay.index()];
        lane.concurrency.refused(now);
        let sessions = lane.concurrency.cap();
        decision.notes.push(Note::FewerSessions { relay, sessions });
        self.pause(
            now,
            relay,
            (Class::Concurrency, stated(now, wait).unwrap_or(CONCURRENCY_PAUSE)),
            decision,
        );
    }

    fn pause_login(&mut self, now: Timestamp, relay: RelayNo, trouble: &Trouble, decision: &mut Decision) {
        let lane = &mut self.lanes[relay.index()];
        if lane.pause.is_some_and(|until| now < until) {
            return; // Another session of the same try.
        }
        lane.concurrency.restart();
        lane.troubles.login += 1;
        match LOGIN_PAUSES.get(lane.troubles.login as usize - 1) {
            Some(pause) => {
                let pause = at_least(*pause, now, trouble);
                self.pause(now, relay, (trouble.verdict.class, pause), decision);
            }
            None => self.stop(relay, trouble.words.clone(), decision),
        }
    }

    /// The host refuses the machine: every relay there rests.
    fn pause_host(&mut self, now: Timestamp, relay: RelayNo, trouble: &Trouble, decision: &mut Decision) {
        let host = self.lanes[relay.index()].host.clone();
        if self.lanes[relay.index()].pause.is_some_and(|until| now < until) {
            return;
        }
        let (first, longest) = match trouble.verdict.permanence {
            Permanence::Permanent => (HOST_PAUSE, LONGEST_HOST_PAUSE),
            Permanence::Transient => (BUSY_PAUSE, LONGEST_BUSY_PAUSE),
        };
        for place in 0..self.lanes.len() {
            let lane = &mut self.lanes[place];
            if lane.host == host && lane.stopped.is_none() {
                lane.troubles.host += 1;
                lane.concurrency.restart();
                let pause = doubled(first, lane.troubles.host, longest);
                let pause = at_least(pause, now, trouble);
                self.pause(now, super::scheduler::relay_no(place), (Class::Host, pause), decision);
            }
        }
    }

    /// A session failed; the relay rests when a whole cohort did.
    fn lose_connection(
        &mut self,
        now: Timestamp,
        relay: RelayNo,
        trouble: &Trouble,
        decision: &mut Decision,
    ) {
        let lane = &mut self.lanes[relay.index()];
        if lane.pause.is_some_and(|until| now < until) {
            return;
        }
        let deaths = if lane.proven || lane.open_sessions > 0 {
            let Some(deaths) = lane.concurrency.failed() else { return };
            deaths
        } else {
            // Nobody knows yet whether it can be reached, so one session is opened at a time: it was all there were.
            lane.concurrency.lost()
        };
        if deaths >= UNREACHABLE && !lane.proven {
            return self.stop(relay, trouble.words.clone(), decision);
        }
        let first = if lane.proven { CONNECTION_PAUSE } else { UNPROVEN_PAUSE };
        if deaths == ABANDONED {
            self.queue.unpin(relay);
        }
        let pause = doubled(first, deaths, LONGEST_CONNECTION_PAUSE);
        let pause = at_least(pause, now, trouble);
        self.pause(now, relay, (Class::Connection, pause), decision);
    }

    fn pause_unknown(&mut self, now: Timestamp, relay: RelayNo, trouble: &Trouble, decision: &mut Decision) {
        let lane = &mut self.lanes[relay.index()];
        if lane.pause.is_some_and(|until| now < until) {
            return;
        }
        lane.troubles.odd += 1;
        match trouble.verdict.permanence {
            Permanence::Permanent if lane.troubles.odd >= UNKNOWN_LIMIT => {
                self.stop(relay, trouble.words.clone(), decision);
            }
            Permanence::Permanent | Permanence::Transient => {
                let pause = doubled(UNKNOWN_PAUSE, lane.troubles.odd, LONGEST_UNKNOWN_PAUSE);
                let pause = at_least(pause, now, trouble);
                self.pause(now, relay, (Class::Unknown, pause), decision);
            }
        }
    }

    fn pause(
        &mut self,
        now: Timestamp,
        relay: RelayNo,
        (class, pause): (Class, Duration),
        decision: &mut Decision,
    ) {
        let until = now + pause;
        let lane = &mut self.lanes[relay.index()];
        if lane.stopped.is_none() && lane.pause.is_none_or(|known| known < until) {
            lane.pause(until);
            decision.notes.push(Note::Paused { relay, class, until });
        }
    }
}

/// How long a server asks to be left alone from `now` on, as far as that is believed.
fn stated(now: Timestamp, wait: Option<RetryAfter>) -> Option<Duration> {
    wait.and_then(|wait| wait.span(now)).map(|wait| wait.min(LONGEST_WAIT))
}

/// The pause of our own rule, or the longer one that the server asks for.
fn at_least(pause: Duration, now: Timestamp, trouble: &Trouble) -> Duration {
    pause.max(stated(now, trouble.verdict.wait).unwrap_or_default())
}
