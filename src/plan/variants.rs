//! Brings recipients together whose rendered message is the same.
//!
//! Only grouped mode uses it. Groups stand in the order in which their first recipient was offered, and
//! recipients keep their order within a group, so that the same list always gives the same batches.

use hashbrown::HashMap;

use crate::mail::Batches;

/// Which group each recipient belongs to, in the order of the offers.
#[derive(Debug, Default)]
pub(super) struct Variants {
    numbers: HashMap<u128, u32>,
    groups: u32,
    of: Vec<u32>,
}

impl Variants {
    /// Adds one recipient. Without a variant nothing is known of their message: they stay alone.
    pub(super) fn add(&mut self, variant: Option<u128>) {
        let next = self.groups;
        let group = match variant {
            Some(variant) => *self.numbers.entry(variant).or_insert(next),
            None => next,
        };
        if group == next {
            self.groups += 1;
        }
        self.of.push(group);
    }

    /// The order in which the recipients must be laid out, and the batches in that order, each of one
    /// group and of at most `limit` (from 1) recipients.
    pub(super) fn lay_out(&self, limit: u32) -> (Vec<u32>, Batches) {
        let limit = limit.max(1);
        let mut sizes = vec![0_u32; self.groups as usize];
        for group in &self.of {
            sizes[*group as usize] += 1;
        }
        let mut starts = Vec::new();
        let mut next = Vec::with_capacity(sizes.len());
        let mut end = 0_u32;
        for size in sizes {
            next.push(end);
            starts.extend((end..end + size).step_by(limit as usize));
            end += size;
        }
        let mut order = vec![0_u32; self.of.len()];
        for (offer, group) in (0_u32..).zip(&self.of) {
            let place = &mut next[*group as usize];
            order[*place as usize] = offer;
            *place += 1;
        }
        (order, Batches::Grouped { recipients: end, starts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_messages_share_batches_up_to_the_limit() {
        let mut variants = Variants::default();
        for variant in [7, 9, 7, 7, 9, 7] {
            variants.add(Some(variant));
        }
        variants.add(None);
        variants.add(None);
        let (order, batches) = variants.lay_out(3);
        assert_eq!(order, [0, 2, 3, 5, 1, 4, 6, 7]);
        assert_eq!(batches, Batches::Grouped { recipients: 8, starts: vec![0, 3, 4, 6, 7] });
    }

    #[test]
    fn nobody_makes_no_batch() {
        let (order, batches) = Variants::default().lay_out(3);
        assert!(order.is_empty() && batches.is_empty());
    }
}
