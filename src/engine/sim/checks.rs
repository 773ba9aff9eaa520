//! What must hold whenever the engine stands still: after a recovery, at the end of a run, at the very end.
//!
//! The numbers are those of the invariants that the messages name: I2 conservation, I3 nobody lost, I4 nobody
//! twice, I5 and I6 journal and servers agree, I7 the bound of the uncertain, I9 no charge forgotten, I13 the
//! same journal means the same.

use crate::campaign::Relay;
use crate::engine::relays::lane_spec;
use crate::engine::report::exposure;
use crate::engine::{Desk, Ending};
use crate::mail::{Content, RecipientNo, RunNo, State as Standing, Tally};
use crate::store::{Disk, ForgetfulDisk, Indexing, Options, Pace, Store, StoreError};

use super::server::{Counts, DAY};
use super::world::State;

/// Journal, store and servers agree on everybody; nothing is under way.
pub(super) fn agrees(state: &mut State, store: &Store, run: RunNo) {
    state.read_journal();
    let tally = store.tally(run).unwrap_or_default();
    if tally != self::tally(state) || tally.planned() != state.scenario.recipients as u64 {
        state.fail(format!("I2: the store counts {tally:?}, the journal {:?}", self::tally(state)));
    }
    for place in 0..state.scenario.recipients {
        let recipient = RecipientNo(u32::try_from(place).expect("few"));
        let (known, read) = (store.state(run, recipient), state.judge.people[place].state);
        if known != Some(read) {
            state.fail(format!("I2: {place} is {known:?} to the store and {read} in the journal"));
        }
    }
    people(state);
    charges(state, store);
}

/// Journal and servers agree on everybody; nothing is under way.
pub(super) fn people(state: &mut State) {
    for place in 0..state.scenario.recipients {
        let person = state.judge.people[place];
        let taken = &state.servers.taken[place];
        let ids: Vec<&str> = taken.iter().map(|taken| taken.message_id.as_str()).collect();
        let wrong = match (person.state, person.accepted) {
            _ if taken.len() > 1 + person.resends => "I4: was written to too often",
            (Standing::Accepted, Some(batch)) if taken.iter().all(|taken| taken.batch != batch) => {
                "I5: is accepted, and no server took it"
            }
            (Standing::Accepted | Standing::Uncertain, _) => continue,
            _ if taken.len() > person.resends => "I6: was taken by a server",
            _ => continue,
        };
        let words =
            format!("{wrong}: {place} is {}, {} resends, taken as {ids:?}", person.state, person.resends);
        state.fail(words);
    }
}

/// The ledger counts at least what providers count.
fn charges(state: &mut State, store: &Store) {
    let now = store.believe(&state.time.moment());
    let (truth, lead) = (state.time.now(), state.time.lead);
    let usages = store.usage();
    let providers = state.servers.providers.clone();
    for (account, provider) in providers {
        let counted = provider.since(truth - DAY + lead + 60_000, Counts::Recipients);
        let known =
            usages.get(&account).map_or(0, |usage| usage.since(now.as_second() - DAY / 1000).recipients);
        if known < counted {
            state.fail(format!("I9: {account} was charged {known}, and its provider counts {counted}"));
        }
    }
}

/// What the end of a run says is so.
pub(super) fn ends_as_it_says(state: &mut State, ending: &Ending) {
    let tally = self::tally(state);
    let said = &ending.recipients;
    let told = [said.pending, said.deferred, said.accepted, said.rejected, said.uncertain, said.suppressed];
    let known = [
        Standing::Pending,
        Standing::Deferred,
        Standing::Accepted,
        Standing::Rejected,
        Standing::Uncertain,
        Standing::Suppressed,
    ]
    .map(|standing| tally.of(standing));
    if told != known {
        state.fail(format!("I2: the run says {told:?} at its end, the journal {known:?}"));
    }
    if ending.cause.is_none() && tally.of(Standing::Pending) + tally.of(Standing::Deferred) > 0 {
        state.fail(format!("I3: the run is finished, with {tally:?}"));
    }
}

/// Nobody is left who has no definite end, but those named uncertain.
pub(super) fn everybody_is_done(state: &mut State) -> Result<(), String> {
    state.read_journal();
    people(state);
    let tally = tally(state);
    let left = tally.of(Standing::Pending) + tally.of(Standing::Deferred);
    if left > 0 {
        return Err(format!("I3: nothing is to be resumed, and {left} are left: {tally:?}"));
    }
    state.wrong.clone().map_or(Ok(()), Err)
}

/// Those whom a crash leaves in doubt are no more than was foretold, and one message of each session: its reply
/// was read at the very moment of the crash, the next was on its way, and nothing was recorded yet. A forecast
/// reckons with that by the pace it expects of a server.
pub(super) fn bound(state: &mut State, desk: &Desk, content: &Content) {
    let lanes: Vec<_> = desk.relays.iter().map(lane_spec).collect();
    let mut relays: Vec<Relay> = desk.relays.clone();
    for relay in &mut relays {
        relay.window += 1;
    }
    let bound = exposure(&relays, &lanes, content.mode, desk.campaign.max_uncertain);
    let owed = state.judge.in_doubt();
    if owed > bound {
        state.fail(format!("I7: {owed} are in doubt after a crash, foretold were {bound} at most"));
    }
}

/// Two recoveries of one journal come to the same.
pub(super) fn recovers_to_the_same(state: &mut State, desk: &Desk) {
    let medium = state.disk.left();
    let moment = state.time.moment();
    let options =
        Options { min_free: 0, pace: Pace::Inline, indexing: Indexing::Memory, ..Options::default() };
    let open = |medium: ForgetfulDisk| {
        let medium: Box<dyn Disk> = Box::new(medium);
        let store = Store::open_on(medium, desk.workspace.state_dir(), options, &moment)?;
        let runs = store.history().runs;
        let known: Vec<_> =
            runs.iter().map(|run| (run.states.clone(), run.tally, store.backlog(run.no))).collect();
        Ok::<_, StoreError>((format!("{known:?}"), store.usage()))
    };
    match (open(medium.clone()), open(medium)) {
        (Ok(one), Ok(other)) if one != other => {
            state.fail(format!("I13: recovered to {one:?} and again to {other:?}"));
        }
        (Ok(_), Ok(_)) | (Err(_), _) => {}
        (Ok(_), Err(error)) => state.fail(format!("I13: what was recovered is not recovered again: {error}")),
    }
}

/// Where everybody stands by the journal.
pub(super) fn tally(state: &State) -> Tally {
    let mut tally = Tally::pending(state.scenario.recipients as u64);
    for person in &state.judge.people {
        tally.shift(Standing::Pending, person.state);
    }
    tally
}
