//! What stood in front and may not go yet for the sake of its domain: put aside, so that others overtake.
//!
//! Each domain has a shelf for what any relay may take, and one for each relay whose retries wait there.
//! Fresh batches stay ranges of the plan: a list with every other recipient at one domain costs eight
//! octets a recipient there, a list in order of domains next to nothing. A grouped batch stands on the shelf
//! of the domain that held it back last.
//!
//! Domains that some relay names are put aside from the beginning; those that only `*` limits when they are
//! met, as there may be hundreds of thousands.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use hashbrown::HashMap;

use super::{Entry, Queue, Source};
use crate::mail::{Batches, RecipientNo, RelayNo};
use crate::schedule::domains::{DomainNo, DomainTable};

/// Everything that was put aside.
#[derive(Debug)]
pub(super) struct Aside {
    table: Arc<DomainTable>,
    shared: HashMap<DomainNo, Shelf>,
    /// By relay.
    own: Vec<HashMap<DomainNo, VecDeque<Entry>>>,
}

/// What any relay may take, of one domain. No shelf is empty.
#[derive(Debug, Default)]
struct Shelf {
    touched: VecDeque<Entry>,
    fresh: VecDeque<Range<u32>>,
}

/// What became of a batch that was put aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::schedule) enum Shelved {
    /// It is the first of its domain: the relays that may take it want to know.
    First,
    /// There were others before it.
    Behind,
}

impl Aside {
    pub(super) fn new(table: Arc<DomainTable>, relays: usize) -> Self {
        Self { table, shared: HashMap::new(), own: vec![HashMap::new(); relays] }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.shared.is_empty() && self.own.iter().all(HashMap::is_empty)
    }

    fn is_empty_for(&self, relay: RelayNo) -> bool {
        self.shared.is_empty() && self.own[relay.index()].is_empty()
    }

    pub(super) fn entry(&self, relay: RelayNo, source: Source) -> Option<&Entry> {
        match source {
            Source::OwnAside(domain) => self.own[relay.index()].get(&domain)?.front(),
            Source::Aside(domain) => self.shared.get(&domain)?.touched.front(),
            Source::Pinned | Source::Ready | Source::Fresh => None,
        }
    }

    /// The first fresh batch of a shelf whose touched ones are gone.
    pub(super) fn fresh(&self, source: Source) -> Option<u32> {
        let Source::Aside(domain) = source else { return None };
        self.shared.get(&domain)?.fresh.front().map(|numbers| numbers.start)
    }

    /// Takes the first of a shelf: somebody who was touched, or the number of a fresh batch.
    pub(super) fn take(&mut self, relay: RelayNo, source: Source) -> Option<Result<Entry, u32>> {
        match source {
            Source::OwnAside(domain) => {
                let own = &mut self.own[relay.index()];
                let waiting = own.get_mut(&domain)?;
                let entry = waiting.pop_front();
                if waiting.is_empty() {
                    own.remove(&domain);
                }
                entry.map(Ok)
            }
            Source::Aside(domain) => {
                let known = self.shared.get_mut(&domain)?;
                let taken = match known.touched.pop_front() {
                    Some(entry) => Some(Ok(entry)),
                    None => known.take_fresh().map(Err),
                };
                if known.is_empty() {
                    self.shared.remove(&domain);
                }
                taken
            }
            Source::Pinned | Source::Ready | Source::Fresh => None,
        }
    }

    /// All fresh batches, in the order of the plan.
    pub(super) fn fresh_numbers(&self) -> Vec<Range<u32>> {
        let mut numbers: Vec<_> =
            self.shared.values().flat_map(|shelf| shelf.fresh.iter().cloned()).collect();
        numbers.sort_unstable_by_key(|numbers| numbers.start);
        numbers
    }

    /// Takes out fresh batches of which nobody is left; `gone` is rising.
    pub(super) fn strike_fresh(&mut self, gone: &[u32]) {
        if gone.is_empty() {
            return;
        }
        for shelf in self.shared.values_mut() {
            for numbers in std::mem::take(&mut shelf.fresh) {
                let mut start = numbers.start;
                let first = gone.partition_point(|number| *number < numbers.start);
                for number in gone[first..].iter().take_while(|number| **number < numbers.end) {
                    shelf.add_fresh(start..*number);
                    start = number + 1;
                }
                shelf.add_fresh(start..numbers.end);
            }
        }
        self.shared.retain(|_, shelf| !shelf.is_empty());
    }

    /// Strikes out of every entry whom `strike` names; it tells whether anybody is left.
    pub(super) fn strike(&mut self, strike: &mut impl FnMut(&mut Entry) -> bool) {
        self.shared.retain(|_, shelf| {
            shelf.touched.retain_mut(&mut *strike);
            !shelf.is_empty()
        });
        for own in &mut self.own {
            own.retain(|_, shelf| {
                shelf.retain_mut(&mut *strike);
                !shelf.is_empty()
            });
        }
    }

    /// Takes out what stands for `relay` alone.
    pub(super) fn take_own(&mut self, relay: RelayNo) -> Vec<Entry> {
        std::mem::take(&mut self.own[relay.index()]).into_values().flatten().collect()
    }

    /// Takes everything out: who was touched, and the fresh batches in order.
    pub(super) fn clear(&mut self) -> (Vec<Entry>, Vec<Range<u32>>) {
        let fresh = self.fresh_numbers();
        let own = self.own.iter_mut().flat_map(std::mem::take).flat_map(|(_, shelf)| shelf);
        let mut touched: Vec<Entry> = own.collect();
        touched.extend(std::mem::take(&mut self.shared).into_values().flat_map(|shelf| shelf.touched));
        (touched, fresh)
    }
}

impl Shelf {
    fn is_empty(&self) -> bool {
        self.touched.is_empty() && self.fresh.is_empty()
    }

    fn add_fresh(&mut self, numbers: Range<u32>) {
        match self.fresh.back_mut() {
            _ if numbers.is_empty() => {}
            Some(last) if last.end == numbers.start => last.end = numbers.end,
            Some(_) | None => self.fresh.push_back(numbers),
        }
    }

    fn take_fresh(&mut self) -> Option<u32> {
        let front = self.fresh.front_mut()?;
        let number = front.start;
        front.start += 1;
        if front.start >= front.end {
            self.fresh.pop_front();
        }
        Some(number)
    }
}

impl Queue {
    /// Puts everything aside that goes to a domain that some relay names: such a domain may last longer than
    /// all others together, so it begins with them wherever in the list it stands.
    pub(super) fn put_named_aside(&mut self) {
        let Some(aside) = &mut self.aside else { return };
        let mut others = Shelf::default();
        for numbers in std::mem::take(&mut self.fresh) {
            for number in numbers {
                match aside.table.named(self.batches.range(number).map(RecipientNo)) {
                    Some(domain) => aside.shared.entry(domain).or_default().add_fresh(number..number + 1),
                    None => others.add_fresh(number..number + 1),
                }
            }
        }
        self.fresh = others.fresh;
        self.fresh_left = self.fresh.iter().map(|numbers| numbers.len() as u64).sum();
    }

    /// The domains for which something any relay may take was put aside.
    pub(in crate::schedule) fn domains_aside(&self) -> Vec<DomainNo> {
        let aside = self.aside.iter().flat_map(|aside| aside.shared.keys().copied());
        let mut domains: Vec<DomainNo> = aside.collect();
        domains.sort_unstable();
        domains
    }

    /// Whether anything was put aside that `relay` could take some time.
    pub(in crate::schedule) fn has_aside(&self, relay: RelayNo) -> bool {
        self.aside.as_ref().is_some_and(|aside| !aside.is_empty_for(relay))
    }

    /// Where `relay` finds what was put aside for `domain`, its own retries first if `last` was none.
    pub(in crate::schedule) fn shelf(
        &self,
        relay: RelayNo,
        domain: DomainNo,
        last: Source,
    ) -> Option<Source> {
        let aside = self.aside.as_ref()?;
        let own = aside.own[relay.index()].contains_key(&domain).then_some(Source::OwnAside(domain));
        let shared = aside.shared.contains_key(&domain).then_some(Source::Aside(domain));
        if last.is_own() { shared.or(own) } else { own.or(shared) }
    }

    /// Fills `into` with the limited domains of the next batch at `source`. False if there is no batch.
    pub(in crate::schedule) fn domains_at(
        &self,
        relay: RelayNo,
        source: Source,
        into: &mut Vec<DomainNo>,
    ) -> bool {
        let Some(aside) = &self.aside else { return false };
        if let Some(entry) = self.entry(relay, source) {
            aside.table.gather(entry.batch.recipients.iter().copied(), into);
            return true;
        }
        let Some(number) = self.fresh_number(source) else { return false };
        aside.table.gather(self.batches.range(number).map(RecipientNo), into);
        true
    }

    /// Puts the next batch at `source` aside, as `domain` holds it back.
    pub(in crate::schedule) fn put_aside(
        &mut self,
        relay: RelayNo,
        source: Source,
        domain: DomainNo,
    ) -> Shelved {
        let is_first = match source {
            Source::Pinned | Source::OwnAside(_) => self.shelf(relay, domain, source).is_none(),
            Source::Ready | Source::Fresh | Source::Aside(_) => {
                self.aside.as_ref().is_some_and(|aside| !aside.shared.contains_key(&domain))
            }
        };
        if source == Source::Fresh {
            let numbers = self.fresh_of(domain);
            self.take_run(&numbers);
            if let Some(aside) = &mut self.aside {
                aside.shared.entry(domain).or_default().add_fresh(numbers);
            }
        } else if let Some(taken) = self.take_first(relay, source)
            && let Some(aside) = &mut self.aside
        {
            match (source, taken) {
                (Source::Pinned | Source::OwnAside(_), Ok(entry)) => {
                    aside.own[relay.index()].entry(domain).or_default().push_back(entry);
                }
                (_, Ok(entry)) => aside.shared.entry(domain).or_default().touched.push_back(entry),
                (_, Err(number)) => {
                    aside.shared.entry(domain).or_default().add_fresh(number..number + 1);
                }
            }
        }
        if is_first { Shelved::First } else { Shelved::Behind }
    }

    /// The fresh batches at the front that `domain` holds back: one, or all that follow on each other
    /// where each is one recipient.
    fn fresh_of(&self, domain: DomainNo) -> Range<u32> {
        let Some(front) = self.fresh.front() else { return 0..0 };
        let mut end = front.start + 1;
        if let (Batches::Personal { .. }, true, Some(aside)) =
            (&*self.batches, self.barred.is_empty(), &self.aside)
        {
            while end < front.end && aside.table.of(RecipientNo(end)) == Some(domain) {
                end += 1;
            }
        }
        front.start..end
    }

    /// The first of `numbers`, as many as have no limited domain by `limits`.
    pub(in crate::schedule) fn unlimited(
        &self,
        numbers: &Range<u32>,
        limits: impl Fn(DomainNo) -> bool,
    ) -> Range<u32> {
        let Some(aside) = &self.aside else { return numbers.clone() };
        let mut known = None;
        let mut is_limited = |recipient: u32| {
            let Some(domain) = aside.table.of(RecipientNo(recipient)) else { return false };
            match known {
                Some((last, answer)) if last == domain => answer,
                Some(_) | None => {
                    let answer = limits(domain);
                    known = Some((domain, answer));
                    answer
                }
            }
        };
        let end = numbers.clone().find(|number| self.batches.range(*number).any(&mut is_limited));
        numbers.start..end.unwrap_or(numbers.end)
    }
}
