//! What a run has left to do: the store's account of it, as the scheduler takes it.
//!
//! The store knows recipients, the scheduler batches. A batch that is pending as planned is fresh work;
//! everybody else goes by the batch, part and attempt they were last in, so that a resumed attempt has
//! the Message-ID and the Date of the first one.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;

use crate::mail::{Batch, BatchId, Batches, RecipientNo, RelayName, RelayNo, RunNo};
use crate::schedule;
use crate::store::{Backlog, Waiter};

/// What tells waiting recipients of one batch apart: those that agree share the next attempt.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Together {
    batch: u32,
    part: u16,
    attempts: u16,
    due: Option<Timestamp>,
    since: Option<Timestamp>,
    relay: Option<RelayNo>,
}

/// The backlog of `run` for the scheduler; `relays` gives the relays of this run their numbers.
pub(super) fn backlog(
    run: RunNo,
    left: &Backlog,
    batches: &Arc<Batches>,
    relays: &[RelayName],
    now: Timestamp,
) -> schedule::Backlog {
    let numbers: HashMap<&RelayName, RelayNo> =
        (0..).map(RelayNo).zip(relays).map(|(no, name)| (name, no)).collect();
    let mut groups: BTreeMap<Together, Vec<RecipientNo>> = BTreeMap::new();
    let mut attempted = HashSet::new();
    let attempts = attempts_in_doubt(left);
    for waiter in left.returned.iter().chain(&left.deferred) {
        attempted.insert(waiter.recipient.0);
        groups.entry(together(waiter, &numbers, &attempts)).or_default().push(waiter.recipient);
    }
    let (fresh, strays) = fresh_batches(&left.pending, &attempted, batches);
    for recipient in strays {
        let batch = batches.batch_of(RecipientNo(recipient));
        let alone = Together { batch, part: 0, attempts: 0, due: None, since: None, relay: None };
        groups.entry(alone).or_default().push(RecipientNo(recipient));
    }
    let mut names = Names::new(left, batches, groups.keys());
    let waiting = groups.into_iter().map(|(shared, mut recipients)| {
        recipients.sort_unstable();
        recipients.dedup();
        let part = names.part_of(&shared);
        let id = BatchId { run, number: shared.batch, part };
        let date = left.dates.get(&(shared.batch, part)).copied();
        let batch = Batch { id, attempt: shared.attempts.saturating_add(1), date, recipients };
        schedule::Waiting { batch, due: shared.due.unwrap_or(now), relay: shared.relay, since: shared.since }
    });
    let waiting = waiting.collect();
    schedule::Backlog {
        batches: Arc::clone(batches),
        fresh,
        waiting,
        parts: names.parts.into_iter().collect(),
        domains: None,
    }
}

/// Attempts of each batch and part after which somebody was left in doubt who is to be written to again.
fn attempts_in_doubt(left: &Backlog) -> HashMap<(u32, u16), u16> {
    let mut most: HashMap<(u32, u16), u16> = HashMap::new();
    for waiter in left.returned.iter().filter(|waiter| was_in_doubt(waiter.since, waiter.attempts)) {
        let attempts = most.entry((waiter.batch, waiter.part)).or_default();
        *attempts = (*attempts).max(waiter.attempts);
    }
    most
}

/// Whether the last attempt may have reached them: it was used up, and nobody refused them for now.
fn was_in_doubt(since: Option<Timestamp>, attempts: u16) -> bool {
    since.is_none() && attempts > 0
}

/// Gives each group the part under which it goes on, and so its Message-ID.
struct Names {
    /// The highest part of each batch.
    parts: BTreeMap<u32, u16>,
    /// Batches of which somebody is done with.
    begun: HashSet<u32>,
    /// Of those who were last in the same batch and part, a group that goes on under its name: those who may
    /// have got it, and their like; or else those who were attempted most, and nobody else.
    heirs: HashMap<(u32, u16), Together>,
    /// Batches and parts under whose name something left: nobody can be in doubt about another.
    dated: HashSet<(u32, u16)>,
}

impl Names {
    fn new<'a>(left: &Backlog, batches: &Batches, groups: impl Iterator<Item = &'a Together>) -> Self {
        let dated = left.dates.keys().copied().collect();
        let (begun, heirs) = (HashSet::new(), HashMap::new());
        let mut names = Self { parts: left.parts.clone(), begun, heirs, dated };
        let mut touched = HashSet::new();
        for group in groups {
            let highest = names.parts.entry(group.batch).or_default();
            *highest = (*highest).max(group.part);
            touched.insert(group.batch);
            let dated = names.dated.contains(&(group.batch, group.part));
            let claim =
                |group: &Together| (dated && was_in_doubt(group.since, group.attempts), group.attempts);
            match names.heirs.entry((group.batch, group.part)) {
                Entry::Vacant(heir) => {
                    heir.insert(group.clone());
                }
                Entry::Occupied(mut heir) if claim(group) > claim(heir.get()) => {
                    heir.insert(group.clone());
                }
                Entry::Occupied(_) => {}
            }
        }
        let deferred: HashSet<u32> = left.deferred.iter().map(|waiter| waiter.recipient.0).collect();
        let is_pending = |recipient: u32| {
            let behind = left.pending.partition_point(|range| range.end <= recipient);
            left.pending.get(behind).is_some_and(|range| range.contains(&recipient))
        };
        let is_done = |recipient: u32| !is_pending(recipient) && !deferred.contains(&recipient);
        names.begun = touched.into_iter().filter(|number| batches.range(*number).any(is_done)).collect();
        names
    }

    /// The part a group had, where its next attempt is one more of the same batch. A new one for those
    /// who were never reached by an attempt of which others are done with, and where another group goes on
    /// under that name: theirs is another message.
    fn part_of(&mut self, group: &Together) -> u16 {
        let dated = self.dated.contains(&(group.batch, group.part));
        let in_doubt = dated && was_in_doubt(group.since, group.attempts);
        let is_heir = self.heirs.get(&(group.batch, group.part)) == Some(group);
        if in_doubt || is_heir && !(group.since.is_none() && self.begun.contains(&group.batch)) {
            return group.part;
        }
        next_part(&mut self.parts, group.batch)
    }
}

/// A part of a batch that no other has.
fn next_part(parts: &mut BTreeMap<u32, u16>, batch: u32) -> u16 {
    let highest = parts.entry(batch).or_default();
    *highest = highest.saturating_add(1);
    *highest
}

/// The same backlog with at most `limit` recipients in it: those who were begun first. A batch that does
/// not fit is cut.
pub(super) fn limited(run: RunNo, backlog: schedule::Backlog, limit: u64) -> schedule::Backlog {
    let schedule::Backlog { batches, fresh, waiting, parts, domains } = backlog;
    let mut parts: BTreeMap<u32, u16> = parts.into_iter().collect();
    let mut room = limit;
    let mut kept = Vec::new();
    for mut entry in waiting {
        let whole = entry.batch.recipients.len();
        let take = usize::try_from(room).unwrap_or(usize::MAX).min(whole);
        entry.batch.recipients.truncate(take);
        // Without a Date nothing ever left under that name, though its people were in doubt under another.
        let in_doubt =
            was_in_doubt(entry.since, entry.batch.attempt.saturating_sub(1)) && entry.batch.date.is_some();
        if (1..whole).contains(&take) && !in_doubt {
            // The others keep the name, for a later run: theirs is another message.
            entry.batch.id.part = next_part(&mut parts, entry.batch.id.number);
            entry.batch.date = None;
        }
        room -= take as u64;
        if take > 0 {
            kept.push(entry);
        }
    }
    let mut begun = Vec::new();
    for number in fresh.into_iter().flatten() {
        let range = batches.range(number);
        let size = u64::from(range.end - range.start);
        if size <= room {
            room -= size;
            push(&mut begun, number);
            continue;
        }
        let cut = u32::try_from(room).map_or(range.end, |room| range.start + room);
        if cut > range.start {
            let id = BatchId { run, number, part: next_part(&mut parts, number) };
            let recipients = (range.start..cut).map(RecipientNo).collect();
            let batch = Batch { id, attempt: 1, date: None, recipients };
            kept.push(schedule::Waiting { batch, due: Timestamp::UNIX_EPOCH, relay: None, since: None });
        }
        break;
    }
    schedule::Backlog { batches, fresh: begun, waiting: kept, parts: parts.into_iter().collect(), domains }
}

fn together(
    waiter: &Waiter,
    numbers: &HashMap<&RelayName, RelayNo>,
    in_doubt: &HashMap<(u32, u16), u16>,
) -> Together {
    let attempts = match in_doubt.get(&(waiter.batch, waiter.part)) {
        // Those who were left in doubt by several attempts share the next: it is the same message.
        Some(most) if was_in_doubt(waiter.since, waiter.attempts) => *most,
        Some(_) | None => waiter.attempts,
    };
    Together {
        batch: waiter.batch,
        part: waiter.part,
        attempts,
        due: waiter.due,
        since: waiter.since,
        // Only who was deferred must come back over the same relay.
        relay: waiter.since.and(waiter.relay.as_ref()).and_then(|name| numbers.get(name)).copied(),
    }
}

/// The planned batches that are pending as a whole and were never attempted, and the pending recipients
/// of the others who were not attempted either.
fn fresh_batches(
    pending: &[Range<u32>],
    attempted: &HashSet<u32>,
    batches: &Batches,
) -> (Vec<Range<u32>>, Vec<u32>) {
    let (mut fresh, mut strays) = (Vec::new(), Vec::new());
    for range in pending {
        let mut recipient = range.start;
        while recipient < range.end {
            let number = batches.batch_of(RecipientNo(recipient));
            let whole = batches.range(number);
            let here = recipient..whole.end.min(range.end);
            recipient = here.end;
            if here == whole && !here.clone().any(|one| attempted.contains(&one)) {
                push(&mut fresh, number);
            } else {
                strays.extend(here.filter(|one| !attempted.contains(one)));
            }
        }
    }
    (fresh, strays)
}

/// Adds a number that is higher than all before it.
fn push(ranges: &mut Vec<Range<u32>>, number: u32) {
    match ranges.last_mut() {
        Some(range) if range.end == number => range.end += 1,
        Some(_) | None => ranges.push(number..number + 1),
    }
}

#[cfg(test)]
mod tests {
    use std::iter;

    use super::*;

    fn waiter(recipient: u32, batch: u32, since: Option<i64>) -> Waiter {
        let at = |second| Timestamp::from_second(second).expect("a valid second");
        Waiter {
            recipient: RecipientNo(recipient),
            batch,
            part: 0,
            attempts: u16::from(since.is_some()),
            due: since.map(|second| at(second + 300)),
            since: since.map(at),
            relay: Some(RelayName::new("b")),
        }
    }

    fn relays() -> [RelayName; 2] {
        [RelayName::new("a"), RelayName::new("b")]
    }

    #[test]
    fn whole_pending_batches_are_fresh_and_the_rest_goes_by_its_last_attempt() {
        let batches = Arc::new(Batches::Grouped { recipients: 9, starts: vec![0, 3, 6] });
        let left = Backlog {
            pending: vec![0..4, 5..9],
            returned: vec![waiter(5, 1, None)],
            deferred: vec![waiter(4, 1, Some(1000))],
            ..Backlog::default()
        };
        let now = Timestamp::from_second(2000).expect("a valid second");
        let found = backlog(RunNo(1), &left, &batches, &relays(), now);
        assert_eq!(found.fresh, [0..1, 2..3]);
        let mut seen: Vec<_> = found
            .waiting
            .iter()
            .map(|entry| {
                let who: Vec<u32> = entry.batch.recipients.iter().map(|recipient| recipient.0).collect();
                (who, entry.batch.attempt, entry.relay)
            })
            .collect();
        seen.sort_unstable();
        assert_eq!(seen, [(vec![3, 5], 1, None), (vec![4], 2, Some(RelayNo(1)))]);
    }

    #[test]
    fn a_limit_keeps_no_more_than_it_says() {
        let batches = Arc::new(Batches::Personal { recipients: 100 });
        let left = Backlog { pending: iter::once(0..100).collect(), ..Backlog::default() };
        let whole = backlog(RunNo(1), &left, &batches, &relays(), Timestamp::UNIX_EPOCH);
        let numbers: Vec<u32> = limited(RunNo(1), whole, 7).fresh.into_iter().flatten().collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6]);
    }

    /// Who waits for what under which part, in which attempt.
    fn waiting(left: &Backlog, batches: &Arc<Batches>) -> Vec<(Vec<u32>, u16, u16)> {
        let found = backlog(RunNo(1), left, batches, &relays(), Timestamp::UNIX_EPOCH);
        show(&found)
    }

    fn show(backlog: &schedule::Backlog) -> Vec<(Vec<u32>, u16, u16)> {
        let who = |batch: &Batch| batch.recipients.iter().map(|recipient| recipient.0).collect();
        let entries = backlog.waiting.iter().map(|entry| &entry.batch);
        let mut found: Vec<_> = entries.map(|batch| (who(batch), batch.id.part, batch.attempt)).collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn a_limit_cuts_a_batch_that_does_not_fit() {
        let batches = Arc::new(Batches::Grouped { recipients: 6, starts: vec![0, 3] });
        let parts = BTreeMap::from([(1, 4)]);
        let left = Backlog { pending: iter::once(0..6).collect(), parts, ..Backlog::default() };
        let whole = backlog(RunNo(1), &left, &batches, &relays(), Timestamp::UNIX_EPOCH);
        let some = limited(RunNo(1), whole.clone(), 5);
        let fresh: Vec<u32> = some.fresh.iter().cloned().flatten().collect();
        assert_eq!((fresh, show(&some)), (vec![0], vec![(vec![3, 4], 5, 1)]));
        let few = limited(RunNo(1), whole, 2);
        assert_eq!((few.fresh.as_slice(), show(&few)), ([].as_slice(), vec![(vec![0, 1], 1, 1)]));
    }

    #[test]
    fn a_limit_that_cuts_a_waiting_batch_makes_two_messages_of_it() {
        let batches = Arc::new(Batches::Grouped { recipients: 4, starts: vec![0] });
        let left = Backlog {
            pending: iter::once(0..4).collect(),
            returned: (0..4).map(|who| Waiter { part: 2, ..waiter(who, 0, None) }).collect(),
            parts: BTreeMap::from([(0, 2)]),
            ..Backlog::default()
        };
        let whole = backlog(RunNo(1), &left, &batches, &relays(), Timestamp::UNIX_EPOCH);
        assert_eq!(show(&limited(RunNo(1), whole.clone(), 4)), [(vec![0, 1, 2, 3], 2, 1)]);
        assert_eq!(show(&limited(RunNo(1), whole, 3)), [(vec![0, 1, 2], 3, 1)]);
        // Those who may have got it get the same once more, however many at once.
        let again = left.returned.iter().map(|waiter| Waiter { attempts: 1, ..waiter.clone() });
        let dates = BTreeMap::from([((0, 2), Timestamp::UNIX_EPOCH)]);
        let doubted = Backlog { returned: again.collect(), dates, ..left };
        let whole = backlog(RunNo(1), &doubted, &batches, &relays(), Timestamp::UNIX_EPOCH);
        assert_eq!(show(&limited(RunNo(1), whole, 3)), [(vec![0, 1, 2], 2, 2)]);
    }

    #[test]
    fn who_was_too_many_does_not_share_the_message_of_those_who_were_taken() {
        let batches = Arc::new(Batches::Grouped { recipients: 4, starts: vec![0] });
        // 0 was accepted; 1 and 2 came back as too many; 3 was never attempted.
        let returned = vec![waiter(1, 0, None), waiter(2, 0, None)];
        let left = Backlog { pending: iter::once(1..4).collect(), returned, ..Backlog::default() };
        assert_eq!(waiting(&left, &batches), [(vec![1, 2, 3], 1, 1)]);
        // Nobody is done with: it is the batch it was.
        let left = Backlog { pending: iter::once(0..4).collect(), ..left };
        assert_eq!(waiting(&left, &batches), [(vec![0, 1, 2, 3], 0, 1)]);
    }

    #[test]
    fn who_was_attempted_less_often_does_not_share_the_message_either() {
        let batches = Arc::new(Batches::Grouped { recipients: 4, starts: vec![0] });
        // The first attempt was deferred for 0 and 1, and came back unsent for 2 and 3.
        let left = Backlog {
            pending: iter::once(2..4).collect(),
            returned: vec![waiter(2, 0, None), waiter(3, 0, None)],
            deferred: vec![waiter(0, 0, Some(1000)), waiter(1, 0, Some(1000))],
            ..Backlog::default()
        };
        assert_eq!(waiting(&left, &batches), [(vec![0, 1], 0, 2), (vec![2, 3], 1, 1)]);
    }

    #[test]
    fn only_who_was_in_doubt_is_sent_the_same_message_again() {
        let batches = Arc::new(Batches::Grouped { recipients: 4, starts: vec![0] });
        // 0 and 1 are in doubt since the first and the second attempt; 2 was refused for now by both.
        let again = |recipient, attempts| Waiter { attempts, ..waiter(recipient, 0, None) };
        let late = Waiter { attempts: 2, ..waiter(2, 0, Some(1000)) };
        let left = Backlog {
            pending: vec![0..2, 3..4],
            returned: vec![again(0, 1), again(1, 2)],
            deferred: vec![late],
            dates: BTreeMap::from([((0, 0), Timestamp::UNIX_EPOCH)]),
            ..Backlog::default()
        };
        assert_eq!(waiting(&left, &batches), [(vec![0, 1], 0, 3), (vec![2], 2, 3), (vec![3], 1, 1)]);
    }
}
