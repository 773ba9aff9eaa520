//! Taking recipients out of the queue for good: one by one, or all.

use std::ops::Range;

use hashbrown::HashSet;

use super::{Entry, Queue};
use crate::mail::{RecipientNo, State};

impl Queue {
    /// Takes these recipients out for good, and gives those who stood in it with their state.
    pub(in crate::schedule) fn bar(
        &mut self,
        recipients: &HashSet<RecipientNo>,
    ) -> Vec<(RecipientNo, State)> {
        let mut found = self.bar_fresh(recipients);
        let mut strike = |entry: &mut Entry| {
            let state = entry.state;
            entry.batch.recipients.retain(|recipient| {
                let barred = recipients.contains(recipient);
                if barred {
                    found.push((*recipient, state));
                }
                !barred
            });
            !entry.batch.recipients.is_empty()
        };
        self.ready.retain_mut(&mut strike);
        self.pinned.iter_mut().for_each(|pinned| pinned.retain_mut(&mut strike));
        if let Some(aside) = &mut self.aside {
            aside.strike(&mut strike);
        }
        let later = std::mem::take(&mut self.later).into_vec().into_iter();
        self.later = later.filter_map(|mut later| strike(&mut later.entry).then_some(later)).collect();
        found.sort_unstable_by_key(|(recipient, _)| *recipient);
        found
    }

    /// Takes those of fresh batches out.
    fn bar_fresh(&mut self, recipients: &HashSet<RecipientNo>) -> Vec<(RecipientNo, State)> {
        let aside = self.aside.as_ref().map(|aside| aside.fresh_numbers()).unwrap_or_default();
        let stands_in = |ranges: &mut dyn Iterator<Item = &Range<u32>>, number| {
            ranges.next().is_some_and(|numbers| numbers.contains(&number))
        };
        let (mut found, mut touched) = (Vec::new(), Vec::new());
        for recipient in recipients {
            let number = self.batches.batch_of(*recipient);
            let place = self.fresh.partition_point(|numbers| numbers.end <= number);
            let place_aside = aside.partition_point(|numbers| numbers.end <= number);
            let is_fresh = stands_in(&mut self.fresh.range(place..), number)
                || stands_in(&mut aside[place_aside..].iter(), number);
            if is_fresh && self.batches.range(number).contains(&recipient.0) && self.barred.insert(*recipient)
            {
                found.push((*recipient, State::Pending));
                touched.push(number);
            }
        }
        self.skip_barred();
        touched.retain(|number| self.fresh_size(*number) == 0);
        touched.sort_unstable();
        if let Some(aside) = &mut self.aside {
            aside.strike_fresh(&touched);
        }
        found
    }

    /// Takes everybody out, and gives them with their state.
    pub(in crate::schedule) fn clear(&mut self) -> Vec<(RecipientNo, State)> {
        let mut found = Vec::new();
        let (touched, fresh) = self.aside.as_mut().map(|aside| aside.clear()).unwrap_or_default();
        self.fresh_left += fresh.iter().map(|numbers| numbers.len() as u64).sum::<u64>();
        self.fresh.extend(fresh);
        while let Some(number) = self.take_fresh() {
            let recipients = self.fresh_entry(number).batch.recipients;
            found.extend(recipients.into_iter().map(|recipient| (recipient, State::Pending)));
        }
        let later = std::mem::take(&mut self.later).into_vec().into_iter().map(|later| *later.entry);
        let pinned = self.pinned.iter_mut().flat_map(std::mem::take);
        for entry in later.chain(pinned).chain(std::mem::take(&mut self.ready)).chain(touched) {
            found.extend(entry.batch.recipients.iter().map(|recipient| (*recipient, entry.state)));
        }
        found
    }
}
